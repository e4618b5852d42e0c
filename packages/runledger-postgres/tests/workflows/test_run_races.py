"""Completions, cancellations and retries that meet at one run."""

from __future__ import annotations

import pytest

from runledger_core import EVERYTHING, JobFailure, JobStatus, WorkflowRunStatus
from runledger_postgres import (
    GateSucceeded,
    HeartbeatReport,
    ReapReport,
    RetryDisposition,
    SettleFailure,
    SettleSuccess,
    cancel_job,
    cancel_workflow_run,
    claim_jobs,
    complete_external_workflow_step,
    complete_jobs,
    get_job_by_id,
    heartbeat_jobs,
    reap_expired_leases,
    retry_workflow_step,
)

pytestmark = [pytest.mark.db, pytest.mark.race]

CLAIM = {"worker_id": "w1", "lease_seconds": 60, "limit": 1}
LOCK_RUN = "SELECT FROM workflow_runs WHERE id = %s FOR NO KEY UPDATE"
FAILURE = JobFailure.terminal("mail.no_such_box", "no such mailbox")
AT_LOCK = "workflows/lock_run"
AT_COMPLETION = "jobs/complete_jobs"


def test_a_completion_that_waits_for_a_cancellation_has_lost(race, flow):
    run_id = flow.start("a, b < a")
    lease = flow.claim(run_id)["a"]
    race.hold(cancel_workflow_run.steps(run_id, scope=EVERYTHING))
    ending = race.start(complete_jobs, [SettleSuccess(lease)], at=AT_COMPLETION)
    race.commit()

    [refused] = ending.result()

    assert refused.code == "job.lease_owner_mismatch"
    assert flow.run(run_id)["status"] == "CANCELED"
    assert flow.statuses(run_id) == {"a": "CANCELED", "b": "CANCELED"}


def test_a_cancellation_that_waits_for_a_completion_cancels_what_it_released(
    race, flow
):
    run_id = flow.start("a, b < a")
    lease = flow.claim(run_id)["a"]
    race.hold(complete_jobs.steps([SettleSuccess(lease)]))
    canceling = race.start(cancel_workflow_run, run_id, scope=EVERYTHING, at=AT_LOCK)
    race.commit()

    assert canceling.result().status is WorkflowRunStatus.CANCELED
    assert flow.statuses(run_id) == {"a": "SUCCEEDED", "b": "CANCELED"}
    assert flow.jobs(run_id)["b"]["status"] == "CANCELED"


def test_a_cancellation_that_waits_for_the_end_comes_too_late(race, flow):
    run_id = flow.start("a")
    lease = flow.claim(run_id)["a"]
    race.hold(complete_jobs.steps([SettleSuccess(lease)]))
    canceling = race.start(cancel_workflow_run, run_id, scope=EVERYTHING, at=AT_LOCK)
    race.commit()

    assert canceling.result().status is WorkflowRunStatus.SUCCEEDED


def test_two_completions_of_one_fan_in_release_it_once(race, flow):
    run_id = flow.start("a, b, gather ~ a b")
    leases = flow.claim(run_id)
    race.hold(complete_jobs.steps([SettleSuccess(leases["a"])]))
    second = race.start(
        complete_jobs, [SettleFailure(leases["b"], FAILURE)], at=AT_COMPLETION
    )
    race.commit()

    assert second.result()[0].status is JobStatus.DEAD_LETTERED
    assert flow.history(flow.steps(run_id)["gather"]["job_id"]) == ["ENQUEUED"]
    assert flow.drain(run_id) == [{"gather"}]


def test_a_gate_that_waits_for_the_last_job_ends_the_run(race, flow):
    run_id = flow.start("a, gate, join < a gate", gates="gate")
    lease = flow.claim(run_id)["a"]
    race.hold(complete_jobs.steps([SettleSuccess(lease)]))
    completing = race.start(
        complete_external_workflow_step,
        run_id,
        "gate",
        GateSucceeded(),
        scope=EVERYTHING,
        at=AT_LOCK,
    )
    race.commit()

    completing.result()
    assert flow.statuses(run_id)["join"] == "ENQUEUED"


def test_batches_over_two_runs_lock_them_in_one_order(race, flow, connection):
    """Given in opposite orders: so they wait for each other, and never in a ring."""
    low, high = flow.start("a, b"), flow.start("a, b")
    first, second = flow.claim(low, limit=2), flow.claim(high)
    race.holder.execute(LOCK_RUN, [low])

    running = race.start(
        complete_jobs,
        [SettleSuccess(second["a"]), SettleSuccess(first["a"])],
        at=AT_COMPLETION,
    )
    with connection.transaction():
        connection.execute(f"{LOCK_RUN} NOWAIT", [high])
        connection.execute("SELECT FROM job_queue FOR NO KEY UPDATE NOWAIT")
    race.commit()

    assert [one.status for one in running.result()] == [JobStatus.SUCCEEDED] * 2


def test_two_batches_over_two_runs_both_come_through(race, flow):
    low, high = flow.start("a, b, c ~ a b"), flow.start("a, b, c ~ a b")
    first, second = flow.claim(low, limit=2), flow.claim(high)
    race.hold(
        complete_jobs.steps([SettleSuccess(first["a"]), SettleSuccess(second["a"])])
    )
    other = race.start(
        complete_jobs,
        [SettleSuccess(second["b"]), SettleSuccess(first["b"])],
        at=AT_COMPLETION,
    )
    race.commit()

    assert [one.status for one in other.result()] == [JobStatus.SUCCEEDED] * 2
    assert flow.statuses(low)["c"] == flow.statuses(high)["c"] == "ENQUEUED"


def test_a_completion_steps_over_a_run_that_is_held_when_it_is_told_so(
    race, flow, enqueue
):
    held, free, plain = flow.start("a"), flow.start("a"), enqueue()
    jobs = claim_jobs(flow.connection, **{**CLAIM, "limit": 3})
    leases = {job.lease.job_id: job.lease for job in jobs}
    wanted = [flow.jobs(held)["a"]["id"], flow.jobs(free)["a"]["id"], plain]
    race.holder.execute(LOCK_RUN, [held])
    race.waiter.execute("SET lock_timeout = '1ms'")

    refused, *settled = complete_jobs(
        race.waiter, [SettleSuccess(leases[x]) for x in wanted], skip_locked=True
    )
    race.commit()
    [again] = complete_jobs(
        race.waiter, [SettleSuccess(leases[wanted[0]])], skip_locked=True
    )

    assert (refused.code, refused.is_transient) == ("job.busy", True)
    assert [one.status for one in (*settled, again)] == [JobStatus.SUCCEEDED] * 3


def test_a_plain_success_that_is_given_with_a_step_ends_with_it(race, flow, enqueue):
    """All of them wait for the run, and none of them is ended before that."""
    run_id, plain = flow.start("a, b < a"), enqueue()
    jobs = claim_jobs(flow.connection, **{**CLAIM, "limit": 2})
    settlements = [SettleSuccess(job.lease) for job in jobs]
    race.holder.execute(LOCK_RUN, [run_id])
    ending = race.start(complete_jobs, settlements, at=AT_COMPLETION)
    during = get_job_by_id(flow.connection, plain, scope=EVERYTHING).status
    race.commit()

    assert during is JobStatus.LEASED
    assert [one.status for one in ending.result()] == [JobStatus.SUCCEEDED] * 2
    assert flow.statuses(run_id) == {"a": "SUCCEEDED", "b": "ENQUEUED"}


def test_a_claim_and_a_heartbeat_step_over_a_cancellation(race, flow):
    run_id = flow.start("a, b")
    leases = flow.claim(run_id, limit=1)
    race.hold(cancel_workflow_run.steps(run_id, scope=EVERYTHING))
    race.waiter.execute("SET lock_timeout = '1ms'")

    claimed = claim_jobs(race.waiter, **CLAIM)
    during = heartbeat_jobs(race.waiter, list(leases.values()), lease_seconds=60)
    race.commit()
    after = heartbeat_jobs(race.waiter, list(leases.values()), lease_seconds=60)

    assert claimed == claim_jobs(race.waiter, **CLAIM) == []
    assert during == HeartbeatReport(busy=frozenset(leases.values()))
    assert after == HeartbeatReport(canceled=frozenset(leases.values()))


def test_a_cancellation_that_waits_for_a_claim_ends_the_lease(race, flow):
    run_id = flow.start("a, b")
    [claimed] = race.hold(claim_jobs.steps(**CLAIM))
    canceling = race.start(
        cancel_workflow_run, run_id, scope=EVERYTHING, at="workflows/lock_step_jobs"
    )
    race.commit()

    assert canceling.result().status is WorkflowRunStatus.CANCELED
    assert flow.history(claimed.lease.job_id) == ["ENQUEUED", "LEASED", "CANCELED"]


def test_a_stop_at_a_fault_waits_for_a_claim_and_ends_its_lease(race, flow):
    run_id = flow.start("bad, other", fail_fast=True)
    lease = flow.claim(run_id, limit=1)["bad"]
    [claimed] = race.hold(claim_jobs.steps(**CLAIM))
    ending = race.start(
        complete_jobs, [SettleFailure(lease, FAILURE)], at="workflows/lock_step_jobs"
    )
    race.commit()

    assert ending.result()[0].status is JobStatus.DEAD_LETTERED
    assert flow.statuses(run_id) == {"bad": "FAILED", "other": "CANCELED"}
    assert flow.history(claimed.lease.job_id) == ["ENQUEUED", "LEASED", "CANCELED"]


def test_a_completion_that_waits_for_a_retry_moves_the_reopened_run(race, flow):
    run_id = flow.start("bad, good, join < bad good")
    leases = flow.claim(run_id)
    flow.end(failing=(leases["bad"],))
    race.hold(retry_workflow_step.steps(run_id, "bad", scope=EVERYTHING))
    ending = race.start(
        complete_jobs, [SettleSuccess(leases["good"])], at=AT_COMPLETION
    )
    race.commit()

    ending.result()
    assert flow.statuses(run_id)["join"] == "BLOCKED"
    assert flow.drain(run_id) == [{"bad"}, {"join"}]


def test_a_retry_that_waits_for_the_end_of_the_run_takes_it_back(race, flow):
    run_id = flow.start("bad, good, join < bad good")
    leases = flow.claim(run_id)
    flow.end(failing=(leases["bad"],))
    race.hold(complete_jobs.steps([SettleSuccess(leases["good"])]))
    retrying = race.start(
        retry_workflow_step, run_id, "bad", scope=EVERYTHING, at=AT_LOCK
    )
    race.commit()

    assert retrying.result().reopened_step_keys == ("join",)
    assert flow.drain(run_id) == [{"bad"}, {"join"}]
    assert flow.run(run_id)["status"] == "SUCCEEDED"


def test_of_two_retries_under_one_key_one_is_carried_out(race, flow):
    run_id = flow.start("bad")
    flow.drain(run_id, failing="bad")
    values = {"scope": EVERYTHING, "mutation_key": "k"}
    race.hold(retry_workflow_step.steps(run_id, "bad", **values))
    second = race.start(retry_workflow_step, run_id, "bad", **values, at=AT_LOCK)
    race.commit()

    assert second.result().disposition is RetryDisposition.ALREADY_RETRIED
    assert flow.jobs(run_id)["bad"]["run_number"] == 2


def test_a_job_whose_run_is_being_moved_is_canceled_after_that(race, flow):
    run_id = flow.start("a, b, join < a b")
    leases = flow.claim(run_id)
    race.hold(complete_jobs.steps([SettleSuccess(leases["a"])]))
    canceling = race.start(
        cancel_job,
        leases["b"].job_id,
        scope=EVERYTHING,
        at="workflows/lock_run_of_job",
    )
    race.commit()

    assert canceling.result().status is JobStatus.CANCELED
    assert flow.statuses(run_id)["join"] == "CANCELED"
    assert flow.run(run_id)["status"] == "COMPLETED_WITH_ERRORS"


def test_the_reaper_leaves_a_dead_job_whose_run_is_held_for_another_pass(
    race, flow, connection, define, enqueue
):
    define(max_attempts=1)
    run_id, plain = flow.start("a, b < a"), enqueue()
    claim_jobs(connection, **{**CLAIM, "limit": 2})
    connection.execute("UPDATE job_queue SET lease_expires_at = clock_timestamp()")
    race.holder.execute(LOCK_RUN, [run_id])

    during = reap_expired_leases(race.waiter, limit=10)
    race.commit()
    after = reap_expired_leases(race.waiter, limit=10)

    assert [one.lease.job_id for one in during.reaped] == [plain]
    assert (during.deferred_count, after.deferred_count) == (0, 0)
    assert [one.status for one in after.reaped] == [JobStatus.DEAD_LETTERED]
    assert flow.statuses(run_id) == {"a": "FAILED", "b": "CANCELED"}
    assert reap_expired_leases(connection, limit=10) == ReapReport()


@pytest.mark.parametrize("name", ["cancel", "retry", "gate"])
def test_a_run_that_is_held_too_long_is_a_transient_conflict(
    race, flow, raises_code, name
):
    run_id = flow.start("a, gate", gates="gate")
    operation, arguments = {
        "cancel": (cancel_workflow_run, []),
        "retry": (retry_workflow_step, ["a"]),
        "gate": (complete_external_workflow_step, ["gate", GateSucceeded()]),
    }[name]
    race.holder.execute(LOCK_RUN, [run_id])
    race.waiter.execute("SET lock_timeout = '20ms'")

    with raises_code("workflow.release_conflict") as caught:
        operation(race.waiter, run_id, *arguments, scope=EVERYTHING)

    assert caught.value.is_transient
    assert race.waiter.execute("SHOW lock_timeout").fetchone() == ("20ms",)
