"""Connections that are cut before and after a commit, through a proxy."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trio
from psycopg_pool import ConnectionPool

from runledger_core import EVERYTHING, JobStatus
from runledger_postgres import (
    CommitUnconfirmedError,
    SettleSuccess,
    audit_ledger,
    claim_jobs,
    complete_jobs,
    fire_due_schedules,
    get_job_schedule_by_name,
    job_handle,
    list_jobs,
    reap_expired_leases,
)
from runledger_runtime import (
    JobsConfig,
    RuntimeLoopExit,
    Supervisor,
)

pytestmark = pytest.mark.db


def load_neighbour(name):
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cutting_proxy = load_neighbour("cutting_proxy")
PATIENCE_SECONDS = 60
LEASE_SECONDS = 10  # the shortest that the environment can ask for
NOON = datetime(2040, 5, 26, 12, tzinfo=UTC)
SETTINGS = JobsConfig(
    lease_ttl_seconds=LEASE_SECONDS,
    reaper_interval_seconds=1,
    schedule_poll_interval_seconds=1,
    poll_interval_ms=20,
    idle_poll_max_ms=200,
)
MISMATCH = "job.lease_owner_mismatch"


@pytest.fixture
def proxy(runledger_database):
    proxy = cutting_proxy.CuttingProxy(runledger_database)
    yield proxy
    proxy.close()


@pytest.fixture
def proxied_pool(runledger_clock, proxy):
    with ConnectionPool(proxy.dsn, min_size=1, max_size=5, timeout=10) as pool:
        yield pool


@pytest.fixture
def due_schedule(catalog, runledger_clock, runledger_pool):
    """Store a schedule with one slot, which is due, for years to come."""
    catalog.schedule("yearly", "hold", "0 12 26 5 *")
    runledger_clock.move_to(NOON - timedelta(days=1))
    catalog.sync_definitions(runledger_pool)
    catalog.sync_schedules(runledger_pool)
    runledger_clock.move_to(NOON + timedelta(minutes=5))


@pytest.fixture
def jobs(runledger_pool):
    return lambda: list_jobs(runledger_pool, scope=EVERYTHING).items


at_commit = pytest.mark.parametrize("is_late", [False, True], ids=["before", "after"])


def claim_all(pool):
    return claim_jobs(pool, worker_id="w", lease_seconds=LEASE_SECONDS, limit=100)


def slots_of(jobs):
    return [
        datetime.fromisoformat(job.idempotency_key.partition(":")[2].partition(":")[2])
        for job in jobs
    ]


def cut_off(proxy, statement, is_late, call):
    """Lose the COMMIT of a call, or the answer to it."""
    proxy.cut_commit_of(statement, is_late=is_late)
    with pytest.raises(CommitUnconfirmedError) as caught:
        call()
    assert proxy.has_cut.is_set()
    assert "db.transaction_commit_unconfirmed" == caught.value.code


@at_commit
def test_a_claim_that_is_cut_off_is_made_or_not(
    is_late, proxy, proxied_pool, enqueue, statuses, runledger_pool, runledger_clock
):
    job_ids = enqueue(5)

    cut_off(proxy, "jobs/claim_jobs", is_late, lambda: claim_all(proxied_pool))

    if is_late:
        assert {JobStatus.LEASED: 5} == statuses(job_ids)
        assert [] == claim_all(proxied_pool)
        runledger_clock.advance(seconds=LEASE_SECONDS + 1)
        assert 5 == len(reap_expired_leases(proxied_pool, limit=100).reaped)
        runledger_clock.advance(minutes=2)
    else:
        assert {JobStatus.PENDING: 5} == statuses(job_ids)
    assert job_ids == {each.lease.job_id for each in claim_all(proxied_pool)}
    assert [] == audit_ledger(runledger_pool)


@at_commit
def test_a_completion_that_is_cut_off_is_made_once(
    is_late, proxy, proxied_pool, enqueue, statuses, runledger_pool
):
    job_ids = enqueue(5)
    settlements = [SettleSuccess(each.lease) for each in claim_all(proxied_pool)]

    def complete():
        return complete_jobs(proxied_pool, settlements)

    cut_off(proxy, "jobs/complete_jobs_plain", is_late, complete)
    ended = JobStatus.SUCCEEDED if is_late else JobStatus.LEASED
    assert {ended: 5} == statuses(job_ids)
    codes = [getattr(result, "code", None) for result in complete()]

    assert [MISMATCH if is_late else None] * 5 == codes
    assert {JobStatus.SUCCEEDED: 5} == statuses(job_ids)
    assert [] == audit_ledger(runledger_pool)


@at_commit
@pytest.mark.usefixtures("due_schedule")
def test_a_firing_that_is_cut_off_leaves_one_job_a_slot(
    is_late, proxy, proxied_pool, jobs, runledger_pool
):
    def fire():
        return fire_due_schedules(proxied_pool, limit=10)

    cut_off(proxy, "schedules/move_fired_schedules", is_late, fire)
    assert int(is_late) == len(jobs())
    again = fire()

    assert int(not is_late) == len(again.fired)
    assert [NOON] == slots_of(jobs())
    schedule = get_job_schedule_by_name(runledger_pool, "yearly", scope=EVERYTHING)
    assert NOON.replace(year=NOON.year + 1) == schedule.next_fire_at
    assert [] == audit_ledger(runledger_pool)


@at_commit
def test_a_reaping_that_is_cut_off_is_made_once(
    is_late, proxy, proxied_pool, enqueue, statuses, runledger_pool, runledger_clock
):
    job_ids = enqueue(5)
    claim_all(proxied_pool)
    runledger_clock.advance(seconds=LEASE_SECONDS + 1)

    def reap():
        return reap_expired_leases(proxied_pool, limit=100)

    cut_off(proxy, "jobs/reap_jobs", is_late, reap)
    left = JobStatus.PENDING if is_late else JobStatus.LEASED
    assert {left: 5} == statuses(job_ids)
    again = reap()

    assert (0 if is_late else 5) == len(again.reaped)
    assert {JobStatus.PENDING: 5} == statuses(job_ids)
    runledger_clock.advance(minutes=2)
    assert {2} == {each.lease.attempt for each in claim_all(proxied_pool)}
    assert [] == audit_ledger(runledger_pool)


@pytest.fixture
def supervise(
    proxy, proxied_pool, catalog, begun, runledger_pool, runledger_clock, ran
):
    """Run a supervisor behind the proxy until its jobs have ended; return their ids."""

    def supervise(count, *, seconds_lost=0):
        def work_to_the_end():
            assert proxy.has_cut.wait(PATIENCE_SECONDS)
            if seconds_lost:
                assert not ran
                runledger_clock.advance(seconds=seconds_lost)
            job_ids = {begun.get(timeout=PATIENCE_SECONDS) for _ in range(count)}
            for job_id in job_ids:
                handle = job_handle(runledger_pool, job_id, scope=EVERYTHING)
                handle.get_result(timeout=PATIENCE_SECONDS, poll_interval=0.05)
            return job_ids

        job_ids = set()

        async def wait():
            job_ids.update(await trio.to_thread.run_sync(work_to_the_end))

        supervisor = Supervisor(proxied_pool, SETTINGS, catalog=catalog)
        exits = trio.run(supervisor.run_until_shutdown, wait)
        assert RuntimeLoopExit.SHUTDOWN == exits
        return job_ids

    return supervise


@at_commit
def test_a_worker_whose_claim_is_cut_off_loses_no_job(
    is_late, proxy, supervise, enqueue, attempt_counts, ran, runledger_pool
):
    job_ids = enqueue(5)
    proxy.cut_commit_of("jobs/claim_jobs", is_late=is_late)

    # Nobody knows of what was claimed, so nobody renews the leases.
    assert job_ids == supervise(5, seconds_lost=LEASE_SECONDS + 1 if is_late else 0)

    assert dict.fromkeys(job_ids, 1) == ran
    assert {2 if is_late else 1: 5} == attempt_counts(job_ids)
    assert [] == audit_ledger(runledger_pool)


@at_commit
def test_a_worker_whose_completion_is_cut_off_settles_once(
    is_late, proxy, supervise, enqueue, attempt_counts, ran, runledger_pool
):
    job_ids = enqueue(5)
    proxy.cut_commit_of("jobs/complete_jobs_plain", is_late=is_late)

    assert job_ids == supervise(5)

    assert dict.fromkeys(job_ids, 1) == ran
    assert {1: 5} == attempt_counts(job_ids)
    assert [] == audit_ledger(runledger_pool)


@at_commit
@pytest.mark.usefixtures("due_schedule")
def test_a_scheduler_that_is_cut_off_fires_a_slot_once(
    is_late, proxy, supervise, jobs, ran, runledger_pool
):
    proxy.cut_commit_of("schedules/move_fired_schedules", is_late=is_late)

    job_ids = supervise(1)

    assert job_ids == {job.id for job in jobs()}
    assert [NOON] == slots_of(jobs())
    assert dict.fromkeys(job_ids, 1) == ran
    assert [] == audit_ledger(runledger_pool)


@at_commit
def test_a_reaper_that_is_cut_off_returns_each_job_once(
    is_late,
    proxy,
    supervise,
    enqueue,
    attempt_counts,
    ran,
    runledger_pool,
    runledger_clock,
):
    job_ids = enqueue(5)
    claim_all(runledger_pool)
    runledger_clock.advance(seconds=LEASE_SECONDS + 1)
    proxy.cut_commit_of("jobs/reap_jobs", is_late=is_late)

    assert job_ids == supervise(5)

    assert dict.fromkeys(job_ids, 1) == ran
    assert {2: 5} == attempt_counts(job_ids)
    assert [] == audit_ledger(runledger_pool)
