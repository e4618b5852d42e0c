"""Jobs that are taken back from workers that stopped renewing their leases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from runledger_core import (
    EVERYTHING,
    AttemptOutcome,
    DeadLetterReason,
    Jitter,
    JobStatus,
    RetryPolicy,
)
from runledger_postgres import (
    ReapReport,
    claim_jobs,
    complete_job_success,
    get_job_by_id,
    heartbeat_job,
    list_job_attempts,
    list_job_events,
    reap_expired_leases,
    update_job_progress,
)

pytestmark = pytest.mark.db

MINUTE = RetryPolicy(base_seconds=60, jitter=Jitter.NONE)
HOUR = RetryPolicy(base_seconds=3600, cap_seconds=3600, jitter=Jitter.NONE)


@pytest.fixture
def expire(connection):
    """Let leases expire, in the order of their ids."""

    def expire(*job_ids):
        for seconds, job_id in enumerate(sorted(job_ids), start=-len(job_ids)):
            connection.execute(
                "UPDATE job_queue"
                " SET lease_expires_at = clock_timestamp() + make_interval(secs => %s)"
                " WHERE id = %s",
                [seconds, job_id],
            )

    return expire


@pytest.fixture
def poison(connection):
    """Make the database refuse dead letters whose payload says so."""
    connection.execute(
        "ALTER TABLE job_dead_letters ADD CONSTRAINT chk_test_poison"
        " CHECK (NOT payload_snapshot ? 'poison')"
    )


def leased(run, count, **values):
    wanted = {"worker_id": "w1", "lease_seconds": 60, "limit": count, **values}
    return {c.lease.job_id: c.lease for c in run(claim_jobs, **wanted)}


def job_of(run, job_id):
    return run(get_job_by_id, job_id, scope=EVERYTHING)


def test_a_job_with_attempts_left_is_due_again_after_its_policys_delay(
    run, enqueue, claim, expire
):
    job_id = enqueue()
    lease = claim().lease
    expire(job_id)

    report = run(reap_expired_leases, limit=10, default_retry=MINUTE)
    [reaped] = report.reaped
    job = job_of(run, job_id)
    [attempt] = run(list_job_attempts, job_id, scope=EVERYTHING)

    assert (report.retried_count, report.dead_lettered_count) == (1, 0)
    assert (reaped.lease, reaped.status) == (lease, JobStatus.PENDING)
    assert reaped.next_run_at == job.next_run_at
    assert job.next_run_at - attempt.finished_at == timedelta(seconds=60)
    assert (job.status, job.attempt, job.stage) == (JobStatus.PENDING, 1, "queued")
    assert (job.worker_id, job.lease_expires_at, job.last_heartbeat_at) == (None,) * 3
    assert (job.status_reason, job.last_error_code) == (
        "LEASE_EXPIRED",
        "job.lease_expired",
    )
    assert attempt.outcome is AttemptOutcome.LEASE_EXPIRED
    assert attempt.retry_delay_ms == 60_000


def test_the_history_tells_of_the_expiry_and_the_retry(run, enqueue, claim, expire):
    job_id = enqueue()
    claim()
    expire(job_id)

    run(reap_expired_leases, limit=1, default_retry=MINUTE)
    failed, scheduled = run(list_job_events, job_id, scope=EVERYTHING)[-2:]
    job = job_of(run, job_id)

    assert (failed.event_type, failed.attempt) == ("FAILED", 1)
    assert failed.payload == {
        "kind": "LEASE_EXPIRED",
        "error_code": "job.lease_expired",
        "error_message": job.last_error_message,
        "started_without_renewal_heartbeat": True,
    }
    assert scheduled.event_type == "RETRY_SCHEDULED"
    assert scheduled.payload["kind"] == "LEASE_EXPIRED"
    assert scheduled.payload["retry_delay_ms"] == 60_000
    assert scheduled.payload["started_without_renewal_heartbeat"] is True


def test_the_last_attempt_becomes_a_dead_letter(
    run, enqueue, claim, expire, connection
):
    job_id = enqueue(payload={"n": 1}, max_attempts=1)
    lease = claim().lease
    run(update_job_progress, lease, stage="sending", checkpoint=[7])
    expire(job_id)

    report = run(reap_expired_leases, limit=1)
    [reaped] = report.reaped
    job = job_of(run, job_id)
    dead = connection.execute(
        "SELECT run_number, attempt, error_code, payload_snapshot,"
        " checkpoint_snapshot, failed_at FROM job_dead_letters WHERE job_id = %s",
        [job_id],
    ).fetchone()
    events = [e.event_type for e in run(list_job_events, job_id, scope=EVERYTHING)]

    assert report.dead_lettered_count == 1
    assert reaped.status is job.status is JobStatus.DEAD_LETTERED
    assert reaped.dead_letter_reason is DeadLetterReason.LEASE_EXPIRED
    assert (reaped.payload, reaped.checkpoint) == ({"n": 1}, [7])
    assert (reaped.next_run_at, reaped.max_attempts) == (None, 1)
    assert job.stage == "sending"
    assert dead == (1, 1, "job.lease_expired", {"n": 1}, [7], job.finished_at)
    assert events[-2:] == ["FAILED", "DEAD_LETTERED"]


def test_a_lease_that_was_renewed_is_no_sign_of_a_deadly_job(
    run, enqueue, claim, expire
):
    job_id = enqueue()
    run(heartbeat_job, claim().lease, lease_seconds=60)
    expire(job_id)

    [reaped] = run(reap_expired_leases, limit=1).reaped

    assert reaped.started_without_renewal_heartbeat is False


def test_each_type_has_its_own_delay(run, define, enqueue, expire):
    define("report.build")
    mail, report = enqueue(), enqueue("report.build")
    leased(run, 2)
    expire(mail, report)

    reaped = run(
        reap_expired_leases,
        limit=2,
        retry={"report.build": HOUR},
        default_retry=MINUTE,
    ).reaped
    attempts = {
        one.job_type: run(list_job_attempts, one.lease.job_id, scope=EVERYTHING)[0]
        for one in reaped
    }

    assert attempts["mail.send"].retry_delay_ms == 60_000
    assert attempts["report.build"].retry_delay_ms == 3_600_000


def test_the_oldest_go_first_and_the_report_says_whether_there_is_more(
    run, enqueue, expire
):
    jobs = [enqueue() for _ in range(3)]
    leased(run, 3)
    expire(*jobs)

    first = run(reap_expired_leases, limit=2)
    second = run(reap_expired_leases, limit=2)

    assert [one.lease.job_id for one in first.reaped] == jobs[:2]
    assert [one.lease.job_id for one in second.reaped] == jobs[2:]
    assert (first.has_more, second.has_more) == (True, False)


def test_live_leases_and_ended_jobs_are_left_alone(run, enqueue, expire):
    live, ended, expired = (enqueue() for _ in range(3))
    leases = leased(run, 3)
    run(complete_job_success, leases[ended])
    expire(expired)

    report = run(reap_expired_leases, limit=10)

    assert [one.lease.job_id for one in report.reaped] == [expired]
    assert job_of(run, live).status is JobStatus.LEASED
    assert run(reap_expired_leases, limit=10) == ReapReport()


def test_the_former_owner_is_refused(run, enqueue, claim, expire, raises_code):
    job_id = enqueue()
    lease = claim().lease
    expire(job_id)
    run(reap_expired_leases, limit=1)

    with raises_code("job.lease_owner_mismatch"):
        run(complete_job_success, lease)


def test_a_row_that_cannot_be_reaped_is_put_off_and_the_others_are_reaped(
    run, enqueue, expire, poison
):
    poisoned = enqueue(payload={"poison": 1}, max_attempts=1)
    others = [enqueue(max_attempts=1 + n) for n in range(2)]
    leases = leased(run, 3)
    expire(poisoned, *others)

    report = run(reap_expired_leases, limit=3, default_retry=MINUTE)
    [deferred] = report.deferred
    job = job_of(run, poisoned)

    assert [one.lease.job_id for one in report.reaped] == others
    assert (deferred.lease, deferred.job_type) == (leases[poisoned], "mail.send")
    assert (deferred.code, deferred.sqlstate) == ("db.business_rule_violation", "23514")
    assert (report.deferred_count, report.has_more) == (1, True)
    assert (job.status, job.lease_expires_at) == (
        JobStatus.LEASED,
        deferred.deferred_until,
    )
    assert job.lease_expires_at - job.updated_at > timedelta(seconds=59)
    assert len(run(list_job_events, poisoned, scope=EVERYTHING)) == 2
    assert run(reap_expired_leases, limit=3) == ReapReport()


def test_a_row_that_takes_no_change_at_all_does_not_make_the_reaper_circle(
    run, enqueue, expire, connection
):
    job_id = enqueue()
    leased(run, 1)
    expire(job_id)
    connection.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql"
        " AS $$BEGIN RAISE 'no'; END$$"
    )
    connection.execute(
        "CREATE TRIGGER trg_test_refuse BEFORE UPDATE ON job_queue"
        " FOR EACH ROW EXECUTE FUNCTION refuse()"
    )

    report = run(reap_expired_leases, limit=1)
    connection.execute("DROP TRIGGER trg_test_refuse ON job_queue")

    assert report.deferred[0].deferred_until is None
    assert (report.reaped, report.has_more) == ((), False)
    assert job_of(run, job_id).status is JobStatus.LEASED


def test_the_report_tells_of_sixteen_put_off_rows_and_counts_them_all(
    run, enqueue, expire, poison
):
    jobs = [enqueue(payload={"poison": n}, max_attempts=1) for n in range(17)]
    leased(run, 17)
    expire(*jobs)

    report = run(reap_expired_leases, limit=100)

    assert (len(report.deferred), report.deferred_count) == (16, 17)


@pytest.mark.parametrize("limit", [0, 1001])
def test_a_limit_out_of_range_is_refused(connection, raises_code, limit):
    with raises_code("job.invalid_reap_limit"):
        reap_expired_leases(connection, limit=limit)


def test_reaping_commits_by_itself(connection, raises_code):
    with connection.transaction(), raises_code("db.transaction_not_owned"):
        reap_expired_leases(connection, limit=1)
