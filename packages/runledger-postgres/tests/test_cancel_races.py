"""Cancellations and requeues that meet claims, heartbeats, ends and each other."""

from __future__ import annotations

import pytest

from runledger_core import EVERYTHING, AttemptOutcome, JobFailure, JobStatus
from runledger_postgres import (
    HeartbeatReport,
    QueryError,
    Requeued,
    RequeueMismatch,
    SettleSuccess,
    cancel_job,
    claim_jobs,
    complete_job_failure,
    complete_jobs,
    get_job_by_id,
    heartbeat_jobs,
    insert_job_log,
    list_job_attempts,
    list_job_events,
    requeue_job,
)

pytestmark = [pytest.mark.db, pytest.mark.race]

CLAIM = {"worker_id": "w1", "lease_seconds": 60, "limit": 1}


def history(connection, job_id):
    events = list_job_events(connection, job_id, scope=EVERYTHING)
    return [event.event_type.value for event in events]


def test_a_cancellation_that_waits_for_a_claim_ends_the_lease(
    race, enqueue, connection
):
    job_id = enqueue()
    [claimed] = race.hold(claim_jobs.steps(**CLAIM))
    canceling = race.start(cancel_job, job_id, scope=EVERYTHING, at="jobs/lock_job")
    race.commit()

    job = canceling.result()
    [attempt] = list_job_attempts(connection, job_id, scope=EVERYTHING)
    report = heartbeat_jobs(connection, [claimed.lease], lease_seconds=60)

    assert (job.status, job.attempt) == (JobStatus.CANCELED, 1)
    assert attempt.outcome is AttemptOutcome.CANCELED
    assert history(connection, job_id) == ["ENQUEUED", "LEASED", "CANCELED"]
    assert report.canceled == {claimed.lease}


def test_a_claim_steps_over_a_job_that_is_being_canceled(race, enqueue, connection):
    job_id = enqueue()
    race.hold(cancel_job.steps(job_id, scope=EVERYTHING))

    assert claim_jobs(race.waiter, **CLAIM) == []
    race.commit()
    assert claim_jobs(race.waiter, **CLAIM) == []
    assert history(connection, job_id) == ["ENQUEUED", "CANCELED"]


def test_a_heartbeat_steps_over_a_cancellation_and_hears_of_it_next(
    race, enqueue, claim
):
    job_id = enqueue()
    lease = claim().lease
    race.hold(cancel_job.steps(job_id, scope=EVERYTHING))

    during = heartbeat_jobs(race.waiter, [lease], lease_seconds=60)
    race.commit()
    after = heartbeat_jobs(race.waiter, [lease], lease_seconds=60)

    assert during == HeartbeatReport(busy=frozenset({lease}))
    assert after == HeartbeatReport(canceled=frozenset({lease}))


def test_a_completion_that_waits_for_a_cancellation_has_lost(
    race, enqueue, claim, connection
):
    job_id = enqueue()
    lease = claim().lease
    race.hold(cancel_job.steps(job_id, scope=EVERYTHING))
    ending = race.start(complete_jobs, [SettleSuccess(lease)], at="jobs/complete_jobs")
    race.commit()

    [refused] = ending.result()

    assert refused.code == "job.lease_owner_mismatch"
    assert history(connection, job_id) == ["ENQUEUED", "LEASED", "CANCELED"]


def test_a_cancellation_that_waits_for_the_end_is_too_late(
    race, enqueue, claim, connection
):
    job_id = enqueue()
    lease = claim().lease
    race.hold(complete_jobs.steps([SettleSuccess(lease)]))
    canceling = race.start(cancel_job, job_id, scope=EVERYTHING, at="jobs/lock_job")
    race.commit()

    with pytest.raises(QueryError, match="it is SUCCEEDED"):
        canceling.result()
    assert history(connection, job_id) == ["ENQUEUED", "LEASED", "SUCCEEDED"]


def test_of_two_cancellations_one_ends_the_job(race, enqueue, connection):
    job_id = enqueue()
    race.hold(cancel_job.steps(job_id, scope=EVERYTHING, reason="first"))
    second = race.start(cancel_job, job_id, scope=EVERYTHING, at="jobs/lock_job")
    race.commit()

    with pytest.raises(QueryError, match="it is CANCELED"):
        second.result()
    assert get_job_by_id(connection, job_id, scope=EVERYTHING).status_reason == "first"


def test_of_two_requeues_one_begins_the_next_run(race, enqueue, claim, connection):
    job_id = enqueue()
    failure = JobFailure.terminal("mail.no_such_box", "no such mailbox")
    complete_job_failure(connection, claim().lease, failure)
    seen = {
        "scope": EVERYTHING,
        "expected_status": JobStatus.DEAD_LETTERED,
        "expected_run_number": 1,
    }
    first = race.hold(requeue_job.steps(job_id, **seen))
    second = race.start(requeue_job, job_id, **seen, at="jobs/requeue_job")
    race.commit()

    assert isinstance(first, Requeued)
    assert second.result() == RequeueMismatch(JobStatus.PENDING, 2)
    assert history(connection, job_id).count("REQUEUED") == 1


def test_an_open_log_line_holds_up_neither_a_cancellation_nor_a_requeue(race, enqueue):
    job_id = enqueue()
    line = {"run_number": 1, "level": "info", "message": "it goes on"}
    race.hold(insert_job_log.steps(job_id, **line))
    race.waiter.execute("SET lock_timeout = '1ms'")

    cancel_job(race.waiter, job_id, scope=EVERYTHING)
    outcome = requeue_job(
        race.waiter,
        job_id,
        scope=EVERYTHING,
        expected_status=JobStatus.CANCELED,
        expected_run_number=1,
    )

    assert isinstance(outcome, Requeued)
