"""Say how an external gate ends: what somebody outside found out."""

from __future__ import annotations

from typing import Final, TypeAlias

import attrs

from runledger_core import (
    JsonInput,
    JsonValue,
    ValidationError,
    WorkflowStepStatus,
    check_identifier,
    check_json,
    check_text,
)

# By these a run knows which steps were canceled because of others, and a retry in place
# which ones to open again.
_RESERVED_CODES: Final = frozenset(
    {
        "workflow.dependency_unsatisfied",
        "workflow.fail_fast",
        "workflow.run_canceled",
    }
)


def _output(value: JsonInput) -> JsonValue:
    return check_json(value, "job.output_not_json")


def _text(value: str | None) -> str | None:
    return None if value is None else check_text(value, "workflow.invalid_reason")


def _error_code(value: str | None) -> str | None:
    if value in _RESERVED_CODES:
        raise ValidationError("workflow.error_code_reserved", value)
    return None if value is None else check_identifier(value, "error_code")


@attrs.frozen
class GateSucceeded:
    """
    The gate opened the way: what had to happen has happened.

    Args:
        output: what the steps that name the gate as an input get, any JSON value;
            None means nothing, as with the output of a job.
        reason: stands in ``status_reason``, for people.

    Raises:
        ValidationError: ``job.output_not_json``, ``workflow.invalid_reason``.
    """

    output: JsonValue = attrs.field(
        default=None, converter=_output, repr=False, hash=False
    )
    reason: str | None = attrs.field(default=None, converter=_text, kw_only=True)

    @property
    def status(self) -> WorkflowStepStatus:
        """What the step becomes."""
        return WorkflowStepStatus.SUCCEEDED


@attrs.frozen
class GateFailed:
    """
    What had to happen did not, or went wrong.

    Steps that need the gate's success are canceled; a run with ``fail_fast`` stops.

    Args:
        reason: stands in ``status_reason``, for people.
        error_code: stands in ``last_error_code``, for programs.
        error_message: stands in ``last_error_message``, for operators.

    Raises:
        ValidationError: ``identifier.*``, ``workflow.invalid_reason``,
            ``workflow.error_code_reserved``.
    """

    reason: str | None = attrs.field(default=None, converter=_text)
    error_code: str | None = attrs.field(
        default=None, converter=_error_code, kw_only=True
    )
    error_message: str | None = attrs.field(
        default=None, converter=_text, kw_only=True, repr=False
    )

    @property
    def status(self) -> WorkflowStepStatus:
        """What the step becomes."""
        return WorkflowStepStatus.FAILED


@attrs.frozen
class GateCanceled:
    """
    Nobody waits for it any more.

    Steps that need the gate's success are canceled; a run with ``fail_fast`` stops.
    Arguments are those of `GateFailed`.

    Raises:
        ValidationError: ``identifier.*``, ``workflow.invalid_reason``,
            ``workflow.error_code_reserved``.
    """

    reason: str | None = attrs.field(default=None, converter=_text)
    error_code: str | None = attrs.field(
        default=None, converter=_error_code, kw_only=True
    )
    error_message: str | None = attrs.field(
        default=None, converter=_text, kw_only=True, repr=False
    )

    @property
    def status(self) -> WorkflowStepStatus:
        """What the step becomes."""
        return WorkflowStepStatus.CANCELED


GateOutcome: TypeAlias = GateSucceeded | GateFailed | GateCanceled
"""An output with anything but a success cannot even be written down."""
