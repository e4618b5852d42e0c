"""Put the nodes of an acyclic graph into layers, so that every edge leads forward."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

N = TypeVar("N")


def layers_of(nodes: Iterable[N], edges: Iterable[tuple[N, N]]) -> dict[N, int]:
    """Return each node's layer: the length of the longest path that leads to it."""
    layers = dict.fromkeys(nodes, 0)
    followers: dict[N, list[N]] = defaultdict(list)
    waiting = dict.fromkeys(layers, 0)
    for source, target in edges:
        followers[source].append(target)
        waiting[target] += 1
    ready = [node for node, count in waiting.items() if count == 0]
    while ready:
        node = ready.pop()
        for follower in followers[node]:
            layers[follower] = max(layers[follower], layers[node] + 1)
            waiting[follower] -= 1
            if waiting[follower] == 0:
                ready.append(follower)
    return layers
