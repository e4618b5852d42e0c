"""Workflow runs: enqueue, release, and what can be read of them."""

from __future__ import annotations

from ._enqueue import enqueue_workflow_run
from ._explain import WorkflowStepExplanation, explain_workflow_step
from ._graph import get_workflow_graph
from ._reads import (
    get_workflow_run,
    get_workflow_step,
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

__all__ = [
    "WorkflowRunEnqueueOutcome",
    "WorkflowRunPage",
    "WorkflowRunRecord",
    "WorkflowRunSummary",
    "WorkflowStepExplanation",
    "WorkflowStepPage",
    "WorkflowStepRecord",
    "enqueue_workflow_run",
    "explain_workflow_step",
    "get_workflow_graph",
    "get_workflow_run",
    "get_workflow_step",
    "list_workflow_runs",
    "list_workflow_steps",
]
