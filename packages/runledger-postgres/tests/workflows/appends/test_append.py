"""Appends: what they add, and how they are repeated."""

from __future__ import annotations

from uuid import uuid4

import pytest

from runledger_core import (
    EVERYTHING,
    GLOBAL,
    WorkflowRunStatus,
)
from runledger_core.workflows import (
    WorkflowStepEnqueueBuilder,
)
from runledger_postgres import (
    AppendDisposition,
    GateCanceled,
    GateSucceeded,
    append_workflow_steps,
    complete_job_success,
    list_workflow_step_keys_for_update,
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


def test_steps_are_added_in_the_order_of_the_request(run, start, statuses):
    run_id = start()

    outcome = run(
        append_workflow_steps,
        run_id,
        [job("report", terminal=["a", "b"], inputs="a"), job("b"), job("a"), gate("g")],
        scope=GLOBAL,
        mutation_key="m1",
        append_window_step_key="more",
        metadata={"by": "ada"},
    )

    assert outcome.disposition is AppendDisposition.APPENDED
    assert [step.step_key for step in outcome.appended_steps] == [
        "report",
        "b",
        "a",
        "g",
    ]
    assert [step.status.value for step in outcome.appended_steps] == [
        "BLOCKED",
        "ENQUEUED",
        "ENQUEUED",
        "WAITING_FOR_EXTERNAL",
    ]
    report, b, *_ = outcome.appended_steps
    assert (report.dependency_count_total, report.dependency_count_pending) == (2, 2)
    assert (b.max_attempts, b.timeout_seconds, b.priority) == (8, 900, 100)
    assert (outcome.run.step_count, outcome.run.waiting_step_count) == (6, 2)
    assert outcome.run.status is WorkflowRunStatus.RUNNING
    assert statuses(run_id)["first"] == "ENQUEUED"


def test_an_append_lets_a_run_that_only_waited_run_again(start, append, work, close):
    run_id = start()
    work()

    outcome = append(run_id, job("second", success=["first"]))
    assert outcome.run.status is WorkflowRunStatus.RUNNING
    assert work() == ["second"]
    close(run_id)
    assert append(run_id, job("second", success=["first"])).run.status is (
        WorkflowRunStatus.SUCCEEDED
    )


def test_steps_wait_for_steps_that_the_run_has(start, append, work, statuses):
    run_id = start()
    append(run_id, job("second", success=["first"]), job("third", success=["second"]))

    assert statuses(run_id)["second"] == "BLOCKED"
    work()
    assert statuses(run_id)["second"] == "ENQUEUED"
    work()
    work()
    assert set(statuses(run_id).values()) == {"SUCCEEDED"}


def test_a_step_may_wait_for_the_window_itself(start, append, close, statuses):
    run_id = start()
    append(run_id, job("last", success=["more"]))

    close(run_id)

    assert statuses(run_id)["last"] == "ENQUEUED"


def test_what_never_can_begin_is_canceled_at_once_with_all_behind_it(
    start, append, work, statuses, close
):
    run_id = start(lambda dag: dag.job("bad", "mail.send", {"key": "bad"}))
    work(failing=["bad"])

    outcome = append(
        run_id,
        job("doomed", success=["first", "bad"]),
        job("behind", success=["doomed"]),
        job("anyway", terminal=["behind", "bad"]),
        job("free", success=["first"]),
        job("later", success=["bad", "more"]),
    )

    assert [step.status.value for step in outcome.appended_steps] == [
        "CANCELED",
        "CANCELED",
        "ENQUEUED",
        "ENQUEUED",
        "BLOCKED",
    ]
    doomed, *_, later = outcome.appended_steps
    code = "workflow.dependency_unsatisfied"
    assert (doomed.status_reason, doomed.last_error_code) == (code, code)
    assert doomed.finished_at is not None
    assert (later.dependency_count_pending, later.dependency_count_unsatisfied) == (
        1,
        1,
    )
    assert (outcome.run.ended_step_count, outcome.run.unsuccessful_step_count) == (4, 3)
    close(run_id)
    assert statuses(run_id)["later"] == "CANCELED"


def test_inputs_of_appended_steps_may_be_old_or_new(start, append, connection):
    run_id = start()
    append(run_id, job("new"), job("sum", success=["first", "new"], inputs=["first"]))

    found = connection.execute(
        "SELECT p.step_key, d.step_key, e.release_mode, e.passes_output"
        " FROM workflow_step_dependencies AS e"
        " JOIN workflow_steps AS p ON p.id = e.prerequisite_step_id"
        " JOIN workflow_steps AS d ON d.id = e.dependent_step_id ORDER BY 1"
    )

    assert found.fetchall() == [
        ("first", "sum", "ON_SUCCESS", True),
        ("new", "sum", "ON_SUCCESS", False),
    ]


def test_a_handler_appends_in_its_own_transaction(start, append, claim, connection):
    run_id = start()
    lease = claim().lease

    with connection.transaction():
        append(run_id, job("found", success=["first"]))
    running = append(run_id, job("found", success=["first"])).appended_steps
    complete_job_success(connection, lease)
    released = append(run_id, job("found", success=["first"])).appended_steps

    assert [step.status.value for step in running] == ["BLOCKED"]
    assert [step.status.value for step in released] == ["ENQUEUED"]


def test_an_append_is_part_of_the_callers_transaction(start, append, connection):
    run_id = start()

    with connection.transaction(force_rollback=True):
        append(run_id, job("second"))

    assert append(run_id, job("second")).disposition is AppendDisposition.APPENDED


@pytest.mark.parametrize("ending", [GateSucceeded(), GateCanceled()], ids=str)
def test_a_repeat_finds_the_append_even_after_the_run_has_ended(
    start, append, work, close, ending
):
    run_id = start()
    steps = [job("b", success=["a"], inputs="a", priority=7), job("a"), gate("g")]
    first = append(run_id, *steps, metadata={"by": "ada"})
    close(run_id, outcome=ending)
    work()
    work()
    close(run_id, "g")

    again = append(run_id, *reversed(steps), metadata={"by": "bob"})

    assert again.disposition is AppendDisposition.ALREADY_APPLIED
    assert again.run.status.is_terminal
    ids = {step.id for step in first.appended_steps}
    assert {step.id for step in again.appended_steps} == ids
    assert [step.step_key for step in again.appended_steps] == ["g", "a", "b"]


def test_an_application_plans_an_append_by_the_keys_that_are_there(
    run, start, append, connection, raises_code
):
    run_id = start()
    append(run_id, job("part-1"), job("part-0"))

    keys = run(list_workflow_step_keys_for_update, run_id, scope=EVERYTHING)

    assert keys == ("more", "first", "part-1", "part-0")
    with raises_code("workflow.run_not_found"):
        list_workflow_step_keys_for_update(connection, uuid4(), scope=EVERYTHING)
