"""The listener over PostgreSQL: what it hears, and how it finds out that it cannot."""

from __future__ import annotations

import psycopg
import pytest
import trio
from psycopg_pool import ConnectionPool

from runledger_core import JobDefinition, JobEnqueue, RunledgerError
from runledger_postgres import (
    announce_worker,
    enqueue_job,
    fall_asleep,
    notify_worker,
    upsert_job_definition,
    wake_channel,
)
from runledger_runtime import PostgresLedger
from runledger_runtime._postgres import _listener, _own_connection

pytestmark = pytest.mark.db

LISTENING = """
    SELECT pid FROM pg_stat_activity
    WHERE query LIKE 'LISTEN%' AND datname = current_database()
"""
CUT = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE query LIKE 'LISTEN%' AND datname = current_database()
"""


@pytest.fixture
def ledger(runledger_pool):
    return PostgresLedger(runledger_pool)


class Ear:
    """What a worker hears."""

    def __init__(self):
        self.ready = trio.Event()
        self.count = 0
        self.heard = trio.Event()

    def hear(self):
        self.count += 1
        self.heard.set()

    async def listen(self, ledger, worker_id="w1"):
        await ledger.listen(worker_id, on_ready=self.ready.set, on_wake=self.hear)


async def test_an_enqueue_is_heard_by_the_worker_that_sleeps(ledger, runledger_pool):
    upsert_job_definition(runledger_pool, JobDefinition("mail.send"))
    asleep, other = Ear(), Ear()
    announce_worker(
        runledger_pool, worker_id="w1", job_types=["mail.send"], ttl_seconds=60
    )
    fall_asleep(
        runledger_pool, worker_id="w1", job_types=["mail.send"], longest_seconds=60
    )

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(asleep.listen, ledger)
            nursery.start_soon(other.listen, ledger, "w2")
            await asleep.ready.wait()
            await other.ready.wait()
            enqueue_job(runledger_pool, JobEnqueue("mail.send"))
            await asleep.heard.wait()
            nursery.cancel_scope.cancel()

    assert 1 == asleep.count
    assert 0 == other.count


async def test_what_was_not_meant_to_wake_does_not(ledger, runledger_pool):
    ear = Ear()

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ear.listen, ledger)
            await ear.ready.wait()
            # As from a worker of the same name in another schema of the database.
            notify_worker(runledger_pool, "w1", payload="hello")
            notify_worker(runledger_pool, "w1", payload="w1")
            await ear.heard.wait()
            nursery.cancel_scope.cancel()

    assert 1 == ear.count


async def test_a_connection_that_is_cut_is_an_error(ledger, runledger_pool):
    ear = Ear()

    async def cut():
        await ear.ready.wait()
        with runledger_pool.connection() as connection:
            connection.execute(CUT)

    with pytest.raises(RunledgerError) as caught, trio.fail_after(20):
        await listen_beside(ear, ledger, cut)

    assert "db.connection_failed" == caught.value.code


async def listen_beside(ear, ledger, task):
    """Listen until an error comes, past the nursery's group."""
    error = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(task)
        try:
            await ear.listen(ledger)
        except RunledgerError as raised:
            error = raised
    if error is not None:
        raise error


async def test_notifications_that_do_not_arrive_are_found_out(
    ledger, monkeypatch, raises_code
):
    """As behind a pooler in transaction mode, which gives LISTEN to anybody."""
    monkeypatch.setattr(_listener, "_ARRIVAL_SECONDS", 0.2)
    monkeypatch.setattr(_listener, "wake_channel", lambda _: wake_channel("somebody"))
    ear = Ear()

    with raises_code("runtime.notifications_not_received"), trio.fail_after(20):
        await ear.listen(ledger)

    assert not ear.ready.is_set()


async def test_it_listens_beside_the_pool_and_leaves_nothing_behind(
    runledger_database, runledger_pool
):
    ear = Ear()

    with ConnectionPool(runledger_database, min_size=1, max_size=1) as small:
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ear.listen, PostgresLedger(small))
                await ear.ready.wait()
                with small.connection() as connection:
                    during = connection.execute(LISTENING).fetchall()
                nursery.cancel_scope.cancel()
        with small.connection() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(%s, 10000)", during[0], prepare=False
            )
            after = connection.execute(LISTENING).fetchall()

    assert 1 == len(during)
    assert [] == after


async def test_a_server_that_does_not_answer_is_an_error(raises_code):
    pool = ConnectionPool("postgresql://nobody@127.0.0.1:1/nothing", open=False)

    with raises_code("db.connection_failed"):
        await Ear().listen(PostgresLedger(pool))


async def test_a_connection_that_came_too_late_is_closed(runledger_database):
    opening = _own_connection._Opening(
        ConnectionPool(runledger_database, open=False), wake_channel("w1")
    )

    opening.give_up()

    assert opening.open().closed
    assert isinstance(opening._connection, psycopg.Connection)
