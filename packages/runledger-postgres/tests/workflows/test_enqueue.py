"""Enqueue of runs: what is stored, what is released, and what a repeat does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from psycopg.rows import dict_row

from runledger_core import (
    DependencyReleaseMode,
    JobDefinition,
    WorkflowRunStatus,
    WorkflowStepStatus,
)
from runledger_core.workflows import (
    GateDeadline,
    WorkflowDagBuilder,
    WorkflowRunEnqueue,
    WorkflowStep,
    WorkflowStepDependencySpec,
)
from runledger_postgres import (
    EnqueueDisposition,
    enqueue_workflow_run,
    update_job_definition,
    upsert_job_definition,
)
from runledger_postgres.workflows import _insert_steps

if TYPE_CHECKING:
    import psycopg

pytestmark = pytest.mark.db

ADA = UUID("0198c0de-0000-7000-8000-000000000001")
BOB = UUID("0198c0de-0000-7000-8000-000000000002")
SUCCESS = DependencyReleaseMode.ON_SUCCESS


@pytest.fixture(autouse=True)
def _defined(define):
    define(max_attempts=3, timeout_seconds=40, priority=7)


def chain(*keys: str, **values: Any) -> WorkflowRunEnqueue:
    steps = [
        WorkflowStep(
            key,
            "mail.send",
            {"key": key},
            dependencies=[
                WorkflowStepDependencySpec(before, SUCCESS)
                for before in keys[:place][-1:]
            ],
        )
        for place, key in enumerate(keys)
    ]
    return WorkflowRunEnqueue("letters", steps, **values)


def stored(connection: psycopg.Connection[Any], query: str, *params: Any) -> list[Any]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, params).fetchall()


def steps_of(connection: psycopg.Connection[Any], run_id: UUID) -> dict[str, Any]:
    query = "SELECT * FROM workflow_steps WHERE workflow_run_id = %s ORDER BY id"
    return {row["step_key"]: row for row in stored(connection, query, run_id)}


def test_a_run_is_stored_with_its_steps_and_edges(run, connection):
    request = (
        WorkflowDagBuilder("letters", {"asked_by": "ada"})
        .organization_id(ADA)
        .job("write", "mail.send", {"n": 1})
        .job("print", "mail.send", priority=9, max_attempts=2, timeout_seconds=5)
        .job("post", "mail.send", organization_id=BOB, stage="sorted", inputs="write")
        .after_success("print", "write")
        .after_success("post", "write")
        .after_terminal("post", "print")
        .result_step("post")
        .fail_fast()
        .build()
    )

    outcome = run(enqueue_workflow_run, request)

    assert outcome.disposition is EnqueueDisposition.INSERTED
    record = outcome.run
    assert (record.workflow_type, record.organization_id) == ("letters", ADA)
    assert (record.metadata, record.fail_fast) == ({"asked_by": "ada"}, True)
    assert record.result_step_key == "post"
    assert record.status is WorkflowRunStatus.RUNNING
    assert (record.step_count, record.enqueued_step_count) == (3, 1)
    assert record.blocked_step_count == 2
    steps = steps_of(connection, record.id)
    assert list(steps) == ["write", "print", "post"]
    assert {
        key: [
            step[name]
            for name in ("priority", "max_attempts", "timeout_seconds", "stage")
        ]
        for key, step in steps.items()
    } == {
        "write": [7, 3, 40, "queued"],
        "print": [9, 2, 5, "queued"],
        "post": [7, 3, 40, "sorted"],
    }
    assert [step["organization_id"] for step in steps.values()] == [ADA, ADA, BOB]
    assert [step["dependency_count_pending"] for step in steps.values()] == [0, 1, 2]
    edges = stored(
        connection,
        "SELECT p.step_key || ' ' || d.step_key AS edge, release_mode, passes_output "
        "FROM workflow_step_dependencies JOIN workflow_steps AS p "
        "ON p.id = prerequisite_step_id JOIN workflow_steps AS d "
        "ON d.id = dependent_step_id ORDER BY 1",
    )
    assert [tuple(edge.values()) for edge in edges] == [
        ("print post", "ON_TERMINAL", False),
        ("write post", "ON_SUCCESS", True),
        ("write print", "ON_SUCCESS", False),
    ]


def test_the_first_steps_are_released_with_the_run(run, connection):
    request = WorkflowRunEnqueue(
        "letters",
        [
            WorkflowStep("b", "mail.send", {"n": 2}, stage="cold"),
            WorkflowStep.external("g", deadline=GateDeadline(60)),
            WorkflowStep("a", "mail.send", {"n": 1}, organization_id=ADA),
            WorkflowStep(
                "last",
                "mail.send",
                dependencies=[WorkflowStepDependencySpec(key) for key in "abg"],
            ),
        ],
    )

    record = run(enqueue_workflow_run, request).run

    assert (record.enqueued_step_count, record.waiting_step_count) == (2, 1)
    steps = steps_of(connection, record.id)
    assert {key: step["status"] for key, step in steps.items()} == {
        "b": "ENQUEUED",
        "g": "WAITING_FOR_EXTERNAL",
        "a": "ENQUEUED",
        "last": "BLOCKED",
    }
    gate = steps["g"]
    assert (gate["deadline_at"] - gate["released_at"]).total_seconds() == 60
    jobs = stored(connection, "SELECT * FROM job_queue ORDER BY id")
    assert [job["id"] for job in jobs] == [steps["b"]["job_id"], steps["a"]["job_id"]]
    assert [(job["payload"], job["stage"]) for job in jobs] == [
        ({"n": 2}, "cold"),
        ({"n": 1}, "queued"),
    ]
    assert [job["organization_id"] for job in jobs] == [None, ADA]
    assert {(job["priority"], job["max_attempts"]) for job in jobs} == {(7, 3)}


def test_a_run_that_begins_with_gates_waits_from_the_start(run):
    request = WorkflowRunEnqueue(
        "letters",
        [
            WorkflowStep.external("gate"),
            WorkflowStep(
                "next", "mail.send", dependencies=[WorkflowStepDependencySpec("gate")]
            ),
        ],
    )

    record = run(enqueue_workflow_run, request).run

    assert record.status is WorkflowRunStatus.WAITING_FOR_EXTERNAL
    assert record.waiting_step_count == 1


def test_a_run_without_jobs_needs_no_definition(connection):
    request = WorkflowRunEnqueue("talk", [WorkflowStep.external("ask")])

    assert enqueue_workflow_run(connection, request).run.step_count == 1


def test_types_without_an_enabled_definition_are_named(
    run, connection, define, raises_code
):
    define("mail.print")
    update_job_definition(connection, "mail.print", is_enabled=False)
    request = WorkflowRunEnqueue(
        "letters",
        [
            WorkflowStep("a", "mail.send"),
            WorkflowStep("b", "mail.print"),
            WorkflowStep("c", "mail.burn"),
        ],
    )

    with raises_code("workflow.definition_not_found_or_disabled") as caught:
        run(enqueue_workflow_run, request)

    assert "'mail.burn', 'mail.print'" in str(caught.value)
    assert "mail.send" not in str(caught.value)
    assert stored(connection, "SELECT FROM workflow_runs") == []


def test_defaults_are_those_of_the_moment(connection):
    record = enqueue_workflow_run(connection, chain("a", "b")).run
    upsert_job_definition(connection, JobDefinition("mail.send", priority=1))

    steps = steps_of(connection, record.id)
    assert [step["priority"] for step in steps.values()] == [7, 7]


def test_a_run_joins_the_callers_transaction(connection):
    with connection.transaction(force_rollback=True):
        enqueue_workflow_run(connection, chain("a", "b"))

    for table in ("workflow_runs", "workflow_steps", "job_queue"):
        assert stored(connection, f"SELECT FROM {table}") == []


def test_parts_of_a_large_run_fit_together(connection, monkeypatch):
    monkeypatch.setattr(_insert_steps, "STEPS_PER_STATEMENT", 7)
    monkeypatch.setattr(_insert_steps, "EDGES_PER_STATEMENT", 11)
    keys = [f"s{number}" for number in range(40)]
    # Prerequisites come after their dependents, so that edges cross the parts.
    steps = [
        WorkflowStep(
            key,
            "mail.send",
            dependencies=[
                WorkflowStepDependencySpec(other) for other in keys[place + 1 :][:3]
            ],
        )
        for place, key in enumerate(keys)
    ]

    record = enqueue_workflow_run(connection, WorkflowRunEnqueue("large", steps)).run

    assert list(steps_of(connection, record.id)) == keys
    edges = stored(
        connection,
        "SELECT d.step_key AS dependent, p.step_key AS prerequisite "
        "FROM workflow_step_dependencies JOIN workflow_steps AS p "
        "ON p.id = prerequisite_step_id JOIN workflow_steps AS d "
        "ON d.id = dependent_step_id",
    )
    assert {(edge["dependent"], edge["prerequisite"]) for edge in edges} == {
        (step.step_key, edge.prerequisite_step_key)
        for step in steps
        for edge in step.dependencies
    }
    assert record.enqueued_step_count == 1


def test_a_repeat_under_a_key_finds_the_run(run, connection):
    request = chain("a", "b", idempotency_key="k", metadata={"n": 1.0})
    first = run(enqueue_workflow_run, request)
    update_job_definition(connection, "mail.send", is_enabled=False)
    connection.execute("UPDATE workflow_steps SET payload = '{}'")

    # Neither the order of steps nor 1 for 1.0 makes another request.
    again = WorkflowRunEnqueue(
        "letters", request.steps[::-1], idempotency_key="k", metadata={"n": 1}
    )
    second = run(enqueue_workflow_run, again)

    assert second.disposition is EnqueueDisposition.EXISTING
    assert second.run == first.run
    assert len(stored(connection, "SELECT FROM workflow_steps")) == 2


@pytest.mark.parametrize(
    ("values", "keys", "differing"),
    [
        ({"metadata": 1}, "ab", "fields that differ: metadata"),
        ({"fail_fast": True}, "ab", "fields that differ: fail_fast"),
        ({"result_step_key": "a"}, "ab", "fields that differ: result_step_key"),
        ({}, "ac", "fields that differ: steps; steps that differ: 'b', 'c'"),
        (
            {},
            "acdefgh",
            "fields that differ: steps; steps that differ: 'b', 'c', 'd', 'e', 'f' ...",
        ),
    ],
    ids=["metadata", "fail_fast", "result", "steps", "many steps"],
)
def test_another_request_under_a_key_is_refused(
    connection, raises_code, values, keys, differing
):
    enqueue_workflow_run(connection, chain(*"ab", idempotency_key="k"))

    with raises_code("workflow.enqueue_conflicting_retry") as caught:
        enqueue_workflow_run(connection, chain(*keys, idempotency_key="k", **values))

    assert f"({differing})" in str(caught.value)
    assert len(stored(connection, "SELECT FROM workflow_runs")) == 1


def test_a_key_belongs_to_a_type_and_an_organization(connection):
    requests = [
        chain("a", idempotency_key="k"),
        chain("a", idempotency_key="k", organization_id=ADA),
        chain("a", idempotency_key="k", organization_id=BOB),
        WorkflowRunEnqueue("other", chain("a").steps, idempotency_key="k"),
    ]
    first = [enqueue_workflow_run(connection, request) for request in requests]
    second = [enqueue_workflow_run(connection, request) for request in requests]

    assert {outcome.disposition for outcome in first} == {EnqueueDisposition.INSERTED}
    assert [outcome.run.id for outcome in first] == [
        outcome.run.id for outcome in second
    ]
    assert len({outcome.run.id for outcome in first}) == len(requests)


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_key_needs_read_committed(connection, raises_code, isolation):
    with (
        raises_code("workflow.enqueue_idempotency_unsupported_isolation"),
        connection.transaction(),
    ):
        connection.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        enqueue_workflow_run(connection, chain("a"))
        enqueue_workflow_run(connection, chain("a", idempotency_key="k"))

    assert stored(connection, "SELECT FROM workflow_runs") == []


def test_a_keyed_run_without_a_definition_is_refused(connection, raises_code):
    request = WorkflowRunEnqueue(
        "letters", [WorkflowStep("a", "mail.burn")], idempotency_key="k"
    )

    with raises_code("workflow.definition_not_found_or_disabled"):
        enqueue_workflow_run(connection, request)


@pytest.mark.unaudited("the run is from before snapshots")
def test_a_run_from_before_snapshots_is_not_compared(connection, raises_code):
    connection.execute(
        "ALTER TABLE workflow_runs "
        "DROP CONSTRAINT ck_workflow_runs_idempotency_enqueue_request"
    )
    connection.execute(
        "INSERT INTO workflow_runs (workflow_type, idempotency_key) "
        "VALUES ('letters', 'k')"
    )

    with raises_code("workflow.legacy_idempotency_snapshot_missing"):
        enqueue_workflow_run(connection, chain("a", idempotency_key="k"))


@pytest.mark.race
@pytest.mark.parametrize("ending", ["commit", "rollback"])
def test_the_second_enqueue_under_a_key_waits_for_the_first(race, ending):
    request = chain("a", "b", idempotency_key="k")
    first = race.hold(enqueue_workflow_run.steps(request))

    second = race.start(enqueue_workflow_run, request, at="workflows/insert_runs")
    getattr(race.holder, ending)()

    outcome = second.result()
    if ending == "commit":
        assert outcome.disposition is EnqueueDisposition.EXISTING
        assert outcome.run == first.run
    else:
        assert outcome.disposition is EnqueueDisposition.INSERTED


@pytest.mark.race
def test_a_different_request_is_refused_after_the_wait(race, raises_code):
    race.hold(enqueue_workflow_run.steps(chain("a", idempotency_key="k")))

    second = race.start(
        enqueue_workflow_run,
        chain("b", idempotency_key="k"),
        at="workflows/insert_runs",
    )
    race.commit()

    with raises_code("workflow.enqueue_conflicting_retry"):
        second.result()


@pytest.mark.race
def test_an_enqueue_waits_for_a_definition_that_is_being_disabled(race, raises_code):
    race.hold(update_job_definition.steps("mail.send", is_enabled=False))

    waiting = race.start(
        enqueue_workflow_run, chain("a"), at="workflows/lock_definitions"
    )
    race.commit()

    with raises_code("workflow.definition_not_found_or_disabled"):
        waiting.result()


def test_steps_show_what_they_wait_for(connection):
    record = enqueue_workflow_run(connection, chain("a", "b", "c")).run

    statuses = [step["status"] for step in steps_of(connection, record.id).values()]
    assert statuses == [
        WorkflowStepStatus.ENQUEUED,
        WorkflowStepStatus.BLOCKED,
        WorkflowStepStatus.BLOCKED,
    ]


def test_a_key_whose_run_is_gone_by_now_is_refused(raises_code):
    steps = enqueue_workflow_run.steps(chain("a", idempotency_key="k"))
    next(steps)
    steps.send([[{"missing_types": []}], [{"id": None, "accepts_keys": True}]])

    # Only a purge between the two statements leads here.
    with raises_code("workflow.idempotency_conflict_missing_existing"):
        steps.send([])
