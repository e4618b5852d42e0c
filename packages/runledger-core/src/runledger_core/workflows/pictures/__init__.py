"""Draw workflows: as Mermaid, as DOT, or as an SVG that needs nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from ...errors import ValidationError
from ._dot import to_dot
from ._mermaid import to_mermaid
from ._nodes import picture_of
from ._svg import to_svg

if TYPE_CHECKING:
    from .._graph_view import WorkflowGraph
    from .._run import WorkflowRunEnqueue

__all__ = ["PictureFormat", "render_workflow"]

PictureFormat: TypeAlias = Literal["dot", "mermaid", "svg"]

_RENDERERS: Final = {"dot": to_dot, "mermaid": to_mermaid, "svg": to_svg}


def render_workflow(
    run: WorkflowGraph | WorkflowRunEnqueue,
    picture_format: PictureFormat = "svg",
    *,
    collapse_above: int = 80,
) -> str:
    """
    Draw a run as it stands, or a request as it would be enqueued.

    Steps are coloured by status, gates are hexagons; an edge is solid where the
    prerequisite has to succeed, dashed where any end will do, and thick where it passes
    its output on. The SVG of a run that has begun shows below when each step was
    blocked, waited, ran and was retried.

    Args:
        run: what ``get_workflow_graph`` returned, or a request.
        picture_format: ``svg``, ``mermaid`` or ``dot``.
        collapse_above: a workflow with more steps than this is drawn with one node for
            all steps that are alike: same kind, job type and alike neighbours.

    Raises:
        ValidationError: ``workflow.invalid_picture_format``.
    """
    renderer = _RENDERERS.get(picture_format)
    if renderer is None:
        known = ", ".join(sorted(_RENDERERS))
        raise ValidationError("workflow.invalid_picture_format", f"known: {known}")
    return renderer(picture_of(run, collapse_above=collapse_above))
