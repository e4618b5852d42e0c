"""Add steps to a run while a gate of it is open."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import attrs

from runledger_core import (
    StepExecutionKind,
    ValidationError,
    WorkflowStepStatus,
    check_identifier,
    check_json,
    check_uuid,
)
from runledger_core.workflows import (
    WorkflowStep,
    validate_workflow_step_append,
    workflow_append_snapshot,
)

from .._json_text import json_text
from .._operation import operation
from .._statements import statement
from .._steps import Call, batch, one, rows
from ..errors import QueryError
from ._enqueue import (
    LOCK_DEFINITIONS,
    SHOWN_STEPS,
    differences,
    missing_definitions,
)
from ._insert_steps import ExistingStep, NewSteps, insert_steps
from ._lock import lock_run, require_read_committed
from ._propagate import propagate
from ._reads import READ_RUN
from ._records import WorkflowRunRecord, WorkflowStepRecord
from ._settle_runs import RunDelta

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from runledger_core import JsonInput, Scope
    from runledger_core.workflows import WorkflowStepDependencySpec

    from .._steps import Row, Steps
    from ._lock import LockedRun

FIND_MUTATION = statement("workflows/find_mutation")
FIND_NAMED_STEPS = statement("workflows/find_named_steps")
INSERT_APPEND_MUTATION = statement("workflows/insert_append_mutation")
LIST_STEP_KEYS = statement("workflows/list_step_keys")
READ_STEPS_BY_KEY = statement("workflows/read_steps_by_key")

NO_METADATA: Final[dict[str, object]] = {}


class AppendDisposition(StrEnum):
    """What an append did."""

    APPENDED = "APPENDED"
    """The steps were added."""
    ALREADY_APPLIED = "ALREADY_APPLIED"
    """The mutation key already stands for the same append; nothing was written."""


@attrs.frozen
class AppendOutcome:
    """The run, and the appended steps in the order of the request, as they are now."""

    run: WorkflowRunRecord
    appended_steps: tuple[WorkflowStepRecord, ...]
    disposition: AppendDisposition


@operation
def append_workflow_steps(
    run_id: UUID,
    steps: Sequence[WorkflowStep],
    *,
    scope: Scope,
    mutation_key: str,
    append_window_step_key: str,
    metadata: JsonInput = NO_METADATA,
) -> Steps[AppendOutcome]:
    """
    Add steps to a run that has not ended, while a gate of it is open.

    The gate is the window: as long as it waits, the run cannot end, so nobody appends
    to a run that has just finished. New steps may depend on each other and on steps
    that the run has, whatever became of those, and name them as inputs; existing steps
    get no new dependencies. What waits for nothing is released at once, and what needs
    the success of a step that ended without it is canceled at once.

    Given a connection it is part of the caller's transaction; a handler may append to
    its own run. The *mutation_key* belongs to the run. A repeat under it that asks for
    the same, but for the *metadata*, answers with the steps and writes nothing, even
    when the window has closed or the run has ended since; one that asks for anything
    else is refused.

    Locks the run's row and waits for it at most five seconds, then the definitions
    FOR SHARE. It costs what it adds, not what the run has. The scope is the run's.

    Raises:
        QueryError: ``workflow.run_not_found`` within *scope*,
            ``workflow.append_conflicting_retry`` (says what differs),
            ``workflow.append_window_missing``,
            ``workflow.append_window_not_external``,
            ``workflow.append_window_not_open``, ``workflow.append_terminal_run``,
            ``workflow.definition_not_found_or_disabled`` (names the types),
            ``workflow.append_unsupported_isolation`` outside READ COMMITTED,
            ``workflow.release_conflict`` when somebody else holds the run for too
            long: nothing was written, try again.
        WorkflowDagError: with everything that is wrong with the steps.
        ValidationError: ``workflow.append_mutation_key_blank``,
            ``workflow.metadata_not_json``, ``identifier.*``.
    """
    wanted = _Append(
        run_id=check_uuid(run_id, "run_id"),
        steps=_askable_steps(steps),
        mutation_key=_checked_mutation_key(mutation_key),
        window_key=check_identifier(append_window_step_key, "append_window_step_key"),
        metadata=json_text(check_json(metadata, "workflow.metadata_not_json")),
    )
    yield from require_read_committed("workflow.append_unsupported_isolation")
    run = yield from lock_run(run_id, scope=scope)
    request = wanted.request(run)
    mutations, named = yield from batch(
        Call(
            FIND_MUTATION,
            {
                "run_id": run_id,
                "mutation_key": wanted.mutation_key,
                "request": request,
                "shown_steps": SHOWN_STEPS + 1,
            },
        ),
        Call(FIND_NAMED_STEPS, {"run_id": run_id, "step_keys": wanted.named_keys()}),
    )
    if mutations:
        _refuse_another(mutations[0])
        return (yield from _outcome(wanted, AppendDisposition.ALREADY_APPLIED))
    _check_window(run, wanted, named)
    existing = {
        row["step_key"]: ExistingStep(row["id"], WorkflowStepStatus(row["status"]))
        for row in named
    }
    validate_workflow_step_append(existing.keys(), wanted.steps)
    yield from _append(run, wanted, existing)
    yield from rows(
        INSERT_APPEND_MUTATION,
        run_id=run_id,
        mutation_key=wanted.mutation_key,
        metadata=wanted.metadata,
        request=request,
    )
    return (yield from _outcome(wanted, AppendDisposition.APPENDED))


@operation
def list_workflow_step_keys_for_update(
    run_id: UUID, *, scope: Scope
) -> Steps[tuple[str, ...]]:
    """
    Lock a run and return the keys of its steps, in the order in which they were added.

    For applications that plan an append by what is there already: within the same
    transaction nobody adds a step or moves the run until the append is done. Locks the
    run's row and waits for it at most five seconds.

    Raises:
        QueryError: ``workflow.run_not_found`` within *scope*,
            ``workflow.release_conflict`` when somebody else holds the run for too long.
        ValidationError: ``identifier.invalid_uuid``.
    """
    check_uuid(run_id, "run_id")
    yield from lock_run(run_id, scope=scope)
    found = yield from rows(LIST_STEP_KEYS, run_id=run_id)
    return tuple(row["step_key"] for row in found)


@attrs.frozen
class _Append:
    """What is asked for, checked as far as that goes without the run."""

    run_id: UUID
    steps: tuple[WorkflowStep, ...]
    mutation_key: str
    window_key: str
    metadata: str

    def named_keys(self) -> list[str]:
        """Return every key that the request names."""
        return sorted({self.window_key, *self._step_keys(), *self._prerequisite_keys()})

    def request(self, run: LockedRun) -> str:
        """Return what repeats are compared with."""
        return json_text(
            workflow_append_snapshot(
                self.window_key, self.steps, organization_id=run.organization_id
            )
        )

    def _step_keys(self) -> set[str]:
        return {step.step_key for step in self.steps}

    def _prerequisite_keys(self) -> set[str]:
        return {
            dependency.prerequisite_step_key
            for step in self.steps
            for dependency in step.dependencies
        }


def _askable_steps(steps: Iterable[WorkflowStep]) -> tuple[WorkflowStep, ...]:
    """
    Refuse texts of which the database could not even be asked.

    Everything else that is wrong with the steps is found later, since a key that stands
    for another append, or a window that has closed, is the more telling answer.
    """
    askable = tuple(steps)
    for step in askable:
        if not isinstance(step, WorkflowStep):
            detail = f"a step is of type {type(step).__name__}"
            raise ValidationError("workflow.invalid_dag", detail)
        prerequisites = (each.prerequisite_step_key for each in step.dependencies)
        texts = (step.step_key, step.job_type, step.stage, *step.inputs, *prerequisites)
        for text in texts:
            _refuse_unstorable(text)
    return askable


def _refuse_unstorable(text: str | None) -> None:
    try:
        check_identifier(text or "empty", "a key, type or stage of a step")
    except ValidationError as error:
        if error.code == "identifier.invalid_text":
            raise


def _checked_mutation_key(value: str) -> str:
    try:
        return check_identifier(value, "mutation_key")
    except ValidationError as error:
        if error.code != "identifier.blank":
            raise
        raise ValidationError("workflow.append_mutation_key_blank") from None


def _refuse_another(mutation: Row) -> None:
    """Refuse a key that stands for something else, and say what differs."""
    if not mutation["is_append"]:
        raise QueryError("workflow.append_conflicting_retry", "it is no append")
    if not mutation["is_same_request"]:
        raise QueryError("workflow.append_conflicting_retry", differences(mutation))


def _check_window(run: LockedRun, wanted: _Append, named: Sequence[Row]) -> None:
    window = next((r for r in named if r["step_key"] == wanted.window_key), None)
    if window is None:
        raise QueryError("workflow.append_window_missing")
    if window["execution_kind"] != StepExecutionKind.EXTERNAL:
        raise QueryError("workflow.append_window_not_external")
    if window["status"] != WorkflowStepStatus.WAITING_FOR_EXTERNAL:
        raise QueryError("workflow.append_window_not_open", f"it is {window['status']}")
    if run.status.is_terminal:
        raise QueryError("workflow.append_terminal_run", f"it is {run.status.value}")


def _append(
    run: LockedRun, wanted: _Append, existing: Mapping[str, ExistingStep]
) -> Steps[None]:
    """Insert the steps, release what can begin and cancel what never can."""
    wanted_types = sorted({s.job_type for s in wanted.steps if s.job_type is not None})
    definitions = yield from one(LOCK_DEFINITIONS, job_types=wanted_types)
    if definitions["missing_types"]:
        raise missing_definitions(definitions)
    [ids] = yield from insert_steps(
        [NewSteps(run.id, wanted.steps, run.organization_id, existing)]
    )
    decided = [
        ids[step.step_key]
        for step in wanted.steps
        if all(_has_ended(existing, edge) for edge in step.dependencies)
    ]
    yield from propagate(ready=decided, deltas={run.id: RunDelta(added=len(ids))})


def _has_ended(
    existing: Mapping[str, ExistingStep], edge: WorkflowStepDependencySpec
) -> bool:
    prerequisite = existing.get(edge.prerequisite_step_key)
    return prerequisite is not None and prerequisite.status.is_terminal


def _outcome(wanted: _Append, disposition: AppendDisposition) -> Steps[AppendOutcome]:
    keys = [step.step_key for step in wanted.steps]
    [run], steps = yield from batch(
        Call(READ_RUN, {"run_id": wanted.run_id}),
        Call(READ_STEPS_BY_KEY, {"run_id": wanted.run_id, "step_keys": keys}),
    )
    return AppendOutcome(
        run=WorkflowRunRecord(**run),
        appended_steps=tuple(WorkflowStepRecord(**row) for row in steps),
        disposition=disposition,
    )
