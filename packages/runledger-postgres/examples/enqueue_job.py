"""
Enqueue a job in the transaction that needs it, and find it again by its key.

    DATABASE_URL=postgresql:///app python enqueue_job.py

The database has the schema: ``migrate_after_idempotency_cutover`` puts it there.
"""

from __future__ import annotations

import os

import psycopg

from runledger_core import JobDefinition, JobEnqueue
from runledger_postgres import JobEnqueueOutcome, enqueue_job, upsert_job_definition


def place_order(connection: psycopg.Connection, number: str) -> JobEnqueueOutcome:
    """Store an order and the job that mails its receipt: both, or neither."""
    with connection.transaction():
        connection.execute(
            "INSERT INTO orders VALUES (%s) ON CONFLICT DO NOTHING", [number]
        )
        request = JobEnqueue("mail.receipt", {"order": number}, idempotency_key=number)
        return enqueue_job(connection, request)


def main() -> None:
    """Place an order, and place it again as a client does that heard no answer."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS orders (number text UNIQUE)")
        upsert_job_definition(connection, JobDefinition("mail.receipt", max_attempts=5))

        first = place_order(connection, "A-17")
        again = place_order(connection, "A-17")

    print(f"first call:  {first.disposition}, the job is {first.status}")
    print(f"second call: {again.disposition}, same job: {again.job_id == first.job_id}")


if __name__ == "__main__":
    main()
