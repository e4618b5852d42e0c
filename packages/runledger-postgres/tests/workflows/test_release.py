"""Release: what becomes a job, what opens, and what is left alone."""

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
from runledger_postgres.workflows._release import Released, release_steps

pytestmark = pytest.mark.db

release = Operation(release_steps)


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


COUNTERS_BY_HAND = pytest.mark.unaudited("counters are changed by hand")


@COUNTERS_BY_HAND
def test_steps_of_several_runs_are_released_and_counted(
    run, blocked, satisfy, connection
):
    (first, ours), (second, theirs) = blocked(), blocked()
    ready = [ours["second"], ours["gate"], theirs["gate"]]
    satisfy(*ready)

    released = run(release, [*ready, ours["last"]])

    assert released == Released(enqueued={first: 1}, waiting={first: 1, second: 1})
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

    first = release(connection, [ids["second"]])
    second = release(connection, [ids["second"]])

    assert (len(first.enqueued), second) == (1, Released())
    [[job_count]] = connection.execute("SELECT count(*) FROM job_queue").fetchall()
    assert job_count == 2


@COUNTERS_BY_HAND
def test_an_unsatisfied_step_is_left_alone(connection, blocked, satisfy):
    _, ids = blocked()
    satisfy(ids["second"], unsatisfied=1)

    assert release(connection, [ids["second"]]) == Released()


def test_nothing_to_release_asks_nothing():
    with pytest.raises(StopIteration) as stopped:
        next(release_steps([]))

    assert stopped.value.value == Released()
