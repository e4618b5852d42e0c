"""
Run a workflow: one step, three that fan out from it, one that gathers them.

    DATABASE_URL=postgresql:///app python workflow_dag.py

The database has the schema: ``migrate_after_idempotency_cutover`` puts it there.
"""

from __future__ import annotations

import os

import psycopg

from runledger_core import EVERYTHING, JobCompletion, JobDefinition
from runledger_core.workflows import WorkflowDagBuilder, WorkflowRunEnqueue
from runledger_postgres import (
    claim_jobs,
    complete_job_success,
    enqueue_workflow_run,
    list_workflow_steps,
    upsert_job_definition,
)

CITIES = ("bergen", "oslo", "tromso")


def survey() -> WorkflowRunEnqueue:
    """Describe the workflow. The report gets what the three before it found out."""
    dag = WorkflowDagBuilder("weather.survey").job("list", "weather.task", "list")
    for city in CITIES:
        dag.job(city, "weather.task", city).after_success(city, "list")
    dag.job("report", "weather.task", "report", inputs=CITIES)
    return dag.after_success("report", CITIES).build()


def work(connection: psycopg.Connection) -> list[str]:
    """Do all that is due, as the Supervisor of runledger-runtime does it for you."""
    claimed = claim_jobs(connection, worker_id="example", lease_seconds=30, limit=10)
    for job in claimed:
        done = JobCompletion.with_output(f"{job.payload} is done")
        complete_job_success(connection, job.lease, done)
    return sorted(str(job.payload) for job in claimed)


def main() -> None:
    """Enqueue the workflow and do what becomes due, until nothing does."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        upsert_job_definition(connection, JobDefinition("weather.task"))
        run = enqueue_workflow_run(connection, survey()).run

        while due := work(connection):
            print("done:", *due)

        found = list_workflow_steps(connection, run.id, scope=EVERYTHING)
        for step in found.items:
            print(f"{step.step_key}: {step.status}, {step.output}")


if __name__ == "__main__":
    main()
