"""
Provide the server of the benchmarks, and databases on it.

The server is durable: fsync, full_page_writes and synchronous_commit are on, which
every result states as the server itself says. What else is set is what an operator
would set for a machine that only does this, and holds for peers alike.
"""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from runledger_core import JobDefinition
from runledger_postgres import migrate_after_idempotency_cutover, upsert_job_definition
from runledger_test_support import start_embedded_server

if TYPE_CHECKING:
    from collections.abc import Iterator

JOB_TYPE = "bench.noop"
OTHER_JOB_TYPE = "bench.other"
TEMPLATE = "bench_template"

SETTINGS = {
    "synchronous_commit": "on",
    # A gigabyte of memory is what the smallest machine for this has to spare.
    "shared_buffers": "512MB",
    # No checkpoint because of size in the middle of a measurement; by time they happen.
    "max_wal_size": "4GB",
    # Statements per job are counted, and the cost of a claim over time.
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.track_utility": "off",
    # Its file would be written to the disk that is measured.
    "pg_stat_statements.save": "off",
}
TOLD = (
    "server_version",
    "fsync",
    "full_page_writes",
    "synchronous_commit",
    "wal_sync_method",
    "shared_buffers",
    "max_wal_size",
    "checkpoint_timeout",
    "autovacuum",
    "jit",
)
_numbers = itertools.count(1)


@contextmanager
def bench_server(*, durable: bool = True) -> Iterator[str]:
    """Run a server; give the address of its administrative database."""
    with start_embedded_server(durable=durable, settings=SETTINGS) as server:
        yield server.dsn


@contextmanager
def empty_database(admin_dsn: str, template: str = "template1") -> Iterator[str]:
    """Make a database and drop it, with all that is connected to it."""
    name = f"bench_{next(_numbers)}"
    create(admin_dsn, name, template)
    try:
        yield make_conninfo(admin_dsn, dbname=name)
    finally:
        with psycopg.connect(admin_dsn, autocommit=True) as connection:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
            connection.execute(drop.format(sql.Identifier(name)))


@contextmanager
def ledger_database(admin_dsn: str) -> Iterator[str]:
    """Make a migrated database with the benchmarks' job types, from a template."""
    with psycopg.connect(admin_dsn, autocommit=True) as connection:
        query = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = %s)"
        is_there = value_of(connection, query, [TEMPLATE])
    if not is_there:
        create(admin_dsn, TEMPLATE, "template1")
        dsn = make_conninfo(admin_dsn, dbname=TEMPLATE)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
            migrate_after_idempotency_cutover(connection)
            for job_type in (JOB_TYPE, OTHER_JOB_TYPE):
                upsert_job_definition(connection, JobDefinition(job_type))
    with empty_database(admin_dsn, TEMPLATE) as dsn:
        yield dsn


def create(admin_dsn: str, name: str, template: str) -> None:
    """Make a database."""
    with psycopg.connect(admin_dsn, autocommit=True) as connection:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(
            statement.format(sql.Identifier(name), sql.Identifier(template))
        )


def settle(dsn: str) -> None:
    """Leave no stale statistics, dead rows or dirty pages for the next one to pay."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def settings_of(admin_dsn: str) -> dict[str, str]:
    """Return what the server says it is set to."""
    with psycopg.connect(admin_dsn, autocommit=True) as connection:
        return {name: str(value_of(connection, f"SHOW {name}")) for name in TOLD}


def value_of(
    connection: psycopg.Connection[Any], query: str, parameters: Any = None
) -> Any:
    """Return the one value of a query's one row."""
    row = connection.execute(query, parameters).fetchone()
    if row is None:
        raise LookupError(f"no row: {query}")
    return row[0]
