"""Pools on databases of their own."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from psycopg import errors

from runledger_test_support import (
    TestSupportError,
    setup_ephemeral_async_pool,
    setup_ephemeral_pool,
    setup_ephemeral_pool_with_untracked_migrations,
    setup_unmigrated_ephemeral_pool,
    teardown_ephemeral_async_pool,
    teardown_ephemeral_pool,
)
from runledger_test_support._budget import process_budget

pytestmark = pytest.mark.db


def assert_gone(dsn):
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(dsn)


def test_a_pool_is_open_migrated_and_torn_down():
    ephemeral = setup_ephemeral_pool("pool", 2)

    with ephemeral.pool.connection() as connection:
        count = connection.execute("SELECT count(*) FROM job_queue").fetchone()
    teardown_ephemeral_pool(ephemeral)
    teardown_ephemeral_pool(ephemeral)

    assert count == (0,)
    assert ephemeral.pool.closed
    assert ephemeral.pool.max_size == 2
    assert_gone(ephemeral.database.dsn)


def test_a_pool_is_a_context_manager():
    with setup_ephemeral_pool("context") as ephemeral:
        assert not ephemeral.pool.closed

    assert ephemeral.pool.closed
    assert_gone(ephemeral.database.dsn)


def test_a_pool_on_a_schema_of_plain_files(tmp_path):
    first, second = tmp_path / "z.sql", tmp_path / "a.sql"
    first.write_text("CREATE TABLE orders (id int); CREATE TABLE notes (id int);")
    second.write_text("ALTER TABLE orders ADD COLUMN total int;")

    with (
        setup_ephemeral_pool_with_untracked_migrations(
            "plain", [first, second], 2
        ) as ephemeral,
        ephemeral.pool.connection() as connection,
    ):
        tables = connection.execute(
            "SELECT table_name FROM information_schema.columns"
            " WHERE table_schema = 'public' ORDER BY 1"
        ).fetchall()

    assert tables == [("notes",), ("orders",), ("orders",)]
    assert_gone(ephemeral.database.dsn)


def test_a_plain_file_that_fails_is_named_and_leaves_no_database(tmp_path):
    file = tmp_path / "broken.sql"
    file.write_text("CREATE TABLE orders (id nonsense);")
    free = process_budget().free

    with pytest.raises(TestSupportError, match=r"broken\.sql") as caught:
        setup_ephemeral_pool_with_untracked_migrations("plain", [file])

    assert caught.value.code == "test_support.migration_failed"
    assert process_budget().free == free


def test_teardown_ends_sessions_that_a_test_forgot():
    ephemeral = setup_ephemeral_pool("forgotten")

    with psycopg.connect(ephemeral.database.dsn):
        teardown_ephemeral_pool(ephemeral)

    assert_gone(ephemeral.database.dsn)


def test_a_pool_in_another_schema():
    with (
        setup_ephemeral_pool("schema", schema="ledger") as ephemeral,
        ephemeral.pool.connection() as connection,
    ):
        assert connection.execute("SELECT current_schema()").fetchone() == ("ledger",)


def test_an_unmigrated_pool_is_empty():
    with (
        setup_unmigrated_ephemeral_pool("empty") as ephemeral,
        ephemeral.pool.connection() as connection,
        pytest.raises(errors.UndefinedTable),
    ):
        connection.execute("SELECT FROM job_queue")


def test_the_asyncio_pool_is_open_migrated_and_torn_down():
    async def use():
        ephemeral = await setup_ephemeral_async_pool("async", 2)
        async with ephemeral.pool.connection() as connection:
            cursor = await connection.execute("SELECT count(*) FROM job_queue")
            count = await cursor.fetchone()
        await teardown_ephemeral_async_pool(ephemeral)
        await teardown_ephemeral_async_pool(ephemeral)
        return ephemeral, count

    ephemeral, count = asyncio.run(use())

    assert count == (0,)
    assert ephemeral.pool.closed
    assert_gone(ephemeral.database.dsn)


def test_the_asyncio_pool_is_a_context_manager():
    async def use():
        async with (
            await setup_ephemeral_async_pool("async", schema="ledger") as made,
            made.pool.connection() as connection,
        ):
            await connection.execute("SELECT FROM ledger.job_queue")
        return made

    assert_gone(asyncio.run(use()).database.dsn)


def test_pools_give_their_budget_back():
    free = process_budget().free

    with setup_ephemeral_pool("budget", 5):
        assert process_budget().free == free - 6

    assert process_budget().free == free
