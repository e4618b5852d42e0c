"""Draw when the steps of a run were blocked, waited, ran and were retried."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

import attrs

from ..._statuses import AttemptOutcome, WorkflowStepStatus
from ._colors import MUTED, PAINTS, TEXT, paint_of
from ._labels import cut

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from .._graph_view import GraphAttempt, GraphStep
    from ._nodes import Node, Picture

_NAME_WIDTH: Final = 190.0
_ROW_HEIGHT: Final = 18.0
_BAR_HEIGHT: Final = 10.0
# A node of many steps gets lanes, one for each step that is under way at once.
_MOST_LANES: Final = 24
_LANE_HEIGHT: Final = 4.0
_AXIS_HEIGHT: Final = 44.0
_TICKS_WISHED: Final = 8
_NAME_CHARACTERS: Final = 27

_BLOCKED: Final = "#e4e7ec"
_QUEUED: Final = "#c9d8ee"
_OUTCOMES: Final = {
    None: WorkflowStepStatus.RUNNING,
    AttemptOutcome.SUCCEEDED: WorkflowStepStatus.SUCCEEDED,
    AttemptOutcome.CANCELED: WorkflowStepStatus.CANCELED,
}


@attrs.frozen
class Timeline:
    """The drawing's parts, and the room that they take; none when nothing began."""

    parts: tuple[str, ...] = ()
    width: float = 0.0
    height: float = 0.0


@attrs.frozen
class _Scale:
    """Turn instants into places."""

    start: datetime
    seconds: float
    width: float

    def x(self, instant: datetime) -> float:
        elapsed = (instant - self.start).total_seconds()
        return _NAME_WIDTH + max(0.0, min(1.0, elapsed / self.seconds)) * self.width

    def bar(self, span: _Span, fill: str, title: str = "") -> str:
        left = self.x(span.start)
        # What was too short to see is a hairline all the same.
        width = max(self.x(span.end) - left, 0.8)
        shape = (
            f'<rect x="{left:.1f}" y="{span.top:.1f}" width="{width:.1f}" '
            f'height="{span.height:.1f}" fill="{fill}"'
        )
        told = f"><title>{escape(title)}</title></rect>" if title else "/>"
        return shape + told


@attrs.frozen
class _Span:
    """A time, and the strip in which it is drawn."""

    start: datetime
    end: datetime
    top: float
    height: float


def timeline_of(picture: Picture, *, width: float) -> Timeline:
    """Return the timeline of a picture, which is empty for a planned workflow."""
    if picture.began_at is None or picture.ended_at is None:
        return Timeline()
    seconds = max((picture.ended_at - picture.began_at).total_seconds(), 0.001)
    scale = _Scale(picture.began_at, seconds, width - _NAME_WIDTH)
    nodes = sorted(picture.nodes, key=_first_release)
    body: list[str] = []
    top = _AXIS_HEIGHT
    for node in nodes:
        drawn, height = _row(node, scale, top, picture.ended_at)
        body += drawn
        top += height
    parts = [*_axis(scale, bottom=top), *body]
    return Timeline(tuple(parts), width, top)


def _first_release(node: Node) -> tuple[bool, float]:
    """Order rows by when their first step was released, those without one last."""
    released = [step.released_at for step in node.steps if step.released_at is not None]
    return (not released, min((each.timestamp() for each in released), default=0.0))


def _axis(scale: _Scale, *, bottom: float) -> Iterator[str]:
    yield (
        f'<text x="0" y="12" font-weight="600" fill="{TEXT}">Timeline'
        f'<tspan dx="10" font-weight="400" fill="{MUTED}">'
        f"from {scale.start:%Y-%m-%d %H:%M:%S} UTC{scale.start:%z}; "
        "pale: blocked; light blue: waited for a worker; then each attempt"
        "</tspan></text>"
    ).replace("UTC+0000", "UTC")
    step = _nice_step(scale.seconds)
    for number in range(int(scale.seconds / step) + 1):
        x = _NAME_WIDTH + number * step / scale.seconds * scale.width
        yield (
            f'<path d="M{x:.1f} {_AXIS_HEIGHT - 10} V{bottom:.1f}" stroke="#eceff3"/>'
            f'<text x="{x:.1f}" y="{_AXIS_HEIGHT - 14}" font-size="10" '
            f'text-anchor="middle" fill="{MUTED}">{_duration(number * step)}</text>'
        )


def _nice_step(seconds: float) -> float:
    """Return a round distance that gives about eight ticks."""
    rough = seconds / _TICKS_WISHED
    unit = 0.001
    while unit * 10 <= rough:
        unit *= 10
    return next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)


def _duration(seconds: float) -> str:
    if seconds == 0:
        return "0"
    if seconds < 1:
        return f"{seconds * 1000:g} ms"
    if seconds < 600:  # noqa: PLR2004 - ten minutes read better as minutes
        return f"{seconds:g} s"
    return f"{seconds / 60:g} min"


def _row(
    node: Node, scale: _Scale, top: float, until: datetime
) -> tuple[list[str], float]:
    """Draw one node's steps, and say how high that became."""
    label = cut(node.label, _NAME_CHARACTERS)
    parts = [f'<text x="0" y="{top + 11:.1f}" fill="{TEXT}">{escape(label)}</text>']
    if node.count == 1:
        for step in node.steps:
            parts += _step(step, scale, top + 2, _BAR_HEIGHT, until)
        return parts, _ROW_HEIGHT
    lanes = _lanes(node.steps, until)
    for step, lane in lanes:
        # No pale line for the time before: a hundred of them would say nothing.
        parts += _work(step, scale, top + 2 + lane * _LANE_HEIGHT, _LANE_HEIGHT, until)
    lane_count = 1 + max((lane for _, lane in lanes), default=0)
    return parts, max(_ROW_HEIGHT, lane_count * _LANE_HEIGHT + 8)


def _lanes(steps: Sequence[GraphStep], until: datetime) -> list[tuple[GraphStep, int]]:
    """Give each step a lane that is free when it starts, or the last there is."""
    begun = [step for step in steps if _begin(step) is not None]
    begun.sort(key=lambda step: (_begin(step) or until, step.key))
    free_at: list[datetime] = []
    placed = []
    for step in begun:
        start, end = _begin(step) or until, step.finished_at or until
        lane = next((n for n, at in enumerate(free_at) if at <= start), len(free_at))
        if lane == len(free_at) and lane < _MOST_LANES:
            free_at.append(end)
        lane = min(lane, _MOST_LANES - 1)
        free_at[lane] = end
        placed.append((step, lane))
    return placed


def _begin(step: GraphStep) -> datetime | None:
    """Return when a step's own time begins: its first attempt, or a gate's opening."""
    if step.attempts:
        return step.attempts[0].started_at
    return step.released_at if step.job_type is None else None


def _step(
    step: GraphStep, scale: _Scale, top: float, height: float, until: datetime
) -> Iterator[str]:
    released = step.released_at or step.finished_at or until
    yield scale.bar(_Span(step.created_at, released, top + height / 2 - 1, 2), _BLOCKED)
    if step.job_type is not None and step.released_at is not None:
        first = _begin(step) or step.finished_at or until
        yield scale.bar(_Span(step.released_at, first, top + 2, height - 4), _QUEUED)
    yield from _work(step, scale, top, height, until)


def _work(
    step: GraphStep, scale: _Scale, top: float, height: float, until: datetime
) -> Iterator[str]:
    """Draw the attempts and the waits between them, or how long a gate was open."""
    previous: datetime | None = None
    for attempt in step.attempts:
        if previous is not None:
            yield scale.bar(
                _Span(previous, attempt.started_at, top + height / 3, height / 3),
                _QUEUED,
            )
        previous = attempt.finished_at or until
        fill = _attempt_fill(attempt)
        title = f"{step.key}, attempt {attempt.attempt}"
        yield scale.bar(_Span(attempt.started_at, previous, top, height), fill, title)
    if not step.attempts and step.released_at is not None and step.job_type is None:
        end = step.finished_at or until
        fill = PAINTS[WorkflowStepStatus.WAITING_FOR_EXTERNAL].fill
        title = f"{step.key}, {step.status.value}"
        yield scale.bar(_Span(step.released_at, end, top, height), fill, title)


def _attempt_fill(attempt: GraphAttempt) -> str:
    status = _OUTCOMES.get(attempt.outcome, WorkflowStepStatus.FAILED)
    return paint_of(status).stroke
