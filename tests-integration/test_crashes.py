"""Workers that die, and connections that break where it hurts most."""

from __future__ import annotations

import importlib.util
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue
from uuid import UUID

import pytest
import trio
from psycopg_pool import ConnectionPool

from runledger_core import EVERYTHING, Jitter, JobStatus, RetryPolicy
from runledger_postgres import (
    CommitUnconfirmedError,
    SettleSuccess,
    audit_ledger,
    claim_jobs,
    complete_jobs,
    enqueue_jobs,
    fire_due_schedules,
    get_job_by_id,
    get_job_schedule_by_name,
    job_handle,
    list_job_attempts,
    list_jobs,
    reap_expired_leases,
)
from runledger_runtime import (
    ExitCode,
    JobCatalog,
    JobCatalogDefaults,
    JobsConfig,
    RuntimeLoopExit,
    Supervisor,
)
from runledger_test_support import drain

pytestmark = pytest.mark.db


def load_neighbour(name):
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cutting_proxy = load_neighbour("cutting_proxy")

HOLDING_WORKER = str(Path(__file__).with_name("holding_worker.py"))
PATIENCE_SECONDS = 60

LEASE_SECONDS = 10  # the shortest that the environment can ask for
REAPER_INTERVAL_SECONDS = 1
RETRY_DELAY_SECONDS = 1  # also what the worker program's retry policy says
# What the reaper's interval is spread by, and two claims and two hundred jobs to run.
SLACK_SECONDS = 4
QUICK = {
    "JOBS_LEASE_TTL_SECONDS": str(LEASE_SECONDS),
    "JOBS_REAPER_INTERVAL_SECONDS": str(REAPER_INTERVAL_SECONDS),
    "JOBS_REAPER_RETRY_DELAY_MS": str(RETRY_DELAY_SECONDS * 1000),
    "JOBS_POLL_INTERVAL_MS": "50",
    "JOBS_IDLE_POLL_MAX_MS": "200",
}

AT_ONCE = RetryPolicy(base_seconds=0.01, cap_seconds=0.01, jitter=Jitter.NONE)
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
def ran():
    """How often each job was run, by the workers of this process."""
    return Counter()


@pytest.fixture
def begun():
    """The jobs in the order in which they were run, for who waits for them."""
    return SimpleQueue()


@pytest.fixture
def catalog(ran, begun):
    catalog = JobCatalog(defaults=JobCatalogDefaults(retry=AT_ONCE))

    @catalog.job("hold")
    async def hold(context, payload):
        ran[context.job_id] += 1
        begun.put(context.job_id)

    @catalog.job("block")
    def block(context, payload):
        ran[context.job_id] += 1

    return catalog


@pytest.fixture
def enqueue(catalog, runledger_pool):
    def enqueue(count, job_type="hold"):
        catalog.sync_definitions(runledger_pool)
        requests = [catalog.job_enqueue(job_type) for _ in range(count)]
        return {each.job_id for each in enqueue_jobs(runledger_pool, requests)}

    return enqueue


@pytest.fixture
def statuses(runledger_pool):
    """How many of these jobs are in which status."""
    return lambda job_ids: Counter(
        get_job_by_id(runledger_pool, job_id, scope=EVERYTHING).status
        for job_id in job_ids
    )


@pytest.fixture
def attempt_counts(runledger_pool):
    return lambda job_ids: Counter(
        len(list_job_attempts(runledger_pool, job_id, scope=EVERYTHING))
        for job_id in job_ids
    )


def read_running(worker, count):
    """Read what the worker says until it has run *count* jobs; return their ids."""
    timer = threading.Timer(PATIENCE_SECONDS, worker.process.kill)
    timer.start()
    job_ids = []
    printed = []
    try:
        while len(job_ids) < count:
            line = worker.process.stdout.readline()
            assert line, f"the worker ended too early: {printed}"
            printed.append(line)
            word, _, rest = line.strip().partition(" ")
            if word == "running":
                job_ids.append(UUID(rest))
    finally:
        timer.cancel()
    return job_ids


@pytest.mark.slow
def test_a_killed_workers_jobs_are_done_by_another(
    runledger_worker,
    enqueue,
    statuses,
    attempt_counts,
    runledger_pool,
    record_testsuite_property,
):
    job_ids = enqueue(200)
    full = {"JOBS_MAX_GLOBAL_CONCURRENCY": "200", "JOBS_CLAIM_BATCH_SIZE": "200"}
    doomed = runledger_worker(HOLDING_WORKER, HOLDS_JOBS="1", **QUICK, **full)
    assert job_ids == set(read_running(doomed, 200))
    other = runledger_worker(HOLDING_WORKER, **QUICK, **full)

    killed_at = time.monotonic()
    doomed.kill()
    rerun = read_running(other, 200)
    recovery_seconds = time.monotonic() - killed_at

    assert ExitCode.OK == other.stop()
    assert "running" not in other.output()
    assert job_ids == set(rerun)
    assert {JobStatus.SUCCEEDED: 200} == statuses(job_ids)
    assert {2: 200} == attempt_counts(job_ids)
    assert [] == audit_ledger(runledger_pool)
    record_testsuite_property("recovery_seconds", f"{recovery_seconds:.2f}")
    print(f"recovered after {recovery_seconds:.2f} s")  # noqa: T201 - pytest -rP shows it
    assert recovery_seconds < (
        LEASE_SECONDS + REAPER_INTERVAL_SECONDS + RETRY_DELAY_SECONDS + SLACK_SECONDS
    )


@pytest.mark.slow
@pytest.mark.parametrize("grace", ["0", "1"])
@pytest.mark.parametrize("job_type", ["hold", "block"])
def test_jobs_that_outlast_a_shutdown_return_with_their_leases(
    job_type,
    grace,
    runledger_worker,
    enqueue,
    statuses,
    attempt_counts,
    runledger_pool,
    runledger_clock,
    catalog,
    ran,
):
    job_ids = enqueue(8, job_type)
    worker = runledger_worker(
        HOLDING_WORKER,
        HOLDS_JOBS="1",
        JOBS_SHUTDOWN_GRACE_SECONDS=grace,
        JOBS_CANCEL_GRACE_SECONDS="1",
        **QUICK,
    )
    assert job_ids == set(read_running(worker, 8))

    assert ExitCode.INTERRUPTED == worker.stop()

    assert {JobStatus.LEASED: 8} == statuses(job_ids)
    assert [] == drain(runledger_pool, catalog).succeeded
    assert [] == audit_ledger(runledger_pool)
    runledger_clock.advance(seconds=LEASE_SECONDS + 1)
    # The first may end before its reaper has taken them back.
    done = drain(runledger_pool, catalog).succeeded
    done += drain(runledger_pool, catalog).succeeded
    assert job_ids == set(done)
    assert dict.fromkeys(job_ids, 1) == ran
    assert {2: 8} == attempt_counts(job_ids)
    assert [] == audit_ledger(runledger_pool)


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

    cut_off(proxy, "jobs/complete_jobs", is_late, complete)
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
    proxy.cut_commit_of("jobs/complete_jobs", is_late=is_late)

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
