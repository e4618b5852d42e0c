"""The ledger over PostgreSQL: bounded, deaf to cancellation, clear about its start."""

from __future__ import annotations

import traceback

import psycopg
import pytest
import trio
import trio.testing
from psycopg_pool import ConnectionPool

from runledger_core import (
    EVERYTHING,
    JobDefinition,
    JobEnqueue,
    JobStatus,
    RunledgerError,
)
from runledger_core.migrations import Migration, MigrationSet
from runledger_postgres import (
    enqueue_job,
    get_job_by_id,
    get_job_definition_by_type,
    list_job_events,
    upsert_job_definition,
)
from runledger_runtime import LedgerTimeoutError, PostgresLedger
from runledger_runtime._postgres import _claim_calls
from runledger_runtime._postgres import _ledger as postgres_ledger

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"
db = pytest.mark.db

CLAIM = {
    "worker_id": "worker-1",
    "lease_seconds": 60,
    "limit": 10,
    "job_types": ["mail.send"],
    "type_limits": {},
    "timeout_seconds": 10,
}


@pytest.fixture
def ledger(runledger_pool):
    return PostgresLedger(runledger_pool)


@pytest.fixture
def job_id(runledger_pool):
    upsert_job_definition(runledger_pool, JobDefinition("mail.send"))
    return enqueue_job(runledger_pool, JobEnqueue("mail.send")).job_id


async def wait_for_threads(ledger):
    """Wait until no thread of the ledger runs, not even one that was left behind."""
    for number in range(ledger._limiter.total_tokens):
        await ledger._limiter.acquire_on_behalf_of(number)


@db
async def test_a_claim_outlives_the_cancellation_of_who_asked(ledger, job_id):
    with trio.CancelScope() as scope:
        scope.cancel()
        claimed = await ledger.claim(**CLAIM)

    assert [job_id] == [job.lease.job_id for job in claimed]


@db
async def test_a_call_ends_when_its_time_is_up_and_the_next_goes_on(
    ledger, job_id, runledger_database
):
    with psycopg.connect(runledger_database) as blocker:
        blocker.execute("LOCK TABLE job_queue IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(LedgerTimeoutError) as caught:
            await ledger.claim(**{**CLAIM, "timeout_seconds": 0.2})

    assert "no answer within 0.2 seconds" in str(caught.value)
    assert ledger.is_transient(caught.value)
    report = await ledger.heartbeat([], lease_seconds=60, timeout_seconds=10)
    assert not report.renewed


@db
async def test_calls_that_are_abandoned_end_at_once_and_later_ones_soon(
    ledger, runledger_pool, job_id
):
    ended_after = []

    async def claim():
        began_at = trio.current_time()
        with pytest.raises(LedgerTimeoutError):
            await ledger.claim(**{**CLAIM, "timeout_seconds": 60})
        ended_after.append(trio.current_time() - began_at)

    with runledger_pool.connection() as blocker:
        blocker.execute("LOCK TABLE job_queue")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(claim)
            await trio.testing.wait_all_tasks_blocked()
            ledger.abandon_calls()
        await claim()

    assert max(ended_after) < 20
    await wait_for_threads(ledger)


@db
async def test_the_check_passes_on_a_migrated_database(ledger):
    await ledger.check(timeout_seconds=10)

    assert not ledger._owns_pool


@db
async def test_an_empty_database_is_refused(runledger_empty_database, raises_code):
    with (
        ConnectionPool(runledger_empty_database, min_size=1, open=True) as pool,
        raises_code("schema.history_missing"),
    ):
        await PostgresLedger(pool).check(timeout_seconds=10)


@db
async def test_a_pool_that_was_never_opened_is_opened_and_closed(runledger_database):
    pool = ConnectionPool(runledger_database, min_size=1, open=False)
    ledger = PostgresLedger(pool)

    await ledger.check(timeout_seconds=10)
    is_open_meanwhile = not pool.closed
    await ledger.aclose()

    assert is_open_meanwhile
    assert pool.closed


@db
async def test_a_pool_of_the_hosts_is_left_open(ledger, runledger_pool):
    await ledger.check(timeout_seconds=10)
    await ledger.aclose()

    assert not runledger_pool.closed


@db
async def test_a_pool_that_was_closed_is_refused(runledger_database, raises_code):
    pool = ConnectionPool(runledger_database, min_size=1, open=True)
    pool.close()

    with raises_code("db.connection_failed") as caught:
        await PostgresLedger(pool).check(timeout_seconds=10)

    assert "pool" in caught.value.internal_message()


async def test_an_address_that_does_not_answer_fails_at_once_with_its_reason(
    raises_code,
):
    pool = ConnectionPool(NOWHERE, open=False)

    with raises_code("db.connection_failed") as caught:
        await PostgresLedger(pool).check(timeout_seconds=30)

    assert "refused" in caught.value.internal_message()
    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["postgresql://ada:hun%ter2@db/shop", "postgres:hun%ter2@db"]
)
async def test_the_password_of_an_address_that_cannot_be_read_is_not_told(
    address, raises_code
):
    pool = ConnectionPool(address, open=False)

    with raises_code("db.connection_failed") as caught:
        await PostgresLedger(pool).check(timeout_seconds=30)

    assert "no connection string" in caught.value.internal_message()
    told = "".join(traceback.format_exception(caught.value))
    assert "hun%ter2" not in caught.value.internal_message() + told


async def test_distributions_that_do_not_belong_together_are_named(
    monkeypatch, raises_code
):
    newer = MigrationSet("x", (Migration(202701010001, "later", "0" * 64, ""),), "")
    monkeypatch.setattr(postgres_ledger, "load_migrations", lambda _: newer)

    with raises_code("schema.layer_skew") as caught:
        await PostgresLedger(ConnectionPool(NOWHERE, open=False)).check(
            timeout_seconds=10
        )

    assert "runledger-runtime" in str(caught.value)
    assert "runledger-postgres" in str(caught.value)
    assert "202701010001 is only in the first set" in str(caught.value)


@db
async def test_a_definition_is_replaced_where_it_differs(ledger, runledger_pool):
    first = JobDefinition("mail.send", max_attempts=2)
    second = JobDefinition("mail.send", max_attempts=3, is_enabled=False)

    await ledger.sync_definitions([first], timeout_seconds=10)
    await ledger.sync_definitions([second], timeout_seconds=10)

    stored = get_job_definition_by_type(runledger_pool, "mail.send")
    assert (3, False) == (stored.max_attempts, stored.is_enabled)


@pytest.mark.parametrize(
    ("code", "is_transient"),
    [("db.connection_failed", False), ("job.definition_not_found", False)],
)
def test_only_errors_of_the_storage_layer_are_transient(code, is_transient):
    ledger = PostgresLedger(ConnectionPool(NOWHERE, open=False))

    assert is_transient == ledger.is_transient(RunledgerError(code))


@db
async def test_what_was_claimed_after_the_time_was_up_is_given_back(
    ledger, job_id, runledger_pool, runledger_database
):
    with psycopg.connect(runledger_database) as blocker:
        blocker.execute("LOCK TABLE job_queue IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(LedgerTimeoutError):
            await ledger.claim(**{**CLAIM, "timeout_seconds": 0.2})

    await wait_for_threads(ledger)

    job = get_job_by_id(runledger_pool, job_id, scope=EVERYTHING)
    assert (JobStatus.PENDING, 0) == (job.status, job.attempt)
    events = list_job_events(runledger_pool, job_id, scope=EVERYTHING)
    assert ["ENQUEUED", "LEASED", "REQUEUED"] == [each.event_type for each in events]


def test_a_claim_that_came_at_the_last_moment_is_not_given_back():
    handover = _claim_calls._Handover(None)

    assert ["job"] == handover.offer(["job"])
    assert ["job"] == handover.give_up()
