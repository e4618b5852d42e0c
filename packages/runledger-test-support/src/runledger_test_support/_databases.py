"""Create and drop a database per test."""

from __future__ import annotations

import atexit
import itertools
import os
import re
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

import psycopg
from psycopg import errors, sql

from ._admin import admin_connection
from ._budget import Reservation, process_budget
from ._dsn import with_database
from ._errors import DATABASE_FAILED, INVALID_ARGUMENT, TestSupportError
from ._migrations import load_vendored_migrations
from ._ownership import mark_as_ours
from ._process_server import use_server
from ._schema import check_schema_name
from ._template import ensure_template

if TYPE_CHECKING:
    from types import TracebackType

PREFIX_CHARACTERS: Final = 24
DEFAULT_MAX_CONNECTIONS: Final = 8
EMPTY_TEMPLATE: Final = "template0"

_counter = itertools.count(1)
# (server, schema) -> template, so that the second test does not ask the server.
_templates: dict[tuple[str, str | None], str] = {}
_live: dict[str, EphemeralDatabase] = {}
_lock = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class EphemeralDatabase:
    """A database of its own; dropped by :func:`drop_database` or as a context."""

    name: str
    # Out of the repr: both may hold a password.
    dsn: str = field(repr=False)
    admin_dsn: str = field(repr=False)
    max_connections: int
    reservation: Reservation = field(repr=False, compare=False)
    owner_pid: int = field(repr=False, default_factory=os.getpid)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        drop_database(self)


def create_ephemeral_database(
    prefix: str,
    *,
    max_connections: int = DEFAULT_MAX_CONNECTIONS,
    schema: str | None = None,
    migrated: bool = True,
    admin_dsn: str | None = None,
) -> EphemeralDatabase:
    """
    Create a fresh database, by default with the Runledger schema.

    Its name is *prefix*, made a plain name of at most 24 characters, with the process
    id and a counter. A clone of the template takes 20 to 50 ms; the first call of a run
    also starts the server and migrates the template.

    Args:
        prefix: says in the server's list of databases whose this one is.
        max_connections: what the test will open at most; the database takes one permit
            more out of the process's connection budget and waits for them.
        schema: put everything there instead of ``public``; the DSN's search path is
            that schema alone.
        migrated: False gives an empty database.
        admin_dsn: a server to use instead of the process's own; its role must
            be allowed to create databases.

    Raises:
        TestSupportError: any code of this package.
    """
    if max_connections < 1:
        raise TestSupportError(INVALID_ARGUMENT, "max_connections must be at least 1")
    if schema is not None:
        check_schema_name(schema)
    server = use_server().admin_dsn if admin_dsn is None else admin_dsn
    reservation = process_budget().reserve(max_connections + 1)
    try:
        name = _create(server, prefix, schema=schema, migrated=migrated)
    except BaseException:
        reservation.release()
        raise
    database = EphemeralDatabase(
        name=name,
        dsn=with_database(server, name, schema=schema if migrated else None),
        admin_dsn=server,
        max_connections=max_connections,
        reservation=reservation,
    )
    if not _live:
        atexit.register(drop_remaining_databases)
    _live[name] = database
    return database


def drop_database(database: EphemeralDatabase) -> None:
    """
    Drop *database*, ending every session in it. A repeat does nothing.

    Raises:
        TestSupportError: ``test_support.database_failed``.
    """
    statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
    try:
        with admin_connection(database.admin_dsn) as connection:
            connection.execute(statement.format(sql.Identifier(database.name)))
    except psycopg.Error as error:
        raise TestSupportError(
            DATABASE_FAILED, f"cannot drop database {database.name}: {error}"
        ) from error
    finally:
        _live.pop(database.name, None)
        database.reservation.release()


def drop_remaining_databases() -> None:
    """Drop what this process made and nobody dropped; errors end nothing."""
    for database in list(_live.values()):
        # A forked child remembers its parent's databases, too.
        if database.owner_pid == os.getpid():
            with suppress(TestSupportError):
                drop_database(database)
    _templates.clear()


def _create(server: str, prefix: str, *, schema: str | None, migrated: bool) -> str:
    try:
        if not migrated:
            return _create_from(server, EMPTY_TEMPLATE, prefix)
        try:
            return _create_from(server, _template(server, schema), prefix)
        except errors.InvalidCatalogName:  # somebody dropped the template
            _templates.pop((server, schema), None)
            return _create_from(server, _template(server, schema), prefix)
    except psycopg.Error as error:
        raise TestSupportError(
            DATABASE_FAILED, f"cannot create a database: {error}"
        ) from error


def _template(server: str, schema: str | None) -> str:
    with _lock:
        template = _templates.get((server, schema))
        if template is None:
            template = ensure_template(
                server, load_vendored_migrations(), schema=schema
            )
            _templates[server, schema] = template
        return template


def _create_from(server: str, template: str, prefix: str) -> str:
    with admin_connection(server) as connection:
        while True:
            name = database_name(prefix)
            try:
                # By files: a quarter of the time of the default, which writes every
                # page to the log and leaves it to the checkpoint of the drop.
                connection.execute(
                    sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                        sql.Identifier(name), sql.Identifier(template)
                    )
                )
            except errors.DuplicateDatabase:
                # Left by a dead process, or another host's with our process id.
                continue
            mark_as_ours(connection, name)
            return name


def database_name(prefix: str) -> str:
    """Return the next name for *prefix*."""
    plain = re.sub(r"[^a-z0-9]+", "_", prefix.lower(), flags=re.ASCII).strip("_")
    plain = plain[:PREFIX_CHARACTERS].rstrip("_") or "runledger"
    return f"{plain}_{os.getpid()}_{next(_counter)}"
