"""Draw a workflow as an SVG that needs no font, script or style from elsewhere."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from ._colors import EDGE, MUTED, PAINTS, TEXT, paint_of
from ._labels import cut
from ._layout import NODE_HEIGHT, NODE_WIDTH, lay_out
from ._timeline import timeline_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..._statuses import WorkflowStepStatus
    from ._layout import Layout, Point
    from ._nodes import Link, Node, Picture

_MARGIN: Final = 24.0
_HEAD_HEIGHT: Final = 76.0
_LEAST_WIDTH: Final = 720.0
_LABEL_CHARACTERS: Final = 22
_SECTION_GAP: Final = 36.0
_FONT: Final = 'font-family="system-ui, sans-serif" font-size="12"'


def to_svg(picture: Picture) -> str:
    """Return the drawing: a head with the legend, the graph, and its timeline."""
    layout = lay_out(picture)
    graph_width = max(layout.width, _LEAST_WIDTH)
    timeline = timeline_of(picture, width=max(graph_width, 900.0))
    width = max(graph_width, timeline.width) + 2 * _MARGIN
    height = _HEAD_HEIGHT + layout.height + _MARGIN
    if timeline.height:
        height += _SECTION_GAP + timeline.height
    size = f'width="{width:.0f}" height="{height:.0f}"'
    box = f'viewBox="0 0 {width:.0f} {height:.0f}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box} {_FONT}>',
        f"<title>{escape(picture.title)}</title>",
        _marker(),
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
        *_head(picture),
        f'<g transform="translate({_MARGIN:.0f} {_HEAD_HEIGHT:.0f})">',
        *_graph(picture, layout),
        "</g>",
    ]
    if timeline.height:
        top = _HEAD_HEIGHT + layout.height + _SECTION_GAP
        parts.append(f'<g transform="translate({_MARGIN:.0f} {top:.1f})">')
        parts += timeline.parts
        parts.append("</g>")
    return "\n".join([*parts, "</svg>"]) + "\n"


def _marker() -> str:
    return (
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" markerUnits="userSpaceOnUse" orient="auto">'
        f'<path d="M0 0 L8 4 L0 8 z" fill="{EDGE}"/></marker></defs>'
    )


def _head(picture: Picture) -> Iterator[str]:
    title, subtitle = escape(picture.title), escape(picture.subtitle)
    yield (
        f'<text x="{_MARGIN}" y="26" font-size="15" font-weight="600" fill="{TEXT}">'
        f'{title}<tspan dx="10" font-weight="400" font-size="12" fill="{MUTED}">'
        f"{subtitle}</tspan></text>"
    )
    x = _MARGIN
    found = {status for node in picture.nodes for status in node.counts()}
    for status in PAINTS:
        if status in found:
            label = status.value.lower().replace("_", " ")
            yield _swatch(x, status)
            yield f'<text x="{x + 17}" y="50" fill="{MUTED}">{label}</text>'
            x += 30 + 6.6 * len(label)
    for label, style in (
        ("must succeed", ""),
        ("must end", 'stroke-dasharray="5 4"'),
        ("passes its output", 'stroke-width="2.6"'),
    ):
        yield (
            f'<path d="M{x:.0f} 46 h26" stroke="{EDGE}" fill="none" {style} '
            'marker-end="url(#arrow)"/>'
            f'<text x="{x + 32:.0f}" y="50" fill="{MUTED}">{label}</text>'
        )
        x += 46 + 6.6 * len(label)


def _swatch(x: float, status: WorkflowStepStatus) -> str:
    paint = paint_of(status)
    return (
        f'<rect x="{x}" y="40" width="12" height="12" rx="3" fill="{paint.fill}" '
        f'stroke="{paint.stroke}"/>'
    )


def _graph(picture: Picture, layout: Layout) -> Iterator[str]:
    for link, way in zip(picture.links, layout.ways, strict=True):
        yield _link(link, way)
    for node, point in zip(picture.nodes, layout.nodes, strict=True):
        yield from _node(node, point)


def _link(link: Link, way: tuple[Point, ...]) -> str:
    start, *rest = way
    path = [f"M{start.x:.1f} {start.y:.1f}"]
    is_gap, at = True, start
    for point in rest:
        # Between columns a link bends; past the nodes of a column it goes straight.
        if is_gap:
            middle = (at.x + point.x) / 2
            path.append(
                f"C{middle:.1f} {at.y:.1f} {middle:.1f} {point.y:.1f} "
                f"{point.x:.1f} {point.y:.1f}"
            )
        else:
            path.append(f"L{point.x:.1f} {point.y:.1f}")
        is_gap, at = not is_gap, point
    dashes = "" if link.needs_success else ' stroke-dasharray="5 4"'
    width = 2.6 if link.passes_output else 1.2
    return (
        f'<path d="{" ".join(path)}" fill="none" stroke="{EDGE}" '
        f'stroke-width="{width}"{dashes} marker-end="url(#arrow)"/>'
    )


def _node(node: Node, at: Point) -> Iterator[str]:
    paint = paint_of(node.status())
    left, top = at.x, at.y - NODE_HEIGHT / 2
    yield f"<g><title>{_tooltip(node)}</title>"
    if node.count > 1:
        # A second sheet behind the first: there are several.
        yield _outline(node, left + 4, top + 4, "#f4f5f7", MUTED)
    yield _outline(node, left, top, paint.fill, paint.stroke)
    yield _text(
        left + 14, top + 19, cut(node.label, _LABEL_CHARACTERS), TEXT, weight=600
    )
    yield _text(left + 14, top + 35, cut(_second_line(node), _LABEL_CHARACTERS), TEXT)
    if node.count > 1:
        yield from _bar(node, left + 6, top + NODE_HEIGHT - 6)
    yield "</g>"


def _outline(node: Node, left: float, top: float, fill: str, stroke: str) -> str:
    style = f'fill="{fill}" stroke="{stroke}" stroke-width="1.3"'
    if node.is_gate:
        right, bottom, middle = (
            left + NODE_WIDTH,
            top + NODE_HEIGHT,
            top + NODE_HEIGHT / 2,
        )
        return (
            f'<path d="M{left + 10:.1f} {top:.1f} H{right - 10:.1f} L{right:.1f} '
            f"{middle:.1f} L{right - 10:.1f} {bottom:.1f} H{left + 10:.1f} "
            f'L{left:.1f} {middle:.1f} z" {style}/>'
        )
    radius = 18 if node.is_result else 6
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{NODE_WIDTH:.0f}" '
        f'height="{NODE_HEIGHT:.0f}" rx="{radius}" {style}/>'
    )


def _second_line(node: Node) -> str:
    what = "gate" if node.is_gate else str(node.job_type)
    if node.count > 1:
        return f"{what}, {node.count} steps"
    attempts = sum(len(step.attempts) for step in node.steps)
    return f"{what}, {attempts} tries" if attempts > 1 else what


def _bar(node: Node, left: float, top: float) -> Iterator[str]:
    """Show how many of a node's steps stand how, as parts of a bar."""
    width = NODE_WIDTH - 12
    for status in PAINTS:
        share = node.counts()[status] / node.count * width
        if share:
            yield (
                f'<rect x="{left:.1f}" y="{top:.1f}" width="{share:.1f}" height="4" '
                f'fill="{paint_of(status).stroke}"/>'
            )
            left += share


def _tooltip(node: Node) -> str:
    if node.count > 1:
        counts = ", ".join(f"{n} {status.value}" for status, n in node.counts().items())
        return escape(f"{node.label}: {node.count} steps {counts}")
    (key,) = node.step_keys
    status = node.status()
    return escape(key if status is None else f"{key}: {status.value}")


def _text(x: float, y: float, text: str, fill: str, *, weight: int = 400) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )
