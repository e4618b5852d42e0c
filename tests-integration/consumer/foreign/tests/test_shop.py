"""The shop's own tests, with the fixtures and questions of runledger-test-support."""

from __future__ import annotations

import asyncio
import sys

import psycopg
import pytest
from shop.jobs import catalog, sent, sign_up

from runledger_core import JobEnqueue
from runledger_postgres import enqueue_job
from runledger_test_support import (
    assert_enqueued,
    assert_nothing_enqueued,
    drain,
)


@pytest.fixture
def shop(runledger_pool):
    with runledger_pool.connection() as connection:
        connection.execute("CREATE TABLE accounts (address text)")
    catalog.sync_definitions(runledger_pool)
    return runledger_pool


def test_a_database_has_the_schema(runledger_database):
    with psycopg.connect(runledger_database) as connection:
        found = connection.execute("SELECT count(*) FROM job_queue").fetchone()

    assert found == (0,)


def test_signing_up_sends_a_mail(shop):
    with shop.connection() as connection:
        sign_up(connection, "ada@example.org")
        assert_enqueued(connection, "mail.send", {"to": "ada@example.org"})

    report = drain(shop, catalog)

    assert len(report.succeeded) == 1
    assert "ada@example.org" in sent
    assert_nothing_enqueued(shop)


def test_a_refused_mail_is_given_up(runledger_clock, shop):
    with shop.connection() as connection:
        sign_up(connection, "nobody@invalid")

    assert drain(shop, catalog).dead_lettered == []
    runledger_clock.advance(hours=1)

    assert len(drain(shop, catalog).dead_lettered) == 1


def test_asyncio_code_enqueues(shop, runledger_async_pool):
    async def enqueue():
        async with runledger_async_pool(max_connections=2) as pool:
            await enqueue_job(pool, JobEnqueue("mail.send", {"to": "b@example.org"}))

    asyncio.run(enqueue())

    assert_enqueued(shop, "mail.send", {"to": "b@example.org"})


def test_the_worker_program_stops_in_good_order(shop, runledger_worker):
    worker = runledger_worker(sys.executable, "-m", "shop.worker")

    assert worker.stop() == 0
