"""Carry everything that is wrong with a workflow in one error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from ..codes import CODES
from ..errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterable

_INVALID = "workflow.invalid_dag"
_SHOWN_FAULTS = 5
_SHOWN_CHARACTERS = 64


@attrs.frozen
class WorkflowFault:
    """
    Be one thing that is wrong with a workflow.

    Args:
        code: ``workflow.invalid_dag_*``, ``identifier.*`` or ``job.invalid_*``.
        step_key: the step at fault; None when it is the run or has no proper key.
        detail: what this occurrence adds, in words that are safe to show.
        cycle: for ``workflow.invalid_dag_cycle`` the keys of the whole circle, each
            step before one that needs it, and the last before the first.
    """

    code: str
    step_key: str | None
    detail: str
    cycle: tuple[str, ...] = attrs.field(default=(), kw_only=True)

    @property
    def message(self) -> str:
        """The sentence of the code with the detail, as an error would show it."""
        return f"{CODES[self.code].message} ({self.detail})"


class WorkflowDagError(ValidationError):
    """
    Refuse a workflow, with all of its faults at once.

    The code is that of the fault when there is only one, and ``workflow.invalid_dag``
    when there are several. The message names the first few.

    Attributes:
        faults: at least one, in the order in which the workflow was read.
    """

    faults: tuple[WorkflowFault, ...]

    def __init__(self, faults: Iterable[WorkflowFault]) -> None:
        faults = tuple(faults)
        if len(faults) == 1:
            super().__init__(faults[0].code, faults[0].detail)
        else:
            super().__init__(_INVALID, _summary(faults))
        self.faults = faults

    def __reduce__(self) -> tuple[Any, ...]:
        """Let pickle and copy rebuild it from its faults."""
        return type(self), (self.faults,), self.__dict__


def some(fault: WorkflowFault | None) -> tuple[WorkflowFault, ...]:
    """Return the fault, if there is one, for what collects faults."""
    return () if fault is None else (fault,)


def refuse(faults: Iterable[WorkflowFault]) -> None:
    """Raise if there is any fault."""
    found = tuple(faults)
    if found:
        raise WorkflowDagError(found)


def shown(key: str) -> str:
    """Return a step's key as messages show it: in one line and not too long."""
    text = key if key.isprintable() else ascii(key)
    if len(text) <= _SHOWN_CHARACTERS:
        return text
    half = _SHOWN_CHARACTERS // 2
    return f"{text[:half]}...{text[-half:]}"


def _summary(faults: tuple[WorkflowFault, ...]) -> str:
    first = [f"{each.code} ({each.detail})" for each in faults[:_SHOWN_FAULTS]]
    more = len(faults) - len(first)
    if more:
        first.append(f"and {more} more")
    return f"{len(faults)} faults: {'; '.join(first)}"
