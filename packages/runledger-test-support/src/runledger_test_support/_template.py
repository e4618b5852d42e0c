"""Keep one migrated template database per server and migration set."""

from __future__ import annotations

import hashlib
import os
import secrets
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import errors, sql

from ._admin import admin_connection
from ._dsn import with_database
from ._errors import DATABASE_FAILED, TestSupportError
from ._ownership import mark_as_ours, mark_as_shared
from ._schema import migrate_database

if TYPE_CHECKING:
    from ._migrations import MigrationSet

NAME_PREFIX: Final = "runledger_template_"
CHECKSUM_CHARACTERS: Final = 16
# Changes when this file builds templates in another way from the same migrations.
RECIPE: Final = "1"


def template_name(migrations: MigrationSet, *, schema: str | None = None) -> str:
    """Name the template of *migrations*; the name carries their checksum."""
    digest = hashlib.sha256(f"{RECIPE} {schema} {migrations.checksum}".encode())
    return NAME_PREFIX + digest.hexdigest()[:CHECKSUM_CHARACTERS]


def ensure_template(
    admin_dsn: str, migrations: MigrationSet, *, schema: str | None = None
) -> str:
    """
    Return the name of the migrated template, built now if the server has none.

    Safe against other processes that do the same at once: a template is built under a
    working name and renamed when it is whole, so whoever sees the name sees
    a finished template. The advisory lock only spares the others the work.
    """
    name = template_name(migrations, schema=schema)
    with admin_connection(admin_dsn) as connection:
        if _exists(connection, name):
            return name
        connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [name])
        if not _exists(connection, name):
            _build(connection, admin_dsn, name, migrations, schema)
    return name


def _exists(connection: psycopg.Connection, name: str) -> bool:
    query = "SELECT FROM pg_database WHERE datname = %s"
    return connection.execute(query, [name]).fetchone() is not None


def _build(
    connection: psycopg.Connection,
    admin_dsn: str,
    name: str,
    migrations: MigrationSet,
    schema: str | None,
) -> None:
    working_name = f"{name}_{os.getpid()}_{secrets.token_hex(4)}"
    working = sql.Identifier(working_name)
    try:
        connection.execute(
            sql.SQL(
                "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' "
                "STRATEGY file_copy"
            ).format(working)
        )
    except psycopg.Error as error:
        raise TestSupportError(
            DATABASE_FAILED, f"cannot create a template database: {error}"
        ) from error
    try:
        mark_as_ours(connection, working_name)
        migrate_database(
            with_database(admin_dsn, working_name), migrations, schema=schema
        )
        mark_as_shared(connection, working_name)
        # Nobody can connect any more, so nobody's session can stand in the way of
        # a clone; and DROP DATABASE refuses a template.
        connection.execute(
            sql.SQL(
                "ALTER DATABASE {} WITH ALLOW_CONNECTIONS false IS_TEMPLATE true"
            ).format(working)
        )
        connection.execute(
            sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                working, sql.Identifier(name)
            )
        )
    except BaseException as error:
        _drop_working(connection, working)
        # Somebody who does not take our lock was faster: theirs is as good.
        if not isinstance(error, errors.DuplicateDatabase):
            raise


def _drop_working(connection: psycopg.Connection, working: sql.Identifier) -> None:
    connection.execute(
        sql.SQL("ALTER DATABASE {} WITH IS_TEMPLATE false").format(working)
    )
    connection.execute(
        sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(working)
    )
