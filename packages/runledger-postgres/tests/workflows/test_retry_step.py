"""Retrying failed steps in place."""

from __future__ import annotations

import pytest

from runledger_core import EVERYTHING, GLOBAL, JobStatus, WorkflowStepStatus
from runledger_postgres import (
    GateFailed,
    RetryDisposition,
    cancel_job,
    cancel_workflow_run,
    complete_external_workflow_step,
    list_job_events,
    retry_workflow_step,
    save_checkpoint,
)

pytestmark = pytest.mark.db

DEEP = "a, bad < a, needs < bad, deep < needs, report ~ bad deep, tail < report"


def test_a_failed_step_is_retried_and_the_run_succeeds_after_all(run, flow):
    run_id = flow.start("a, bad < a, needs < bad, deep < needs")
    flow.drain(run_id, failing="bad")

    retry = run(retry_workflow_step, run_id, "bad", scope=GLOBAL, reason="fixed")

    assert retry.disposition is RetryDisposition.RETRIED
    assert retry.step.status is WorkflowStepStatus.ENQUEUED
    assert retry.reopened_step_keys == ("needs", "deep")
    assert (retry.run.status, retry.run.finished_at) == ("RUNNING", None)
    assert (retry.run.status_reason, retry.run.unsuccessful_step_count) == (None, 0)
    assert flow.statuses(run_id) == {
        "a": "SUCCEEDED",
        "bad": "ENQUEUED",
        "needs": "BLOCKED",
        "deep": "BLOCKED",
    }
    assert flow.drain(run_id) == [{"bad"}, {"needs"}, {"deep"}]
    done = flow.run(run_id)
    assert (done["status"], done["result"]) == ("SUCCEEDED", 7)


def test_a_retry_is_the_next_run_of_the_job_and_is_written_down(flow, connection):
    run_id = flow.start("bad")
    lease = flow.claim(run_id)["bad"]
    save_checkpoint(connection, lease, {"page": 3})
    flow.end(failing=(lease,))

    retry_workflow_step(
        connection, run_id, "bad", scope=EVERYTHING, reason="fixed", mutation_key="r1"
    )
    job = flow.jobs(run_id)["bad"]
    [*_, event] = list_job_events(connection, lease.job_id, scope=EVERYTHING)
    [mutation] = flow.rows("SELECT * FROM workflow_run_mutations")

    assert (job["status"], job["run_number"], job["attempt"]) == ("PENDING", 2, 0)
    assert (job["checkpoint"], job["last_error_code"]) == (None, None)
    assert (event.event_type, event.run_number) == ("REQUEUED", 1)
    assert event.payload["requeue_kind"] == "RETRY_STEP"
    assert event.payload["mutation_key"] == mutation["mutation_key"] == "r1"
    assert mutation["mutation_kind"] == "RETRY_STEP"
    assert mutation["request"] == {
        "step_key": "bad",
        "requeued_steps": ["bad"],
        "reason": "fixed",
    }


def test_progress_and_checkpoint_are_kept_on_demand(flow, connection):
    run_id = flow.start("bad")
    lease = flow.claim(run_id)["bad"]
    save_checkpoint(connection, lease, {"page": 3})
    flow.end(failing=(lease,))

    retry_workflow_step(connection, run_id, "bad", scope=EVERYTHING, keep_progress=True)

    assert flow.jobs(run_id)["bad"]["checkpoint"] == {"page": 3}


def test_a_step_that_ran_because_of_the_end_stays_as_it_is(flow, connection):
    run_id = flow.start(DEEP)
    flow.drain(run_id, failing="bad")
    before = flow.steps(run_id)

    retry = retry_workflow_step(connection, run_id, "bad", scope=EVERYTHING)
    rounds = flow.drain(run_id)
    after = flow.steps(run_id)

    assert retry.reopened_step_keys == ("needs", "deep")
    assert rounds == [{"bad"}, {"needs"}, {"deep"}]
    assert after["report"] == before["report"]
    assert after["tail"] == before["tail"]
    assert flow.run(run_id)["status"] == "SUCCEEDED"


def test_a_step_that_still_waits_for_something_else_waits_for_the_retried_one_too(
    flow, connection
):
    run_id = flow.start("bad, gate, join ~ bad gate, both < bad gate", gates="gate")
    flow.drain(run_id, failing="bad")
    waiting = flow.steps(run_id)

    retry = retry_workflow_step(connection, run_id, "bad", scope=EVERYTHING)
    complete_external_workflow_step(
        connection, run_id, "gate", GateFailed(), scope=EVERYTHING
    )

    assert waiting["join"]["dependency_count_pending"] == 1
    assert waiting["both"]["dependency_count_unsatisfied"] == 1
    assert retry.reopened_step_keys == ()
    assert flow.statuses(run_id)["join"] == "BLOCKED"
    assert flow.drain(run_id) == [{"bad"}, {"join"}]
    assert flow.statuses(run_id)["both"] == "CANCELED"


def test_a_step_that_a_second_failure_keeps_back_is_canceled_again(flow, connection):
    run_id = flow.start("bad, worse, both < bad worse")
    flow.drain(run_id, failing="bad worse")

    retry_workflow_step(connection, run_id, "bad", scope=EVERYTHING)
    reopened = flow.steps(run_id)["both"]
    flow.drain(run_id)

    assert reopened["status"] == "BLOCKED"
    assert reopened["dependency_count_unsatisfied"] == 1
    assert flow.statuses(run_id)["both"] == "CANCELED"
    assert flow.run(run_id)["status_reason"] == 'step "worse" failed'

    retry_workflow_step(connection, run_id, "worse", scope=EVERYTHING)
    flow.drain(run_id)
    assert flow.run(run_id)["status"] == "SUCCEEDED"


def test_a_step_can_fail_and_be_retried_again_and_again(flow, connection):
    run_id = flow.start("bad, needs < bad")
    flow.drain(run_id, failing="bad")

    for run_number in (2, 3):
        retry_workflow_step(connection, run_id, "bad", scope=EVERYTHING)
        flow.drain(run_id, failing="bad")
        job = flow.jobs(run_id)["bad"]
        assert (job["run_number"], job["status"]) == (run_number, "DEAD_LETTERED")

    assert flow.statuses(run_id) == {"bad": "FAILED", "needs": "CANCELED"}


def test_a_step_of_a_run_that_goes_on_is_retried(flow, connection):
    run_id = flow.start("bad, busy, needs < bad")
    leases = flow.claim(run_id)
    flow.end(failing=(leases["bad"],))

    retry_workflow_step(connection, run_id, "bad", scope=EVERYTHING)
    flow.end(leases["busy"])

    assert flow.run(run_id)["status"] == "RUNNING"
    assert flow.drain(run_id) == [{"bad"}, {"needs"}]


def test_a_run_that_stopped_at_a_fault_goes_on_whole(flow, connection):
    run_id = flow.start(
        "first, bad, worse, running, gate, needs < bad, next < first, end < next worse",
        gates="gate",
        fail_fast=True,
    )
    leases = flow.claim(run_id)
    flow.end(leases["first"], failing=(leases["bad"], leases["worse"]))
    stopped = flow.statuses(run_id)

    retry = retry_workflow_step(connection, run_id, "bad", scope=EVERYTHING)
    running = flow.jobs(run_id)["running"]
    connection.execute("UPDATE job_queue SET next_run_at = now()")

    assert set(stopped.values()) == {"SUCCEEDED", "FAILED", "CANCELED"}
    assert flow.statuses(run_id) == {
        "first": "SUCCEEDED",
        "bad": "ENQUEUED",
        "worse": "FAILED",
        "running": "ENQUEUED",
        "gate": "WAITING_FOR_EXTERNAL",
        "needs": "BLOCKED",
        "next": "ENQUEUED",
        "end": "BLOCKED",
    }
    # Not before the handler that the fault stopped must have noticed.
    assert running["run_number"] == 2
    assert running["next_run_at"] > running["updated_at"]
    assert set(retry.reopened_step_keys) == {
        *("running", "gate", "needs", "next", "end")
    }
    assert flow.drain(run_id) == [{"bad", "running", "next"}, {"needs"}]
    assert flow.statuses(run_id)["end"] == "CANCELED"


def test_a_repeat_under_one_key_writes_nothing(flow, connection):
    run_id = flow.start("bad")
    flow.drain(run_id, failing="bad")
    values = {"scope": EVERYTHING, "mutation_key": "k"}
    retry_workflow_step(connection, run_id, "bad", **values)
    flow.drain(run_id)

    repeat = retry_workflow_step(connection, run_id, "bad", **values)

    assert repeat.disposition is RetryDisposition.ALREADY_RETRIED
    assert repeat.step.status is WorkflowStepStatus.SUCCEEDED
    assert flow.jobs(run_id)["bad"]["run_number"] == 2


def test_what_cannot_be_retried_says_why(flow, connection, raises_code):
    def retry(step_key, run_id, **values):
        retry_workflow_step(
            connection, run_id, step_key, **{"scope": EVERYTHING, **values}
        )

    run_id = flow.start("bad, good, gate, other", gates="gate")
    flow.drain(run_id, failing="bad other")
    canceled = flow.start("bad")
    cancel_workflow_run(connection, canceled, scope=EVERYTHING)
    alone = flow.start("bad")
    cancel_job(connection, flow.jobs(alone)["bad"]["id"], scope=EVERYTHING)
    retry("other", run_id, mutation_key="k")

    with raises_code("workflow.run_not_found"):
        retry("bad", flow.jobs(run_id)["bad"]["id"])
    with raises_code("workflow.step_not_found"):
        retry("none", run_id)
    with raises_code("workflow.step_not_failed"):
        retry("good", run_id)
    with raises_code("workflow.step_not_failed"):
        retry("bad", alone)
    with raises_code("workflow.retry_external_step"):
        retry("gate", run_id)
    with raises_code("workflow.retry_canceled_run"):
        retry("bad", canceled)
    with raises_code("workflow.retry_conflicting_mutation"):
        retry("bad", run_id, mutation_key="k")
    with raises_code("identifier.blank"):
        retry("bad", run_id, mutation_key=" ")
    with (
        raises_code("workflow.retry_unsupported_isolation"),
        connection.transaction(),
    ):
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        retry("bad", run_id)

    assert flow.jobs(run_id)["bad"]["status"] == JobStatus.DEAD_LETTERED
