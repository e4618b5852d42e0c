"""Tell a handler which attempt it runs, and take what it says about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import attrs

import runledger_core
from runledger_core import check_identifier, check_json, check_whole_number
from runledger_core.errors import ValidationError

from ._log_lines import storable_fields, storable_level, storable_message
from ._recorded_services import RecordedServices
from .errors import JobCancelledError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from runledger_core import JsonInput, JsonValue

_PROGRESS_CODE = "job.invalid_progress"
_MAX_PROGRESS = 2**63 - 1


class HandlerServices(Protocol):
    """What the worker does for a handler that runs; any thread may ask for it."""

    @property
    def deadline(self) -> float: ...

    @property
    def is_cancelled(self) -> bool: ...

    def remaining_seconds(self) -> float: ...

    def report_progress(
        self, *, done: int | None, total: int | None, stage: str | None
    ) -> None: ...

    def report_line(
        self, message: str, *, level: str, fields: Mapping[str, JsonValue]
    ) -> None: ...

    def save_checkpoint(self, value: JsonValue) -> Coroutine[Any, Any, None]: ...

    def save_checkpoint_from_thread(self, value: JsonValue) -> None: ...


@attrs.frozen(kw_only=True)
class JobContext(runledger_core.JobContext):
    """
    Be what a handler gets beside its payload: core's data, and services.

    `set_progress` and `log` never wait, in async handlers and in threads alike: what
    they are given is written a moment later, together with what other handlers say.
    Only a checkpoint is worth waiting for. All that was said before a handler ends is
    written before its job ends.

    A context made by hand, as in a test of a handler, has no deadline and is never
    cancelled; pass `RecordedServices` to see what the handler reported.
    """

    _services: HandlerServices = attrs.field(
        factory=RecordedServices, repr=False, eq=False
    )

    @property
    def deadline(self) -> float:
        """When the attempt's time is up, on the clock of ``trio.current_time()``."""
        return self._services.deadline

    @property
    def is_cancelled(self) -> bool:
        """Whether the handler should stop: time is up, lease lost, or shutdown."""
        return self._services.is_cancelled

    def remaining_seconds(self) -> float:
        """Return how long the attempt may still take; 0 when its time is up."""
        return self._services.remaining_seconds()

    def raise_if_cancelled(self) -> None:
        """
        End the handler if it should stop; plain handlers call it now and then.

        An async handler need not: it is cancelled at its next checkpoint. A thread
        cannot be ended from outside. One that never asks goes on for nothing, keeps a
        slot, and may still be running while its job is tried again.

        Raises:
            JobCancelledError: let it pass through.
        """
        if self.is_cancelled:
            raise JobCancelledError

    def set_progress(
        self,
        done: int | None = None,
        total: int | None = None,
        *,
        stage: str | None = None,
    ) -> None:
        """
        Say how far the job is; call it as often as you like, it never waits.

        The first call is written at once, and then the newest values every quarter of
        a second while they change. What is left out keeps its value. Each write leaves
        an event in the job's history.

        Args:
            done: how many units are done, at most *total*.
            total: how many units there are.
            stage: what the job is doing, an identifier such as ``uploading``.

        Raises:
            ValidationError: ``job.invalid_progress``, ``identifier.*`` for the stage.
        """
        _check_count(done, "done")
        _check_count(total, "total")
        if done is not None and total is not None and done > total:
            raise ValidationError(_PROGRESS_CODE, f"{done} of {total} are done")
        if stage is not None:
            stage = check_identifier(stage, "stage")
        self._services.report_progress(done=done, total=total, stage=stage)

    def log(self, message: str, /, *, level: str = "info", **fields: object) -> None:
        """
        Add a line to the job's own log, which operators read; it never waits.

        It never fails either: what is no JSON becomes text, and when the database
        does not keep up, lines are dropped and counted in the worker's log. Lines
        outlive the attempt, but not the worker's sudden death.

        Args:
            message: the line.
            level: an identifier, such as ``warning``.
            fields: whatever belongs to it.
        """
        self._services.report_line(
            storable_message(message),
            level=storable_level(level),
            fields=storable_fields(fields),
        )

    def save_checkpoint(self, value: JsonInput) -> Coroutine[Any, Any, None]:
        """
        Store from where a later attempt goes on; it is stored when this returns.

        For async handlers, which await it; plain ones call
        `save_checkpoint_from_thread`. None takes an earlier checkpoint back.

        Raises:
            ValidationError: ``job.checkpoint_not_json``.
            JobFailure: ``job.progress_persist_failed``, retryable: let it pass.
            JobCancelledError: the job is not this worker's any more.
        """
        return self._services.save_checkpoint(_checked_checkpoint(value))

    def save_checkpoint_from_thread(self, value: JsonInput) -> None:
        """Do what `save_checkpoint` does, for plain handlers; it blocks meanwhile."""
        self._services.save_checkpoint_from_thread(_checked_checkpoint(value))


def _check_count(value: int | None, field: str) -> None:
    if value is not None:
        check_whole_number(
            value, _PROGRESS_CODE, minimum=0, maximum=_MAX_PROGRESS, field=field
        )


def _checked_checkpoint(value: JsonInput) -> JsonValue:
    return check_json(value, "job.checkpoint_not_json")
