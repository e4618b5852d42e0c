"""A claimed job that is a step of a workflow gets the outputs that it asked for."""

from __future__ import annotations

import pytest

from runledger_core import EVERYTHING, JobCompletion, JobDefinition, JobFailure
from runledger_core.workflows import WorkflowDagBuilder
from runledger_postgres import (
    ClaimedStep,
    GateSucceeded,
    claim_jobs,
    complete_external_workflow_step,
    complete_job_failure,
    complete_job_success,
    enqueue_workflow_run,
    upsert_job_definition,
)

pytestmark = pytest.mark.db

CLAIM = {"worker_id": "w1", "lease_seconds": 60, "limit": 10}


@pytest.fixture
def dag(connection):
    upsert_job_definition(connection, JobDefinition("w.step"))
    return WorkflowDagBuilder("w")


@pytest.fixture
def work(connection):
    """Do all steps that are due, with these outputs; give what was claimed."""

    def work(outputs=None):
        outputs = outputs or {}
        claimed = claim_jobs(connection, **CLAIM)
        for job in claimed:
            output = outputs.get(job.step.step_key) if job.step else None
            complete_job_success(connection, job.lease, JobCompletion(output=output))
        return {job.step.step_key: job.step for job in claimed if job.step}

    return work


def test_a_step_gets_the_outputs_that_are_passed_to_it(run, connection, dag, work):
    for key in ("a", "b", "mute", "unasked"):
        dag.job(key, "w.step")
    dag.external("gate")
    dag.job("report", "w.step", inputs=["a", "b", "mute", "gate"])
    dag.after_success("report", ["a", "b", "mute", "gate", "unasked"])
    run_id = enqueue_workflow_run(connection, dag.build()).run.id
    complete_external_workflow_step(
        connection, run_id, "gate", GateSucceeded("yes"), scope=EVERYTHING
    )
    work({"a": {"n": 1}, "b": [2], "unasked": 4})

    [claimed] = run(claim_jobs, **CLAIM)

    inputs = {"a": {"n": 1}, "b": [2], "gate": "yes"}
    assert claimed.step == ClaimedStep(run_id, "report", inputs)


def test_each_step_gets_its_own_inputs(connection, dag, work, enqueue):
    dag.job("a", "w.step").job("b", "w.step")
    dag.job("one", "w.step", inputs="a").after_success("one", "a")
    dag.job("two", "w.step", inputs=["a", "b"]).after_success("two", ["a", "b"])
    dag.job("three", "w.step").after_success("three", "a")
    enqueue_workflow_run(connection, dag.build())
    roots = work({"a": 1, "b": 2})
    plain = enqueue()

    found = claim_jobs(connection, **CLAIM)

    steps = {job.step.step_key: job.step.inputs for job in found if job.step}
    assert all(step.inputs == {} for step in roots.values())
    assert steps == {"one": {"a": 1}, "two": {"a": 1, "b": 2}, "three": {}}
    assert [job.lease.job_id for job in found if job.step is None] == [plain]


def test_a_prerequisite_that_failed_gives_nothing(connection, dag):
    dag.job("a", "w.step").job("report", "w.step", inputs="a")
    dag.after_terminal("report", "a")
    enqueue_workflow_run(connection, dag.build())
    [failing] = claim_jobs(connection, **CLAIM)
    complete_job_failure(connection, failing.lease, JobFailure.terminal("c", "m"))

    [claimed] = claim_jobs(connection, **CLAIM)

    assert (claimed.step.step_key, claimed.step.inputs) == ("report", {})


def test_a_claim_without_inputs_is_one_statement(connection, dag, enqueue):
    enqueue()
    dag.job("a", "w.step")
    enqueue_workflow_run(connection, dag.build())

    steps = claim_jobs.steps(**CLAIM)
    call = next(steps)
    cursor = connection.execute(call.statement.sql, call.params)
    with pytest.raises(StopIteration) as end:
        steps.send(cursor.fetchall())

    assert len(end.value.value) == 2
