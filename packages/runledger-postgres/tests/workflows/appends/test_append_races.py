"""Appends that meet other appends, completions and cancellations."""

from __future__ import annotations

import pytest

from runledger_core import (
    EVERYTHING,
    WorkflowRunStatus,
)
from runledger_core.workflows import (
    WorkflowStepEnqueueBuilder,
)
from runledger_postgres import (
    AppendDisposition,
    GateSucceeded,
    append_workflow_steps,
    cancel_workflow_run,
    complete_external_workflow_step,
    get_workflow_run,
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


@pytest.mark.race
def test_of_two_appends_under_one_key_the_second_finds_the_first(race, start, append):
    run_id = start()
    wanted = {
        "scope": EVERYTHING,
        "mutation_key": "m1",
        "append_window_step_key": "more",
    }
    first = race.hold(append_workflow_steps.steps(run_id, [job("a")], **wanted))
    second = race.start(
        append_workflow_steps, run_id, [job("a")], **wanted, at="workflows/lock_run"
    )
    race.commit()

    assert first.disposition is AppendDisposition.APPENDED
    assert second.result().disposition is AppendDisposition.ALREADY_APPLIED
    assert second.result().appended_steps == first.appended_steps


@pytest.mark.race
def test_an_append_that_waits_for_the_window_to_close_is_too_late(
    race, start, raises_code, statuses
):
    run_id = start()
    race.hold(
        complete_external_workflow_step.steps(
            run_id, "more", GateSucceeded(), scope=EVERYTHING
        )
    )
    appending = race.start(
        append_workflow_steps,
        run_id,
        [job("a")],
        scope=EVERYTHING,
        mutation_key="m1",
        append_window_step_key="more",
        at="workflows/lock_run",
    )
    race.commit()

    with raises_code("workflow.append_window_not_open"):
        appending.result()
    assert set(statuses(run_id)) == {"first"}


@pytest.mark.race
def test_a_window_that_waits_for_an_append_closes_over_its_steps(
    race, start, statuses, connection, work
):
    run_id = start()
    work()
    race.hold(
        append_workflow_steps.steps(
            run_id,
            [job("a", success=["more"])],
            scope=EVERYTHING,
            mutation_key="m1",
            append_window_step_key="more",
        )
    )
    closing = race.start(
        complete_external_workflow_step,
        run_id,
        "more",
        GateSucceeded(),
        scope=EVERYTHING,
        at="workflows/lock_run",
    )
    race.commit()

    assert closing.result().status.value == "SUCCEEDED"
    assert statuses(run_id) == {"first": "SUCCEEDED", "a": "ENQUEUED"}
    record = get_workflow_run(connection, run_id, scope=EVERYTHING)
    assert record.status is WorkflowRunStatus.RUNNING


@pytest.mark.race
def test_an_append_that_waits_for_a_cancellation_is_refused(
    race, start, raises_code, statuses
):
    run_id = start()
    race.hold(cancel_workflow_run.steps(run_id, scope=EVERYTHING))
    appending = race.start(
        append_workflow_steps,
        run_id,
        [job("a")],
        scope=EVERYTHING,
        mutation_key="m1",
        append_window_step_key="more",
        at="workflows/lock_run",
    )
    race.commit()

    with raises_code("workflow.append_window_not_open"):
        appending.result()
    assert statuses(run_id) == {"first": "CANCELED"}


@pytest.mark.race
def test_a_cancellation_that_waits_for_an_append_takes_its_steps_too(
    race, start, statuses
):
    run_id = start()
    race.hold(
        append_workflow_steps.steps(
            run_id,
            [job("a"), job("b", success=["a"])],
            scope=EVERYTHING,
            mutation_key="m1",
            append_window_step_key="more",
        )
    )
    canceling = race.start(
        cancel_workflow_run, run_id, scope=EVERYTHING, at="workflows/lock_run"
    )
    race.commit()

    assert canceling.result().status is WorkflowRunStatus.CANCELED
    assert set(statuses(run_id).values()) == {"CANCELED"}
    assert len(statuses(run_id)) == 3


@pytest.mark.race
def test_an_append_gives_up_when_the_run_is_held_for_long(race, start, raises_code):
    run_id = start()
    race.hold(list_workflow_step_keys_for_update.steps(run_id, scope=EVERYTHING))
    race.waiter.execute("SET lock_timeout = '1ms'")

    with raises_code("workflow.release_conflict"):
        append_workflow_steps(
            race.waiter,
            run_id,
            [job("a")],
            scope=EVERYTHING,
            mutation_key="m1",
            append_window_step_key="more",
        )
