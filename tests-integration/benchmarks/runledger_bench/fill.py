"""
Fill a ledger with millions of jobs: copies of one that the library itself wrote.

A real job is enqueued, and run to its end where finished ones are wanted. Its rows, in
whichever tables it left some, are then copied with fresh ids by the server. All times
of a copy are moved by the same amount, so every copy is as consistent as the original.
The columns are read from the catalog: a migration changes nothing here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from runledger_core import JobCompletion
from runledger_postgres import SettleSuccess, claim_jobs, complete_jobs, enqueue_job

from .ledger import connect, request
from .server import settle, value_of

if TYPE_CHECKING:
    import psycopg

BATCH = 100_000
# So far apart were they enqueued: a busy system's pace.
FRESH = """
    CREATE TEMPORARY TABLE fresh ON COMMIT DROP AS
    SELECT
        uuidv7() AS id,
        number,
        (number - %(of)s::int) * interval '100 microseconds' AS shift
    FROM generate_series(%(first)s::int, %(last)s::int) AS number
"""
LEASE_SECONDS = 600
# What a copy takes from its original, and what it gets anew by its default.
COLUMNS = """
    SELECT
        a.attname,
        format_type(a.atttypid, a.atttypmod) LIKE 'timestamp%%' AS is_time
    FROM pg_attribute AS a
    LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = %(table)s::regclass
      AND a.attnum > 0
      AND NOT a.attisdropped
      AND a.attidentity = ''
      AND a.attgenerated = ''
      AND a.attname <> %(key)s
      AND (a.attname <> 'id' OR d.adbin IS NULL)
    ORDER BY a.attnum
"""
CHILDREN = """
    SELECT c.relname
    FROM pg_class AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'job_id'
    WHERE c.relkind IN ('r', 'p')
      AND NOT c.relispartition
      AND pg_table_is_visible(c.oid)
      AND c.relname LIKE 'job\\_%'
    ORDER BY c.relname
"""
COPY = """
    INSERT INTO {table} ({key}, {columns})
    SELECT f.id, {values}
    FROM fresh AS f
    CROSS JOIN {table} AS t
    WHERE t.{key} = {original}
    ORDER BY {order} f.number
"""


def fill_queued(dsn: str, count: int) -> None:
    """Leave that many jobs that wait."""
    with connect(dsn) as connection:
        original = enqueue_job(connection, request()).job_id
        copy_job(connection, original, count - 1)
    settle(dsn)


def fill_finished(dsn: str, count: int) -> None:
    """Leave that many jobs that have succeeded, with attempts and events."""
    with connect(dsn) as connection:
        original = enqueue_job(connection, request()).job_id
        (claimed,) = claim_jobs(
            connection, worker_id="filler", lease_seconds=LEASE_SECONDS, limit=1
        )
        if claimed.lease.job_id != original:
            raise LookupError("the queue was not empty")
        complete_jobs(connection, [SettleSuccess(claimed.lease, JobCompletion())])
        copy_job(connection, original, count - 1)
    settle(dsn)


def copy_job(connection: psycopg.Connection[Any], original: Any, count: int) -> None:
    """Copy a job's rows *count* times, a transaction for each batch."""
    copies = [copying(connection, "job_queue", "id", original)]
    for (table,) in connection.execute(CHILDREN).fetchall():
        copies.append(copying(connection, table, "job_id", original))
    for done in range(0, count, BATCH):
        size = min(BATCH, count - done)
        with connection.transaction():
            # The copies refer to each other as the original does: nothing to check.
            connection.execute("SET LOCAL session_replication_role = replica")
            numbers = {"first": done + 1, "last": done + size, "of": count}
            connection.execute(FRESH, numbers)
            for copy in copies:
                connection.execute(copy)


def copying(
    connection: psycopg.Connection[Any], table: str, key: str, original: Any
) -> sql.Composed:
    """Return the statement that copies one table's rows of the job."""
    columns = connection.execute(COLUMNS, {"table": table, "key": key}).fetchall()
    values = [
        sql.SQL("t.{} + f.shift" if is_time else "t.{}").format(sql.Identifier(name))
        for name, is_time in columns
    ]
    has_id = key != "id" and value_of(
        connection,
        "SELECT EXISTS (SELECT FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attname = 'id')",
        [table],
    )
    return sql.SQL(COPY).format(
        table=sql.Identifier(table),
        key=sql.Identifier(key),
        columns=sql.SQL(", ").join(sql.Identifier(name) for name, _ in columns),
        values=sql.SQL(", ").join(values),
        original=sql.Literal(original),
        order=sql.SQL("t.id," if has_id else ""),
    )
