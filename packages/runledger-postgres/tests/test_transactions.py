"""Who commits: the operation over a pool, the caller over a connection."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from runledger_core import EVERYTHING, JobEnqueue
from runledger_postgres import (
    awake,
    claim_jobs,
    count_jobs_by_status,
    enqueue_job,
    enqueue_jobs,
    fall_asleep,
    get_job_by_id,
    wake_worker,
)

pytestmark = pytest.mark.db

REQUEST = JobEnqueue("mail.send", {"to": "ada"})


def job_count(connection: psycopg.Connection[Any]) -> int:
    counts = count_jobs_by_status(connection, scope=EVERYTHING)
    return sum(count.count for count in counts.values())


def test_a_pool_commits_by_itself(run, define, connection):
    define()

    outcome = run(enqueue_job, REQUEST)

    assert get_job_by_id(connection, outcome.job_id, scope=EVERYTHING) is not None


def test_a_connection_lent_by_a_pool_comes_back_as_it_was(
    runledger_database, define, raises_code
):
    define()
    with ConnectionPool(runledger_database, min_size=1, max_size=1) as pool:
        enqueue_job(pool, REQUEST)
        with raises_code("job.definition_not_found_or_disabled"):
            enqueue_job(pool, JobEnqueue("nobody.knows"))

        with pool.connection() as lent:
            assert not lent.autocommit


def test_a_job_leaves_with_the_transaction_that_rolls_back(
    runledger_database, define, connection
):
    define()
    with psycopg.connect(runledger_database) as host:
        host.execute("CREATE TEMPORARY TABLE orders (id integer)")
        host.execute("INSERT INTO orders VALUES (1)")
        enqueue_job(host, REQUEST)
        host.rollback()

    assert job_count(connection) == 0


def test_a_job_arrives_with_the_transaction_that_commits(
    runledger_database, define, connection
):
    define()
    with psycopg.connect(runledger_database) as host:
        host.execute("SELECT 1")
        enqueue_job(host, REQUEST)
        assert job_count(connection) == 0
        host.commit()

    assert job_count(connection) == 1


def test_the_first_statement_of_a_connection_opens_the_callers_transaction(
    runledger_database, define, connection
):
    define()
    with psycopg.connect(runledger_database) as host:
        enqueue_job(host, REQUEST)
        assert host.info.transaction_status.name == "INTRANS"
        host.rollback()

    assert job_count(connection) == 0


def test_an_operation_that_asks_nothing_answers_on_any_connection(
    run, runledger_database
):
    async def ask():
        async with await psycopg.AsyncConnection.connect(runledger_database) as host:
            return await enqueue_jobs(host, [])

    with psycopg.connect(runledger_database) as host:
        assert enqueue_jobs(host, []) == []
    assert asyncio.run(ask()) == []
    assert run(enqueue_jobs, []) == []


def test_an_autocommit_connection_commits_by_itself(define, connection):
    define()

    enqueue_job(connection, REQUEST)

    assert connection.info.transaction_status.name == "IDLE"
    assert job_count(connection) == 1


def test_a_transaction_block_decides_over_an_autocommit_connection(define, connection):
    define()

    with connection.transaction(force_rollback=True):
        enqueue_job(connection, REQUEST)

    assert job_count(connection) == 0


def test_a_refused_operation_leaves_the_callers_transaction_usable(
    runledger_database, define, connection, raises_code
):
    define()
    with psycopg.connect(runledger_database) as host:
        enqueue_job(host, REQUEST)
        with raises_code("job.definition_not_found_or_disabled"):
            enqueue_job(host, JobEnqueue("nobody.knows"))
        host.commit()

    assert job_count(connection) == 1


def test_a_refused_first_operation_leaves_no_transaction_open(
    runledger_database, raises_code
):
    with psycopg.connect(runledger_database) as host:
        with raises_code("job.definition_not_found_or_disabled"):
            enqueue_job(host, JobEnqueue("nobody.knows"))
        assert host.info.transaction_status.name == "IDLE"


def test_asyncio_joins_the_callers_transaction_too(
    runledger_database, define, connection
):
    define()

    async def main() -> None:
        host = await psycopg.AsyncConnection.connect(runledger_database)
        async with host:
            await enqueue_job(host, REQUEST)
            await host.rollback()
            await enqueue_job(host, REQUEST)
            await host.execute("SELECT 1")
            await enqueue_job(host, REQUEST)
            await host.commit()

    asyncio.run(main())

    assert job_count(connection) == 2


def test_asyncio_cancellation_rolls_back(runledger_database, define, connection):
    define()
    connection.execute("BEGIN")
    connection.execute("LOCK TABLE job_definitions IN ACCESS EXCLUSIVE MODE")

    async def main() -> None:
        host = await psycopg.AsyncConnection.connect(runledger_database)
        async with host:
            task = asyncio.create_task(enqueue_job(host, REQUEST))
            await asyncio.wait([task], timeout=0.2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert host.info.transaction_status.name == "IDLE"

    asyncio.run(main())
    connection.execute("ROLLBACK")

    assert job_count(connection) == 0


def test_an_operation_that_commits_refuses_a_callers_transaction(
    connection, raises_code
):
    with (
        connection.transaction(),
        raises_code("db.transaction_not_owned"),
    ):
        claim_jobs(connection, worker_id="w1", lease_seconds=60, limit=1)


def test_an_aborted_transaction_is_named(runledger_database, define, raises_code):
    define()
    with psycopg.connect(runledger_database) as host:
        with pytest.raises(psycopg.errors.DivisionByZero):
            host.execute("SELECT 1 / 0")
        with raises_code("db.transaction_aborted"):
            enqueue_job(host, REQUEST)


def test_a_closed_connection_is_named(runledger_database, raises_code):
    host = psycopg.connect(runledger_database)
    host.close()

    with raises_code("db.connection_failed"):
        enqueue_job(host, REQUEST)


ALONE = {
    "enqueue_job": lambda db: enqueue_job(db, REQUEST),
    "claim_jobs": lambda db: claim_jobs(db, worker_id="w", lease_seconds=9, limit=9),
    "fall_asleep": lambda db: fall_asleep(
        db, worker_id="w", job_types=["mail.send"], longest_seconds=9
    ),
    "awake": lambda db: awake(db, "w"),
    "wake_worker": lambda db: wake_worker(db, worker_id="w", job_types=["mail.send"]),
}


@pytest.mark.parametrize("ask", ALONE.values(), ids=list(ALONE))
def test_what_is_one_statement_takes_one_round_trip(define, connection, tmp_path, ask):
    define()
    log = tmp_path / "messages"

    with log.open("w") as file:
        connection.pgconn.trace(file.fileno())
        ask(connection)
        connection.pgconn.untrace()

    assert log.read_text().count("ReadyForQuery") == 1


@pytest.mark.parametrize("threshold", [5, None], ids=["allowed", "not allowed"])
def test_what_commits_alone_is_prepared_at_once_on_a_connection_of_a_pool(
    runledger_database, define, threshold
):
    define()
    settings = {"prepare_threshold": threshold}
    with ConnectionPool(
        runledger_database, min_size=1, max_size=1, kwargs=settings
    ) as pool:
        enqueue_job(pool, REQUEST)

        with pool.connection() as lent:
            assert prepared_count(lent) == (0 if threshold is None else 1)


def test_a_connection_of_the_callers_decides_by_itself_what_it_prepares(
    define, connection
):
    define()

    enqueue_job(connection, REQUEST)

    assert prepared_count(connection) == 0


def prepared_count(connection: psycopg.Connection[Any]) -> int:
    [[count]] = connection.execute("SELECT count(*) FROM pg_prepared_statements")
    return count
