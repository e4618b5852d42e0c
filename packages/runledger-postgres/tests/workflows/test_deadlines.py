"""Deadlines of gates: how they pass, and whom they meet."""

from __future__ import annotations

import pytest

from runledger_core import EVERYTHING, WorkflowStepStatus
from runledger_core.workflows import WorkflowDagBuilder
from runledger_postgres import (
    GateSucceeded,
    complete_external_workflow_step,
    enqueue_workflow_run,
    expire_gate_deadlines,
)

pytestmark = pytest.mark.db

CODE = "workflow.gate_deadline_passed"


@pytest.fixture
def start(connection, define):
    """Enqueue a run with a gate that is overdue, and what *build* adds."""
    define()

    def start(build=lambda dag: dag, outcome=WorkflowStepStatus.FAILED, overdue=1):
        dag = WorkflowDagBuilder("order").external(
            "approval", deadline_seconds=3600, deadline_outcome=outcome
        )
        run_id = enqueue_workflow_run(connection, build(dag).build()).run.id
        connection.execute(
            "UPDATE workflow_steps SET"
            " deadline_at = now() - make_interval(secs => %s)"
            " WHERE workflow_run_id = %s AND deadline_at IS NOT NULL",
            [overdue, run_id],
        )
        return run_id

    return start


@pytest.fixture
def steps(connection):
    def steps(run_id):
        found = connection.execute(
            "SELECT step_key, status, status_reason, last_error_code"
            " FROM workflow_steps WHERE workflow_run_id = %s",
            [run_id],
        )
        return {key: tuple(values) for key, *values in found}

    return steps


def complete(db, run_id, outcome=GateSucceeded()):  # noqa: B008  it is frozen
    return complete_external_workflow_step(
        db, run_id, "approval", outcome, scope=EVERYTHING
    )


@pytest.mark.parametrize("outcome", WorkflowStepStatus.terminal(), ids=str)
def test_a_gate_takes_the_outcome_that_its_deadline_names(run, start, steps, outcome):
    run_id = start(
        lambda dag: (
            dag.job("ship", "mail.send")
            .job("report", "mail.send")
            .after_success("ship", "approval")
            .after_terminal("report", "approval")
        ),
        outcome,
    )

    report = run(expire_gate_deadlines, limit=10)

    succeeded = outcome is WorkflowStepStatus.SUCCEEDED
    [gate] = report.expired
    assert (gate.workflow_run_id, gate.step_key) == (run_id, "approval")
    assert gate.status is outcome
    assert (report.refused_count, report.has_more) == (0, False)
    assert steps(run_id) == {
        "approval": (outcome, CODE, None if succeeded else CODE),
        "report": ("ENQUEUED", None, None),
        "ship": ("ENQUEUED", None, None)
        if succeeded
        else ("CANCELED", *2 * ("workflow.dependency_unsatisfied",)),
    }


def test_a_repeat_and_an_early_pass_do_nothing(start, connection, steps):
    late, early = start(), start(overdue=-60)

    first = expire_gate_deadlines(connection, limit=10)
    second = expire_gate_deadlines(connection, limit=10)

    assert [gate.workflow_run_id for gate in first.expired] == [late]
    assert (second.expired, second.has_more) == ((), False)
    assert steps(early) == {"approval": ("WAITING_FOR_EXTERNAL", None, None)}


def test_the_longest_overdue_come_first_until_none_is_left(start, connection):
    runs = [start(overdue=seconds) for seconds in (30, 50, 10)]

    first = expire_gate_deadlines(connection, limit=2)
    second = expire_gate_deadlines(connection, limit=2)

    assert {gate.workflow_run_id for gate in first.expired} == set(runs[:2])
    assert [gate.workflow_run_id for gate in second.expired] == runs[2:]
    assert (first.has_more, second.has_more) == (True, False)


def test_the_clock_starts_when_the_gate_opens(connection, define, steps):
    define()
    dag = (
        WorkflowDagBuilder("order")
        .external("contract")
        .external("approval", deadline_seconds=60)
        .after_success("approval", "contract")
    )
    run_id = enqueue_workflow_run(connection, dag.build()).run.id

    blocked = connection.execute("SELECT max(deadline_at) FROM workflow_steps")
    assert blocked.fetchone() == (None,)
    complete_external_workflow_step(
        connection, run_id, "contract", GateSucceeded(), scope=EVERYTHING
    )
    opened = connection.execute(
        "SELECT deadline_at - released_at = interval '60 s' FROM workflow_steps"
        " WHERE step_key = 'approval'"
    )
    assert opened.fetchone() == (True,)


def test_a_completion_before_the_deadline_is_carried_out_counts(
    start, connection, raises_code
):
    first, second = start(), start()

    step = complete(connection, first)
    report = expire_gate_deadlines(connection, limit=10)

    assert step.deadline_at is None
    assert [gate.workflow_run_id for gate in report.expired] == [second]
    with raises_code("workflow.external_step_conflicting_completion_retry"):
        complete(connection, second)


def test_a_gate_whose_run_cannot_be_moved_keeps_no_other_open(start, connection, steps):
    bad = start(
        lambda dag: dag.job("ship", "mail.send").after_terminal("ship", "approval")
    )
    good = [start(), start(), start()]
    connection.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE 'no' USING ERRCODE = '23514'; END $$;"
        " CREATE TRIGGER refuse BEFORE INSERT ON job_queue"
        " FOR EACH ROW EXECUTE FUNCTION refuse()"
    )

    report = expire_gate_deadlines(connection, limit=4)
    again = expire_gate_deadlines(connection, limit=1)

    assert {gate.workflow_run_id for gate in report.expired} == set(good)
    assert (report.refused_count, report.has_more) == (1, True)
    [refused] = report.refused
    assert (refused.code, refused.sqlstate) == ("db.business_rule_violation", "23514")
    assert steps(bad)["approval"] == ("WAITING_FOR_EXTERNAL", None, None)
    assert (again.refused_count, again.has_more) == (1, False)


@pytest.mark.parametrize("limit", [0, 1001])
def test_a_limit_out_of_bounds_is_refused(connection, raises_code, limit):
    with raises_code("workflow.invalid_deadline_limit"):
        expire_gate_deadlines(connection, limit=limit)


@pytest.mark.race
def test_a_deadline_steps_over_a_gate_that_is_being_completed(race, start, steps):
    run_id, other = start(overdue=20), start(overdue=10)
    race.hold(
        complete_external_workflow_step.steps(
            run_id, "approval", GateSucceeded(), scope=EVERYTHING
        )
    )

    report = expire_gate_deadlines(race.waiter, limit=1)
    race.commit()
    after = expire_gate_deadlines(race.waiter, limit=1)

    assert [gate.workflow_run_id for gate in report.expired] == [other]
    assert after.expired == ()
    assert steps(run_id)["approval"] == ("SUCCEEDED", None, None)


@pytest.mark.race
def test_a_completion_that_waits_for_the_deadline_is_too_late(race, start, raises_code):
    run_id = start()
    race.hold(expire_gate_deadlines.steps(limit=10))
    completing = race.start(
        complete_external_workflow_step,
        run_id,
        "approval",
        GateSucceeded(),
        scope=EVERYTHING,
        at="workflows/lock_run",
    )
    race.commit()

    with raises_code("workflow.external_step_conflicting_completion_retry"):
        completing.result()


@pytest.mark.race
def test_two_loops_share_the_deadlines(race, start):
    runs = [start(), start()]

    first = race.hold(expire_gate_deadlines.steps(limit=1))
    second = expire_gate_deadlines(race.waiter, limit=10)
    race.commit()

    gates = [*first.expired, *second.expired]
    assert sorted(gate.workflow_run_id for gate in gates) == sorted(runs)
