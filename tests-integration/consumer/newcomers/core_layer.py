"""The first minutes with runledger-core: values, a workflow, an error with its code."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import runledger_core
from runledger_core import (
    CronExpression,
    JobEnqueue,
    RetryPolicy,
    ValidationError,
    job_snapshot,
    load_migrations,
)
from runledger_core.workflows import WorkflowDagBuilder, WorkflowDagError

# Core does no I/O; what could do some is not even loaded.
assert not {"asyncio", "psycopg", "socket", "trio"} & sys.modules.keys()

request = JobEnqueue(
    "mail.send",
    {"to": "ada@example.org"},
    next_run_at=datetime(2026, 11, 24, 9, 30, tzinfo=UTC),
    idempotency_key="welcome:ada",
)
assert job_snapshot(request)["next_run_at"] == "2026-11-24T09:30:00.000000Z"
assert RetryPolicy(base_seconds=5).base_seconds == 5
assert CronExpression("0 6 * * 1-5")

dag = WorkflowDagBuilder("order.fulfil").job("price", "order.price")
dag.external("payment").after_success("payment", ["price"])
assert [step.step_key for step in dag.build().steps] == ["price", "payment"]

try:
    JobEnqueue("mail.send", {"attachments": [b"raw bytes"]})
except ValidationError as error:
    assert error.code == "job.payload_not_json"
else:
    raise AssertionError("bytes are no JSON")

try:
    WorkflowDagBuilder("circle").job("a", "t").after_success("a", ["a"]).build()
except WorkflowDagError as error:
    print("refused:", error)
else:
    raise AssertionError("a step cannot wait for itself")

assert load_migrations(runledger_core.__name__).migrations
print("core is fine")
