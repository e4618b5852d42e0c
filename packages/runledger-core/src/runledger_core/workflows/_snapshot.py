"""Write workflow requests down in the form that repeats are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from .._json import JsonValue
    from ._run import WorkflowRunEnqueue
    from ._spec import WorkflowStep


def workflow_run_snapshot(run: WorkflowRunEnqueue) -> dict[str, JsonValue]:
    """
    Return the canonical snapshot of a run's request.

    It holds what was requested, not what the definitions filled in; only stages,
    release modes and organizations are resolved. The order of steps, dependencies and
    inputs does not count. Workflow type, organization and key are not in it, since the
    row is found by them. What is optional is left out when absent, so that snapshots
    from before an option existed stay equal.

    Two snapshots are compared as jsonb inside PostgreSQL.
    """
    snapshot: dict[str, JsonValue] = {"metadata": run.metadata}
    if run.result_step_key is not None:
        snapshot["result_step_key"] = run.result_step_key
    if run.fail_fast:
        snapshot["fail_fast"] = True
    snapshot["steps"] = _steps(run.steps, run.organization_id)
    return snapshot


def workflow_append_snapshot(
    append_window_step_key: str,
    steps: Iterable[WorkflowStep],
    *,
    organization_id: UUID | None,
) -> dict[str, JsonValue]:
    """
    Return the canonical snapshot of an append, which must be valid.

    The metadata of the append is not in it: a repeat may tell another story.

    Args:
        append_window_step_key: the open gate under which the steps are added.
        steps: the new steps, in any order.
        organization_id: the run's, for steps that have none of their own.
    """
    return {
        "append_window_step_key": append_window_step_key,
        "steps": _steps(steps, organization_id),
    }


def _steps(
    steps: Iterable[WorkflowStep], organization_id: UUID | None
) -> list[JsonValue]:
    return [_step(step, organization_id) for step in sorted(steps, key=_step_key)]


def _step_key(step: WorkflowStep) -> str:
    return step.step_key


def _step(step: WorkflowStep, organization_id: UUID | None) -> dict[str, JsonValue]:
    owner = step.effective_organization_id(organization_id)
    snapshot: dict[str, JsonValue] = {
        "step_key": step.step_key,
        "execution_kind": step.execution_kind.value,
        "job_type": step.job_type,
        "organization_id": None if owner is None else str(owner),
        "payload": step.payload,
        "priority": step.priority,
        "max_attempts": step.max_attempts,
        "timeout_seconds": step.timeout_seconds,
        "stage": step.effective_stage,
        "dependencies": _dependencies(step),
    }
    if step.inputs:
        snapshot["inputs"] = [*sorted(step.inputs)]
    if step.deadline is not None:
        snapshot["deadline"] = {
            "seconds": step.deadline.seconds,
            "outcome": step.deadline.outcome.value,
        }
    return snapshot


def _dependencies(step: WorkflowStep) -> list[JsonValue]:
    pairs = sorted(
        (dependency.prerequisite_step_key, dependency.release_mode.value)
        for dependency in step.dependencies
    )
    return [
        {"prerequisite_step_key": prerequisite, "release_mode": mode}
        for prerequisite, mode in pairs
    ]
