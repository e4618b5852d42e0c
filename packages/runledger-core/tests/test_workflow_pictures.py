"""Pictures of workflows: what they show, and that nothing in a name breaks them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runledger_core import (
    AttemptOutcome,
    StepExecutionKind,
    ValidationError,
    WorkflowRunStatus,
    WorkflowStepStatus,
)
from runledger_core.workflows import (
    GraphAttempt,
    GraphEdge,
    GraphStep,
    WorkflowDagBuilder,
    WorkflowGraph,
)
from runledger_core.workflows.pictures import render_workflow
from runledger_core.workflows.pictures._layout import NODE_HEIGHT, NODE_WIDTH, lay_out
from runledger_core.workflows.pictures._nodes import picture_of

START = datetime(2026, 11, 24, 9, tzinfo=UTC)
HOSTILE = '<b>"a" & \\ b</b>]) --> x'
SVG = "{http://www.w3.org/2000/svg}"


def at(seconds):
    return START + timedelta(seconds=seconds)


def order():
    """Return a planned order of four steps."""
    dag = WorkflowDagBuilder("order.fulfil")
    dag.job("charge", "payment.charge", {}).external("approve", {})
    dag.job("ship", "parcel.ship", {}).job("notify", "mail.send", {})
    dag.after_success("approve", ["charge"]).after_success("ship", ["approve"])
    return dag.after_terminal("notify", ["ship"]).result_step("ship").build()


def graph(steps, edges=(), **values):
    return WorkflowGraph(
        run_id=UUID(int=1),
        workflow_type=values.pop("workflow_type", "order.fulfil"),
        status=WorkflowRunStatus.RUNNING,
        created_at=START,
        observed_at=at(10),
        steps=tuple(steps),
        edges=tuple(edges),
        **values,
    )


def job_step(key, status=WorkflowStepStatus.BLOCKED, **values):
    values.setdefault("job_type", "a.job")
    return GraphStep(key, StepExecutionKind.JOB, status, created_at=START, **values)


def fan(width, statuses=(WorkflowStepStatus.SUCCEEDED,)):
    """Return a run with a first step, *width* pairs after it, and a last."""
    steps = [job_step("first", job_type="list"), job_step("last", job_type="report")]
    edges = []
    for number in range(width):
        left, right = f"fetch-{number:05}", f"parse-{number:05}"
        status = statuses[number % len(statuses)]
        steps += [job_step(left, status, job_type="fetch")]
        steps += [job_step(right, job_type="parse")]
        edges += [GraphEdge("first", left), GraphEdge(left, right)]
        edges += [GraphEdge(right, "last")]
    return graph(steps, edges)


def elements(svg, name):
    return ET.fromstring(svg).iter(f"{SVG}{name}")  # noqa: S314 - our own drawing


def texts(svg):
    return ["".join(text.itertext()) for text in elements(svg, "text")]


def test_mermaid_tells_steps_gates_modes_and_the_result():
    expected = """\
flowchart LR
    n0["charge"]
    n1{{"approve"}}
    n2(["ship"])
    n3["notify"]
    n0 --> n1
    n1 --> n2
    n2 -.-> n3
"""
    assert expected == render_workflow(order(), "mermaid")


def test_mermaid_colours_by_status():
    steps = [job_step("a", WorkflowStepStatus.FAILED), job_step("b")]

    mermaid = render_workflow(graph(steps), "mermaid")

    assert 'n0["a"]:::FAILED' in mermaid
    assert re.search(r"classDef FAILED fill:#\w{6},stroke:#\w{6}", mermaid)
    assert "SUCCEEDED" not in mermaid


def test_dot_tells_the_same():
    dot = render_workflow(order(), "dot")

    assert 'n1 [label="approve"' in dot
    assert "shape=hexagon" in dot
    assert "peripheries=2" in dot
    assert ["solid", "solid", "dashed"] == re.findall(r"-> n\d \[style=(\w+)", dot)


def test_an_output_that_is_passed_on_is_a_thick_edge():
    edge = GraphEdge("a", "b", passes_output=True)
    run = graph([job_step("a"), job_step("b")], [edge])

    assert "penwidth=2.5" in render_workflow(run, "dot")
    assert "-. output .->" in render_workflow(run, "mermaid")
    assert 'stroke-width="2.6" stroke-dasharray' in render_workflow(run)


def test_an_svg_shows_every_step_with_its_type():
    shown = texts(render_workflow(order()))

    for expected in ("charge", "payment.charge", "approve", "gate", "ship", "notify"):
        assert expected in shown
    assert not any(text.startswith("Timeline") for text in shown)


def test_hostile_names_are_shown_and_not_obeyed():
    run = graph([job_step(HOSTILE, job_type=HOSTILE)], workflow_type=HOSTILE)
    svg = render_workflow(run)

    titles = [each.text for each in elements(svg, "title")]
    assert HOSTILE in titles
    assert "<b>" not in svg
    assert '"<b>' not in render_workflow(run, "mermaid")
    assert '\\"a\\" & \\\\ b' in render_workflow(run, "dot")


def test_steps_that_are_alike_become_one_node():
    both = (WorkflowStepStatus.SUCCEEDED, WorkflowStepStatus.FAILED)
    run = fan(500, both)

    picture = picture_of(run, collapse_above=80)

    assert ["first", "last", "fetch-*", "parse-*"] == [n.label for n in picture.nodes]
    assert [500, 500, 500] == [link.count for link in picture.links]
    assert "fetch, 500 steps" in texts(render_workflow(run))
    assert "250 SUCCEEDED, 250 FAILED" in render_workflow(run, "mermaid")


def test_few_steps_are_all_shown():
    run = fan(20)

    assert 42 == len(picture_of(run, collapse_above=80).nodes)
    assert 4 == len(picture_of(run, collapse_above=41).nodes)


def test_steps_with_other_neighbours_stay_apart():
    run = fan(50)
    odd = GraphEdge("fetch-00007", "last")
    run = graph(run.steps, [*run.edges, odd])

    labels = {node.label for node in picture_of(run, collapse_above=80).nodes}

    assert {"fetch-00007", "parse-00007"} < labels


def test_a_thicket_is_drawn_by_its_layers():
    steps = [job_step(f"s{n}") for n in range(2000)]
    edges = [
        GraphEdge(f"s{n // step}", f"s{n}")
        for n in range(7, 2000)
        for step in (2, 3, 7)
    ]
    labels = [n.label for n in picture_of(graph(steps, edges), collapse_above=80).nodes]

    assert 5 < len(labels) < 20


def test_a_timeline_shows_waits_attempts_and_gates():
    tries = (
        GraphAttempt(1, 1, at(2), at(3), AttemptOutcome.RETRYABLE),
        GraphAttempt(1, 2, at(5), None, None),
    )
    running = job_step(
        "try", WorkflowStepStatus.RUNNING, released_at=at(1), attempts=tries
    )
    gate = GraphStep(
        "gate",
        StepExecutionKind.EXTERNAL,
        WorkflowStepStatus.WAITING_FOR_EXTERNAL,
        None,
        START,
        released_at=START,
    )
    svg = render_workflow(graph([running, gate]))

    bars = {
        title.text: float(bar.get("width"))
        for bar in elements(svg, "rect")
        if (title := bar.find(f"{SVG}title")) is not None
    }
    second = bars["try, attempt 1"]
    assert pytest.approx(5 * second, rel=0.01) == bars["try, attempt 2"]
    assert pytest.approx(10 * second, rel=0.01) == bars["gate, WAITING_FOR_EXTERNAL"]


def test_attempts_at_the_same_time_get_lanes_of_their_own():
    done = AttemptOutcome.SUCCEEDED
    steps = [
        job_step(
            f"s{n}",
            WorkflowStepStatus.SUCCEEDED,
            released_at=START,
            finished_at=at(end),
            attempts=(GraphAttempt(1, 1, at(start), at(end), done),),
        )
        for n, (start, end) in enumerate([(0, 2), (1, 3), (2, 4)])
    ]
    svg = render_workflow(graph(steps), collapse_above=1)

    tops = {
        title.text[:2]: bar.get("y")
        for bar in elements(svg, "rect")
        if (title := bar.find(f"{SVG}title")) is not None
    }
    assert tops["s0"] == tops["s2"] != tops["s1"]


def test_an_unknown_format_is_refused():
    with pytest.raises(ValidationError) as caught:
        render_workflow(order(), "pdf")

    assert "workflow.invalid_picture_format" == caught.value.code
    assert "dot, mermaid, svg" in str(caught.value)


@given(st.data())
def test_nodes_do_not_overlap_and_edges_lead_forward(data):
    count = data.draw(st.integers(1, 14))
    pairs = [(a, b) for b in range(count) for a in range(b)]
    chosen = data.draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    run = graph(
        [job_step(f"s{n}") for n in range(count)],
        [GraphEdge(f"s{a}", f"s{b}") for a, b in chosen],
    )

    layout = lay_out(picture_of(run, collapse_above=80))

    for n, one in enumerate(layout.nodes):
        assert 0 <= one.y - NODE_HEIGHT / 2 + 1e-6
        assert one.y + NODE_HEIGHT / 2 <= layout.height + 1e-6
        for other in layout.nodes[n + 1 :]:
            assert one.x != other.x or abs(one.y - other.y) >= NODE_HEIGHT - 1e-6
    for a, b in chosen:
        assert layout.nodes[a].x + NODE_WIDTH < layout.nodes[b].x
