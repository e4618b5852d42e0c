"""Workflow runs: enqueue, release, and what can be read of them."""

from __future__ import annotations

from ._records import (
    WorkflowRunEnqueueOutcome,
    WorkflowRunRecord,
    WorkflowStepRecord,
)

__all__ = [
    "WorkflowRunEnqueueOutcome",
    "WorkflowRunRecord",
    "WorkflowStepRecord",
]
