"""Waiting for the result of a run, and what a handle reads."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from runledger_core import (
    EVERYTHING,
    JobCompletion,
    JobStatus,
    WorkflowRunStatus,
)
from runledger_core.workflows import WorkflowDagBuilder
from runledger_postgres import (
    GateFailed,
    GateSucceeded,
    ResultUnsuccessfulError,
    cancel_workflow_run,
    complete_job_success,
    enqueue_workflow_run,
    get_workflow_step,
    job_handle,
    workflow_run_handle,
)

pytestmark = pytest.mark.db

DONE = JobCompletion(output={"sent": 3})
in_both_forms = pytest.mark.parametrize("form", ["blocking", "asyncio"])


@in_both_forms
def test_a_runs_result_is_the_output_of_its_result_step(
    wait, until_waiting, told_or_never, gate_run, complete_gate
):
    run_id = gate_run()
    waiting = wait(run_id, workflow_run_handle, **told_or_never)
    until_waiting(run_id)

    complete_gate(run_id, GateSucceeded({"n": 1}))

    assert waiting.result() == {"n": 1}
    assert wait(run_id, workflow_run_handle, timeout=0).result() == {"n": 1}


def test_a_run_that_ends_badly_says_so(
    wait, until_waiting, told_or_never, gate_run, complete_gate
):
    run_id = gate_run()
    waiting = wait(run_id, workflow_run_handle, **told_or_never)
    until_waiting(run_id)

    complete_gate(run_id, GateFailed("no"))
    with pytest.raises(ResultUnsuccessfulError) as caught:
        waiting.result()

    assert caught.value.code == "workflow.result_unsuccessful_terminal"
    assert caught.value.status is WorkflowRunStatus.COMPLETED_WITH_ERRORS
    assert caught.value.reason == 'step "gate" failed'


def test_canceling_a_run_tells_who_waits_for_it_and_for_its_jobs(
    wait, until_waiting, told_or_never, connection, define
):
    define()
    dag = WorkflowDagBuilder("w").job("mail", "mail.send").result_step("mail")
    run_id = enqueue_workflow_run(connection, dag.build()).run.id
    step = get_workflow_step(connection, run_id, "mail", scope=EVERYTHING)
    waiting = [
        wait(run_id, workflow_run_handle, **told_or_never),
        wait(step.job_id, **told_or_never),
    ]
    until_waiting(run_id)
    until_waiting(step.job_id)

    cancel_workflow_run(connection, run_id, scope=EVERYTHING, reason="enough")

    for each in waiting:
        with pytest.raises(ResultUnsuccessfulError) as caught:
            each.result()
        assert (caught.value.status, caught.value.reason) == ("CANCELED", "enough")


def test_a_workers_completion_ends_the_run_for_who_waits(
    wait, until_waiting, told_or_never, connection, define, claim
):
    define()
    dag = WorkflowDagBuilder("w").job("mail", "mail.send").result_step("mail")
    run_id = enqueue_workflow_run(connection, dag.build()).run.id
    waiting = wait(run_id, workflow_run_handle, **told_or_never)
    until_waiting(run_id)

    complete_job_success(connection, claim().lease, DONE)

    assert waiting.result() == {"sent": 3}


def test_a_run_without_a_result_says_why(wait, gate_run, complete_gate, raises_code):
    undeclared, missing = gate_run(result_step=None), gate_run()
    complete_gate(missing, GateSucceeded())

    with raises_code("workflow.result_not_declared"):
        wait(undeclared, workflow_run_handle).result()
    with raises_code("workflow.result_missing"):
        wait(missing, workflow_run_handle).result()
    with raises_code("workflow.run_not_found"):
        wait(uuid4(), workflow_run_handle).result()
    with raises_code("workflow.result_wait_timeout"):
        wait(gate_run(), workflow_run_handle, timeout=0).result()


def test_a_handle_reads_status_and_record(runledger_database, enqueue, gate_run):
    job_id, run_id = enqueue(), gate_run()

    async def read():
        async with AsyncConnectionPool(runledger_database, open=False) as pool:
            job = job_handle(pool, job_id, scope=EVERYTHING)
            one_run = workflow_run_handle(pool, run_id, scope=EVERYTHING)
            return (
                await job.get_status(),
                (await job.get_job()).id,
                await one_run.get_status(),
                (await one_run.get_run()).id,
            )

    with ConnectionPool(runledger_database, open=True) as pool:
        job = job_handle(pool, job_id, scope=EVERYTHING)
        one_run = workflow_run_handle(pool, run_id, scope=EVERYTHING)
        found = (
            job.get_status(),
            job.get_job().id,
            one_run.get_status(),
            one_run.get_run().id,
        )

    assert found == (
        JobStatus.PENDING,
        job_id,
        WorkflowRunStatus.WAITING_FOR_EXTERNAL,
        run_id,
    )
    assert asyncio.run(read()) == found


def test_a_handle_needs_a_pool(connection):
    with pytest.raises(TypeError, match="job_handle"):
        job_handle(connection, uuid4(), scope=EVERYTHING)
    with pytest.raises(TypeError, match="workflow_run_handle"):
        workflow_run_handle(connection, uuid4(), scope=EVERYTHING)
