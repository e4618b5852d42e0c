"""Workflow runs: enqueue, release, and what can be read of them."""

from __future__ import annotations

from ._append import (
    AppendDisposition,
    AppendOutcome,
    append_workflow_steps,
    list_workflow_step_keys_for_update,
)
from ._cancel import cancel_workflow_run
from ._counts import count_workflow_runs_by_status
from ._deadlines import DeadlineReport, ExpiredGate, RefusedGate, expire_gate_deadlines
from ._enqueue import enqueue_workflow_run, enqueue_workflow_runs
from ._explain import WorkflowStepExplanation, explain_workflow_step
from ._external import complete_external_workflow_step
from ._gate_outcomes import GateCanceled, GateFailed, GateOutcome, GateSucceeded
from ._graph import get_workflow_graph
from ._payloads import update_workflow_step_payload
from ._reads import (
    get_workflow_run,
    get_workflow_run_by_idempotency_key,
    get_workflow_step,
    get_workflow_step_by_job_id,
    list_workflow_runs,
    list_workflow_steps,
)
from ._records import (
    WorkflowRunEnqueueOutcome,
    WorkflowRunPage,
    WorkflowRunRecord,
    WorkflowRunSummary,
    WorkflowStepPage,
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
    "WorkflowRunPage",
    "WorkflowRunRecord",
    "WorkflowRunSummary",
    "WorkflowStepExplanation",
    "WorkflowStepPage",
    "WorkflowStepRecord",
    "append_workflow_steps",
    "cancel_workflow_run",
    "complete_external_workflow_step",
    "count_workflow_runs_by_status",
    "enqueue_workflow_run",
    "enqueue_workflow_runs",
    "expire_gate_deadlines",
    "explain_workflow_step",
    "get_workflow_graph",
    "get_workflow_run",
    "get_workflow_run_by_idempotency_key",
    "get_workflow_step",
    "get_workflow_step_by_job_id",
    "list_workflow_runs",
    "list_workflow_step_keys_for_update",
    "list_workflow_steps",
    "retry_workflow_step",
    "update_workflow_step_payload",
]
