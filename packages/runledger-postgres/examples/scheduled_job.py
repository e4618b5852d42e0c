"""
Enqueue a job at the times that a cron expression names.

    DATABASE_URL=postgresql:///app python scheduled_job.py

The database has the schema: ``migrate_after_idempotency_cutover`` puts it there.
"""

from __future__ import annotations

import os
from datetime import UTC

import psycopg

from runledger_core import JobDefinition, JobSchedule
from runledger_postgres import (
    set_job_schedule_active,
    upsert_job_definition,
    upsert_job_schedule,
)


def main() -> None:
    """Schedule a report for two o'clock every night, and stop the schedule again."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        upsert_job_definition(connection, JobDefinition("report.sales"))
        nightly = JobSchedule(
            "sales.nightly",
            "report.sales",
            "0 2 * * *",
            payload_template={"period": "day"},
        )
        schedule = upsert_job_schedule(connection, nightly)
        next_at = schedule.next_fire_at.astimezone(UTC)
        print(f"{schedule.name}: fires next at {next_at:%H:%M} UTC")

        set_job_schedule_active(connection, schedule.name, is_active=False)
        print(f"{schedule.name}: does not fire any more")


if __name__ == "__main__":
    main()
