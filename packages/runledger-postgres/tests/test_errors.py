"""Errors: one translation, a stable code, and nothing shown that should not be."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from runledger_core import EVERYTHING, JobEnqueue
from runledger_postgres import (
    CommitUnconfirmedError,
    DatabaseConnectionError,
    QueryError,
    count_jobs_by_status,
    enqueue_job,
)
from runledger_postgres._operation import operation
from runledger_postgres._statements import Statement
from runledger_postgres._steps import one, script

pytestmark = pytest.mark.db

REQUEST = JobEnqueue("mail.send", {"secret": "rosebud"})
NOBODY_LISTENS = "postgresql://nobody:hidden@127.0.0.1:1/none"

DEFERRED_TRIGGER = """
CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {action};
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON job_queue
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION at_commit();
"""


ORPHAN_SCHEDULE = """
INSERT INTO job_schedules (name, job_type, cron_expr, next_fire_at)
VALUES ('daily', 'nobody', '0 4 * * *', now())
"""
REMOVED_DEFINITION = """
INSERT INTO job_queue (job_type, max_attempts) VALUES ('mail.send', 1);
DELETE FROM job_definitions
"""
ORPHAN_DEAD_LETTER = """
INSERT INTO job_dead_letters (job_id, job_type, attempt, payload_snapshot, failed_at)
VALUES (gen_random_uuid(), 'mail.send', 1, '{}', now())
"""


def job_count(connection: psycopg.Connection[Any]) -> int:
    counts = count_jobs_by_status(connection, scope=EVERYTHING)
    return sum(count.count for count in counts.values())


@pytest.fixture
def quiet_pool_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="psycopg.pool")


@pytest.mark.usefixtures("quiet_pool_log")
def test_a_server_that_does_not_answer_is_named_and_its_password_is_not(raises_code):
    with (
        ConnectionPool(NOBODY_LISTENS, min_size=1, timeout=0.5, open=True) as pool,
        raises_code("db.connection_failed") as caught,
    ):
        enqueue_job(pool, REQUEST)

    assert isinstance(caught.value, DatabaseConnectionError)
    told = f"{caught.value} {caught.value!r} {caught.value.internal_message()}"
    assert "hidden" not in told


@pytest.mark.usefixtures("quiet_pool_log")
def test_asyncio_names_a_server_that_does_not_answer(raises_code):
    async def main() -> None:
        async with AsyncConnectionPool(
            NOBODY_LISTENS, min_size=1, timeout=0.5, open=False
        ) as pool:
            await enqueue_job(pool, REQUEST)

    with raises_code("db.connection_failed"):
        asyncio.run(main())


def test_a_closed_pool_is_named(runledger_database, raises_code):
    pool = ConnectionPool(runledger_database, min_size=1, open=True)
    pool.close()

    with raises_code("db.connection_failed"):
        enqueue_job(pool, REQUEST)


def test_a_connection_that_breaks_in_the_middle_is_named(
    run, define, connection, raises_code
):
    define()

    @operation
    def cut_off() -> Any:
        yield from one(
            Statement("test/cut", "SELECT pg_terminate_backend(pg_backend_pid())")
        )

    with raises_code("db.connection_failed"):
        run(cut_off)

    run(enqueue_job, REQUEST)
    assert job_count(connection) == 1


def test_a_commit_without_an_answer_is_an_error_of_its_own(
    run, define, connection, raises_code
):
    define()
    connection.execute(
        DEFERRED_TRIGGER.format(action="PERFORM pg_terminate_backend(pg_backend_pid())")
    )

    with raises_code("db.transaction_commit_unconfirmed") as caught:
        run(enqueue_job, REQUEST)

    assert isinstance(caught.value, CommitUnconfirmedError)
    assert not isinstance(caught.value, QueryError)


def test_a_commit_that_the_server_refuses_is_an_ordinary_failure(
    run, define, connection, raises_code
):
    define()
    connection.execute(
        DEFERRED_TRIGGER.format(action="RAISE 'no' USING ERRCODE = '23514'")
    )

    with raises_code("db.business_rule_violation"):
        run(enqueue_job, REQUEST)

    assert job_count(connection) == 0


def test_an_error_keeps_the_servers_words_for_the_log_and_the_row_to_itself(
    run, define, connection
):
    define()
    connection.execute(
        "ALTER TABLE job_queue ADD CONSTRAINT no_secrets"
        " CHECK (payload ->> 'secret' IS NULL)"
    )

    with pytest.raises(QueryError) as caught:
        run(enqueue_job, REQUEST)
    error = caught.value

    assert (error.code, error.sqlstate) == ("db.business_rule_violation", "23514")
    assert error.constraint == "no_secrets"
    assert "no_secrets" not in f"{error} {error!r} {error.client_message}"
    assert 'violates check constraint "no_secrets"' in error.internal_message()
    assert "rosebud" not in error.internal_message()
    assert isinstance(error.__cause__, psycopg.errors.CheckViolation)
    assert "rosebud" in str(error.__cause__)


@pytest.mark.parametrize(
    ("sqlstate", "is_transient"),
    [
        ("40001", True),
        ("40P01", True),
        ("55P03", True),
        ("23505", False),
        (None, False),
    ],
)
def test_what_may_succeed_when_repeated_is_known(sqlstate, is_transient):
    assert QueryError("db.query_failed", sqlstate=sqlstate).is_transient is is_transient


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("SELECT nothing FROM job_queue", "db.schema_missing"),
        ("INSERT INTO job_queue DEFAULT VALUES", "db.required_field_missing"),
        (ORPHAN_SCHEDULE, "job.definition_not_found"),
        (REMOVED_DEFINITION, "db.related_resource_still_referenced"),
        (ORPHAN_DEAD_LETTER, "db.related_resource_missing"),
        (
            "INSERT INTO job_definitions (job_type) VALUES ('mail.send')",
            "db.unique_violation",
        ),
        ("SET LOCAL ROLE pg_monitor; DELETE FROM job_queue", "db.permission_denied"),
    ],
    ids=lambda value: value if value.startswith(("db.", "job.")) else "",
)
def test_constraints_and_states_have_their_codes(
    connection, define, raises_code, statement, code
):
    define()

    @operation
    def direct() -> Any:
        yield from script(Statement("test/direct", statement))

    with raises_code(code):
        direct(connection)
