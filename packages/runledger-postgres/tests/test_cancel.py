"""Canceling jobs: whatever has not ended ends, and its worker is told."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from runledger_core import (
    EVERYTHING,
    GLOBAL,
    AttemptOutcome,
    JobFailure,
    JobStatus,
    Lease,
    Organization,
    RetryPolicy,
)
from runledger_postgres import (
    HeartbeatReport,
    cancel_job,
    claim_jobs,
    complete_job_failure,
    complete_job_success,
    get_job_by_id,
    heartbeat_jobs,
    list_job_attempts,
    list_job_events,
    requeue_job,
)

pytestmark = pytest.mark.db

ORGANIZATION = Organization(UUID("0198c0de-0000-7000-8000-000000000001"))
AT_ONCE = RetryPolicy(base_seconds=0.0, cap_seconds=0.0)


def test_a_pending_job_is_canceled_with_its_reason(run, enqueue):
    job_id = enqueue()

    job = run(cancel_job, job_id, scope=EVERYTHING, reason="ordered twice")
    last = run(list_job_events, job_id, scope=EVERYTHING)[-1]

    assert run(get_job_by_id, job_id, scope=EVERYTHING) == job
    assert (job.status, job.status_reason) == (JobStatus.CANCELED, "ordered twice")
    assert (last.event_type, last.attempt) == ("CANCELED", None)
    assert last.payload == {"reason": "ordered twice"}
    assert job.finished_at == last.occurred_at
    assert run(claim_jobs, worker_id="w1", lease_seconds=60, limit=1) == []


def test_a_running_job_is_canceled_and_its_lease_ends(run, enqueue, claim, raises_code):
    job_id = enqueue()
    claimed = claim()

    job = run(cancel_job, job_id, scope=EVERYTHING)
    [attempt] = run(list_job_attempts, job_id, scope=EVERYTHING)
    last = run(list_job_events, job_id, scope=EVERYTHING)[-1]

    assert (job.status, job.status_reason) == (JobStatus.CANCELED, "CANCELED")
    assert (job.worker_id, job.lease_expires_at, job.last_heartbeat_at) == (None,) * 3
    assert attempt.outcome is AttemptOutcome.CANCELED
    assert attempt.finished_at == job.finished_at == last.occurred_at
    assert last.attempt == 1
    assert last.payload.keys() == {"reason", "lease_quiesces_at"}
    with raises_code("job.lease_owner_mismatch"):
        run(complete_job_success, claimed.lease)


def test_a_job_that_waits_for_its_next_attempt_keeps_the_outcome_of_its_last(
    run, enqueue, claim
):
    job_id = enqueue()
    failure = JobFailure.retryable("smtp.refused", "try later")
    run(complete_job_failure, claim().lease, failure, retry=AT_ONCE)

    run(cancel_job, job_id, scope=EVERYTHING)
    [attempt] = run(list_job_attempts, job_id, scope=EVERYTHING)
    last = run(list_job_events, job_id, scope=EVERYTHING)[-1]

    assert attempt.outcome is AttemptOutcome.RETRYABLE
    assert (last.event_type, last.attempt) == ("CANCELED", 1)


def test_an_ended_job_is_left_alone(run, enqueue, claim, raises_code):
    job_id = enqueue()
    run(complete_job_success, claim().lease)
    before = run(get_job_by_id, job_id, scope=EVERYTHING)

    with raises_code("job.invalid_state_transition") as caught:
        run(cancel_job, job_id, scope=EVERYTHING)

    assert "SUCCEEDED" in str(caught.value)
    assert run(get_job_by_id, job_id, scope=EVERYTHING) == before


def test_a_cancellation_that_is_repeated_is_refused(run, enqueue, raises_code):
    job_id = enqueue()
    run(cancel_job, job_id, scope=EVERYTHING)

    with raises_code("job.invalid_state_transition"):
        run(cancel_job, job_id, scope=EVERYTHING)


@pytest.mark.parametrize("scope", [GLOBAL, Organization(UUID(int=2))], ids=str)
def test_a_job_of_another_scope_cannot_be_canceled(run, enqueue, raises_code, scope):
    job_id = enqueue(organization_id=ORGANIZATION.id)

    with raises_code("job.not_found"):
        run(cancel_job, job_id, scope=scope)

    assert run(cancel_job, job_id, scope=ORGANIZATION).status is JobStatus.CANCELED


def test_an_unknown_job_cannot_be_canceled(run, raises_code):
    with raises_code("job.not_found"):
        run(cancel_job, uuid4(), scope=EVERYTHING)


@pytest.mark.parametrize("reason", ["", " ", "a\0b", "\ud800", 7], ids=ascii)
def test_a_reason_that_cannot_be_stored_is_refused(run, raises_code, reason):
    with raises_code("job.invalid_reason"):
        run(cancel_job, uuid4(), scope=EVERYTHING, reason=reason)


def test_a_heartbeat_tells_canceled_from_lost(run, enqueue, claim, connection):
    for _ in range(3):
        enqueue()
    kept, canceled, expired = (claim().lease for _ in range(3))
    foreign = Lease(job_id=kept.job_id, run_number=1, attempt=1, worker_id="somebody")
    run(cancel_job, canceled.job_id, scope=EVERYTHING)
    connection.execute(
        "UPDATE job_queue SET lease_expires_at = clock_timestamp() WHERE id = %s",
        [expired.job_id],
    )

    report = run(heartbeat_jobs, [kept, canceled, expired, foreign], lease_seconds=60)

    assert set(report.renewed) == {kept}
    assert report.canceled == {canceled}
    assert report.lost == {expired, foreign}


def test_a_cancellation_is_still_told_after_the_next_run_began(run, enqueue, claim):
    job_id = enqueue()
    lease = claim().lease
    run(cancel_job, job_id, scope=EVERYTHING)
    run(
        requeue_job,
        job_id,
        scope=EVERYTHING,
        expected_status=JobStatus.CANCELED,
        expected_run_number=1,
    )

    report = run(heartbeat_jobs, [lease], lease_seconds=60)

    assert report == HeartbeatReport(canceled=frozenset({lease}))
