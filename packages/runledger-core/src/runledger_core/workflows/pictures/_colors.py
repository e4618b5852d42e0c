"""The colours that say how a step stands, the same in every kind of picture."""

from __future__ import annotations

from typing import Final

import attrs

from ..._statuses import WorkflowStepStatus


@attrs.frozen
class Paint:
    """How a status is painted."""

    fill: str
    stroke: str


PLANNED: Final = Paint("#ffffff", "#6b7280")

PAINTS: Final = {
    WorkflowStepStatus.BLOCKED: Paint("#eceff3", "#9aa3af"),
    WorkflowStepStatus.ENQUEUED: Paint("#d6e6fb", "#5b8fd6"),
    WorkflowStepStatus.RUNNING: Paint("#7fb2f0", "#1f5fb0"),
    WorkflowStepStatus.WAITING_FOR_EXTERNAL: Paint("#fbe3a1", "#b98300"),
    WorkflowStepStatus.SUCCEEDED: Paint("#bfe8c5", "#2f8f46"),
    WorkflowStepStatus.FAILED: Paint("#f6b3ad", "#b3261e"),
    WorkflowStepStatus.CANCELED: Paint("#d9d4e3", "#75688f"),
}

TEXT: Final = "#1f2430"
MUTED: Final = "#6b7280"
EDGE: Final = "#8a93a3"


def paint_of(status: WorkflowStepStatus | None) -> Paint:
    """Return a status's paint; a step without one is only planned."""
    return PLANNED if status is None else PAINTS[status]
