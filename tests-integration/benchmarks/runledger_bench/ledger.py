"""Put jobs into a ledger for a benchmark, look at how it grew, and empty it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg

from runledger_core import JobEnqueue
from runledger_postgres import audit_ledger, enqueue_jobs

from .server import JOB_TYPE, settle, value_of

if TYPE_CHECKING:
    from collections.abc import Mapping

BATCH = 1000
# Two partial indexes answer this at once, whatever was finished before.
UNFINISHED = """
    SELECT /*bench*/ EXISTS (SELECT FROM job_queue WHERE status = 'PENDING')
        OR EXISTS (SELECT FROM job_queue WHERE status = 'LEASED')
"""
STATES = """
    SELECT status::text, count(*)
    FROM job_queue
    GROUP BY status
"""
ATTEMPTS = "SELECT count(*) FROM job_attempts"
EVENTS = "SELECT count(*) FROM job_events"


def connect(dsn: str) -> psycopg.Connection[Any]:
    """Return a connection that commits each statement."""
    return psycopg.connect(dsn, autocommit=True)


def request(number: int = -1, job_type: str = JOB_TYPE) -> JobEnqueue:
    """Return a request; a number of 0 or more has its start noted."""
    return JobEnqueue(job_type, {"seq": number})


def enqueue(dsn: str, count: int) -> None:
    """Enqueue jobs in batches, as producers do."""
    with connect(dsn) as connection:
        for done in range(0, count, BATCH):
            size = min(BATCH, count - done)
            enqueue_jobs(connection, [request() for _ in range(size)])


def empty(dsn: str) -> None:
    """Leave no job, attempt, event or workflow, and no dead row of one."""
    with connect(dsn) as connection:
        connection.execute("TRUNCATE job_queue, workflow_runs CASCADE")
    settle(dsn)


def wait_until_finished(dsn: str, timeout: float = 600.0) -> float:
    """Wait until no job is pending or leased; return when that was."""
    until = time.monotonic() + timeout
    with connect(dsn) as connection:
        while value_of(connection, UNFINISHED):
            if time.monotonic() > until:
                raise TimeoutError("jobs are left")
            time.sleep(0.005)
        return time.monotonic()


def states(dsn: str) -> dict[str, int]:
    """Count jobs by status."""
    with connect(dsn) as connection:
        return dict(connection.execute(STATES).fetchall())


def check_all_succeeded(dsn: str, jobs: int) -> None:
    """Raise unless there are that many jobs, all succeeded at their first attempt."""
    with connect(dsn) as connection:
        found = dict(connection.execute(STATES).fetchall())
        attempts = value_of(connection, ATTEMPTS)
        events = value_of(connection, EVENTS)
    if found != {"SUCCEEDED": jobs} or attempts != jobs or events < 3 * jobs:
        raise RuntimeError(
            f"not {jobs} succeeded jobs, but {found}, {attempts} attempts and "
            f"{events} events"
        )


def check_audit(dsn: str) -> None:
    """Raise if the ledger contradicts itself."""
    with connect(dsn) as connection:
        if broken := audit_ledger(connection):
            raise RuntimeError(f"broken invariants: {broken}")


def table_statistics(connection: psycopg.Connection[Any]) -> Mapping[str, Any]:
    """Return rows, dead rows and bytes of the tables that jobs fill."""
    query = """
        SELECT
            relname,
            n_live_tup AS live_rows,
            n_dead_tup AS dead_rows,
            pg_table_size(relid) AS table_bytes,
            pg_indexes_size(relid) AS index_bytes
        FROM pg_stat_user_tables
        WHERE relname LIKE 'job\\_%'
    """
    return {row[0]: row[1:] for row in connection.execute(query).fetchall()}
