"""
Add steps to a workflow that runs, as they become known.

    DATABASE_URL=postgresql:///app python append_steps.py

The database has the schema: ``migrate_after_idempotency_cutover`` puts it there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psycopg

from runledger_core import EVERYTHING, JobDefinition
from runledger_core.workflows import WorkflowDagBuilder, WorkflowStep
from runledger_postgres import (
    AppendOutcome,
    GateSucceeded,
    append_workflow_steps,
    complete_external_workflow_step,
    enqueue_workflow_run,
    list_workflow_steps,
    upsert_job_definition,
)

if TYPE_CHECKING:
    from uuid import UUID


def add_files(
    connection: psycopg.Connection, run_id: UUID, page: int, files: list[str]
) -> AppendOutcome:
    """Add a step for every file of a page; its number makes a repeat harmless."""
    return append_workflow_steps(
        connection,
        run_id,
        [WorkflowStep(name, "files.index", {"name": name}) for name in files],
        scope=EVERYTHING,
        mutation_key=f"page-{page}",
        append_window_step_key="listing",
    )


def main() -> None:
    """Open a run, add two pages of files, one of them twice, and close it."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        upsert_job_definition(connection, JobDefinition("files.index"))
        # As long as the gate is open, the run cannot end.
        request = WorkflowDagBuilder("files.crawl").external("listing").build()
        run = enqueue_workflow_run(connection, request).run

        for page, files in [(1, ["a", "b"]), (2, ["c"]), (2, ["c"])]:
            outcome = add_files(connection, run.id, page, files)
            count = outcome.run.step_count
            print(f"page {page}: {outcome.disposition}, steps: {count}")
        complete_external_workflow_step(
            connection, run.id, "listing", GateSucceeded(), scope=EVERYTHING
        )

        found = list_workflow_steps(connection, run.id, scope=EVERYTHING)
        for step in found.items:
            print(f"{step.step_key}: {step.status}")


if __name__ == "__main__":
    main()
