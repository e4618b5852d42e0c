"""Canceling runs, and runs that stop at their first fault."""

from __future__ import annotations

from uuid import uuid4

import pytest

from runledger_core import (
    EVERYTHING,
    GLOBAL,
    JobFailure,
    Organization,
    RetryPolicy,
    WorkflowRunStatus,
)
from runledger_core.workflows import WorkflowDagBuilder
from runledger_postgres import (
    GateFailed,
    SettleFailure,
    cancel_job,
    cancel_workflow_run,
    complete_external_workflow_step,
    complete_jobs,
    enqueue_workflow_run,
    heartbeat_jobs,
    list_job_events,
    reap_expired_leases,
)

pytestmark = pytest.mark.db

WIDE = "done, running, due, gate, waits < running gate, after ~ waits"


@pytest.fixture
def half_way(flow):
    """A run with a step in every state, and the lease of the one that runs."""
    run_id = flow.start(WIDE, gates="gate")
    leases = flow.claim(run_id, limit=2)
    flow.end(leases["done"])
    return run_id, leases["running"]


def test_a_cancellation_ends_everything_that_has_not_ended(run, flow, half_way):
    run_id, lease = half_way

    record = run(cancel_workflow_run, run_id, scope=GLOBAL, reason="budget")
    steps = flow.steps(run_id)

    assert record.status is WorkflowRunStatus.CANCELED
    assert (record.status_reason, record.result) == ("budget", None)
    assert (record.ended_step_count, record.unsuccessful_step_count) == (6, 5)
    assert (record.enqueued_step_count, record.waiting_step_count) == (0, 0)
    assert record.finished_at is not None
    assert steps.pop("done")["status"] == "SUCCEEDED"
    for step in steps.values():
        assert (step["status"], step["status_reason"]) == ("CANCELED", "budget")
        assert step["last_error_code"] == "workflow.run_canceled"
    assert flow.drain(run_id) == []
    assert flow.history(lease.job_id) == ["ENQUEUED", "LEASED", "CANCELED"]


def test_a_handler_that_runs_is_told_and_cannot_write_any_more(
    flow, connection, half_way
):
    run_id, lease = half_way

    cancel_workflow_run(connection, run_id, scope=EVERYTHING)
    report = heartbeat_jobs(connection, [lease], lease_seconds=60)
    [refused] = flow.end(lease)
    [*_, event] = list_job_events(connection, lease.job_id, scope=EVERYTHING)

    assert report.canceled == {lease}
    assert refused.code == "job.lease_owner_mismatch"
    assert event.payload["reason"] == "CANCELED"
    assert "lease_quiesces_at" in event.payload


def test_a_run_that_has_ended_stays_as_it_is(flow, connection):
    run_id = flow.start("a")
    flow.drain(run_id)
    before = flow.run(run_id)

    record = cancel_workflow_run(connection, run_id, scope=EVERYTHING)

    assert record.status is WorkflowRunStatus.SUCCEEDED
    assert flow.run(run_id) == before


def test_a_repeat_changes_nothing(flow, connection, half_way):
    run_id, _ = half_way

    first = cancel_workflow_run(connection, run_id, scope=EVERYTHING, reason="first")
    second = cancel_workflow_run(connection, run_id, scope=EVERYTHING, reason="second")

    assert first == second


def test_a_cancellation_is_part_of_the_callers_transaction(flow, connection, half_way):
    run_id, _ = half_way

    with connection.transaction(force_rollback=True):
        cancel_workflow_run(connection, run_id, scope=EVERYTHING)
        settings = connection.execute("SHOW lock_timeout").fetchone()

    assert settings == ("0",)
    assert flow.run(run_id)["status"] == "RUNNING"


@pytest.mark.parametrize("size", [3, 40])
def test_it_takes_the_same_number_of_statements_for_a_run_of_any_size(flow, size):
    run_id = flow.start(", ".join(f"s{n}" for n in range(size)))
    count, steps = 0, cancel_workflow_run.steps(run_id, scope=EVERYTHING)
    step = next(steps)
    with flow.connection.transaction():
        while True:
            calls = getattr(step, "calls", [step])
            count += len(calls)
            answers = [flow.rows_of(call) for call in calls]
            try:
                step = steps.send(answers if hasattr(step, "calls") else answers[0])
            except StopIteration:
                break

    assert count == 10


def test_what_cannot_be_canceled_says_why(flow, connection, raises_code):
    ours, theirs = Organization(uuid4()), Organization(uuid4())
    dag = WorkflowDagBuilder("order").job("a", "mail.send").organization_id(ours.id)
    run_id = enqueue_workflow_run(connection, dag.build()).run.id

    for scope in (theirs, GLOBAL):
        with raises_code("workflow.run_not_found"):
            cancel_workflow_run(connection, run_id, scope=scope)
    with raises_code("workflow.invalid_reason"):
        cancel_workflow_run(connection, run_id, scope=ours, reason=" ")
    with (
        raises_code("workflow.cancel_unsupported_isolation"),
        connection.transaction(),
    ):
        connection.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        cancel_workflow_run(connection, run_id, scope=ours)

    record = cancel_workflow_run(connection, run_id, scope=ours)
    assert record.status is WorkflowRunStatus.CANCELED


# How a step of a run with fail_fast may end without success, and what is said of it.
FAULTS = {
    "completion": ("bad", "failed"),
    "reaper": ("bad", "failed"),
    "gate": ("gate", "failed"),
    "cancel_job": ("bad", "was canceled"),
}


def fault(way, flow, connection, run_id, lease):
    match way:
        case "completion":
            flow.end(failing=(lease,))
        case "reaper":
            connection.execute(
                "UPDATE job_queue SET max_attempts = 1,"
                " lease_expires_at = clock_timestamp() WHERE id = %s",
                [lease.job_id],
            )
            reap_expired_leases(connection, limit=1)
        case "gate":
            complete_external_workflow_step(
                connection, run_id, "gate", GateFailed(), scope=EVERYTHING
            )
        case "cancel_job":
            cancel_job(connection, lease.job_id, scope=EVERYTHING)


@pytest.mark.parametrize("way", FAULTS)
def test_a_run_with_fail_fast_stops_at_its_first_fault(flow, connection, way):
    run_id = flow.start(
        "bad, running, gate, needs < bad, after ~ bad", gates="gate", fail_fast=True
    )
    leases = flow.claim(run_id)

    fault(way, flow, connection, run_id, leases["bad"])
    report = heartbeat_jobs(connection, [leases["running"]], lease_seconds=60)
    run, steps = flow.run(run_id), flow.steps(run_id)

    at_fault, ending = FAULTS[way]
    reason = f'fail_fast: step "{at_fault}" {ending}'
    assert (run["status"], run["status_reason"]) == ("COMPLETED_WITH_ERRORS", reason)
    assert run["unsuccessful_step_count"] == 5
    assert report.canceled == {leases["running"]}
    del steps[at_fault]
    for step in steps.values():
        assert (step["status"], step["status_reason"]) == ("CANCELED", reason)
        assert step["last_error_code"] == "workflow.fail_fast"


def test_fail_fast_lets_a_retry_be_a_retry(flow, connection):
    run_id = flow.start("a, b", fail_fast=True)
    lease = flow.claim(run_id)["a"]
    failure = JobFailure.retryable("mail.busy", "busy")
    policy = RetryPolicy(base_seconds=0, cap_seconds=0)

    complete_jobs(connection, [SettleFailure(lease, failure, policy)])

    assert flow.run(run_id)["status"] == "RUNNING"
    assert flow.statuses(run_id) == {"a": "ENQUEUED", "b": "ENQUEUED"}


def test_what_ended_in_the_batch_of_the_fault_keeps_its_end(flow):
    run_id = flow.start("good, bad, worse, rest, next < good", fail_fast=True)
    leases = flow.claim(run_id)

    flow.end(leases["good"], failing=(leases["bad"], leases["worse"]))

    assert flow.statuses(run_id) == {
        "good": "SUCCEEDED",
        "bad": "FAILED",
        "worse": "FAILED",
        "rest": "CANCELED",
        "next": "CANCELED",
    }


def test_a_fault_stops_its_own_run_only(flow):
    stopping = flow.start("a, b", fail_fast=True)
    going_on = flow.start("a, b, c ~ a")
    leases = {**flow.claim(stopping)}
    others = {
        job["step_key"]: type(leases["a"])(job["id"], 1, 1, "w1")
        for job in flow.jobs(going_on).values()
    }

    flow.end(failing=(leases["a"], others["a"]))

    assert flow.statuses(stopping) == {"a": "FAILED", "b": "CANCELED"}
    assert flow.statuses(going_on) == {
        "a": "FAILED",
        "b": "ENQUEUED",
        "c": "ENQUEUED",
    }
