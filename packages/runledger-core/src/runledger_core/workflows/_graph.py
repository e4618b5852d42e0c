"""Find the circles of a directed graph, in time linear in its steps and edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Nodes are positions, edges go from a node to its successors. There is no recursion
# here: a chain of steps may be far longer than the stack is deep.


def find_circles(successors: Sequence[Sequence[int]]) -> list[list[int]]:
    """
    Return one circle for each knot of nodes that can all reach each other.

    Two circles that share a node belong to the same knot, so only one of them is
    returned; circles of different knots are all returned. Each is a shortest one
    through the first node of its knot, and begins there. Edges from a node to itself
    are not looked at.
    """
    knots = _knots(successors)
    members: dict[int, list[int]] = {}
    for node, knot in enumerate(knots):
        members.setdefault(knot, []).append(node)
    return [
        _shortest_circle(nodes[0], successors, knots)
        for nodes in members.values()
        if len(nodes) > 1
    ]


def _knots(successors: Sequence[Sequence[int]]) -> list[int]:
    """Number the strongly connected components by Kosaraju's two passes."""
    predecessors: list[list[int]] = [[] for _ in successors]
    for node, after in enumerate(successors):
        for successor in after:
            predecessors[successor].append(node)
    knots = [-1] * len(successors)
    for root in reversed(_finishing_order(successors)):
        if knots[root] < 0:
            _spread(root, predecessors, knots)
    return knots


def _finishing_order(successors: Sequence[Sequence[int]]) -> list[int]:
    """Return the nodes in the order in which a search in depth leaves them."""
    order: list[int] = []
    seen = bytearray(len(successors))
    for root in range(len(successors)):
        if seen[root]:
            continue
        seen[root] = True
        path = [(root, iter(successors[root]))]
        while path:
            node, rest = path[-1]
            unseen = _next_unseen(rest, seen)
            if unseen is None:
                path.pop()
                order.append(node)
            else:
                seen[unseen] = True
                path.append((unseen, iter(successors[unseen])))
    return order


def _next_unseen(nodes: Iterator[int], seen: bytearray) -> int | None:
    return next((node for node in nodes if not seen[node]), None)


def _spread(root: int, predecessors: Sequence[Sequence[int]], knots: list[int]) -> None:
    """Give the root's number to everything unnumbered from which it is reached."""
    knots[root] = root
    pending = [root]
    while pending:
        for node in predecessors[pending.pop()]:
            if knots[node] < 0:
                knots[node] = root
                pending.append(node)


def _shortest_circle(
    start: int, successors: Sequence[Sequence[int]], knots: Sequence[int]
) -> list[int]:
    """Search in breadth from *start*, within its knot, until an edge leads back."""
    came_from = {start: start}
    level = [start]
    while True:
        following: list[int] = []
        for node in level:
            for successor in successors[node]:
                if successor == start and node != start:
                    return _trace(start, node, came_from)
                if knots[successor] == knots[start] and successor not in came_from:
                    came_from[successor] = node
                    following.append(successor)
        level = following


def _trace(start: int, end: int, came_from: dict[int, int]) -> list[int]:
    """Walk back from *end* and return the way in its own direction."""
    way = [end]
    while way[-1] != start:
        way.append(came_from[way[-1]])
    return way[::-1]
