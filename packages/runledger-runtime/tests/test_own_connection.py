"""The connection that a worker has to itself: what goes over it, and what does not."""

from __future__ import annotations

from contextlib import asynccontextmanager

import psycopg
import pytest
import trio
import trio.testing
from psycopg_pool import ConnectionPool

from runledger_core import EVERYTHING, JobDefinition, JobEnqueue, RunledgerError
from runledger_postgres import (
    announce_worker,
    enqueue_job,
    get_job_by_id,
    list_job_attempts,
    upsert_job_definition,
)
from runledger_runtime import LedgerTimeoutError, PostgresLedger
from runledger_runtime._postgres import _listener

pytestmark = pytest.mark.db

CLAIM = {
    "worker_id": "w1",
    "lease_seconds": 60,
    "limit": 10,
    "job_types": ["mail.send"],
    "type_limits": {},
    "timeout_seconds": 10,
}
SLEEP = {
    "worker_id": "w1",
    "job_types": ["mail.send"],
    "longest_seconds": 60,
    "timeout_seconds": 10,
}
# Until the worker has its own connection it says LISTEN; what it said last stays there.
SAID_LAST = """
    SELECT query, application_name FROM pg_stat_activity
    WHERE pid = %s
"""
LISTENING = """
    SELECT pid FROM pg_stat_activity
    WHERE query LIKE 'LISTEN%' AND datname = current_database()
"""


@pytest.fixture
def ledger(runledger_pool):
    upsert_job_definition(runledger_pool, JobDefinition("mail.send"))
    return PostgresLedger(runledger_pool)


@pytest.fixture
def job_id(ledger, runledger_pool):
    return enqueue_job(runledger_pool, JobEnqueue("mail.send")).job_id


@asynccontextmanager
async def listening(ledger):
    """Listen meanwhile; gives the server's process."""
    ready = trio.Event()

    async def listen():
        await ledger.listen("w1", on_ready=ready.set, on_wake=lambda: None)

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            await ready.wait()
            with ledger._pool.connection() as connection:
                [(pid,)] = connection.execute(LISTENING).fetchall()
            yield pid
            nursery.cancel_scope.cancel()


def said_last(pool, pid):
    with pool.connection() as connection:
        return connection.execute(SAID_LAST, [pid]).fetchone()


async def until(holds):
    with trio.fail_after(20):
        while not holds():  # noqa: ASYNC110 - what the server says has no event
            await trio.sleep(0.01)


async def test_a_claim_goes_over_it(ledger, job_id, runledger_pool):
    async with listening(ledger) as pid:
        claimed = await ledger.claim(**CLAIM)
        said, _ = said_last(runledger_pool, pid)

    assert [job_id] == [job.lease.job_id for job in claimed]
    assert said.startswith("/* runledger:jobs/claim_jobs */")


async def test_so_does_what_a_resting_worker_asks(ledger, runledger_pool):
    announce_worker(
        runledger_pool, worker_id="w1", job_types=["mail.send"], ttl_seconds=60
    )
    said = []

    async with listening(ledger) as pid:
        rest = await ledger.fall_asleep(**SLEEP)
        said.append(said_last(runledger_pool, pid)[0])
        await ledger.awake("w1", timeout_seconds=10)
        said.append(said_last(runledger_pool, pid)[0])
        await ledger.wake_another(
            worker_id="w1", job_types=["mail.send"], timeout_seconds=10
        )
        said.append(said_last(runledger_pool, pid)[0])

    assert rest.was_asleep is False
    assert ["fall_asleep", "awake", "wake_worker"] == [
        text.split("*/")[0].split("/")[-1].strip() for text in said
    ]


async def test_without_it_the_pool_claims(ledger, job_id):
    async with listening(ledger):
        pass

    claimed = await ledger.claim(**CLAIM)

    assert [job_id] == [job.lease.job_id for job in claimed]


async def test_a_claim_that_comes_too_late_is_given_back(
    ledger, job_id, runledger_pool, runledger_database
):
    async with listening(ledger):
        with psycopg.connect(runledger_database) as blocker:
            blocker.execute("LOCK TABLE job_queue IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(LedgerTimeoutError):
                await ledger.claim(**{**CLAIM, "timeout_seconds": 0.2})

        def is_given_back():
            [attempt] = list_job_attempts(runledger_pool, job_id, scope=EVERYTHING) or [
                None
            ]
            return attempt is not None and attempt.finished_at is not None

        await until(is_given_back)

    job = get_job_by_id(runledger_pool, job_id, scope=EVERYTHING)
    assert ("PENDING", 0) == (job.status, job.attempt)


async def test_while_it_is_busy_the_pool_goes_on(
    ledger, job_id, runledger_pool, runledger_database
):
    announce_worker(
        runledger_pool, worker_id="w1", job_types=["mail.send"], ttl_seconds=60
    )
    async with listening(ledger):
        with psycopg.connect(runledger_database) as blocker:
            blocker.execute("LOCK TABLE job_workers")
            with pytest.raises(LedgerTimeoutError):
                await ledger.fall_asleep(**{**SLEEP, "timeout_seconds": 0.2})
            assert not ledger._own.is_free

            claimed = await ledger.claim(**CLAIM)

        await until(lambda: ledger._own.is_free)
        rest = await ledger.fall_asleep(**SLEEP)

    assert [job_id] == [job.lease.job_id for job in claimed]
    assert rest.was_asleep is True


async def test_a_claim_outlives_the_cancellation_of_who_asked(ledger, job_id):
    async with listening(ledger):
        with trio.CancelScope() as scope:
            scope.cancel()
            claimed = await ledger.claim(**CLAIM)

    assert [job_id] == [job.lease.job_id for job in claimed]


async def test_of_a_claim_that_is_cut_off_nobody_knows_and_the_pool_goes_on(
    ledger, job_id, runledger_pool, runledger_database
):
    codes = []

    async def claim():
        try:
            await ledger.claim(**CLAIM)
        except RunledgerError as error:
            codes.append(error.code)

    async def listen(ready):
        try:
            await ledger.listen("w1", on_ready=ready.set, on_wake=lambda: None)
        except RunledgerError as error:
            codes.append(error.code)

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            ready = trio.Event()
            nursery.start_soon(listen, ready)
            await ready.wait()
            with psycopg.connect(runledger_database) as blocker:
                [(pid,)] = blocker.execute(LISTENING).fetchall()
                blocker.execute("LOCK TABLE job_queue IN ACCESS EXCLUSIVE MODE")
                nursery.start_soon(claim)
                await trio.testing.wait_all_tasks_blocked()
                with runledger_pool.connection() as connection:
                    connection.execute("SELECT pg_terminate_backend(%s)", [pid])
                await until(lambda: len(codes) == 2)
    claimed = await ledger.claim(**CLAIM)

    assert {"db.transaction_commit_unconfirmed", "db.connection_failed"} == set(codes)
    assert [job_id] == [job.lease.job_id for job in claimed]


async def test_the_end_of_the_listener_ends_a_claim_under_way(
    ledger, job_id, runledger_database, raises_code
):
    with psycopg.connect(runledger_database) as blocker, trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            async with listening(ledger):
                blocker.execute("LOCK TABLE job_queue IN ACCESS EXCLUSIVE MODE")
                ended = trio.Event()

                async def claim():
                    with raises_code("db.transaction_commit_unconfirmed"):
                        await ledger.claim(**CLAIM)
                    ended.set()

                nursery.start_soon(claim)
                await trio.testing.wait_all_tasks_blocked()
            await ended.wait()


async def test_a_request_larger_than_the_socket_takes_is_sent(ledger, job_id):
    types = ["mail.send", *(f"mail.{'x' * 120}{number}" for number in range(40_000))]
    async with listening(ledger):
        claimed = await ledger.claim(**{**CLAIM, "job_types": types})

    assert [job_id] == [job.lease.job_id for job in claimed]


async def test_it_is_configured_as_the_pools_connections_are(
    runledger_database, job_id, runledger_pool
):
    def configure(connection):
        connection.execute("SET application_name = 'configured'")
        connection.commit()

    with ConnectionPool(
        runledger_database, min_size=1, configure=configure, open=True
    ) as pool:
        ledger = PostgresLedger(pool)
        async with listening_after_set(ledger, runledger_pool) as name:
            claimed = await ledger.claim(**CLAIM)

    assert "configured" == name
    assert [job_id] == [job.lease.job_id for job in claimed]


@asynccontextmanager
async def listening_after_set(ledger, pool):
    async with listening(ledger) as pid:
        yield said_last(pool, pid)[1]


async def test_a_configuration_that_fails_leaves_no_connection(
    runledger_database, runledger_pool, raises_code
):
    def configure(connection):
        connection.execute("SET application_name = 'refused'")
        connection.execute("SELECT 1 / 0")

    pool = ConnectionPool(runledger_database, configure=configure, open=False)

    with raises_code("db.connection_failed"):
        await PostgresLedger(pool).listen(
            "w1", on_ready=lambda: None, on_wake=lambda: None
        )

    with runledger_pool.connection() as connection:
        await until(
            lambda: connection.execute(
                "SELECT count(*) = 0 FROM pg_stat_activity"
                " WHERE application_name = 'refused'"
            ).fetchone()[0]
        )


async def test_a_pool_that_asks_for_an_isolation_claims_by_itself(
    runledger_database, job_id, runledger_pool
):
    def configure(connection):
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ

    with ConnectionPool(
        runledger_database, min_size=1, configure=configure, open=True
    ) as pool:
        ledger = PostgresLedger(pool)
        async with listening(ledger) as pid:
            claimed = await ledger.claim(**CLAIM)
            said, _ = said_last(runledger_pool, pid)

    assert [job_id] == [job.lease.job_id for job in claimed]
    assert said.startswith("LISTEN")


async def test_who_works_on_an_answer_is_not_taken_for_deaf(
    ledger, monkeypatch, runledger_database
):
    """A notification is delivered after the answer."""
    monkeypatch.setattr(_listener, "_ARRIVAL_SECONDS", 0.3)
    monkeypatch.setattr(_listener, "_PROBE_INTERVAL_SECONDS", 0.2)
    async with listening(ledger):
        with psycopg.connect(runledger_database) as blocker:
            blocker.execute("LOCK TABLE job_queue IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(LedgerTimeoutError):
                await ledger.claim(**{**CLAIM, "timeout_seconds": 1})
        await until(lambda: ledger._own is not None and ledger._own.is_free)
        await trio.sleep(0.6)


async def test_who_never_answers_is_lost(
    ledger, monkeypatch, runledger_database, raises_code
):
    monkeypatch.setattr(_listener, "_ARRIVAL_SECONDS", 0.2)
    monkeypatch.setattr(_listener, "_ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(_listener, "_PROBE_INTERVAL_SECONDS", 0.1)
    ready = trio.Event()

    async def claim():
        await ready.wait()
        blocker.execute("LOCK TABLE job_queue IN ACCESS EXCLUSIVE MODE")
        with raises_code("db.transaction_commit_unconfirmed"):
            await ledger.claim(**CLAIM)

    with psycopg.connect(runledger_database) as blocker, trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(claim)
            with raises_code("db.connection_failed"):
                await ledger.listen("w1", on_ready=ready.set, on_wake=lambda: None)
