"""
Let a workflow wait for somebody outside, and not for ever.

    DATABASE_URL=postgresql:///app python external_gate.py

The database has the schema: ``migrate_after_idempotency_cutover`` puts it there.
"""

from __future__ import annotations

import os

import psycopg

from runledger_core import EVERYTHING, JobDefinition
from runledger_core.workflows import WorkflowDagBuilder, WorkflowRunEnqueue
from runledger_postgres import (
    GateFailed,
    GateSucceeded,
    QueryError,
    complete_external_workflow_step,
    enqueue_workflow_run,
    list_workflow_steps,
    upsert_job_definition,
)

A_DAY = 24 * 60 * 60


def order(number: str) -> WorkflowRunEnqueue:
    """Ship an order when it is paid; without a payment within a day it fails."""
    return (
        WorkflowDagBuilder("order")
        .external("payment", {"order": number}, deadline_seconds=A_DAY)
        .job("ship", "order.ship", {"order": number}, inputs="payment")
        .after_success("ship", "payment")
        .idempotency_key(number)
        .build()
    )


def main() -> None:
    """Enqueue an order, and hear twice from the bank that it is paid."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        upsert_job_definition(connection, JobDefinition("order.ship"))
        run = enqueue_workflow_run(connection, order("A-17")).run
        print(f"the run is {run.status}")

        paid = GateSucceeded({"reference": "P-1"})
        for _ in range(2):  # the bank tells it again when it hears no answer
            gate = complete_external_workflow_step(
                connection, run.id, "payment", paid, scope=EVERYTHING
            )
            print(f"the gate has {gate.status}")
        try:
            complete_external_workflow_step(
                connection, run.id, "payment", GateFailed(), scope=EVERYTHING
            )
        except QueryError as error:
            print("told otherwise:", error.code)

        found = list_workflow_steps(connection, run.id, scope=EVERYTHING)
        for step in found.items:
            print(f"{step.step_key}: {step.status}")


if __name__ == "__main__":
    main()
