"""The first minutes with runledger-postgres: a job from blocking and asyncio code."""

from __future__ import annotations

import asyncio
import os
import sys

import psycopg
from psycopg_pool import AsyncConnectionPool

from runledger_core import EVERYTHING, JobDefinition, JobEnqueue, JobStatus
from runledger_postgres import (
    QueryError,
    audit_ledger,
    count_jobs_by_status,
    enqueue_job,
    get_job_by_id,
    migrate_after_idempotency_cutover,
    upsert_job_definition,
)

assert "trio" not in sys.modules
dsn = os.environ["DATABASE_URL"]

with psycopg.connect(dsn, autocommit=True) as admin:
    try:
        enqueue_job(admin, JobEnqueue("mail.receipt"))
    except QueryError as error:
        assert error.code == "db.schema_missing", error.code
    migrate_after_idempotency_cutover(admin)
    upsert_job_definition(admin, JobDefinition("mail.receipt", max_attempts=5))

with psycopg.connect(dsn) as connection:
    connection.execute("CREATE TABLE orders (number text)")
    connection.execute("INSERT INTO orders VALUES ('A-17')")
    request = JobEnqueue("mail.receipt", {"order": "A-17"}, idempotency_key="A-17")
    receipt = enqueue_job(connection, request)
    connection.commit()
    # The same request again finds the job that is there.
    assert enqueue_job(connection, request).job_id == receipt.job_id
    job = get_job_by_id(connection, receipt.job_id, scope=EVERYTHING)
    assert job is not None
    assert job.status is JobStatus.PENDING
    connection.rollback()


async def from_asyncio() -> None:
    """Enqueue in a transaction of the caller's, and through a pool."""
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await enqueue_job(connection, JobEnqueue("mail.receipt", {"order": "B-1"}))
        await connection.rollback()
        await enqueue_job(connection, JobEnqueue("mail.receipt", {"order": "B-2"}))
    async with AsyncConnectionPool(dsn, min_size=1, max_size=2) as pool:
        await enqueue_job(pool, JobEnqueue("mail.receipt", {"order": "B-3"}))


asyncio.run(from_asyncio())

with psycopg.connect(dsn, autocommit=True) as connection:
    counts = count_jobs_by_status(connection, scope=EVERYTHING)
    assert counts[JobStatus.PENDING].count == 3, counts
    assert audit_ledger(connection) == []
print("postgres is fine")
