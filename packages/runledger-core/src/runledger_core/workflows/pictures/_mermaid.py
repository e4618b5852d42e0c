"""Write a workflow as a Mermaid flowchart, which GitHub and many wikis show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._colors import PAINTS, TEXT, paint_of

if TYPE_CHECKING:
    from ._nodes import Link, Node, Picture


def to_mermaid(picture: Picture) -> str:
    """Return the flowchart, left to right."""
    lines = ["flowchart LR"]
    for index, node in enumerate(picture.nodes):
        lines.append(f"    n{index}{_shape(node)}{_class(node)}")
    links = [_link(link) for link in picture.links]
    lines += [f"    {line}" for line in links]
    statuses = {node.status() for node in picture.nodes}
    for status in PAINTS:
        if status in statuses:
            paint = paint_of(status)
            lines.append(
                f"    classDef {status.value} "
                f"fill:{paint.fill},stroke:{paint.stroke},color:{TEXT}"
            )
    return "\n".join(lines) + "\n"


def _shape(node: Node) -> str:
    text = _escaped(node.label)
    if node.count > 1:
        text += f"<br>{node.count} steps"
        counts = node.counts()
        if len(counts) > 1:
            parts = (f"{count} {status.value}" for status, count in counts.items())
            text += "<br>" + ", ".join(parts)
    if node.is_gate:
        return f'{{{{"{text}"}}}}'
    return f'(["{text}"])' if node.is_result else f'["{text}"]'


def _class(node: Node) -> str:
    status = node.status()
    return "" if status is None else f":::{status.value}"


def _link(link: Link) -> str:
    if link.passes_output:
        arrow = "==>" if link.needs_success else "-. output .->"
    else:
        arrow = "-->" if link.needs_success else "-.->"
    return f"n{link.source} {arrow} n{link.target}"


def _escaped(text: str) -> str:
    """Write what Mermaid or HTML would read as its own as numbered entities."""
    return "".join(
        character
        if character.isalnum() or character in " ._-/:*"
        else f"#{ord(character)};"
        for character in text
    )
