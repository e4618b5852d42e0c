"""Ending attempts: success, retry, dead letter, and leases that are gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from runledger_core import (
    EVERYTHING,
    AttemptOutcome,
    DeadLetterReason,
    JobCompletion,
    JobFailure,
    JobStatus,
    Lease,
    RetryPolicy,
)
from runledger_postgres import (
    QueryError,
    SettleFailure,
    SettleSuccess,
    claim_jobs,
    complete_job_failure,
    complete_job_success,
    complete_jobs,
    get_job_by_id,
    list_job_attempts,
    list_job_events,
)

pytestmark = pytest.mark.db

AT_ONCE = RetryPolicy(base_seconds=0.0, cap_seconds=0.0)


def history(run, job_id):
    return [e.event_type.value for e in run(list_job_events, job_id, scope=EVERYTHING)]


def test_success_ends_the_job_and_keeps_its_output(run, enqueue, claim):
    job_id = enqueue()
    completion = JobCompletion(
        output={"pages": 3}, progress_done=2, progress_total=4, checkpoint=[1]
    )

    settled = run(complete_job_success, claim().lease, completion)
    job = run(get_job_by_id, job_id, scope=EVERYTHING)
    [attempt] = run(list_job_attempts, job_id, scope=EVERYTHING)
    last = run(list_job_events, job_id, scope=EVERYTHING)[-1]

    assert settled.status is JobStatus.SUCCEEDED
    assert (job.status, job.stage, job.output) == (
        JobStatus.SUCCEEDED,
        "completed",
        {"pages": 3},
    )
    assert (job.progress_done, job.progress_total, job.checkpoint) == (2, 4, [1])
    assert (job.worker_id, job.lease_expires_at, job.last_heartbeat_at) == (None,) * 3
    assert job.finished_at == attempt.finished_at == last.occurred_at
    assert attempt.outcome is AttemptOutcome.SUCCEEDED
    assert (last.event_type, last.progress_done, last.payload) == ("SUCCEEDED", 2, {})


def test_a_failure_is_tried_again_after_the_policys_delay(run, enqueue, claim):
    job_id = enqueue()
    retry = RetryPolicy(base_seconds=30, cap_seconds=600)

    settled = run(
        complete_job_failure,
        claim().lease,
        JobFailure.retryable("smtp.refused", "try later"),
        retry=retry,
    )
    job = run(get_job_by_id, job_id, scope=EVERYTHING)
    [attempt] = run(list_job_attempts, job_id, scope=EVERYTHING)
    scheduled = run(list_job_events, job_id, scope=EVERYTHING)[-1]

    assert (settled.status, settled.next_run_at) == (
        JobStatus.PENDING,
        job.next_run_at,
    )
    assert (job.status, job.attempt, job.run_number) == (JobStatus.PENDING, 1, 1)
    assert (job.status_reason, job.last_error_code, job.last_error_message) == (
        "RETRYABLE",
        "smtp.refused",
        "try later",
    )
    assert attempt.outcome is AttemptOutcome.RETRYABLE
    assert 0 <= attempt.retry_delay_ms <= 30_000
    assert job.next_run_at - attempt.finished_at == timedelta(
        milliseconds=attempt.retry_delay_ms
    )
    assert history(run, job_id) == ["ENQUEUED", "LEASED", "FAILED", "RETRY_SCHEDULED"]
    assert scheduled.payload["retry_delay_ms"] == attempt.retry_delay_ms


def test_the_second_attempt_can_succeed(run, enqueue, claim):
    job_id = enqueue()
    failure = JobFailure.timeout("job.timeout_exceeded", "too slow")
    run(complete_job_failure, claim().lease, failure, retry=AT_ONCE)

    second = claim()
    run(complete_job_success, second.lease)
    job = run(get_job_by_id, job_id, scope=EVERYTHING)
    attempts = run(list_job_attempts, job_id, scope=EVERYTHING)

    assert second.lease.attempt == 2
    assert [a.outcome.value for a in attempts] == ["TIMEOUT", "SUCCEEDED"]
    assert (job.status_reason, job.last_error_code, job.last_error_message) == (
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (JobFailure.terminal("c", "m"), DeadLetterReason.FAILURE_KIND_NON_RETRYABLE),
        (JobFailure.panicked("c", "m"), DeadLetterReason.FAILURE_KIND_NON_RETRYABLE),
    ],
    ids=["terminal", "panicked"],
)
def test_some_failures_are_never_tried_again(
    run, enqueue, claim, connection, failure, reason
):
    job_id = enqueue(payload={"n": 1})

    settled = run(complete_job_failure, claim().lease, failure)
    job = run(get_job_by_id, job_id, scope=EVERYTHING)
    dead = connection.execute(
        "SELECT run_number, attempt, error_code, payload_snapshot, failed_at"
        " FROM job_dead_letters WHERE job_id = %s",
        [job_id],
    ).fetchone()

    assert settled.dead_letter_reason is reason
    assert job.status is JobStatus.DEAD_LETTERED
    assert dead == (1, 1, "c", {"n": 1}, job.finished_at)
    assert history(run, job_id) == ["ENQUEUED", "LEASED", "FAILED", "DEAD_LETTERED"]


def test_the_last_attempt_is_the_databases_to_count(run, enqueue, claim, connection):
    job_id = enqueue(max_attempts=5)
    claimed = claim()
    connection.execute("UPDATE job_queue SET max_attempts = 1 WHERE id = %s", [job_id])

    settled = run(complete_job_failure, claimed.lease, JobFailure.retryable("c", "m"))

    assert settled.status is JobStatus.DEAD_LETTERED
    assert settled.dead_letter_reason is DeadLetterReason.ATTEMPTS_EXHAUSTED


def test_an_expired_lease_is_refused_even_from_its_owner(
    run, enqueue, claim, connection, raises_code
):
    job_id = enqueue()
    lease = claim().lease
    connection.execute(
        "UPDATE job_queue SET lease_expires_at = clock_timestamp() WHERE id = %s",
        [job_id],
    )

    with raises_code("job.lease_owner_mismatch"):
        run(complete_job_success, lease)

    assert history(run, job_id) == ["ENQUEUED", "LEASED"]


@pytest.mark.parametrize(
    "change",
    [{"worker_id": "w2"}, {"attempt": 2}, {"run_number": 2}],
    ids=str,
)
def test_a_lease_that_is_not_exactly_ours_is_refused(
    run, enqueue, claim, raises_code, change
):
    enqueue()
    lease = claim().lease
    values = {
        "job_id": lease.job_id,
        "run_number": lease.run_number,
        "attempt": lease.attempt,
        "worker_id": lease.worker_id,
    }

    with raises_code("job.lease_owner_mismatch"):
        run(complete_job_success, Lease(**{**values, **change}))


def test_a_repeated_completion_is_refused(run, enqueue, claim, raises_code):
    enqueue()
    lease = claim().lease
    run(complete_job_success, lease)

    with raises_code("job.lease_owner_mismatch"):
        run(complete_job_success, lease)


def test_progress_beyond_the_stored_total_is_refused_and_nothing_is_written(
    run, enqueue, claim, connection, raises_code
):
    job_id = enqueue()
    lease = claim().lease
    connection.execute(
        "UPDATE job_queue SET progress_total = 10 WHERE id = %s", [job_id]
    )

    with raises_code("job.invalid_completion_progress"):
        run(complete_job_success, lease, JobCompletion(progress_done=11))

    assert run(get_job_by_id, job_id, scope=EVERYTHING).status is JobStatus.LEASED


def test_a_batch_settles_each_by_itself(run, enqueue, connection):
    jobs = [enqueue(max_attempts=2) for _ in range(5)]
    connection.execute("UPDATE job_queue SET progress_total = 1")
    leases = [
        c.lease for c in run(claim_jobs, worker_id="w1", lease_seconds=60, limit=5)
    ]
    lost = Lease(job_id=jobs[3], run_number=1, attempt=1, worker_id="thief")

    results = run(
        complete_jobs,
        [
            SettleSuccess(leases[4], JobCompletion(output="four")),
            SettleFailure(leases[1], JobFailure.terminal("bad", "m")),
            SettleSuccess(lost),
            SettleFailure(leases[0], JobFailure.retryable("bad", "m"), AT_ONCE),
            SettleSuccess(leases[2], JobCompletion(progress_done=2)),
            SettleSuccess(leases[4]),
        ],
    )

    assert [r.code if isinstance(r, QueryError) else r.status for r in results] == [
        JobStatus.SUCCEEDED,
        JobStatus.DEAD_LETTERED,
        "job.lease_owner_mismatch",
        JobStatus.PENDING,
        "job.invalid_completion_progress",
        "job.lease_owner_mismatch",
    ]
    assert run(get_job_by_id, jobs[4], scope=EVERYTHING).output == "four"
    assert history(run, jobs[4]) == ["ENQUEUED", "LEASED", "SUCCEEDED"]


def test_a_success_without_progress_keeps_what_was_reported(
    run, enqueue, claim, connection
):
    job_id = enqueue()
    connection.execute(
        "UPDATE job_queue SET progress_done = 3, progress_total = 4,"
        " checkpoint = '[1]', last_error_code = 'old', last_error_message = 'old'"
    )

    run(complete_job_success, claim().lease, JobCompletion(output=[2]))
    job = run(get_job_by_id, job_id, scope=EVERYTHING)
    last = run(list_job_events, job_id, scope=EVERYTHING)[-1]

    assert (job.progress_done, job.progress_total, job.checkpoint) == (3, 4, [1])
    assert (last.progress_done, last.progress_total) == (3, 4)
    assert (last.stage, last.payload) == ("completed", {})
    assert (job.output, job.last_error_code, job.last_error_message) == (
        [2],
        None,
        None,
    )


def test_outputs_reach_the_jobs_that_they_belong_to(run, enqueue, connection):
    job_ids = [enqueue() for _ in range(4)]
    leases = {
        each.lease.job_id: each.lease
        for each in run(claim_jobs, worker_id="w1", lease_seconds=60, limit=4)
    }
    lost = Lease(job_id=job_ids[2], run_number=1, attempt=1, worker_id="thief")
    settlements = [
        SettleSuccess(leases[job_ids[3]], JobCompletion(output='3 "{}" \\')),
        SettleSuccess(lost, JobCompletion(output="stolen")),
        SettleSuccess(leases[job_ids[0]]),
        SettleSuccess(leases[job_ids[1]], JobCompletion(output=False)),
        SettleSuccess(leases[job_ids[3]], JobCompletion(output="again")),
    ]

    results = run(complete_jobs, settlements)

    assert [r.code if isinstance(r, QueryError) else r.lease for r in results] == [
        leases[job_ids[3]],
        "job.lease_owner_mismatch",
        leases[job_ids[0]],
        leases[job_ids[1]],
        "job.lease_owner_mismatch",
    ]
    jobs = [run(get_job_by_id, each, scope=EVERYTHING) for each in job_ids]
    assert [job.output for job in jobs] == [None, False, None, '3 "{}" \\']
    assert [job.status for job in jobs] == [
        JobStatus.SUCCEEDED,
        JobStatus.SUCCEEDED,
        JobStatus.LEASED,
        JobStatus.SUCCEEDED,
    ]


def test_an_empty_batch_settles_nothing(run):
    assert run(complete_jobs, []) == []


@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        (timedelta(seconds=90), timedelta(seconds=90)),
        (timedelta(seconds=30), timedelta(seconds=60)),
        (timedelta(0), timedelta(seconds=60)),
    ],
    ids=["later", "earlier", "none"],
)
def test_of_the_policys_delay_and_the_handlers_the_longer_counts(
    run, enqueue, claim, asked, waited
):
    job_id = enqueue()
    retry = RetryPolicy(base_seconds=60, jitter="NONE")
    failure = JobFailure.retryable("c", "m").retry_not_before(asked)

    settled = run(complete_job_failure, claim().lease, failure, retry=retry)
    [attempt] = run(list_job_attempts, job_id, scope=EVERYTHING)
    told = run(list_job_events, job_id, scope=EVERYTHING)[-1].payload

    assert settled.next_run_at - attempt.finished_at == waited
    assert attempt.retry_delay_ms == told["retry_delay_ms"] == waited.seconds * 1000
    assert told["retry_timing_source"] == (
        "HANDLER_NOT_BEFORE" if asked == waited else "POLICY"
    )
    assert ("requested_retry_not_before" in told) is (asked > timedelta(0))


def test_a_failure_can_ask_for_a_point_in_time_however_far(run, enqueue, claim):
    job_id = enqueue()
    far = datetime(9000, 1, 1, tzinfo=UTC)
    failure = JobFailure.timeout("c", "m").retry_not_before(far)

    settled = run(complete_job_failure, claim().lease, failure)
    [attempt] = run(list_job_attempts, job_id, scope=EVERYTHING)

    assert settled.next_run_at == far
    assert attempt.retry_delay_ms == 2**31 - 1


def test_a_failure_that_is_not_tried_again_ignores_the_time_it_asks_for(
    run, enqueue, claim
):
    job_id = enqueue()
    failure = JobFailure.terminal("c", "m").retry_not_before(timedelta(days=1))

    settled = run(complete_job_failure, claim().lease, failure)
    [attempt] = run(list_job_attempts, job_id, scope=EVERYTHING)

    assert settled.status is JobStatus.DEAD_LETTERED
    assert attempt.retry_delay_ms is None
