"""How the end of a step reaches those that wait for it."""

from __future__ import annotations

import pytest

from runledger_core import (
    EVERYTHING,
    JobFailure,
    JobStatus,
    Lease,
    RetryPolicy,
)
from runledger_postgres import (
    GateFailed,
    GateSucceeded,
    SettleFailure,
    SettleSuccess,
    cancel_job,
    complete_external_workflow_step,
    complete_jobs,
    heartbeat_jobs,
    reap_expired_leases,
    release_unstarted_claims,
    requeue_job,
)

pytestmark = pytest.mark.db

AT_ONCE = RetryPolicy(base_seconds=0, cap_seconds=0)


def expire(connection):
    connection.execute(
        "UPDATE job_queue SET lease_expires_at = clock_timestamp()"
        " WHERE status = 'LEASED'"
    )


def test_a_diamond_runs_in_its_order_and_its_run_succeeds(flow):
    run_id = flow.start("a, b < a, c < a, d < b c")

    rounds = flow.drain(run_id)
    run, steps = flow.run(run_id), flow.steps(run_id)

    assert rounds == [{"a"}, {"b", "c"}, {"d"}]
    assert (run["status"], run["result"], run["status_reason"]) == (
        "SUCCEEDED",
        7,
        None,
    )
    assert run["finished_at"] >= steps["d"]["finished_at"]
    assert (run["step_count"], run["ended_step_count"]) == (4, 4)
    assert {step["output"] for step in steps.values()} == {7}


def test_a_step_says_what_its_job_says(flow):
    run_id = flow.start("good, bad")
    leases = flow.claim(run_id)
    flow.end(leases["good"], failing=(leases["bad"],))
    columns = [
        *("output", "status_reason", "last_error_code", "last_error_message"),
        *("started_at", "finished_at"),
    ]

    steps, jobs = flow.steps(run_id), flow.jobs(run_id)

    assert [steps[key]["status"] for key in ("good", "bad")] == ["SUCCEEDED", "FAILED"]
    for key, step in steps.items():
        assert {name: step[name] for name in columns} == {
            name: jobs[key][name] for name in columns
        }


def test_a_failure_cancels_what_needs_the_success_and_releases_what_needs_the_end(flow):
    run_id = flow.start(
        "bad, needs < bad, after ~ bad, deep < needs, report ~ deep, both < after needs"
    )

    rounds = flow.drain(run_id, failing="bad")
    run, steps = flow.run(run_id), flow.steps(run_id)

    assert rounds == [{"bad"}, {"after", "report"}]
    assert flow.statuses(run_id) == {
        "bad": "FAILED",
        "needs": "CANCELED",
        "after": "SUCCEEDED",
        "deep": "CANCELED",
        "report": "SUCCEEDED",
        "both": "CANCELED",
    }
    unsatisfied = "workflow.dependency_unsatisfied"
    for key in ("needs", "deep", "both"):
        assert steps[key]["status_reason"] == unsatisfied
        assert steps[key]["last_error_code"] == unsatisfied
    assert run["status"] == "COMPLETED_WITH_ERRORS"
    assert run["status_reason"] == 'step "bad" failed'
    assert (run["unsuccessful_step_count"], run["result"]) == (4, None)


def test_a_fan_in_whose_prerequisites_end_in_one_batch_is_released_once(flow):
    keys = [f"w{n}" for n in range(30)]
    run_id = flow.start(f"{', '.join(keys)}, gather ~ {' '.join(keys)}")
    leases = flow.claim(run_id)

    flow.end(*leases.values())

    assert flow.history(flow.steps(run_id)["gather"]["job_id"]) == ["ENQUEUED"]
    assert flow.run(run_id)["enqueued_step_count"] == 1
    assert flow.drain(run_id) == [{"gather"}]


def test_a_batch_moves_all_of_its_runs_and_leaves_plain_jobs_alone(flow, enqueue):
    plain = enqueue()
    runs = [flow.start("a, b < a") for _ in range(3)]
    flow.claim(runs[0])
    leased = flow.rows(
        "SELECT id AS job_id, run_number, attempt, worker_id FROM job_queue"
    )

    settled = flow.end(*(Lease(**row) for row in leased))

    assert [one.status for one in settled] == [JobStatus.SUCCEEDED] * 4
    assert plain in {one.lease.job_id for one in settled}
    for run_id in runs:
        assert flow.statuses(run_id) == {"a": "SUCCEEDED", "b": "ENQUEUED"}


@pytest.mark.parametrize("says_so", [False, True])
def test_steps_that_are_known_end_in_one_go(flow, connection, enqueue, says_so):
    """To find out costs a statement; to say so of a plain job does no harm."""
    plain = enqueue()
    run_id = flow.start("a, b < a")
    flow.claim(run_id)
    leased = flow.rows(
        "SELECT id AS job_id, run_number, attempt, worker_id FROM job_queue"
    )
    settlements = [SettleSuccess(Lease(**row), is_step=says_so) for row in leased]

    first = next(complete_jobs.steps(settlements))
    settled = complete_jobs(connection, settlements)

    assert first.commits is not says_so
    assert [one.status for one in settled] == [JobStatus.SUCCEEDED] * 2
    assert plain in {one.lease.job_id for one in settled}
    assert flow.statuses(run_id) == {"a": "SUCCEEDED", "b": "ENQUEUED"}


def test_a_run_that_can_only_go_on_from_outside_says_so(flow, connection):
    run_id = flow.start("a, gate, b < a gate", gates="gate")
    begun = flow.run(run_id)

    flow.drain(run_id)
    waiting = flow.run(run_id)
    complete_external_workflow_step(
        connection, run_id, "gate", GateSucceeded(), scope=EVERYTHING
    )
    going_on = flow.run(run_id)

    assert [run["status"] for run in (begun, waiting, going_on)] == [
        *("RUNNING", "WAITING_FOR_EXTERNAL", "RUNNING"),
    ]
    assert flow.drain(run_id) == [{"b"}]
    assert flow.run(run_id)["status"] == "SUCCEEDED"


def test_an_attempt_that_is_retried_moves_nothing(flow, connection):
    run_id = flow.start("a, b < a")
    lease = flow.claim(run_id)["a"]
    before = flow.steps(run_id)["a"]

    failure = JobFailure.retryable("mail.busy", "busy")
    complete_jobs(connection, [SettleFailure(lease, failure, AT_ONCE)])
    expired = flow.claim(run_id)["a"]
    expire(connection)
    reap_expired_leases(connection, limit=10, default_retry=AT_ONCE)
    unstarted = flow.claim(run_id)["a"]
    release_unstarted_claims(connection, [unstarted], reason="stop")

    assert (expired.attempt, unstarted.attempt) == (2, 3)
    assert flow.steps(run_id)["a"] == before
    assert flow.statuses(run_id) == {"a": "ENQUEUED", "b": "BLOCKED"}


def test_a_dead_letter_of_the_reaper_moves_the_run(flow, connection, define):
    define(max_attempts=1)
    run_id = flow.start("a, b < a, c ~ a")
    flow.claim(run_id)
    expire(connection)

    [reaped] = reap_expired_leases(connection, limit=10).reaped

    assert reaped.status is JobStatus.DEAD_LETTERED
    assert flow.statuses(run_id) == {"a": "FAILED", "b": "CANCELED", "c": "ENQUEUED"}
    assert flow.steps(run_id)["a"]["last_error_code"] == "job.lease_expired"


def test_the_reaper_puts_off_a_job_whose_run_the_database_refuses_to_move(
    flow, connection, define
):
    define(max_attempts=1)
    poisoned, sound = flow.start("a, b < a"), flow.start("a, b < a")
    flow.claim(sound)
    expire(connection)
    connection.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE 'no'; END $$;"
        " CREATE TRIGGER refuse BEFORE UPDATE ON workflow_steps FOR EACH ROW"
        f" WHEN (OLD.workflow_run_id = '{poisoned}') EXECUTE FUNCTION refuse()"
    )

    report = reap_expired_leases(connection, limit=10)

    assert [one.lease.job_id for one in report.deferred] == [
        flow.steps(poisoned)["a"]["job_id"]
    ]
    assert flow.statuses(sound) == {"a": "FAILED", "b": "CANCELED"}
    assert flow.statuses(poisoned) == {"a": "ENQUEUED", "b": "BLOCKED"}


def test_a_job_that_is_canceled_cancels_its_step_and_the_run_goes_on(
    run, flow, connection
):
    run_id = flow.start("a, b, needs < a, after ~ a")
    leases = flow.claim(run_id)

    job = run(
        cancel_job, leases["a"].job_id, scope=EVERYTHING, reason="no longer wanted"
    )
    report = heartbeat_jobs(connection, list(leases.values()), lease_seconds=60)

    assert job.status is JobStatus.CANCELED
    assert report.canceled == {leases["a"]}
    assert flow.steps(run_id)["a"]["status_reason"] == "no longer wanted"
    assert flow.statuses(run_id) == {
        "a": "CANCELED",
        "b": "ENQUEUED",
        "needs": "CANCELED",
        "after": "ENQUEUED",
    }
    flow.end(leases["b"])
    flow.drain(run_id)
    assert flow.run(run_id)["status_reason"] == 'step "a" was canceled'


def test_a_job_of_a_run_is_not_requeued_by_itself(flow, connection, raises_code):
    run_id = flow.start("a")
    flow.drain(run_id, failing="a")

    with raises_code("job.workflow_requeue_not_supported"):
        requeue_job(
            connection,
            flow.jobs(run_id)["a"]["id"],
            scope=EVERYTHING,
            expected_status=JobStatus.DEAD_LETTERED,
            expected_run_number=1,
        )


@pytest.mark.parametrize("way", ["completion", "cancellation"])
def test_under_one_snapshot_for_all_a_run_is_not_moved(
    flow, connection, raises_code, way
):
    run_id = flow.start("a, b < a")
    lease = flow.claim(run_id)["a"]
    connection.execute("SET default_transaction_isolation = 'repeatable read'")

    with raises_code("workflow.terminal_completion_unsupported_isolation"):
        if way == "completion":
            complete_jobs(connection, [SettleSuccess(lease)])
        else:
            cancel_job(connection, lease.job_id, scope=EVERYTHING)

    assert flow.statuses(run_id) == {"a": "ENQUEUED", "b": "BLOCKED"}
    assert flow.jobs(run_id)["a"]["status"] == "LEASED"


def test_a_failed_gate_is_named_by_the_run(flow, connection):
    run_id = flow.start("gate, b < gate", gates="gate")

    complete_external_workflow_step(
        connection, run_id, "gate", GateFailed("refused"), scope=EVERYTHING
    )

    run = flow.run(run_id)
    assert run["status"] == "COMPLETED_WITH_ERRORS"
    assert run["status_reason"] == 'step "gate" failed'


def test_a_failure_under_a_code_of_the_library_is_a_failure_of_its_own(flow):
    run_id = flow.start("bad")
    failure = JobFailure.terminal("workflow.fail_fast", "as the handler calls it")

    complete_jobs(
        flow.connection, [SettleFailure(flow.claim(run_id)["bad"], failure, AT_ONCE)]
    )

    assert flow.run(run_id)["status_reason"] == 'step "bad" failed'
