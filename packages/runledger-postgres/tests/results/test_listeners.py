"""One connection that listens for all waiters, and those who poll instead."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from runledger_core import (
    EVERYTHING,
    JobCompletion,
    JobEnqueue,
)
from runledger_postgres import (
    ResultTimeoutError,
    SettleSuccess,
    claim_jobs,
    complete_job_success,
    complete_jobs,
    enqueue_jobs,
    job_handle,
)
from runledger_postgres.results import _listener_task, _listener_thread, _watch

pytestmark = pytest.mark.db

DONE = JobCompletion(output={"sent": 3})
in_both_forms = pytest.mark.parametrize("form", ["blocking", "asyncio"])


@in_both_forms
def test_a_read_only_waiter_polls(
    listeners, wait, connection, enqueue, claim, runledger_database, until
):
    job_id = enqueue()
    read_only = psycopg.conninfo.make_conninfo(
        runledger_database, options="-c default_transaction_read_only=on"
    )
    waiting = wait(job_id, dsn=read_only, poll_interval=0.1)
    until(listeners)

    complete_job_success(connection, claim().lease, DONE)

    assert waiting.result() == {"sent": 3}


@in_both_forms
def test_polling_goes_on_when_the_listener_is_gone(
    wait, until_waiting, connection, enqueue, claim, monkeypatch
):
    for listener in (_listener_task, _listener_thread):
        monkeypatch.setattr(listener, "FIRST_RETRY_SECONDS", 600)
    job_id = enqueue()
    waiting = wait(job_id, poll_interval=0.1)
    connection.execute("SELECT pg_terminate_backend(%s)", [until_waiting(job_id)])

    complete_job_success(connection, claim().lease, DONE)

    assert waiting.result() == {"sent": 3}


@in_both_forms
def test_a_lost_listener_comes_back(
    listeners,
    wait,
    until,
    until_waiting,
    told_or_never,
    connection,
    enqueue,
    claim,
    monkeypatch,
):
    for listener in (_listener_task, _listener_thread):
        monkeypatch.setattr(listener, "FIRST_RETRY_SECONDS", 0.01)
    job_id = enqueue()
    waiting = wait(job_id, **told_or_never)
    lost = until_waiting(job_id)
    connection.execute("SELECT pg_terminate_backend(%s)", [lost])
    until(f"{listeners} AND pid <> %s AND state = 'idle'", lost)

    complete_job_success(connection, claim().lease, DONE)

    assert waiting.result() == {"sent": 3}


@in_both_forms
def test_the_listener_ends_some_time_after_the_last_waiter(
    listeners, form, until, connection, enqueue, claim, runledger_database, monkeypatch
):
    for module in (_listener_task, _listener_thread):
        monkeypatch.setattr(module, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(_watch, "LINGER_SECONDS", 0.1)
    job_id = enqueue()

    async def main():
        async with AsyncConnectionPool(runledger_database, open=False) as pool:
            with pytest.raises(ResultTimeoutError):
                await job_handle(pool, job_id, scope=EVERYTHING).get_result(timeout=0.5)
            await asyncio.to_thread(until, f"SELECT 1 WHERE NOT EXISTS ({listeners})")

    if form == "asyncio":
        asyncio.run(main())
        return
    with ConnectionPool(runledger_database, open=True) as pool:
        with pytest.raises(ResultTimeoutError):
            job_handle(pool, job_id, scope=EVERYTHING).get_result(timeout=0.5)
        until(f"SELECT 1 WHERE NOT EXISTS ({listeners})")


def test_nobody_is_notified_of_what_nobody_waits_for(
    connection, enqueue, claim, runledger_database
):
    enqueue()
    with psycopg.connect(runledger_database, autocommit=True) as listener:
        listener.execute("LISTEN runledger_job_terminal")

        complete_job_success(connection, claim().lease)

        connection.execute("NOTIFY runledger_job_terminal, 'the end'")
        [told] = listener.notifies(timeout=20, stop_after=1)
    assert told.payload == "the end"


def test_registrations_that_expired_are_swept_by_the_next(wait, connection, enqueue):
    connection.execute(
        "INSERT INTO result_waiters SELECT uuidv7(), now() - interval '1 second'"
        " FROM generate_series(1, 50)"
    )
    job_id = enqueue()

    with pytest.raises(ResultTimeoutError):
        wait(job_id, timeout=0.1).result()

    found = connection.execute("SELECT target_id FROM result_waiters").fetchall()
    assert found == [(job_id,)]


def test_a_thousand_waiters_listen_over_one_connection(
    connection, define, runledger_database, told_or_never, until
):
    define()

    outcomes = enqueue_jobs(connection, [JobEnqueue("mail.send")] * 1000)
    found = claim_jobs(connection, worker_id="w", lease_seconds=600, limit=1000)

    async def main():
        async with AsyncConnectionPool(
            runledger_database, min_size=1, max_size=4, open=False
        ) as pool:
            handles = [
                job_handle(pool, one.job_id, scope=EVERYTHING) for one in outcomes
            ]
            waiting = [
                asyncio.create_task(handle.get_result(timeout=60, **told_or_never))
                for handle in handles
            ]
            await asyncio.to_thread(
                until,
                "SELECT 1 FROM (SELECT count(*) AS n FROM result_waiters) AS w"
                " WHERE n = 1000",
            )
            [connections] = await asyncio.to_thread(
                until,
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database()"
                " AND pid <> ALL (%s)",
                [connection.info.backend_pid],
            )
            await asyncio.to_thread(
                complete_jobs,
                connection,
                [SettleSuccess(job.lease, DONE) for job in found],
            )
            return connections, await asyncio.gather(*waiting)

    connections, results = asyncio.run(main())

    assert results == [DONE.output] * 1000
    # The pool's four, the listener, and the one that counts.
    assert connections <= 6


def test_a_notification_that_says_nothing_wakes_nobody():
    watch, woken, target_id = _watch.Watch(), [], uuid4()
    watch.add(target_id, lambda: woken.append(1))

    for payload in ("", "{}", "[]", "null", '{"job_id": 7}', '{"job_id": "x"}'):
        watch.wake(payload)
    watch.wake(f'{{"job_id": "{uuid4()}"}}')
    assert woken == []

    watch.wake(f'{{"job_id": "{target_id}"}}')
    assert woken == [1]
