"""Say what a handler leaves behind when it succeeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import attrs

from ._json import JsonInput, JsonValue, check_json
from ._numbers import MAX_INT64, check_whole_number
from .errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable

_PROGRESS_CODE = "job.invalid_completion_progress"


def _output(value: JsonInput) -> JsonValue:
    return check_json(value, "job.output_not_json")


def _checkpoint(value: JsonInput) -> JsonValue:
    return check_json(value, "job.checkpoint_not_json")


def _progress(value: int | None) -> int | None:
    if value is None:
        return None
    return check_whole_number(value, _PROGRESS_CODE, minimum=0, maximum=MAX_INT64)


class _WithOutput:
    """
    Let ``with_output`` begin a completion as well as extend one.

    A plain classmethod would be reachable from an instance too, and there it would
    silently forget the progress and the checkpoint that the instance holds.
    """

    def __get__(
        self, completion: JobCompletion | None, owner: type[JobCompletion]
    ) -> Callable[[JsonInput], JobCompletion]:
        def with_output(output: JsonInput) -> JobCompletion:
            """Return the completion with this output."""
            return attrs.evolve(completion or owner(), output=output)

        return with_output


@attrs.frozen(kw_only=True)
class JobCompletion:
    """
    Report that the job has done its work.

    None means "nothing to store": a missing output is stored as NULL, a missing
    progress or checkpoint keeps what the job reported before. So the JSON value null
    cannot be told from no value; wrap it in an object where that matters.

    Args:
        output: the job's result, any JSON value.
        progress_done: how many units are done; at most *progress_total*.
        progress_total: how many units there are.
        checkpoint: what a later run of the job starts from, any JSON value.

    Raises:
        ValidationError: ``job.output_not_json``, ``job.checkpoint_not_json`` or
            ``job.invalid_completion_progress``.
    """

    output: JsonValue = attrs.field(
        default=None, converter=_output, repr=False, hash=False
    )
    progress_done: int | None = attrs.field(default=None, converter=_progress)
    progress_total: int | None = attrs.field(default=None, converter=_progress)
    checkpoint: JsonValue = attrs.field(
        default=None, converter=_checkpoint, repr=False, hash=False
    )

    def __attrs_post_init__(self) -> None:
        if self.progress_done is None or self.progress_total is None:
            return
        if self.progress_done > self.progress_total:
            raise ValidationError(_PROGRESS_CODE)

    @classmethod
    def success(cls) -> JobCompletion:
        """Succeed without a result."""
        return cls()

    with_output: ClassVar[_WithOutput] = _WithOutput()

    @property
    def is_output_only(self) -> bool:
        """Whether it leaves progress and checkpoint as they are stored."""
        return (
            self.progress_done is None
            and self.progress_total is None
            and self.checkpoint is None
        )

    def progress(self, done: int, total: int) -> JobCompletion:
        """Return the completion with this final progress."""
        return attrs.evolve(self, progress_done=done, progress_total=total)

    def with_checkpoint(self, checkpoint: JsonInput) -> JobCompletion:
        """Return the completion with this checkpoint."""
        return attrs.evolve(self, checkpoint=checkpoint)
