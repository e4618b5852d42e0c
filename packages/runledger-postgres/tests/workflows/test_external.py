"""External gates: how they are completed, repeated and refused."""

from __future__ import annotations

from uuid import uuid4

import pytest

from runledger_core import (
    EVERYTHING,
    GLOBAL,
    Organization,
    WorkflowRunStatus,
    WorkflowStepStatus,
)
from runledger_core.workflows import WorkflowDagBuilder
from runledger_postgres import (
    GateCanceled,
    GateFailed,
    GateSucceeded,
    cancel_workflow_run,
    complete_external_workflow_step,
    enqueue_workflow_run,
    get_workflow_run,
)

pytestmark = pytest.mark.db

OUTCOMES = [
    GateSucceeded({"paid": 1.0}, reason="paid"),
    GateFailed("refused", error_code="bank.refused", error_message="no cover"),
    GateCanceled("nobody waits"),
]


@pytest.fixture
def start(connection, define):
    """Enqueue a run of a few steps around the gate 'approval'."""
    define()

    def start(build=lambda dag: dag, **values):
        dag = WorkflowDagBuilder("order").external("approval", **values)
        return enqueue_workflow_run(connection, build(dag).build()).run.id

    return start


@pytest.fixture
def complete(connection):
    def complete(run_id, outcome, step_key="approval", scope=EVERYTHING):
        return complete_external_workflow_step(
            connection, run_id, step_key, outcome, scope=scope
        )

    return complete


@pytest.fixture
def statuses(connection):
    def statuses(run_id):
        return dict(
            connection.execute(
                "SELECT step_key, status FROM workflow_steps"
                " WHERE workflow_run_id = %s",
                [run_id],
            )
        )

    return statuses


def before_and_after(dag):
    """Another gate before the approval, a job and a report after it."""
    return (
        dag.external("contract")
        .job("ship", "mail.send")
        .job("report", "mail.send")
        .after_success("approval", "contract")
        .after_success("ship", "approval")
        .after_terminal("report", "approval")
    )


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: outcome.status)
def test_a_gate_ends_as_it_is_told_and_the_run_goes_on(
    run, start, connection, statuses, outcome
):
    run_id = start(
        lambda dag: (
            dag.job("ship", "mail.send")
            .job("report", "mail.send")
            .after_success("ship", "approval")
            .after_terminal("report", "approval")
        )
    )

    step = run(
        complete_external_workflow_step, run_id, "approval", outcome, scope=GLOBAL
    )

    succeeded = outcome.status is WorkflowStepStatus.SUCCEEDED
    assert (step.status, step.status_reason) == (outcome.status, outcome.reason)
    assert step.output == ({"paid": 1} if succeeded else None)
    assert step.last_error_code == getattr(outcome, "error_code", None)
    assert step.last_error_message == getattr(outcome, "error_message", None)
    assert step.finished_at >= step.released_at
    assert statuses(run_id) == {
        "approval": outcome.status,
        "report": "ENQUEUED",
        "ship": "ENQUEUED" if succeeded else "CANCELED",
    }
    record = get_workflow_run(connection, run_id, scope=EVERYTHING)
    assert record.status is WorkflowRunStatus.RUNNING


def test_a_run_that_only_waits_for_gates_ends_with_the_last(
    start, complete, connection
):
    run_id = start(lambda dag: dag.external("second").result_step("approval"))

    complete(run_id, GateSucceeded([1]))
    waiting = get_workflow_run(connection, run_id, scope=EVERYTHING)
    complete(run_id, GateSucceeded(), "second")
    ended = get_workflow_run(connection, run_id, scope=EVERYTHING)

    assert waiting.status is WorkflowRunStatus.WAITING_FOR_EXTERNAL
    assert (waiting.waiting_step_count, waiting.result) == (1, None)
    assert ended.status is WorkflowRunStatus.SUCCEEDED
    assert (ended.result, ended.ended_step_count) == ([1], 2)


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: outcome.status)
def test_a_repeat_answers_with_the_step_even_after_the_run_has_ended(
    start, complete, connection, outcome
):
    run_id = start()

    first = complete(run_id, outcome)
    written = connection.execute("SELECT xmin FROM workflow_steps").fetchone()
    again = complete(run_id, outcome)

    assert again == first
    assert written == connection.execute("SELECT xmin FROM workflow_steps").fetchone()


def test_outputs_are_compared_as_json_in_the_database(start, complete, raises_code):
    run_id = start()
    first = complete(run_id, GateSucceeded({"a": 1, "b": [2.0]}))

    assert complete(run_id, GateSucceeded({"b": [2], "a": 1.0})) == first
    for other in ({"a": 1}, None):
        with raises_code("workflow.external_step_conflicting_output_retry"):
            complete(run_id, GateSucceeded(other))


@pytest.mark.parametrize(
    "other",
    [
        GateSucceeded(),
        GateCanceled("late", error_code="bank.timeout", error_message="no answer"),
        GateFailed("later", error_code="bank.timeout", error_message="no answer"),
        GateFailed("late", error_code="bank.gone", error_message="no answer"),
        GateFailed("late", error_code="bank.timeout"),
    ],
    ids=["success", "cancellation", "reason", "code", "message"],
)
def test_a_repeat_that_says_something_else_is_refused(
    start, complete, statuses, raises_code, other
):
    run_id = start()
    told = {"error_code": "bank.timeout", "error_message": "no answer"}
    complete(run_id, GateFailed("late", **told))

    with raises_code("workflow.external_step_conflicting_completion_retry"):
        complete(run_id, other)
    assert statuses(run_id) == {"approval": "FAILED"}


def test_what_is_no_open_gate_is_refused(start, complete, statuses, raises_code):
    run_id = start(before_and_after)

    for key, code in [
        ("nothing", "workflow.external_step_not_found"),
        ("ship", "workflow.external_step_not_external"),
        ("approval", "workflow.external_step_not_waiting"),
    ]:
        with raises_code(code):
            complete(run_id, GateSucceeded(), key)
    assert set(statuses(run_id).values()) == {"BLOCKED", "WAITING_FOR_EXTERNAL"}
    complete(run_id, GateFailed(), "contract")
    with raises_code("workflow.external_step_conflicting_completion_retry"):
        complete(run_id, GateSucceeded())


def test_a_gate_of_another_scope_is_not_found(start, complete, raises_code, connection):
    organization_id = uuid4()
    run_id = start(lambda dag: dag.organization_id(organization_id))

    for scope in (GLOBAL, Organization(uuid4())):
        with raises_code("workflow.external_step_not_found"):
            complete(run_id, GateSucceeded(), scope=scope)
    with raises_code("workflow.external_step_not_found"):
        complete(uuid4(), GateSucceeded())
    step = complete(run_id, GateSucceeded(), scope=Organization(organization_id))
    assert step.organization_id == organization_id


def test_a_gate_of_a_canceled_run_was_canceled(
    start, complete, raises_code, connection
):
    run_id = start()
    cancel_workflow_run(connection, run_id, scope=EVERYTHING)

    with raises_code("workflow.external_step_conflicting_completion_retry"):
        complete(run_id, GateSucceeded())


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_completion_needs_read_committed(
    start, complete, connection, raises_code, isolation
):
    run_id = start()

    with (
        raises_code("workflow.external_completion_unsupported_isolation"),
        connection.transaction(),
    ):
        connection.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        complete(run_id, GateSucceeded())


def test_a_completion_is_part_of_the_callers_transaction(
    start, complete, connection, statuses
):
    run_id = start(
        lambda dag: dag.job("ship", "mail.send").after_success("ship", "approval")
    )

    with connection.transaction(force_rollback=True):
        complete(run_id, GateSucceeded())
        inside = statuses(run_id)

    assert inside == {"approval": "SUCCEEDED", "ship": "ENQUEUED"}
    assert statuses(run_id) == {"approval": "WAITING_FOR_EXTERNAL", "ship": "BLOCKED"}
    assert connection.execute("SELECT FROM job_queue").fetchall() == []


def test_a_failed_gate_stops_a_run_that_fails_fast(start, complete, statuses):
    run_id = start(
        lambda dag: dag.job("ship", "mail.send").external("second").fail_fast()
    )

    complete(run_id, GateFailed("refused"))

    assert statuses(run_id) == {
        "approval": "FAILED",
        "ship": "CANCELED",
        "second": "CANCELED",
    }


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: GateSucceeded(float("nan")), "job.output_not_json"),
        (lambda: GateSucceeded(reason=" "), "workflow.invalid_reason"),
        (lambda: GateFailed("\0"), "workflow.invalid_reason"),
        (lambda: GateCanceled(error_message=1), "workflow.invalid_reason"),
        (lambda: GateFailed(error_code=" x"), "identifier.padded"),
    ],
)
def test_an_outcome_that_cannot_be_stored_is_refused_when_it_is_made(
    make, code, raises_code
):
    with raises_code(code):
        make()


def test_what_is_no_outcome_is_refused_before_anything_is_locked(start, connection):
    with pytest.raises(TypeError, match="not str"):
        complete_external_workflow_step(
            connection, start(), "approval", "SUCCEEDED", scope=EVERYTHING
        )


@pytest.mark.race
def test_of_two_completions_of_one_gate_the_second_repeats_the_first(race, start):
    run_id = start()
    outcome = GateSucceeded([1])
    race.hold(
        complete_external_workflow_step.steps(
            run_id, "approval", outcome, scope=EVERYTHING
        )
    )
    second = race.start(
        complete_external_workflow_step,
        run_id,
        "approval",
        outcome,
        scope=EVERYTHING,
        at="workflows/lock_run",
    )
    race.commit()

    assert second.result().output == [1]


@pytest.mark.race
def test_of_two_completions_that_differ_the_second_is_refused(race, start, raises_code):
    run_id = start()
    race.hold(
        complete_external_workflow_step.steps(
            run_id, "approval", GateFailed(), scope=EVERYTHING
        )
    )
    second = race.start(
        complete_external_workflow_step,
        run_id,
        "approval",
        GateSucceeded(),
        scope=EVERYTHING,
        at="workflows/lock_run",
    )
    race.commit()

    with raises_code("workflow.external_step_conflicting_completion_retry"):
        second.result()


@pytest.mark.race
def test_a_completion_gives_up_when_the_run_is_held_for_long(race, start, raises_code):
    run_id = start()
    race.hold(
        complete_external_workflow_step.steps(
            run_id, "approval", GateSucceeded(), scope=EVERYTHING
        )
    )
    race.waiter.execute("SET lock_timeout = '1ms'")

    with raises_code("workflow.release_conflict") as refused:
        complete_external_workflow_step(
            race.waiter, run_id, "approval", GateSucceeded(), scope=EVERYTHING
        )
    assert refused.value.is_transient


@pytest.mark.parametrize("outcome", [GateFailed, GateCanceled])
def test_the_codes_of_the_library_are_not_for_gates(outcome, raises_code):
    with raises_code("workflow.error_code_reserved"):
        outcome(error_code="workflow.fail_fast")
