"""Circles of graphs: one for each knot, each really a circle, in linear time."""

from hypothesis import given
from hypothesis import strategies as st

from runledger_core.workflows._graph import find_circles


def _graph(edges):
    """Successors by node, with edges of a node to itself and repeated ones."""
    count = 1 + max((byte % 12 for edge in edges for byte in edge), default=0)
    successors = [[] for _ in range(count)]
    for start, end in edges:
        successors[start % 12].append(end % 12)
    return successors


# Pairs of bytes: much faster to draw than a strategy for each list of successors.
graphs = st.binary(max_size=64).map(
    lambda drawn: _graph(list(zip(drawn[::2], drawn[1::2], strict=False)))
)


def reachable(start, successors):
    """What is reached from *start* by at least one edge."""
    reached, pending = set(), [*successors[start]]
    while pending:
        node = pending.pop()
        if node not in reached:
            reached.add(node)
            pending.extend(successors[node])
    return reached


def knots(successors):
    """The sets of two or more nodes that all reach each other, by brute force."""
    reached = [reachable(node, successors) for node in range(len(successors))]
    found = {
        frozenset(
            other
            for other in range(len(successors))
            if other == node or (other in reached[node] and node in reached[other])
        )
        for node in range(len(successors))
    }
    return {knot for knot in found if len(knot) > 1}


@given(graphs)
def test_each_circle_is_a_circle(successors):
    for circle in find_circles(successors):
        assert len(circle) == len(set(circle)) > 1
        for node, following in zip(circle, [*circle[1:], circle[0]], strict=True):
            assert following in successors[node]


@given(graphs)
def test_there_is_one_circle_for_each_knot(successors):
    circles = find_circles(successors)

    expected = knots(successors)
    owners = [
        next(knot for knot in expected if circle[0] in knot) for circle in circles
    ]
    assert expected == set(owners)
    assert len(circles) == len(expected)


@given(graphs)
def test_a_circle_begins_at_the_first_node_of_its_knot_and_is_shortest(successors):
    for circle in find_circles(successors):
        start = circle[0]
        knot = next(knot for knot in knots(successors) if start in knot)
        assert start == min(knot)
        distance, level = 1, set(successors[start]) - {start}
        while start not in level:
            level = {other for node in level for other in successors[node]}
            distance += 1
        assert distance == len(circle)


def test_a_circle_as_long_as_no_stack_is_deep_is_found():
    count = 5_000
    successors = [[(node + 1) % count] for node in range(count)]

    assert find_circles(successors) == [list(range(count))]


def test_a_graph_without_circles_has_none():
    assert find_circles([]) == []
    assert find_circles([[1, 2], [2], []]) == []
    assert find_circles([[0]]) == []
