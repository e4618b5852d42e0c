"""A claimed job that is a step of a workflow gets the outputs that it asked for."""

from __future__ import annotations

import pytest
from psycopg.types.json import Jsonb

from runledger_postgres import ClaimedStep, claim_jobs

# Steps are written by hand, without the counters of their run.
pytestmark = [pytest.mark.db, pytest.mark.unaudited]

CLAIM = {"worker_id": "w1", "lease_seconds": 60, "limit": 10}


@pytest.fixture
def workflow(connection):
    """Write down one run, its steps with their jobs or outputs, and its edges."""

    def workflow(*, jobs, outputs=(), edges=()):
        [run_id] = connection.execute(
            "INSERT INTO workflow_runs (workflow_type) VALUES ('w') RETURNING id"
        ).fetchone()
        steps = {}
        for key in [*jobs, *outputs]:
            output = outputs.get(key)
            [steps[key]] = connection.execute(
                "INSERT INTO workflow_steps (workflow_run_id, step_key, job_type,"
                " priority, max_attempts, timeout_seconds, stage, job_id, status,"
                " output, dependency_count_total)"
                " VALUES (%s, %s, 'mail.send', 1, 1, 1, 'q', %s, %s, %s, %s)"
                " RETURNING id",
                [
                    run_id,
                    key,
                    jobs.get(key),
                    "ENQUEUED" if key in jobs else "SUCCEEDED",
                    None if output is None else Jsonb(output),
                    sum(dependent == key for _, dependent, _ in edges),
                ],
            ).fetchone()
        for prerequisite, dependent, passes_output in edges:
            connection.execute(
                "INSERT INTO workflow_step_dependencies (workflow_run_id,"
                " prerequisite_step_id, dependent_step_id, passes_output)"
                " VALUES (%s, %s, %s, %s)",
                [run_id, steps[prerequisite], steps[dependent], passes_output],
            )
        return run_id

    return workflow


def test_a_claimed_step_gets_the_outputs_that_are_passed_to_it(run, enqueue, workflow):
    run_id = workflow(
        jobs={"report": enqueue()},
        outputs={"a": {"n": 1}, "b": [2], "mute": None, "unasked": 4},
        edges=[
            ("b", "report", True),
            ("a", "report", True),
            ("mute", "report", True),
            ("unasked", "report", False),
        ],
    )

    [claimed] = run(claim_jobs, **CLAIM)

    assert claimed.step == ClaimedStep(run_id, "report", {"a": {"n": 1}, "b": [2]})


def test_each_claimed_step_gets_its_own_inputs(connection, enqueue, workflow):
    first, second, third, plain = (enqueue() for _ in range(4))
    workflow(
        jobs={"one": first, "two": second, "root": third},
        outputs={"a": 1, "b": 2},
        edges=[("a", "one", True), ("a", "two", True), ("b", "two", True)],
    )

    found = claim_jobs(connection, **CLAIM)

    inputs = {job.lease.job_id: job.step and job.step.inputs for job in found}
    assert inputs == {
        first: {"a": 1},
        second: {"a": 1, "b": 2},
        third: {},
        plain: None,
    }


@pytest.mark.parametrize("is_step", [False, True], ids=["plain-job", "step"])
def test_a_claim_without_inputs_is_one_statement(
    connection, enqueue, workflow, is_step
):
    job_id = enqueue()
    if is_step:
        workflow(jobs={"one": job_id}, outputs={"a": 1}, edges=[("a", "one", False)])

    steps = claim_jobs.steps(**CLAIM)
    call = next(steps)
    found = connection.cursor().execute(call.statement.sql, call.params)
    names = [column.name for column in found.description]
    with pytest.raises(StopIteration) as end:
        steps.send([dict(zip(names, row, strict=True)) for row in found])

    assert [job_id] == [job.lease.job_id for job in end.value.value]
