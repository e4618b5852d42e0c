"""Workflow runs: enqueue, release, and what can be read of them."""

from __future__ import annotations

from ._append import (
    AppendDisposition,
    AppendOutcome,
    append_workflow_steps,
    list_workflow_step_keys_for_update,
)
from ._cancel import cancel_workflow_run
from ._deadlines import (
    DeadlineReport,
    ExpiredGate,
    RefusedGate,
    expire_gate_deadlines,
)
from ._enqueue import enqueue_workflow_run
from ._external import complete_external_workflow_step
from ._gate_outcomes import GateCanceled, GateFailed, GateOutcome, GateSucceeded
from ._records import (
    WorkflowRunEnqueueOutcome,
    WorkflowRunRecord,
    WorkflowStepRecord,
)
from ._retry import RetryDisposition, StepRetry, retry_workflow_step

__all__ = [
    "AppendDisposition",
    "AppendOutcome",
    "DeadlineReport",
    "ExpiredGate",
    "GateCanceled",
    "GateFailed",
    "GateOutcome",
    "GateSucceeded",
    "RefusedGate",
    "RetryDisposition",
    "StepRetry",
    "WorkflowRunEnqueueOutcome",
    "WorkflowRunRecord",
    "WorkflowStepRecord",
    "append_workflow_steps",
    "cancel_workflow_run",
    "complete_external_workflow_step",
    "enqueue_workflow_run",
    "expire_gate_deadlines",
    "list_workflow_step_keys_for_update",
    "retry_workflow_step",
]
