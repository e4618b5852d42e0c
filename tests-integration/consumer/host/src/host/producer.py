"""What the shop's web pages do: enqueue, take a payment, look at the results."""

from __future__ import annotations

import asyncio
import os
from typing import Any
from uuid import UUID

import psycopg

from runledger_core import EVERYTHING
from runledger_postgres import (
    GateSucceeded,
    ResultUnsuccessfulError,
    audit_ledger,
    complete_external_workflow_step,
    count_jobs_by_status,
    enqueue_workflow_run,
    get_workflow_step,
    job_handle,
    migrate_after_idempotency_cutover,
    workflow_run_handle,
)

from .database import open_pool
from .mail import SEND, Mail
from .mail import catalog as mail_catalog
from .orders import PAYMENT, Item, order_workflow, price_key
from .orders import catalog as order_catalog

ITEMS = [Item("apple", 3), Item("pear", 2)]
PATIENCE_SECONDS = 60.0


def migrate() -> None:
    """Bring the schema up to date, and store what job types there are."""
    with open_pool() as pool:
        migrate_after_idempotency_cutover(pool)
        mail_catalog.sync_definitions(pool)
        order_catalog.sync_definitions(pool)


def enqueue() -> dict[str, Any]:
    """Enqueue some mails, from blocking and asyncio code, and an order."""
    with open_pool() as pool:
        with pool.connection() as connection:
            good = mail_catalog.enqueue(connection, SEND, Mail("ada@example.org"))
            bad = mail_catalog.enqueue(connection, SEND, Mail("nowhere"))
        run = enqueue_workflow_run(pool, order_workflow("A-17", ITEMS)).run
    later = asyncio.run(_enqueue_from_asyncio())
    mails = [str(job_id) for job_id in (good.job_id, bad.job_id, later)]
    return {"mails": mails, "run": str(run.id)}


async def _enqueue_from_asyncio() -> UUID:
    url = os.environ["DATABASE_URL"]
    async with await psycopg.AsyncConnection.connect(url) as connection:
        mail = Mail("grace@example.org", "receipt")
        return (await mail_catalog.enqueue(connection, SEND, mail)).job_id


def settle(run: str, *mails: str) -> dict[str, Any]:
    """Take the payment when everything has its price, and wait for all that runs."""
    run_id = UUID(run)
    with open_pool() as pool:
        prices = []
        for item in ITEMS:
            step = get_workflow_step(pool, run_id, price_key(item), scope=EVERYTHING)
            assert step is not None
            assert step.job_id is not None
            handle = job_handle(pool, step.job_id, scope=EVERYTHING)
            prices.append(handle.get_result(timeout=PATIENCE_SECONDS))
        # Both have their prices, so the gate is open: that is one transaction.
        paid = GateSucceeded({"paid_by": "card"})
        complete_external_workflow_step(pool, run_id, PAYMENT, paid, scope=EVERYTHING)
        shipped = workflow_run_handle(pool, run_id, scope=EVERYTHING)
        result = shipped.get_result(timeout=PATIENCE_SECONDS)
        ends = [_end_of_job(pool, UUID(mail)) for mail in mails]
        counts = count_jobs_by_status(pool, scope=EVERYTHING).items()
        return {
            "prices": prices,
            "shipped": result,
            "run": shipped.get_status(),
            "mails": ends,
            "jobs": {status: each.count for status, each in counts if each.count},
            "broken_invariants": [str(each) for each in audit_ledger(pool)],
        }


def _end_of_job(pool: Any, job_id: UUID) -> Any:
    """Return what a job has left, or the code with which it failed."""
    try:
        return job_handle(pool, job_id, scope=EVERYTHING).get_result(
            timeout=PATIENCE_SECONDS
        )
    except ResultUnsuccessfulError as error:
        return f"{error.status}: {error.error_code}"
