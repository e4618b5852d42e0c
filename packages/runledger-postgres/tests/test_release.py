"""Claims that are given back before their work began."""

from __future__ import annotations

from datetime import timedelta

import pytest

from runledger_core import (
    EVERYTHING,
    AttemptOutcome,
    JobFailure,
    JobStatus,
    Lease,
    RetryPolicy,
)
from runledger_postgres import (
    QueryError,
    claim_jobs,
    complete_job_failure,
    complete_job_success,
    get_job_by_id,
    heartbeat_job,
    heartbeat_jobs,
    list_job_attempts,
    list_job_events,
    release_unstarted_claims,
    save_checkpoint,
    update_job_progress,
)

pytestmark = pytest.mark.db

REASON = "worker shuts down"
BEGINNINGS = {
    "stage": (update_job_progress, (), {"stage": "running"}),
    "progress": (update_job_progress, (), {"progress_done": 1}),
    "checkpoint": (save_checkpoint, ([1],), {}),
    "heartbeat": (heartbeat_job, (), {"lease_seconds": 60}),
}


def codes(results):
    return [r.code if isinstance(r, QueryError) else "released" for r in results]


def test_a_released_claim_leaves_the_job_as_it_was(run, enqueue, claim):
    job_id = enqueue()
    before = run(get_job_by_id, job_id, scope=EVERYTHING)

    [released] = run(
        release_unstarted_claims, [claim().lease], reason=REASON, delay_seconds=30
    )
    after = run(get_job_by_id, job_id, scope=EVERYTHING)
    [attempt] = run(list_job_attempts, job_id, scope=EVERYTHING)
    last = run(list_job_events, job_id, scope=EVERYTHING)[-1]

    assert after.next_run_at == released.next_run_at
    assert after.next_run_at - attempt.finished_at == timedelta(seconds=30)
    for name in ("status", "attempt", "run_number", "stage", "started_at", "worker_id"):
        assert getattr(before, name) == getattr(after, name), name
    assert (after.lease_expires_at, after.last_heartbeat_at) == (None, None)
    assert attempt.outcome is AttemptOutcome.RELEASED
    assert (last.event_type, last.attempt, last.stage) == ("REQUEUED", 1, "queued")
    assert (last.payload["reason"], last.payload["requeue_kind"]) == (REASON, "BASIC")


def test_the_next_claim_opens_the_released_attempt_again(run, enqueue, claim):
    job_id = enqueue(max_attempts=1)
    run(release_unstarted_claims, [claim().lease], reason=REASON)

    second = claim(worker_id="w2")
    [attempt] = run(list_job_attempts, job_id, scope=EVERYTHING)
    settled = run(complete_job_success, second.lease)
    [ended] = run(list_job_attempts, job_id, scope=EVERYTHING)

    assert second.lease.attempt == 1
    assert (attempt.worker_id, attempt.outcome, attempt.finished_at) == (
        "w2",
        None,
        None,
    )
    assert settled.status is JobStatus.SUCCEEDED
    assert ended.outcome is AttemptOutcome.SUCCEEDED


def test_a_reopened_claim_can_be_released_again(run, enqueue, claim):
    enqueue()
    run(release_unstarted_claims, [claim().lease], reason=REASON)

    results = run(release_unstarted_claims, [claim().lease], reason=REASON)

    assert codes(results) == ["released"]
    assert claim().lease.attempt == 1


def test_a_later_attempt_keeps_the_start_of_the_job(run, enqueue, claim):
    job_id = enqueue()
    at_once = RetryPolicy(base_seconds=0, cap_seconds=0)
    failure = JobFailure.retryable("c", "m")
    run(complete_job_failure, claim().lease, failure, retry=at_once)
    second = claim().lease
    started_at = run(get_job_by_id, job_id, scope=EVERYTHING).started_at

    run(release_unstarted_claims, [second], reason=REASON)
    job = run(get_job_by_id, job_id, scope=EVERYTHING)
    outcomes = [a.outcome for a in run(list_job_attempts, job_id, scope=EVERYTHING)]

    assert (job.attempt, job.started_at) == (1, started_at)
    assert outcomes == [AttemptOutcome.RETRYABLE, AttemptOutcome.RELEASED]
    assert (job.status_reason, job.last_error_code) == ("RELEASED", None)


@pytest.mark.parametrize("name", BEGINNINGS)
def test_a_claim_under_which_anything_was_written_did_begin(run, enqueue, claim, name):
    job_id = enqueue()
    lease = claim().lease
    write, arguments, values = BEGINNINGS[name]
    run(write, lease, *arguments, **values)

    results = run(release_unstarted_claims, [lease], reason=REASON)

    assert codes(results) == ["job.unstarted_claim_release_not_applicable"]
    assert run(get_job_by_id, job_id, scope=EVERYTHING).status is JobStatus.LEASED


def test_a_batch_is_released_each_by_itself(run, enqueue, connection):
    jobs = [enqueue() for _ in range(4)]
    kept, renewed, expired, free = (
        c.lease for c in run(claim_jobs, worker_id="w1", lease_seconds=60, limit=4)
    )
    run(heartbeat_jobs, [renewed], lease_seconds=60)
    connection.execute(
        "UPDATE job_queue SET lease_expires_at = clock_timestamp() WHERE id = %s",
        [expired.job_id],
    )
    stolen = Lease(job_id=kept.job_id, run_number=1, attempt=1, worker_id="thief")

    results = run(
        release_unstarted_claims,
        [free, stolen, expired, renewed, free],
        reason=REASON,
    )

    assert codes(results) == [
        "released",
        "job.lease_owner_mismatch",
        "job.lease_owner_mismatch",
        "job.unstarted_claim_release_not_applicable",
        "job.lease_owner_mismatch",
    ]
    assert [run(get_job_by_id, j, scope=EVERYTHING).status for j in jobs] == [
        JobStatus.LEASED,
        JobStatus.LEASED,
        JobStatus.LEASED,
        JobStatus.PENDING,
    ]


def test_nothing_to_release_asks_nothing(run):
    assert run(release_unstarted_claims, [], reason=REASON) == []


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"delay_seconds": -1}, "job.invalid_release_delay"),
        ({"delay_seconds": float("nan")}, "job.invalid_release_delay"),
        ({"delay_seconds": 2_147_484}, "job.invalid_release_delay"),
        ({"reason": " "}, "job.invalid_reason"),
    ],
    ids=str,
)
def test_a_release_that_cannot_be_is_refused(connection, raises_code, values, code):
    with raises_code(code):
        release_unstarted_claims(connection, [], **{"reason": REASON, **values})


def test_a_release_commits_by_itself(connection, enqueue, claim, raises_code):
    enqueue()
    lease = claim().lease

    with connection.transaction(), raises_code("db.transaction_not_owned"):
        release_unstarted_claims(connection, [lease], reason=REASON)
