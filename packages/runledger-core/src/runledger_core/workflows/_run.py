"""Describe a workflow run that is to be enqueued."""

from __future__ import annotations

from uuid import UUID  # noqa: TC003 - cattrs resolves the hints of attrs classes

import attrs

from .._identifiers import check_uuid
from .._json import JsonInput, JsonValue, check_json
from ..errors import ValidationError
from ._spec import WorkflowStep, plain_steps, plain_text
from ._validation import validate_workflow_run_enqueue


def _workflow_type(value: str) -> str:
    return plain_text(value, "workflow_type")


def check_metadata(value: JsonInput) -> JsonValue:
    """Return a copy of the metadata of a run."""
    return check_json(value, "workflow.metadata_not_json")


def _organization_id(value: UUID | None) -> UUID | None:
    return None if value is None else check_uuid(value, "organization_id")


def _idempotency_key(value: str | None) -> str | None:
    return None if value is None else plain_text(value, "idempotency_key")


def _result_step_key(value: str | None) -> str | None:
    return None if value is None else plain_text(value, "result_step_key")


def _fail_fast(value: bool) -> bool:
    if not isinstance(value, bool):
        detail = f"fail_fast is of type {type(value).__name__}"
        raise ValidationError("workflow.invalid_dag", detail)
    return value


def _count(steps: tuple[WorkflowStep, ...]) -> str:
    return f"<{len(steps)} steps>"


@attrs.frozen
class WorkflowRunEnqueue:
    """
    Ask for one run of a workflow. Everything is checked when the request is made.

    So a request that exists is valid, and the storage layer does not check it again.
    Metadata and payloads are copied.

    Args:
        workflow_type: what kind of workflow it is.
        steps: at least one; their order does not matter.
        metadata: any JSON value; the default is an empty object. It is part of what a
            repeat under the same key is compared with.
        organization_id: whose run it is; None makes it global.
        idempotency_key: enqueueing the same request again under the same key, workflow
            type and organization answers with the run that exists.
        result_step_key: the step whose output becomes the run's result.
        fail_fast: cancel what is left of the run as soon as a step has failed. The
            default lets the other branches go on.

    Raises:
        WorkflowDagError: with every fault; see the codes ``workflow.invalid_dag_*``.
        ValidationError: ``identifier.invalid_text``, ``identifier.invalid_uuid``,
            ``workflow.metadata_not_json`` or ``workflow.invalid_dag`` for a value of
            the wrong type.
    """

    workflow_type: str = attrs.field(converter=_workflow_type)
    # A run can have thousands of steps, and reprs end in logs.
    steps: tuple[WorkflowStep, ...] = attrs.field(converter=plain_steps, repr=_count)
    metadata: JsonValue = attrs.field(
        factory=dict, converter=check_metadata, repr=False, hash=False, kw_only=True
    )
    organization_id: UUID | None = attrs.field(
        default=None, converter=_organization_id, kw_only=True
    )
    idempotency_key: str | None = attrs.field(
        default=None, converter=_idempotency_key, repr=False, kw_only=True
    )
    result_step_key: str | None = attrs.field(
        default=None, converter=_result_step_key, kw_only=True
    )
    fail_fast: bool = attrs.field(default=False, converter=_fail_fast, kw_only=True)

    def __attrs_post_init__(self) -> None:
        validate_workflow_run_enqueue(self)
