"""Leasing due jobs: order, limits, what the ledger says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from runledger_core import EVERYTHING, JobStatus, Lease
from runledger_postgres import (
    HeartbeatReport,
    claim_jobs,
    get_job_by_id,
    heartbeat_jobs,
    list_job_attempts,
    list_job_events,
)

pytestmark = pytest.mark.db

CLAIM = {"worker_id": "w1", "lease_seconds": 60, "limit": 10}


def test_a_claim_leases_the_job_and_writes_it_down(run, enqueue):
    job_id = enqueue(payload={"n": 1})

    [claimed] = run(claim_jobs, **CLAIM)
    job = run(get_job_by_id, job_id, scope=EVERYTHING)
    [attempt] = run(list_job_attempts, job_id, scope=EVERYTHING)
    _, leased = run(list_job_events, job_id, scope=EVERYTHING)

    assert claimed.lease == Lease(
        job_id=job_id, run_number=1, attempt=1, worker_id="w1"
    )
    assert claimed.payload == {"n": 1}
    assert (job.status, job.stage, job.worker_id) == (
        JobStatus.LEASED,
        "running",
        "w1",
    )
    assert job.lease_expires_at == claimed.lease_expires_at
    assert job.lease_expires_at - job.last_heartbeat_at == timedelta(seconds=60)
    assert (attempt.attempt, attempt.outcome, attempt.finished_at) == (1, None, None)
    assert (leased.event_type, leased.attempt) == ("LEASED", 1)
    assert leased.payload == {"worker_id": "w1", "lease_duration_seconds": 60}


def test_a_claimed_job_is_not_claimed_again(run, enqueue):
    enqueue()

    assert len(run(claim_jobs, **CLAIM)) == 1
    assert run(claim_jobs, **CLAIM) == []


def test_claims_go_by_priority_then_due_time_then_age(run, enqueue):
    now = datetime.now(UTC)
    late = enqueue(next_run_at=now - timedelta(minutes=1))
    early = enqueue(next_run_at=now - timedelta(minutes=2))
    first_of_two = enqueue(next_run_at=now - timedelta(minutes=3), priority=1)
    second_of_two = enqueue(next_run_at=now - timedelta(minutes=3), priority=1)
    urgent = enqueue(priority=500)

    claimed = run(claim_jobs, **CLAIM)

    assert [c.lease.job_id for c in claimed] == [
        urgent,
        early,
        late,
        first_of_two,
        second_of_two,
    ]


def test_a_job_of_the_future_waits(run, enqueue):
    enqueue(next_run_at=datetime.now(UTC) + timedelta(hours=1))

    assert run(claim_jobs, **CLAIM) == []


def test_a_claim_takes_only_the_types_it_names(run, enqueue, define):
    define("mail.print")
    enqueue("mail.send")
    printed = enqueue("mail.print")

    assert run(claim_jobs, **CLAIM, job_types=[]) == []
    [claimed] = run(claim_jobs, **CLAIM, job_types=["mail.print", "never.seen"])
    assert claimed.lease.job_id == printed


def test_a_claim_takes_no_more_than_its_limit(run, enqueue):
    for _ in range(3):
        enqueue()

    assert len(run(claim_jobs, **{**CLAIM, "limit": 2})) == 2
    assert len(run(claim_jobs, **{**CLAIM, "limit": 2})) == 1


def test_of_a_limited_type_no_more_is_claimed_than_its_limit(
    connection, enqueue, define
):
    define("slow")
    define("slower")
    for job_type in ("slow", "slower", "mail.send"):
        # Enough of each to fill the candidates, the limited ones first.
        for _ in range(130 if job_type == "slow" else 3):
            enqueue(job_type, priority=100 if job_type == "mail.send" else 200)

    def claimed(limit, **type_limits):
        jobs = claim_jobs(
            connection,
            worker_id="w1",
            lease_seconds=60,
            limit=limit,
            type_limits=type_limits,
        )
        return [job.job_type for job in jobs]

    assert claimed(5, slow=2, slower=1) == [
        "slow", "slow", "slower", "mail.send", "mail.send"
    ]  # fmt: skip
    assert claimed(1, slow=2, slower=1) == ["slow"]
    assert claimed(4, slow=3, slower=4) == ["slow", "slow", "slow", "slower"]


def test_a_limited_type_is_claimed_beyond_what_others_hold(
    connection, enqueue, runledger_database
):
    held = [enqueue() for _ in range(3)]
    free = enqueue()

    with psycopg.connect(runledger_database) as other:
        other.execute("SELECT FROM job_queue WHERE id = ANY (%s) FOR UPDATE", [held])
        (job,) = claim_jobs(
            connection,
            worker_id="w1",
            lease_seconds=60,
            limit=10,
            type_limits={"mail.send": 1},
        )

    assert free == job.lease.job_id


def test_a_job_held_by_another_claimer_is_stepped_over(
    runledger_database, run, enqueue
):
    held, free = enqueue(), enqueue()
    with psycopg.connect(runledger_database) as other:
        other.execute("SELECT FROM job_queue WHERE id = %s FOR UPDATE", [held])

        [claimed] = run(claim_jobs, **CLAIM)

    assert claimed.lease.job_id == free


def test_a_job_is_claimed_after_it_was_enqueued(race, enqueue, connection):
    """Although the claim began before; the audit looks at the times."""
    race.holder.execute("LOCK TABLE job_attempts IN ACCESS EXCLUSIVE MODE")
    claiming = race.start(claim_jobs, at="jobs/claim_jobs", **CLAIM)
    job_id = enqueue(next_run_at=datetime.now(UTC) - timedelta(minutes=1))
    race.commit()
    [claimed] = claiming.result()
    job = get_job_by_id(connection, job_id, scope=EVERYTHING)

    assert claimed.lease.job_id == job_id
    assert job.created_at < job.started_at
    assert claimed.lease_expires_at == job.started_at + timedelta(seconds=60)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"limit": 0}, "job.invalid_claim_limit"),
        ({"limit": 1001}, "job.invalid_claim_limit"),
        ({"type_limits": {"mail.send": 0}}, "job.invalid_claim_limit"),
        ({"lease_seconds": 0}, "job.invalid_lease_duration"),
        ({"worker_id": " "}, "identifier.blank"),
        ({"worker_id": "w1 "}, "identifier.padded"),
        ({"worker_id": "w" * 513}, "identifier.too_long"),
    ],
    ids=str,
)
def test_a_claim_that_makes_no_sense_is_refused(run, raises_code, change, code):
    with raises_code(code):
        run(claim_jobs, **{**CLAIM, **change})


def test_a_heartbeat_renews_live_leases_and_leaves_the_others_out(
    run, enqueue, connection
):
    for _ in range(3):
        enqueue()
    kept, expired, foreign = (c.lease for c in run(claim_jobs, **CLAIM))
    connection.execute(
        "UPDATE job_queue SET lease_expires_at = clock_timestamp() WHERE id = %s",
        [expired.job_id],
    )
    stolen = Lease(job_id=foreign.job_id, run_number=1, attempt=1, worker_id="somebody")

    report = run(heartbeat_jobs, [kept, expired, stolen], lease_seconds=600)
    job = run(get_job_by_id, kept.job_id, scope=EVERYTHING)

    assert set(report.renewed) == {kept}
    assert report.lost == {expired, stolen}
    assert job.lease_expires_at == report.renewed[kept]
    assert job.lease_expires_at - job.last_heartbeat_at >= timedelta(seconds=599)
    assert len(run(list_job_events, kept.job_id, scope=EVERYTHING)) == 2


def test_no_leases_need_no_heartbeat(run):
    assert run(heartbeat_jobs, [], lease_seconds=60) == HeartbeatReport()
