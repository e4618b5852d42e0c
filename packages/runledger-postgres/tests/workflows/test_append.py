"""Appends: what they add, how they are repeated, and what refuses them."""

from __future__ import annotations

from uuid import uuid4

import pytest

from runledger_core import (
    EVERYTHING,
    GLOBAL,
    JobFailure,
    Organization,
    WorkflowRunStatus,
)
from runledger_core.workflows import (
    WorkflowDagBuilder,
    WorkflowDagError,
    WorkflowStep,
    WorkflowStepDependencySpec,
    WorkflowStepEnqueueBuilder,
)
from runledger_postgres import (
    AppendDisposition,
    GateCanceled,
    GateSucceeded,
    append_workflow_steps,
    cancel_workflow_run,
    claim_jobs,
    complete_external_workflow_step,
    complete_job_failure,
    complete_job_success,
    enqueue_workflow_run,
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


def gate(key, **values):
    return WorkflowStepEnqueueBuilder.external(key, **values).build()


@pytest.fixture
def start(connection, define):
    """Enqueue a run with the open gate 'more' and the job 'first'."""
    define()

    def start(build=lambda dag: dag):
        dag = WorkflowDagBuilder("survey").external("more").job("first", "mail.send")
        return enqueue_workflow_run(connection, build(dag).build()).run.id

    return start


@pytest.fixture
def append(connection):
    def append(run_id, *steps, db=None, key="m1", window="more", **values):
        return append_workflow_steps(
            db or connection,
            run_id,
            steps,
            mutation_key=key,
            append_window_step_key=window,
            **{"scope": EVERYTHING, **values},
        )

    return append


@pytest.fixture
def close(connection):
    """Complete a gate."""

    def close(run_id, step_key="more", outcome=GateSucceeded()):  # noqa: B008  frozen
        complete_external_workflow_step(
            connection, run_id, step_key, outcome, scope=EVERYTHING
        )

    return close


@pytest.fixture
def statuses(connection):
    def statuses(run_id):
        return dict(
            connection.execute(
                "SELECT step_key, status FROM workflow_steps"
                " WHERE workflow_run_id = %s AND step_key <> 'more'",
                [run_id],
            )
        )

    return statuses


@pytest.fixture
def work(connection):
    """Let all jobs that are due succeed, or fail for good."""

    def work(*, failing=()):
        claimed = claim_jobs(connection, worker_id="w", lease_seconds=60, limit=50)
        for one in claimed:
            if one.payload.get("key") in failing:
                failure = JobFailure.terminal("mail.no_such_box", "no")
                complete_job_failure(connection, one.lease, failure)
            else:
                complete_job_success(connection, one.lease)
        return [one.payload.get("key") for one in claimed]

    return work


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


def test_an_application_plans_an_append_by_the_keys_that_are_there(
    run, start, append, connection, raises_code
):
    run_id = start()
    append(run_id, job("part-1"), job("part-0"))

    keys = run(list_workflow_step_keys_for_update, run_id, scope=EVERYTHING)

    assert keys == ("more", "first", "part-1", "part-0")
    with raises_code("workflow.run_not_found"):
        list_workflow_step_keys_for_update(connection, uuid4(), scope=EVERYTHING)


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
