"""Apply the migrations to a database."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import sql

from ._errors import INVALID_ARGUMENT, MIGRATION_FAILED, TestSupportError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ._migrations import Migration, MigrationSet

APPLIED_BY: Final = "runledger-test-support"
SCHEMA_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}", re.ASCII)
# Migrations add these as NOT VALID, for the sake of rows that old releases wrote.
# The storage layer's migrator validates them in the end; so do we, or the two
# would leave different databases.
CUTOVER_CONSTRAINTS: Final = (
    "ck_job_queue_idempotency_enqueue_request",
    "ck_workflow_runs_idempotency_enqueue_request",
)

RECORD_MIGRATION: Final = """
INSERT INTO runledger_migrations (version, name, checksum, applied_by)
VALUES (%(version)s, %(name)s, %(checksum)s, %(applied_by)s)
"""
SELECT_UNVALIDATED: Final = """
SELECT constrained.relname, conname
FROM pg_constraint
JOIN pg_class AS constrained ON constrained.oid = conrelid
WHERE connamespace = current_schema()::regnamespace
  AND conname = ANY (%(names)s)
  AND NOT convalidated
ORDER BY conname
"""


def check_schema_name(schema: str) -> None:
    """
    Refuse a name that would need quoting: it also travels in connection options.

    Raises:
        TestSupportError: ``test_support.invalid_argument``.
    """
    if SCHEMA_NAME.fullmatch(schema) is None or schema.startswith("pg_"):
        raise TestSupportError(
            INVALID_ARGUMENT,
            f"schema {schema!r} is not a plain lower-case name of at most 63 letters",
        )


def migrate_database(
    dsn: str, migrations: MigrationSet, *, schema: str | None = None
) -> None:
    """
    Apply *migrations* to the empty database *dsn*, each in its own transaction.

    With *schema*, everything goes into that schema, made here, and nothing
    into ``public``.

    Raises:
        TestSupportError: ``test_support.migration_failed`` names the file.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        if schema is not None:
            name = sql.Identifier(schema)
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(name))
            connection.execute(sql.SQL("SET search_path TO {}").format(name))
        _run(connection, "history.sql", migrations.history_sql)
        for migration in migrations.migrations:
            with connection.transaction():
                _apply(connection, migration)
        _validate_cutover_constraints(connection)


def apply_files(dsn: str, files: Iterable[Path]) -> None:
    """
    Run plain SQL files in order, each in its own transaction, recorded nowhere.

    Raises:
        TestSupportError: ``test_support.migration_failed`` names the file.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        for file in files:
            with connection.transaction():
                _run(connection, file.name, file.read_text("utf-8"))


def _apply(connection: psycopg.Connection, migration: Migration) -> None:
    _run(connection, f"{migration.version}_{migration.name}.sql", migration.sql)
    connection.execute(
        RECORD_MIGRATION,
        {
            "version": migration.version,
            "name": migration.name,
            "checksum": migration.checksum,
            "applied_by": APPLIED_BY,
        },
    )


def _run(connection: psycopg.Connection, file: str, text: str) -> None:
    try:
        # Without parameters psycopg uses the simple protocol: a whole file at once.
        connection.execute(text.encode())
    except psycopg.Error as error:
        raise TestSupportError(
            MIGRATION_FAILED, f"{file} does not apply: {error}"
        ) from error


def _validate_cutover_constraints(connection: psycopg.Connection) -> None:
    rows = connection.execute(
        SELECT_UNVALIDATED, {"names": list(CUTOVER_CONSTRAINTS)}
    ).fetchall()
    for table, constraint in rows:
        connection.execute(
            sql.SQL("ALTER TABLE {} VALIDATE CONSTRAINT {}").format(
                sql.Identifier(table), sql.Identifier(constraint)
            )
        )
