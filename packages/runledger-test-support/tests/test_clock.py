"""The database's time, moved forward."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from runledger_test_support import TestSupportError, install_clock

pytestmark = pytest.mark.db
DAY = timedelta(days=1)


def value(dsn, query):
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(query).fetchone()[0]


@pytest.mark.parametrize("expression", ["now()", "clock_timestamp()"])
def test_sql_sees_the_moved_time(expression, runledger_clock, runledger_database):
    before = value(runledger_database, f"SELECT {expression}")

    runledger_clock.advance(days=1)

    after = value(runledger_database, f"SELECT {expression}")
    assert DAY <= after - before < 2 * DAY


def test_an_open_connection_sees_it_too(runledger_clock, runledger_pool):
    with runledger_pool.connection() as connection:
        before = connection.execute("SELECT now()").fetchone()[0]
    runledger_clock.advance(DAY)
    with runledger_pool.connection() as connection:
        after = connection.execute("SELECT now()").fetchone()[0]

    assert after - before >= DAY


def test_defaults_views_and_triggers_see_it(runledger_clock, runledger_database):
    runledger_clock.advance(days=2)
    yesterday = "SELECT pg_catalog.now() + interval '1 day'"
    with psycopg.connect(runledger_database) as connection:
        created, updated = connection.execute(
            "INSERT INTO job_definitions (job_type) VALUES ('x') "
            "RETURNING created_at, updated_at"
        ).fetchone()
        connection.execute(
            "INSERT INTO job_queue (job_type, max_attempts, timeout_seconds, priority) "
            "VALUES ('x', 1, 1, 1)"
        )
        connection.execute("UPDATE job_definitions SET version = 2")
        touched = connection.execute("SELECT updated_at FROM job_definitions")
        limit = connection.execute(yesterday).fetchone()[0]

        assert limit < min(created, updated, touched.fetchone()[0])


def test_move_to_an_instant(runledger_clock):
    instant = datetime.now(UTC) + 400 * DAY

    assert instant <= runledger_clock.move_to(instant) < instant + DAY


@pytest.mark.parametrize(
    "instant",
    [datetime(2020, 1, 1, tzinfo=UTC), datetime(2120, 1, 1)],  # noqa: DTZ001
)
def test_time_neither_runs_back_nor_to_nowhere(instant, runledger_clock):
    with pytest.raises(TestSupportError) as caught:
        runledger_clock.move_to(instant)

    assert "test_support.invalid_argument" == caught.value.code


def test_a_repeated_installation_keeps_the_time(runledger_clock, runledger_database):
    there = runledger_clock.advance(DAY)

    assert there <= install_clock(runledger_database).now() < there + DAY


def test_other_databases_keep_their_time(runledger_database):
    query = "SELECT to_regnamespace('runledger_test_clock') IS NULL"

    assert value(runledger_database, query)
