"""Migrating a database, and refusing one that does not fit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from runledger_core import JobDefinition, JobEnqueue
from runledger_postgres import (
    bundled_migrations,
    enqueue_job,
    ensure_schema_compatible_after_idempotency_cutover,
    migrate_after_idempotency_cutover,
    upsert_job_definition,
)
from runledger_postgres.schema._inspect import inspect_schema

pytestmark = pytest.mark.db

VERSIONS = tuple(m.version for m in bundled_migrations().migrations)
BASELINE = VERSIONS[0]


@pytest.fixture
def empty(runledger_empty_database: str) -> Any:
    """A connection to a database without a ledger."""
    with psycopg.connect(runledger_empty_database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def migrated(empty: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """The same after migrating."""
    migrate_after_idempotency_cutover(empty)
    return empty


def test_a_migration_brings_everything_and_a_repeat_nothing(empty):
    first = migrate_after_idempotency_cutover(empty)
    second = migrate_after_idempotency_cutover(empty)

    assert first.applied_versions == VERSIONS
    assert (second.applied_versions, second.already_applied_count) == (
        (),
        len(VERSIONS),
    )
    ensure_schema_compatible_after_idempotency_cutover(empty)


def test_the_snapshot_checks_are_validated_afterwards(migrated):
    unvalidated = migrated.execute(
        "SELECT conname FROM pg_constraint WHERE NOT convalidated"
    ).fetchall()

    assert unvalidated == []


def test_a_database_of_the_test_support_is_the_same(runledger_database, connection):
    ensure_schema_compatible_after_idempotency_cutover(connection)

    report = migrate_after_idempotency_cutover(connection)

    assert report.applied_versions == ()


def test_the_ledger_goes_where_the_search_path_points(empty):
    empty.execute("CREATE SCHEMA ledger")
    migrate_after_idempotency_cutover(empty)
    empty.execute("SET search_path TO ledger, public")

    report = migrate_after_idempotency_cutover(empty)
    upsert_job_definition(empty, JobDefinition("mail.send"))
    enqueue_job(empty, JobEnqueue("mail.send", idempotency_key="k"))

    assert report.applied_versions == VERSIONS
    counts = empty.execute(
        "SELECT (SELECT count(*) FROM ledger.job_queue),"
        " (SELECT count(*) FROM public.job_queue)"
    ).fetchone()
    assert counts == (1, 0)


def test_concurrent_migrators_apply_it_once(runledger_empty_database):
    def migrate(_: int) -> int:
        with psycopg.connect(runledger_empty_database, autocommit=True) as connection:
            return len(migrate_after_idempotency_cutover(connection).applied_versions)

    with ThreadPoolExecutor(4) as threads:
        applied = list(threads.map(migrate, range(4)))

    assert sorted(applied) == [0, 0, 0, len(VERSIONS)]


def test_a_migration_that_fails_leaves_nothing_behind(empty, raises_code):
    empty.execute("CREATE TABLE workflow_runs (mine integer)")

    with raises_code("db.query_failed"):
        migrate_after_idempotency_cutover(empty)

    left = empty.execute(
        "SELECT relname FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
    ).fetchall()
    assert left == [("workflow_runs",)]


def test_a_database_without_a_ledger_is_named(empty, raises_code):
    with raises_code("schema.history_missing") as caught:
        ensure_schema_compatible_after_idempotency_cutover(empty)

    assert str(BASELINE) in str(caught.value)


BOTH = pytest.mark.parametrize(
    "check",
    [
        migrate_after_idempotency_cutover,
        ensure_schema_compatible_after_idempotency_cutover,
    ],
    ids=["migrate", "ensure"],
)


@BOTH
def test_tables_of_somebody_else_are_not_touched(empty, raises_code, check):
    empty.execute("CREATE TABLE job_queue (mine integer)")

    with raises_code("schema.foreign_objects") as caught:
        check(empty)

    assert "job_queue" in str(caught.value)


@BOTH
def test_a_history_without_its_tables_is_named(migrated, raises_code, check):
    migrated.execute("DROP TABLE job_attempts CASCADE")

    with raises_code("schema.objects_missing") as caught:
        check(migrated)

    assert "job_attempts" in str(caught.value)


@BOTH
def test_a_hole_in_the_history_is_named(migrated, raises_code, check):
    migrated.execute(
        "DELETE FROM runledger_migrations WHERE version = %s", [VERSIONS[1]]
    )

    with raises_code("schema.history_gap") as caught:
        check(migrated)

    assert str(VERSIONS[1]) in str(caught.value)


@BOTH
def test_an_edited_migration_is_named(migrated, raises_code, check):
    migrated.execute(
        "UPDATE runledger_migrations SET checksum = 'x' WHERE version = %s",
        [VERSIONS[2]],
    )

    with raises_code("schema.checksum_mismatch") as caught:
        check(migrated)

    assert str(VERSIONS[2]) in str(caught.value)


@BOTH
def test_another_name_for_a_version_is_named(migrated, raises_code, check):
    migrated.execute(
        "UPDATE runledger_migrations SET name = 'other' WHERE version = %s",
        [VERSIONS[2]],
    )

    with raises_code("schema.name_mismatch"):
        check(migrated)


@BOTH
def test_a_newer_schema_is_refused_only_when_its_fence_says_so(
    migrated, raises_code, check
):
    migrated.execute(
        "INSERT INTO runledger_migrations (version, name, checksum, applied_by)"
        " VALUES (203001010001, 'future', 'x', 'a later release')"
    )
    check(migrated)

    migrated.execute(
        "INSERT INTO runledger_migration_history (version) VALUES (203001010001)"
    )
    with raises_code("schema.version_unknown") as caught:
        check(migrated)

    assert "203001010001" in str(caught.value)


def test_a_schema_that_is_behind_is_named(migrated, raises_code):
    migrated.execute(
        "DELETE FROM runledger_migrations WHERE version = %s", [VERSIONS[-1]]
    )

    with raises_code("schema.version_missing") as caught:
        ensure_schema_compatible_after_idempotency_cutover(migrated)

    assert str(VERSIONS[-1]) in str(caught.value)


@BOTH
def test_keyed_rows_from_before_the_cutover_are_counted(migrated, raises_code, check):
    migrated.execute(
        "ALTER TABLE job_queue DROP CONSTRAINT ck_job_queue_idempotency_enqueue_request"
    )
    upsert_job_definition(migrated, JobDefinition("mail.send"))
    migrated.execute(
        "INSERT INTO job_queue (job_type, max_attempts, idempotency_key)"
        " VALUES ('mail.send', 1, 'old')"
    )
    migrated.execute(
        "ALTER TABLE job_queue ADD CONSTRAINT ck_job_queue_idempotency_enqueue_request"
        " CHECK (idempotency_key IS NULL OR enqueue_request IS NOT NULL) NOT VALID"
    )

    with raises_code("schema.legacy_idempotency_snapshots_missing") as caught:
        check(migrated)

    assert "1 jobs" in str(caught.value)


@BOTH
def test_a_search_path_that_leads_nowhere_is_named(empty, raises_code, check):
    empty.execute("SET search_path TO nowhere")

    with raises_code("schema.search_path_empty"):
        check(empty)


def test_a_server_that_is_too_old_is_named(empty, raises_code):
    from runledger_postgres._operation import Operation  # noqa: PLC0415

    inspect = Operation(inspect_schema)

    with raises_code("db.server_too_old") as caught:
        inspect(empty, oldest_server=990000)

    assert "PostgreSQL 1" in str(caught.value)


@BOTH
def test_a_database_that_is_not_utf8_is_named(runledger_admin_dsn, raises_code, check):
    name = "runledger_latin1"
    with psycopg.connect(runledger_admin_dsn, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name}")
        admin.execute(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'"
        )
        try:
            with (
                psycopg.connect(
                    runledger_admin_dsn, dbname=name, autocommit=True
                ) as latin,
                raises_code("db.encoding_unsupported"),
            ):
                check(latin)
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_an_operation_on_a_database_without_a_ledger_says_so(empty, raises_code):
    with raises_code("db.schema_missing"):
        enqueue_job(empty, JobEnqueue("mail.send"))
