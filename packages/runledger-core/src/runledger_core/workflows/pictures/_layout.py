"""
Place nodes in columns, left to right, with few crossings and short edges.

The usual steps of a layered drawing: a column per layer; a placeholder in every column
that an edge passes; the order in the columns by the mean position of the neighbours,
a few times in both directions; then heights, as near to the neighbours as the order and
the room allow.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import attrs

from ._layers import layers_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._nodes import Picture

NODE_WIDTH: Final = 176.0
NODE_HEIGHT: Final = 46.0
COLUMN_GAP: Final = 64.0
ROW_GAP: Final = 16.0

_SWEEPS: Final = 8
# How high an edge's placeholder is, compared to a node.
_PASSAGE_HEIGHT: Final = 8.0


@attrs.frozen
class Point:
    """A place in the drawing."""

    x: float
    y: float


@attrs.frozen
class Layout:
    """Where everything is: nodes by their left middle, links by their way points."""

    nodes: tuple[Point, ...]
    ways: tuple[tuple[Point, ...], ...]
    width: float
    height: float


@attrs.define
class _Cell:
    """A node in its column, or the placeholder of an edge that passes the column."""

    node: int | None
    layer: int
    before: list[int] = attrs.field(factory=list)
    after: list[int] = attrs.field(factory=list)
    y: float = 0.0

    @property
    def height(self) -> float:
        return _PASSAGE_HEIGHT if self.node is None else NODE_HEIGHT


def lay_out(picture: Picture) -> Layout:
    """Return the places of all nodes and the ways of all links."""
    cells, chains = _cells(picture)
    columns: dict[int, list[int]] = defaultdict(list)
    for index, cell in enumerate(cells):
        columns[cell.layer].append(index)
    ordered = [columns[layer] for layer in sorted(columns)]
    _order(cells, ordered)
    _set_heights(cells, ordered)
    top = min(cell.y - cell.height / 2 for cell in cells)
    bottom = max(cell.y + cell.height / 2 for cell in cells)
    points = [Point(_x(cell), cell.y - top) for cell in cells]
    return Layout(
        nodes=tuple(points[: len(picture.nodes)]),
        ways=tuple(_way(chain, points) for chain in chains),
        width=len(ordered) * (NODE_WIDTH + COLUMN_GAP) - COLUMN_GAP,
        height=bottom - top,
    )


def _x(cell: _Cell) -> float:
    return cell.layer * (NODE_WIDTH + COLUMN_GAP)


def _cells(picture: Picture) -> tuple[list[_Cell], list[list[int]]]:
    """Make a cell for each node and each column that a link passes."""
    indexes = range(len(picture.nodes))
    layers = layers_of(indexes, [(link.source, link.target) for link in picture.links])
    cells = [_Cell(index, layers[index]) for index in indexes]
    chains = []
    for link in picture.links:
        chain = [link.source]
        for layer in range(layers[link.source] + 1, layers[link.target]):
            chain.append(len(cells))
            cells.append(_Cell(None, layer))
        chain.append(link.target)
        for left, right in pairwise(chain):
            cells[left].after.append(right)
            cells[right].before.append(left)
        chains.append(chain)
    return cells, chains


def _order(cells: Sequence[_Cell], columns: Sequence[list[int]]) -> None:
    """Sort each column by where its neighbours are, forth and back."""
    for sweep in range(_SWEEPS):
        is_forth = sweep % 2 == 0
        passed = columns if is_forth else columns[::-1]
        for near, column in pairwise(passed):
            places = {index: place for place, index in enumerate(near)}
            _sort_by_neighbours(cells, column, places, is_forth=is_forth)


def _sort_by_neighbours(
    cells: Sequence[_Cell],
    column: list[int],
    places: Mapping[int, int],
    *,
    is_forth: bool,
) -> None:
    means = {}
    for place, index in enumerate(column):
        cell = cells[index]
        seen = [places[each] for each in (cell.before if is_forth else cell.after)]
        # Whoever has no neighbour there stays about where it was.
        means[index] = sum(seen) / len(seen) if seen else float(place)
    column.sort(key=lambda index: means[index])


def _set_heights(cells: Sequence[_Cell], columns: Sequence[list[int]]) -> None:
    for column in columns:
        _stack(cells, column, dict.fromkeys(column, 0.0))
    for sweep in range(_SWEEPS):
        for column in columns if sweep % 2 == 0 else columns[::-1]:
            wished = {}
            for index in column:
                near = [*cells[index].before, *cells[index].after]
                own = cells[index].y
                wished[index] = (
                    sum(cells[n].y for n in near) / len(near) if near else own
                )
            _stack(cells, column, wished)


def _stack(
    cells: Sequence[_Cell], column: Sequence[int], wished: Mapping[int, float]
) -> None:
    """
    Give a column heights in its order, without overlaps and near to what is wished.

    Blocks of cells that touch each other move together to the mean of their wishes:
    when a block would overlap the one above, the two become one.
    """
    blocks: list[tuple[float, list[float], list[int]]] = []
    for index in column:
        middle = wished[index]
        offsets, members = [0.0], [index]
        while blocks:
            above_middle, above_offsets, above_members = blocks[-1]
            last, first = cells[above_members[-1]], cells[members[0]]
            room = (last.height + first.height) / 2 + ROW_GAP
            if above_middle + above_offsets[-1] + room <= middle + offsets[0]:
                break
            blocks.pop()
            shift = above_offsets[-1] + room - offsets[0]
            offsets = [*above_offsets, *(each + shift for each in offsets)]
            members = [*above_members, *members]
            gaps = zip(members, offsets, strict=True)
            middle = sum(wished[each] - gap for each, gap in gaps) / len(members)
        blocks.append((middle, offsets, members))
    for middle, offsets, members in blocks:
        for index, offset in zip(members, offsets, strict=True):
            cells[index].y = middle + offset


def _way(chain: Sequence[int], points: Sequence[Point]) -> tuple[Point, ...]:
    """Lead a link out of its source, through its passages, into its target."""
    start, *passages, end = (points[index] for index in chain)
    way = [Point(start.x + NODE_WIDTH, start.y)]
    for passage in passages:
        way += [passage, Point(passage.x + NODE_WIDTH, passage.y)]
    return (*way, end)
