"""Appends that are refused: keys, windows, scopes and steps that do not fit."""

from __future__ import annotations

from uuid import uuid4

import pytest

from runledger_core import (
    EVERYTHING,
    GLOBAL,
    Organization,
)
from runledger_core.workflows import (
    WorkflowDagError,
    WorkflowStep,
    WorkflowStepDependencySpec,
    WorkflowStepEnqueueBuilder,
)
from runledger_postgres import (
    AppendDisposition,
)

pytestmark = pytest.mark.db


def job(key, *, success=(), terminal=(), **values):
    """A job step behind others."""
    builder = WorkflowStepEnqueueBuilder(key, "mail.send", {"key": key})
    builder.depends_on_success(success).depends_on_terminal(terminal)
    for name, value in values.items():
        getattr(builder, name)(value)
    return builder.build()


def gate(key, **values):
    return WorkflowStepEnqueueBuilder.external(key, **values).build()


@pytest.mark.parametrize(
    "steps",
    [
        [job("a")],
        [job("a"), job("b", terminal=["a"], priority=1)],
        [job("a"), job("b")],
        [job("a", terminal=["first"]), job("b", terminal=["a"])],
        [gate("a"), job("b", terminal=["a"])],
        [job("a"), job("b", terminal=["a"]), job("c")],
        [job("a"), job("b", success=["a"])],
        [job("a"), job("b", terminal=["a"], inputs="a")],
        [],
    ],
    ids=[
        "fewer",
        "setting",
        "no edge",
        "another edge",
        "kind",
        "more",
        "mode",
        "input",
        "none",
    ],
)
def test_a_key_that_stands_for_another_append_is_refused(
    start, append, raises_code, steps
):
    run_id = start()
    append(run_id, job("a"), job("b", terminal=["a"]))

    with raises_code("workflow.append_conflicting_retry"):
        append(run_id, *steps)
    with raises_code("workflow.append_conflicting_retry") as refused:
        append(run_id, job("a"), job("b", priority=1), window="other")
    assert "append_window_step_key, steps; steps that differ: 'b'" in str(refused.value)


def test_a_key_belongs_to_its_run(start, append):
    first, second = start(), start()
    append(first, job("a"))

    outcome = append(second, job("b"))

    assert outcome.disposition is AppendDisposition.APPENDED


def test_the_window_must_be_an_open_gate(start, append, close, raises_code, work):
    run_id = start(lambda dag: dag.external("then").after_success("then", "more"))

    for window, code in [
        ("nothing", "workflow.append_window_missing"),
        ("first", "workflow.append_window_not_external"),
        ("then", "workflow.append_window_not_open"),
    ]:
        with raises_code(code):
            append(run_id, job("a"), window=window)
    close(run_id)
    with raises_code("workflow.append_window_not_open"):
        append(run_id, job("a"))
    assert append(run_id, job("a"), window="then").run.step_count == 4


@pytest.mark.unaudited("a gate is open in a run that is said to have ended")
def test_a_run_that_has_ended_takes_no_steps(start, append, connection, raises_code):
    run_id = start()
    connection.execute("UPDATE workflow_runs SET status = 'CANCELED'")

    with raises_code("workflow.append_terminal_run"):
        append(run_id, job("a"))


def test_a_run_of_another_scope_is_not_found(start, append, raises_code):
    organization_id = uuid4()
    run_id = start(lambda dag: dag.organization_id(organization_id))

    for wanted, scope in [
        (run_id, GLOBAL),
        (run_id, Organization(uuid4())),
        (uuid4(), EVERYTHING),
    ]:
        with raises_code("workflow.run_not_found"):
            append(wanted, job("a"), scope=scope)
    outcome = append(run_id, job("a"), scope=Organization(organization_id))
    assert outcome.appended_steps[0].organization_id == organization_id


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ([], "workflow.invalid_dag_empty"),
        ([job("first")], "workflow.invalid_dag_duplicate_step_key"),
        ([job("a"), job("a")], "workflow.invalid_dag_duplicate_step_key"),
        ([job("a", success=["x"])], "workflow.invalid_dag_missing_dependency"),
        (
            [job("a", success=["b"]), job("b", success=["a"])],
            "workflow.invalid_dag_cycle",
        ),
    ],
    ids=["empty", "existing", "twice", "missing", "cycle"],
)
def test_steps_that_do_not_fit_the_run_are_refused(
    start, append, raises_code, statuses, steps, code
):
    run_id = start()

    with raises_code(code) as refused:
        append(run_id, *steps)
    assert isinstance(refused.value, WorkflowDagError)
    assert set(statuses(run_id)) == {"first"}


def test_what_is_not_enabled_cannot_be_appended(
    start, append, define, raises_code, connection
):
    run_id = start()
    define("mail.print", is_enabled=False)
    unknown = WorkflowStepEnqueueBuilder("b", "mail.unknown").build()
    disabled = WorkflowStepEnqueueBuilder("c", "mail.print").build()

    with raises_code("workflow.definition_not_found_or_disabled") as refused:
        append(run_id, job("a"), unknown, disabled)
    assert "'mail.print', 'mail.unknown'" in str(refused.value)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"key": " "}, "workflow.append_mutation_key_blank"),
        ({"key": "m" * 513}, "identifier.too_long"),
        ({"window": ""}, "identifier.blank"),
        ({"metadata": {1: 2}}, "workflow.metadata_not_json"),
    ],
)
def test_a_request_that_cannot_be_is_refused(start, append, raises_code, values, code):
    with raises_code(code):
        append(start(), job("a"), **values)


def test_texts_that_the_database_cannot_hold_are_refused(start, append, raises_code):
    run_id = start()
    for step in (
        WorkflowStep("a\0", "mail.send"),
        WorkflowStep("a", "mail.send", inputs=["\ud800"]),
        WorkflowStep("a", "m", dependencies=[WorkflowStepDependencySpec("\0")]),
    ):
        with raises_code("identifier.invalid_text"):
            append(run_id, step)
    with raises_code("workflow.invalid_dag"):
        append(run_id, "a")


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
def test_an_append_needs_read_committed(
    start, append, connection, raises_code, isolation
):
    run_id = start()

    with (
        raises_code("workflow.append_unsupported_isolation"),
        connection.transaction(),
    ):
        connection.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        append(run_id, job("a"))
