"""What may be written under a live lease: renewals, progress, checkpoints."""

from __future__ import annotations

from datetime import timedelta

import pytest

from runledger_core import EVERYTHING, JobCompletion, JobFailure, Lease, RetryPolicy
from runledger_postgres import (
    complete_job_failure,
    complete_job_success,
    get_job_by_id,
    heartbeat_job,
    list_job_events,
    save_checkpoint,
    update_job_progress,
)

pytestmark = pytest.mark.db

AT_ONCE = RetryPolicy(base_seconds=0, cap_seconds=0)
WRITES = {
    "heartbeat": (heartbeat_job, (), {"lease_seconds": 60}),
    "progress": (update_job_progress, (), {"progress_done": 1}),
    "checkpoint": (save_checkpoint, ([1],), {}),
}


def events(run, job_id):
    return run(list_job_events, job_id, scope=EVERYTHING)


def test_a_heartbeat_moves_the_expiry_and_writes_its_event(run, enqueue, claim):
    job_id = enqueue()
    lease = claim(lease_seconds=5).lease

    expiry = run(heartbeat_job, lease, lease_seconds=600)
    job = run(get_job_by_id, job_id, scope=EVERYTHING)
    last = events(run, job_id)[-1]

    assert expiry == job.lease_expires_at
    assert expiry - job.last_heartbeat_at >= timedelta(seconds=599)
    assert (last.event_type, last.attempt, last.payload) == (
        "HEARTBEAT",
        1,
        {"worker_id": "w1"},
    )
    assert last.occurred_at == job.last_heartbeat_at


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_heartbeat_needs_a_duration(run, enqueue, claim, raises_code, seconds):
    enqueue()

    with raises_code("job.invalid_lease_duration"):
        run(heartbeat_job, claim().lease, lease_seconds=seconds)


def test_a_report_keeps_what_it_leaves_out(run, enqueue, claim):
    job_id = enqueue()
    lease = claim().lease
    run(update_job_progress, lease, progress_total=10, checkpoint={"page": 1})

    told = run(update_job_progress, lease, stage="sending", progress_done=4)
    job = run(get_job_by_id, job_id, scope=EVERYTHING)

    assert (told.stage, told.progress_done, told.progress_total) == ("sending", 4, 10)
    assert told.lease_expires_at == job.lease_expires_at
    assert (job.stage, job.progress_done, job.progress_total, job.checkpoint) == (
        "sending",
        4,
        10,
        {"page": 1},
    )


def test_a_report_has_an_event_for_its_stage_and_one_for_its_progress(
    run, enqueue, claim
):
    job_id = enqueue()
    lease = claim().lease

    run(update_job_progress, lease, stage="sending", progress_done=4)
    stage, progress = events(run, job_id)[-2:]

    assert (stage.event_type, stage.stage, stage.progress_done) == (
        "STAGE_CHANGED",
        "sending",
        None,
    )
    assert (progress.event_type, progress.stage, progress.progress_done) == (
        "PROGRESS",
        None,
        4,
    )
    assert progress.progress_total is None
    assert stage.payload == progress.payload == {}
    assert stage.occurred_at == progress.occurred_at


def test_a_checkpoint_writes_no_event_and_meets_the_next_attempt(run, enqueue, claim):
    job_id = enqueue()
    lease = claim().lease

    run(save_checkpoint, lease, {"page": 7})
    written = len(events(run, job_id))
    run(complete_job_failure, lease, JobFailure.retryable("c", "m"), retry=AT_ONCE)
    second = claim()

    assert written == 2
    assert second.checkpoint == {"page": 7}


def test_a_checkpoint_of_none_takes_the_stored_one_back(run, enqueue, claim):
    job_id = enqueue()
    lease = claim().lease
    run(save_checkpoint, lease, "x" * 3)

    run(save_checkpoint, lease, None)

    assert run(get_job_by_id, job_id, scope=EVERYTHING).checkpoint is None


def test_progress_must_fit_what_is_stored(run, enqueue, claim, raises_code):
    job_id = enqueue()
    lease = claim().lease
    run(update_job_progress, lease, progress_total=3)

    with raises_code("job.invalid_progress") as caught:
        run(update_job_progress, lease, stage="late", progress_done=4)
    job = run(get_job_by_id, job_id, scope=EVERYTHING)

    assert "4 of 3" in str(caught.value)
    assert (job.stage, job.progress_done) == ("running", None)
    assert [e.event_type for e in events(run, job_id)][2:] == ["PROGRESS"]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"progress_done": -1}, "job.invalid_progress"),
        ({"progress_total": 2**63}, "job.invalid_progress"),
        ({"progress_done": True}, "job.invalid_progress"),
        ({"progress_done": 1.0}, "job.invalid_progress"),
        ({"stage": " "}, "identifier.blank"),
        ({"checkpoint": {1}}, "job.checkpoint_not_json"),
    ],
    ids=str,
)
def test_what_cannot_be_stored_is_refused(
    connection, enqueue, claim, raises_code, values, code
):
    enqueue()

    with raises_code(code):
        update_job_progress(connection, claim().lease, **values)


def test_progress_survives_into_the_completion(run, enqueue, claim):
    job_id = enqueue()
    lease = claim().lease
    run(update_job_progress, lease, progress_done=1, progress_total=4)

    run(complete_job_success, lease, JobCompletion(progress_done=4))
    job = run(get_job_by_id, job_id, scope=EVERYTHING)

    assert (job.progress_done, job.progress_total) == (4, 4)


@pytest.mark.parametrize("name", WRITES)
def test_nothing_is_written_under_an_expired_lease(
    run, enqueue, claim, connection, raises_code, name
):
    job_id = enqueue()
    lease = claim().lease
    connection.execute("UPDATE job_queue SET lease_expires_at = clock_timestamp()")
    write, arguments, values = WRITES[name]

    with raises_code("job.lease_owner_mismatch"):
        run(write, lease, *arguments, **values)

    assert len(events(run, job_id)) == 2


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize(
    "change", [{"worker_id": "w2"}, {"attempt": 2}, {"run_number": 2}], ids=str
)
def test_nothing_is_written_under_a_lease_that_is_not_exactly_ours(
    connection, enqueue, claim, raises_code, name, change
):
    enqueue()
    lease = claim().lease
    values = {
        "job_id": lease.job_id,
        "run_number": 1,
        "attempt": 1,
        "worker_id": "w1",
        **change,
    }
    write, arguments, keywords = WRITES[name]

    with raises_code("job.lease_owner_mismatch"):
        write(connection, Lease(**values), *arguments, **keywords)


@pytest.mark.parametrize("name", WRITES)
def test_a_write_under_a_lease_commits_by_itself(
    connection, enqueue, claim, raises_code, name
):
    enqueue()
    lease = claim().lease
    write, arguments, values = WRITES[name]

    with connection.transaction(), raises_code("db.transaction_not_owned"):
        write(connection, lease, *arguments, **values)
