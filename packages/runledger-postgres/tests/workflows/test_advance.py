"""Steps that wait for nothing: what becomes a job, what opens, what is left alone."""

from __future__ import annotations

import pytest

from runledger_core import EVERYTHING
from runledger_core.workflows import WorkflowDagBuilder
from runledger_postgres import (
    enqueue_workflow_run,
    get_workflow_step,
    list_job_events,
    list_workflow_steps,
)
from runledger_postgres._operation import Operation
from runledger_postgres.workflows._advance import advance_steps

pytestmark = pytest.mark.db

advance = Operation(advance_steps)


@pytest.fixture
def blocked(connection, define):
    """Enqueue a run whose steps after the first wait for it, and name their ids."""
    define()

    def blocked():
        request = (
            WorkflowDagBuilder("letters")
            .job("first", "mail.send")
            .job("second", "mail.send", {"n": 2}, stage="cold", priority=3)
            .external("gate", deadline_seconds=60)
            .job("last", "mail.send")
            .after_success("second", "first")
            .after_success("gate", "first")
            .after_success("last", ["second", "gate"])
            .build()
        )
        run_id = enqueue_workflow_run(connection, request).run.id
        page = list_workflow_steps(connection, run_id, scope=EVERYTHING)
        return run_id, {step.step_key: step.id for step in page.items}

    return blocked


@pytest.fixture
def satisfy(connection):
    """Let steps wait for nothing any more, without a word to their run."""

    def satisfy(*step_ids, unsatisfied=0):
        connection.execute(
            "UPDATE workflow_steps SET dependency_count_pending = 0, "
            "dependency_count_unsatisfied = %s WHERE id = ANY (%s)",
            [unsatisfied, list(step_ids)],
        )

    return satisfy


def counts(row):
    enqueued, waiting = row["enqueued_count"], row["waiting_count"]
    return row["workflow_run_id"], enqueued, waiting, row["canceled_ids"]


COUNTERS_BY_HAND = pytest.mark.unaudited("counters are changed by hand")


@COUNTERS_BY_HAND
def test_steps_of_several_runs_are_released_and_counted(
    run, blocked, satisfy, connection
):
    (first, ours), (second, theirs) = blocked(), blocked()
    ready = [ours["second"], ours["gate"], theirs["gate"]]
    satisfy(*ready)

    advanced = run(advance, ready=[*ready, ours["last"]])

    assert [counts(row) for row in advanced] == [(first, 1, 1, []), (second, 0, 1, [])]
    step = get_workflow_step(connection, first, "second", scope=EVERYTHING)
    assert (step.status, step.dependency_count_pending) == ("ENQUEUED", 0)
    [event] = list_job_events(connection, step.job_id, scope=EVERYTHING)
    assert (event.event_type, event.stage) == ("ENQUEUED", "cold")
    assert event.payload == {"job_type": "mail.send"}
    gate = get_workflow_step(connection, second, "gate", scope=EVERYTHING)
    assert (gate.status, gate.job_id) == ("WAITING_FOR_EXTERNAL", None)
    assert (gate.deadline_at - gate.released_at).total_seconds() == 60
    last = get_workflow_step(connection, first, "last", scope=EVERYTHING)
    assert (last.status, last.released_at) == ("BLOCKED", None)


@COUNTERS_BY_HAND
def test_a_repeat_releases_nothing(connection, blocked, satisfy):
    _, ids = blocked()
    satisfy(ids["second"])

    first = advance(connection, ready=[ids["second"]])
    second = advance(connection, ready=[ids["second"]])

    assert (len(first), len(second)) == (1, 0)
    [[job_count]] = connection.execute("SELECT count(*) FROM job_queue").fetchall()
    assert job_count == 2


@COUNTERS_BY_HAND
def test_an_unsatisfied_step_is_canceled(connection, blocked, satisfy):
    run_id, ids = blocked()
    satisfy(ids["second"], unsatisfied=1)

    [row] = advance(connection, ready=[ids["second"]])

    assert counts(row) == (run_id, 0, 0, [ids["second"]])
    step = get_workflow_step(connection, run_id, "second", scope=EVERYTHING)
    assert (step.status, step.job_id, step.released_at) == ("CANCELED", None, None)
    assert step.last_error_code == "workflow.dependency_unsatisfied"


def test_a_step_is_written_once_when_it_is_told_and_released(flow, connection):
    """A second version would have its foreign keys checked, and be carried along."""
    run_id = flow.start("a, b < a")
    leases = flow.claim(run_id)
    connection.execute(
        "CREATE TABLE writes (step_key text);"
        " CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO writes VALUES (NEW.step_key); RETURN NULL; END $$;"
        " CREATE TRIGGER note AFTER UPDATE ON workflow_steps FOR EACH ROW"
        " EXECUTE FUNCTION note()"
    )

    flow.end(leases["a"])

    written = connection.execute("SELECT step_key FROM writes").fetchall()
    assert written == [("a",), ("b",)]


def test_jobs_are_numbered_in_the_order_of_their_steps(flow):
    keys = [f"s{n}" for n in range(20)]
    run_id = flow.start("a, " + ", ".join(f"{key} < a" for key in keys))
    flow.end(*flow.claim(run_id).values())

    jobs, steps = flow.jobs(run_id), flow.steps(run_id)

    by_step = sorted(keys, key=lambda key: steps[key]["id"])
    assert sorted(keys, key=lambda key: jobs[key]["id"]) == by_step


def test_nothing_to_advance_asks_nothing():
    with pytest.raises(StopIteration) as stopped:
        next(advance_steps())

    assert stopped.value.value == ()
