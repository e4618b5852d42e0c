"""Many runs in one call: what is stored, what a repeat does, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from runledger_core import GLOBAL
from runledger_core.workflows import WorkflowDagBuilder
from runledger_postgres import (
    EnqueueDisposition,
    enqueue_workflow_run,
    enqueue_workflow_runs,
    get_workflow_run_by_idempotency_key,
    list_workflow_runs,
)

if TYPE_CHECKING:
    from runledger_core.workflows import WorkflowRunEnqueue

pytestmark = pytest.mark.db

ADA = UUID("0198c0de-0000-7000-8000-000000000001")
INSERTED, EXISTING = EnqueueDisposition


@pytest.fixture(autouse=True)
def _defined(define):
    define()


def letter(
    key: str | None = None, *, to: Any = "ada", owner: UUID | None = None
) -> WorkflowRunEnqueue:
    """Ask for a run whose steps have the same keys as those of every other."""
    return (
        WorkflowDagBuilder("letter", {"to": to})
        .idempotency_key(key)
        .organization_id(owner)
        .job("write", "mail.send", {"to": to})
        .job("post", "mail.send")
        .external("sign")
        .after_success("post", ["write", "sign"])
        .build()
    )


def dispositions(outcomes):
    return [outcome.disposition for outcome in outcomes]


def test_runs_are_stored_whole_and_answered_in_order(run, flow):
    outcomes = run(
        enqueue_workflow_runs, [letter(to=1), letter("b", to=2, owner=ADA), letter("a")]
    )

    assert [INSERTED] * 3 == dispositions(outcomes)
    assert [{"to": 1}, {"to": 2}, {"to": "ada"}] == [o.run.metadata for o in outcomes]
    assert [None, ADA, None] == [o.run.organization_id for o in outcomes]
    for outcome, to in zip(outcomes, [1, 2, "ada"], strict=True):
        steps = flow.steps(outcome.run.id)
        assert list(steps) == ["write", "post", "sign"]
        assert flow.statuses(outcome.run.id) == {
            "write": "ENQUEUED",
            "post": "BLOCKED",
            "sign": "WAITING_FOR_EXTERNAL",
        }
        assert steps["post"]["dependency_count_pending"] == 2
        assert steps["write"]["organization_id"] == outcome.run.organization_id
        assert flow.jobs(outcome.run.id)["write"]["payload"] == {"to": to}


def test_newer_runs_are_those_that_were_asked_for_later(run):
    """The keys are taken in their own order, and the ids are not."""
    outcomes = run(enqueue_workflow_runs, [letter("z"), letter("m"), letter("a")])

    listed = run(list_workflow_runs, scope=GLOBAL).items
    assert [o.run.id for o in reversed(outcomes)] == [each.id for each in listed]


def test_nothing_is_asked_for(run):
    assert [] == run(enqueue_workflow_runs, [])


def test_a_repeat_finds_the_runs_and_stores_what_is_new(run, flow):
    first = run(enqueue_workflow_runs, [letter("a"), letter("b", owner=ADA)])
    count = len(flow.rows("SELECT FROM workflow_steps"))

    again = run(
        enqueue_workflow_runs, [letter("b", owner=ADA), letter("b"), letter("a")]
    )

    assert [EXISTING, INSERTED, EXISTING] == dispositions(again)
    assert [first[1].run, first[0].run] == [again[0].run, again[2].run]
    assert count + 3 == len(flow.rows("SELECT FROM workflow_steps"))


def test_a_key_that_comes_twice_gives_one_run(run):
    outcomes = run(enqueue_workflow_runs, [letter("a"), letter(), letter("a")])

    assert [INSERTED, INSERTED, EXISTING] == dispositions(outcomes)
    assert outcomes[0].run == outcomes[2].run


@pytest.mark.parametrize("is_stored", [True, False])
def test_one_request_that_conflicts_keeps_all_from_being_stored(
    run, connection, raises_code, is_stored
):
    if is_stored:
        enqueue_workflow_run(connection, letter("a"))
        requests = [letter("b"), letter("a", to="bob")]
    else:
        requests = [letter("b"), letter("a"), letter("a", to="bob")]

    with raises_code("workflow.enqueue_conflicting_retry") as caught:
        run(enqueue_workflow_runs, requests)

    assert "metadata, steps" in str(caught.value)
    found = run(get_workflow_run_by_idempotency_key, "letter", "b", scope=GLOBAL)
    assert found is None


def test_a_run_that_is_there_needs_no_definition_any_more(run, connection, raises_code):
    enqueue_workflow_run(connection, letter("a"))
    connection.execute("UPDATE job_definitions SET is_enabled = FALSE")

    assert [EXISTING] == dispositions(run(enqueue_workflow_runs, [letter("a")]))
    with raises_code("workflow.definition_not_found_or_disabled"):
        run(enqueue_workflow_runs, [letter("a"), letter("b")])


def test_unkeyed_runs_mix_with_keys_under_a_snapshot_only_if_there_are_none(
    connection, raises_code
):
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        enqueue_workflow_runs(connection, [letter(), letter()])
        with raises_code("workflow.enqueue_idempotency_unsupported_isolation"):
            enqueue_workflow_runs(connection, [letter(), letter("a")])


def test_many_runs_take_the_statements_of_one(flow):
    def statements(requests):
        with flow.connection.transaction():
            steps, names, answer = enqueue_workflow_runs.steps(requests), [], None
            while True:
                try:
                    step = steps.send(answer)
                except StopIteration:
                    return names
                calls = getattr(step, "calls", [step])
                names += [call.statement.name for call in calls]
                answers = [flow.rows_of(call) for call in calls]
                answer = answers if hasattr(step, "calls") else answers[0]

    assert statements([letter()]) == statements([letter() for _ in range(100)])


@pytest.mark.race
def test_a_batch_that_waits_for_a_key_holds_no_later_one(race):
    """Whatever the order of the requests, so that nobody waits in a ring."""
    race.hold(enqueue_workflow_run.steps(letter("a")))
    second = race.start(
        enqueue_workflow_runs, [letter("b"), letter("a")], at="workflows/insert_runs"
    )
    race.hold(enqueue_workflow_run.steps(letter("b")))
    race.commit()

    assert [EXISTING] * 2 == dispositions(second.result())
