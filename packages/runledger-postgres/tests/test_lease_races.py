"""Claims, renewals, ends and the reaper, when they meet at one row."""

from __future__ import annotations

import time

import pytest

from runledger_core import EVERYTHING, JobEnqueue, JobStatus, RetryPolicy
from runledger_postgres import (
    HeartbeatReport,
    QueryError,
    ReapReport,
    SettleSuccess,
    claim_jobs,
    complete_job_success,
    complete_jobs,
    enqueue_job,
    get_job_by_id,
    heartbeat_job,
    heartbeat_jobs,
    list_job_events,
    reap_expired_leases,
    release_unstarted_claims,
    save_checkpoint,
    update_job_progress,
)

pytestmark = [pytest.mark.db, pytest.mark.race]

CLAIM = {"worker_id": "w1", "lease_seconds": 60, "limit": 1}
AT_ONCE = RetryPolicy(base_seconds=0, cap_seconds=0)
LOCK_ROW = "SELECT FROM job_queue WHERE id = %s FOR UPDATE"

# How each write under one lease is called, and where it waits.
WRITES = {
    "heartbeat": (
        heartbeat_job,
        lambda lease: [lease],
        {"lease_seconds": 60},
        "jobs/heartbeat_job ",
    ),
    "progress": (
        update_job_progress,
        lambda lease: [lease],
        {"progress_done": 1},
        "jobs/update_job_progress",
    ),
    "checkpoint": (
        save_checkpoint,
        lambda lease: [lease, [1]],
        {},
        "jobs/update_job_progress",
    ),
    "completion": (
        complete_job_success,
        lambda lease: [lease],
        {},
        "jobs/complete_jobs",
    ),
}


def history(connection, job_id):
    events = list_job_events(connection, job_id, scope=EVERYTHING)
    return [event.event_type.value for event in events]


def wait_for_expiry(connection, job_id):
    """Ask the database until the committed lease of the job has expired."""
    expired = (
        "SELECT lease_expires_at <= clock_timestamp() FROM job_queue WHERE id = %s"
    )
    deadline = time.monotonic() + 20
    while not connection.execute(expired, [job_id]).fetchone()[0]:
        assert time.monotonic() < deadline, "the lease does not expire"


def expire(connection, *job_ids):
    connection.execute(
        "UPDATE job_queue SET lease_expires_at = clock_timestamp() WHERE id = ANY (%s)",
        [list(job_ids)],
    )


def test_two_claimers_never_claim_the_same_job(race, enqueue, connection):
    first, second = enqueue(), enqueue()

    [held] = race.hold(claim_jobs.steps(**CLAIM))
    [stepped_over] = claim_jobs(race.waiter, **{**CLAIM, "worker_id": "w2"})
    race.commit()

    assert (held.lease.job_id, stepped_over.lease.job_id) == (first, second)
    assert claim_jobs(connection, **CLAIM) == []


def test_a_job_that_a_transaction_refers_to_is_claimed_renewed_and_ended(
    race, define, connection
):
    define()
    request = JobEnqueue("mail.send", {}, idempotency_key="k")
    job_id = enqueue_job(connection, request).job_id
    race.hold(enqueue_job.steps(request))
    race.waiter.execute("SET lock_timeout = '1ms'")

    [claimed] = claim_jobs(race.waiter, **CLAIM)
    report = heartbeat_jobs(race.waiter, [claimed.lease], lease_seconds=60)
    settled = complete_job_success(race.waiter, claimed.lease)

    assert set(report.renewed) == {claimed.lease}
    assert (settled.lease.job_id, settled.status) == (job_id, JobStatus.SUCCEEDED)


def test_two_reapers_never_do_a_job_twice(race, enqueue, connection):
    jobs = [enqueue() for _ in range(3)]
    claim_jobs(connection, **{**CLAIM, "limit": 3})
    expire(connection, *jobs)

    held = race.hold(reap_expired_leases.steps(limit=2))
    stepped_over = reap_expired_leases(race.waiter, limit=3)
    race.commit()
    reaped = [one.lease.job_id for one in (*held.reaped, *stepped_over.reaped)]

    assert sorted(reaped) == jobs
    assert reap_expired_leases(connection, limit=3) == ReapReport()
    assert [history(connection, job_id) for job_id in jobs] == [
        ["ENQUEUED", "LEASED", "FAILED", "RETRY_SCHEDULED"]
    ] * 3


def test_the_reaper_steps_over_a_lease_that_is_being_renewed(
    race, enqueue, claim, connection
):
    job_id = enqueue()
    lease = claim(lease_seconds=1).lease
    race.hold(heartbeat_jobs.steps([lease], lease_seconds=60))
    wait_for_expiry(connection, job_id)

    during = reap_expired_leases(race.waiter, limit=1)
    race.commit()
    after = reap_expired_leases(race.waiter, limit=1)

    assert during == after == ReapReport()
    assert complete_job_success(connection, lease).status is JobStatus.SUCCEEDED


def test_a_renewal_does_not_wait_for_the_reaper_to_learn_that_it_lost(
    race, enqueue, claim, connection
):
    job_id = enqueue()
    lease = claim().lease
    expire(connection, job_id)
    race.hold(reap_expired_leases.steps(limit=1, default_retry=AT_ONCE))
    race.waiter.execute("SET lock_timeout = '1ms'")

    report = heartbeat_jobs(race.waiter, [lease], lease_seconds=60)
    race.commit()

    assert report == HeartbeatReport(lost=frozenset({lease}))
    assert claim(worker_id="w2").lease.attempt == 2


def test_the_reaper_steps_over_a_job_that_is_being_completed(
    race, enqueue, claim, connection
):
    job_id = enqueue()
    lease = claim(lease_seconds=1).lease
    [settled] = race.hold(complete_jobs.steps([SettleSuccess(lease)]))
    wait_for_expiry(connection, job_id)

    during = reap_expired_leases(race.waiter, limit=1)
    race.commit()
    after = reap_expired_leases(race.waiter, limit=1)

    assert settled.status is JobStatus.SUCCEEDED
    assert during == after == ReapReport()
    assert history(connection, job_id) == ["ENQUEUED", "LEASED", "SUCCEEDED"]


@pytest.mark.parametrize("name", WRITES)
def test_a_write_that_waits_past_its_expiry_is_refused(
    race, enqueue, claim, connection, raises_code, name
):
    job_id = enqueue()
    lease = claim(lease_seconds=1).lease
    write, arguments, values, at = WRITES[name]
    race.holder.execute(LOCK_ROW, [job_id])
    writing = race.start(write, *arguments(lease), at=at, **values)
    wait_for_expiry(connection, job_id)
    race.commit()

    with raises_code("job.lease_owner_mismatch"):
        writing.result()
    reaped = reap_expired_leases(connection, limit=1).reaped

    assert [one.lease for one in reaped] == [lease]
    assert history(connection, job_id)[2:] == ["FAILED", "RETRY_SCHEDULED"]


def test_a_renewal_of_many_waits_for_nobody_and_says_what_is_busy(
    race, enqueue, connection
):
    held, free = enqueue(), enqueue()
    leases = {
        one.lease.job_id: one.lease
        for one in claim_jobs(connection, **{**CLAIM, "limit": 2})
    }
    race.holder.execute(LOCK_ROW, [held])
    race.waiter.execute("SET lock_timeout = '1ms'")

    during = heartbeat_jobs(race.waiter, list(leases.values()), lease_seconds=60)
    race.commit()
    after = heartbeat_jobs(race.waiter, list(leases.values()), lease_seconds=60)

    assert during.renewed.keys() == {leases[free]}
    assert during.busy == {leases[held]}
    assert after.renewed.keys() == set(leases.values())


def test_what_is_busy_and_has_expired_is_lost(race, enqueue, claim, connection):
    job_id = enqueue()
    lease = claim(lease_seconds=1).lease
    race.holder.execute(LOCK_ROW, [job_id])
    wait_for_expiry(connection, job_id)

    report = heartbeat_jobs(race.waiter, [lease], lease_seconds=60)

    assert report == HeartbeatReport(lost=frozenset({lease}))


def test_a_release_of_many_waits_for_nobody_and_says_what_is_busy(
    race, enqueue, connection
):
    held, free = enqueue(), enqueue()
    jobs = claim_jobs(connection, **{**CLAIM, "limit": 2})
    leases = {one.lease.job_id: one.lease for one in jobs}
    race.holder.execute(LOCK_ROW, [held])
    race.waiter.execute("SET lock_timeout = '1ms'")

    refused, released = release_unstarted_claims(
        race.waiter, [leases[held], leases[free]], reason="stop"
    )
    race.commit()
    [again] = release_unstarted_claims(race.waiter, [leases[held]], reason="stop")

    assert (refused.code, refused.is_transient) == ("job.busy", True)
    assert (released.lease, again.lease) == (leases[free], leases[held])


def test_a_completion_of_many_waits_for_nobody_when_it_is_told_so(
    race, enqueue, connection
):
    held, free = enqueue(), enqueue()
    jobs = claim_jobs(connection, **{**CLAIM, "limit": 2})
    settlements = {one.lease.job_id: SettleSuccess(one.lease) for one in jobs}
    race.holder.execute(LOCK_ROW, [held])
    race.waiter.execute("SET lock_timeout = '1ms'")

    refused, settled = complete_jobs(
        race.waiter, [settlements[held], settlements[free]], skip_locked=True
    )
    race.commit()
    [again] = complete_jobs(race.waiter, [settlements[held]], skip_locked=True)
    [repeat] = complete_jobs(race.waiter, [settlements[held]], skip_locked=True)

    assert (refused.code, refused.is_transient) == ("job.busy", True)
    assert settled.status is again.status is JobStatus.SUCCEEDED
    assert repeat.code == "job.lease_owner_mismatch"


@pytest.mark.parametrize("name", WRITES)
def test_a_write_that_waits_for_a_renewal_goes_on(
    race, enqueue, claim, connection, name
):
    """What was waited for is a version that the statement's snapshot has not."""
    job_id = enqueue()
    lease = claim().lease
    write, arguments, values, at = WRITES[name]
    renewal = race.hold(heartbeat_jobs.steps([lease], lease_seconds=600))
    writing = race.start(write, *arguments(lease), at=at, **values)
    race.commit()

    writing.result()
    job = get_job_by_id(connection, job_id, scope=EVERYTHING)

    assert renewal.renewed.keys() == {lease}
    assert job.status is (
        JobStatus.SUCCEEDED if name == "completion" else JobStatus.LEASED
    )


def test_a_batch_locks_its_jobs_in_the_order_of_their_ids(race, enqueue, connection):
    """Given in any order: so two batches wait for each other, and never in a ring."""
    low, high = enqueue(), enqueue()
    leases = {
        one.lease.job_id: one.lease
        for one in claim_jobs(connection, **{**CLAIM, "limit": 2})
    }
    race.holder.execute(LOCK_ROW, [low])

    running = race.start(
        complete_jobs,
        [SettleSuccess(leases[high]), SettleSuccess(leases[low])],
        at="jobs/complete_jobs",
    )
    with connection.transaction():
        connection.execute(f"{LOCK_ROW} NOWAIT", [high])
    race.commit()

    assert [one.status for one in running.result()] == [JobStatus.SUCCEEDED] * 2


@pytest.mark.parametrize("name", WRITES)
def test_a_wait_for_a_row_has_a_bound_and_keeps_a_stricter_one(
    race, enqueue, claim, connection, name
):
    job_id = enqueue()
    lease = claim().lease
    write, arguments, values, _ = WRITES[name]
    race.holder.execute(LOCK_ROW, [job_id])
    race.waiter.execute("SET lock_timeout = '20ms'")

    with pytest.raises(QueryError) as caught:
        write(race.waiter, *arguments(lease), **values)

    assert (caught.value.sqlstate, caught.value.is_transient) == ("55P03", True)
    assert race.waiter.execute("SHOW lock_timeout").fetchone() == ("20ms",)


@pytest.mark.parametrize(
    ("before", "during"), [("0", "5s"), ("1min", "5s"), ("2s", "2s"), ("5ms", "5ms")]
)
def test_the_bound_is_five_seconds_and_ends_with_the_transaction(
    race, enqueue, claim, before, during
):
    enqueue()
    race.holder.execute(f"SET lock_timeout = '{before}'")
    race.holder.commit()

    race.hold(complete_jobs.steps([SettleSuccess(claim().lease)]))
    inside = race.holder.execute("SHOW lock_timeout").fetchone()["lock_timeout"]
    race.commit()
    after = race.holder.execute("SHOW lock_timeout").fetchone()["lock_timeout"]

    assert (inside, after) == (during, before)


def test_an_enqueue_bounds_its_wait_in_a_transaction_of_its_own(race, define):
    define()

    race.hold(enqueue_job.steps(JobEnqueue("mail.send", {})))

    assert race.holder.execute("SHOW lock_timeout").fetchone()["lock_timeout"] == "5s"


def test_an_enqueue_leaves_the_callers_transaction_as_it_is(define, connection):
    define()

    with connection.transaction():
        enqueue_job(connection, JobEnqueue("mail.send", {}))
        inside = connection.execute("SHOW lock_timeout").fetchone()

    assert inside == ("0",)


def test_an_enqueue_that_waits_too_long_for_its_definition_can_be_repeated(
    race, define, raises_code
):
    define()
    request = JobEnqueue("mail.send", {})
    race.holder.execute("SELECT FROM job_definitions FOR UPDATE")
    race.waiter.execute("SET lock_timeout = '20ms'")

    with raises_code("db.query_failed") as caught:
        enqueue_job(race.waiter, request)
    race.commit()

    assert caught.value.is_transient
    assert enqueue_job(race.waiter, request).status is JobStatus.PENDING
