"""Applying migrations to a database."""

from __future__ import annotations

import psycopg
import pytest

from runledger_test_support import TestSupportError
from runledger_test_support._migrations import load_vendored_migrations
from runledger_test_support._schema import check_schema_name, migrate_database

pytestmark = pytest.mark.db


def read(dsn, query):
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchall()


def test_every_migration_is_recorded_with_its_checksum(
    runledger_empty_database, make_migrations
):
    migrations = make_migrations("CREATE TABLE thing (id bigint)")

    migrate_database(runledger_empty_database, migrations)

    rows = read(
        runledger_empty_database,
        "SELECT version, name, checksum, applied_by FROM runledger_migrations "
        "ORDER BY version",
    )
    assert rows == [
        (m.version, m.name, m.checksum, "runledger-test-support")
        for m in migrations.migrations
    ]


def test_a_failing_migration_leaves_the_ones_before_it(
    runledger_empty_database, make_migrations
):
    migrations = make_migrations("CREATE TABLE thing (); SELECT 1 / 0")

    with pytest.raises(TestSupportError):
        migrate_database(runledger_empty_database, migrations)

    assert read(
        runledger_empty_database,
        "SELECT version FROM runledger_migrations WHERE to_regclass('thing') IS NULL",
    ) == [(202601010001,)]


def test_everything_goes_into_the_named_schema(
    runledger_empty_database, make_migrations
):
    migrations = make_migrations("CREATE TABLE thing (); CREATE TYPE kind AS ENUM ()")

    migrate_database(runledger_empty_database, migrations, schema="ledger")

    assert read(
        runledger_empty_database,
        "SELECT DISTINCT relnamespace::regnamespace::text FROM pg_class "
        "WHERE relname IN ('thing', 'kind', 'runledger_migrations')",
    ) == [("ledger",)]


def test_cutover_constraints_end_validated(runledger_empty_database, make_migrations):
    migrations = make_migrations(
        """
        CREATE TABLE job_queue (a int);
        ALTER TABLE job_queue
            ADD CONSTRAINT ck_job_queue_idempotency_enqueue_request
            CHECK (a > 0) NOT VALID,
            ADD CONSTRAINT another CHECK (a > 1) NOT VALID;
        """
    )

    migrate_database(runledger_empty_database, migrations, schema="ledger")

    assert read(
        runledger_empty_database,
        "SELECT conname, convalidated FROM pg_constraint "
        "WHERE conrelid = 'ledger.job_queue'::regclass ORDER BY conname",
    ) == [("another", False), ("ck_job_queue_idempotency_enqueue_request", True)]


def test_the_vendored_migrations_leave_no_constraint_unvalidated(runledger_database):
    assert (
        read(
            runledger_database,
            "SELECT conname FROM pg_constraint WHERE NOT convalidated",
        )
        == []
    )
    assert read(runledger_database, "SELECT count(*) FROM runledger_migrations") == [
        (len(load_vendored_migrations().migrations),)
    ]


@pytest.mark.parametrize(
    "schema", ["", "Ledger", "a b", "a-b", "1a", "pg_mine", "a" * 64, 'a"b', "ä"]
)
def test_a_schema_name_that_needs_quoting_is_refused(schema):
    with pytest.raises(TestSupportError) as caught:
        check_schema_name(schema)

    assert caught.value.code == "test_support.invalid_argument"
