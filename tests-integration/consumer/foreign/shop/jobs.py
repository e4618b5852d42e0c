"""The shop's jobs."""

from __future__ import annotations

from typing import Any

from runledger_core import JobEnqueue, JobFailure, RetryPolicy
from runledger_postgres import enqueue_job
from runledger_runtime import JobCatalog, JobContext

catalog = JobCatalog()
sent: list[str] = []


@catalog.job("mail.send", retry=RetryPolicy(base_seconds=600), max_attempts=2)
def send(context: JobContext, payload: dict[str, Any]) -> None:
    """Send a mail; some mail servers refuse."""
    if payload["to"].endswith("@invalid"):
        raise JobFailure.retryable("mail.refused", "nobody there")
    sent.append(payload["to"])


def sign_up(connection: Any, address: str) -> None:
    """Create the account and its first mail in one transaction."""
    connection.execute("INSERT INTO accounts VALUES (%s)", [address])
    enqueue_job(connection, JobEnqueue("mail.send", {"to": address}))
