"""Write a workflow as a DOT graph, for Graphviz."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._colors import EDGE, TEXT, paint_of

if TYPE_CHECKING:
    from ._nodes import Link, Node, Picture


def to_dot(picture: Picture) -> str:
    """Return the graph, left to right."""
    font = f'fontname="sans-serif" fontcolor="{TEXT}"'
    lines = [
        f"digraph {_quoted(picture.title)} {{",
        "    rankdir=LR",
        f"    label={_quoted(f'{picture.title}: {picture.subtitle}')}",
        f'    node [shape=box style="rounded,filled" {font}]',
        f'    edge [color="{EDGE}"]',
    ]
    for index, node in enumerate(picture.nodes):
        lines.append(f"    n{index} [{_attributes(node)}]")
    lines.extend(
        f"    n{link.source} -> n{link.target} [{_style(link)}]"
        for link in picture.links
    )
    return "\n".join([*lines, "}"]) + "\n"


def _attributes(node: Node) -> str:
    text = node.label
    if node.count > 1:
        text += f"\n{node.count} steps"
        counts = node.counts()
        if len(counts) > 1:
            text += "".join(f"\n{n} {status.value}" for status, n in counts.items())
    paint = paint_of(node.status())
    attributes = (
        f'label={_quoted(text)} fillcolor="{paint.fill}" color="{paint.stroke}"'
    )
    if node.is_gate:
        attributes += " shape=hexagon style=filled"
    if node.is_result:
        attributes += " peripheries=2"
    return attributes


def _style(link: Link) -> str:
    style = "solid" if link.needs_success else "dashed"
    width = " penwidth=2.5" if link.passes_output else ""
    return f"style={style}{width}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
