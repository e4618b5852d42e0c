"""
Workflows: steps, their dependencies, how they are built, validated and compared.

A workflow is a graph of steps without circles. A step is a job, or a gate that somebody
outside completes. `WorkflowDagBuilder` is the short way to one; the values and the
other builders say everything that can be said. `runledger_core.workflows.pictures`
draws it.
"""

from __future__ import annotations

from ._builders import WorkflowRunEnqueueBuilder, WorkflowStepEnqueueBuilder
from ._dag import WorkflowDagBuilder
from ._faults import WorkflowDagError, WorkflowFault
from ._graph_view import GraphAttempt, GraphEdge, GraphStep, WorkflowGraph
from ._run import WorkflowRunEnqueue
from ._snapshot import workflow_append_snapshot, workflow_run_snapshot
from ._spec import GateDeadline, WorkflowStep, WorkflowStepDependencySpec
from ._validation import (
    validate_workflow_dag,
    validate_workflow_run_enqueue,
    validate_workflow_step_append,
)

__all__ = [
    "GateDeadline",
    "GraphAttempt",
    "GraphEdge",
    "GraphStep",
    "WorkflowDagBuilder",
    "WorkflowDagError",
    "WorkflowFault",
    "WorkflowGraph",
    "WorkflowRunEnqueue",
    "WorkflowRunEnqueueBuilder",
    "WorkflowStep",
    "WorkflowStepDependencySpec",
    "WorkflowStepEnqueueBuilder",
    "validate_workflow_dag",
    "validate_workflow_run_enqueue",
    "validate_workflow_step_append",
    "workflow_append_snapshot",
    "workflow_run_snapshot",
]
