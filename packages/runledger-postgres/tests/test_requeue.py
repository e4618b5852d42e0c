"""Requeueing: the next run begins if the job is what the caller saw."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from runledger_core import (
    EVERYTHING,
    GLOBAL,
    JobCompletion,
    JobFailure,
    JobStatus,
    Organization,
)
from runledger_postgres import (
    Requeued,
    RequeueMismatch,
    RequeueNotFound,
    cancel_job,
    claim_jobs,
    complete_job_failure,
    complete_job_success,
    get_job_by_id,
    list_job_events,
    requeue_job,
)

pytestmark = pytest.mark.db

ORGANIZATION = Organization(UUID("0198c0de-0000-7000-8000-000000000001"))
CANCELED_RUN = {
    "scope": EVERYTHING,
    "expected_status": JobStatus.CANCELED,
    "expected_run_number": 1,
}
DEAD_RUN = {**CANCELED_RUN, "expected_status": JobStatus.DEAD_LETTERED}
BURIAL = JobFailure.terminal("mail.no_such_box", "there is no such mailbox")


@pytest.fixture
def dead_job(connection, enqueue, claim):
    """A job that died after it had got half way."""
    job_id = enqueue()
    lease = claim().lease
    connection.execute(
        "UPDATE job_queue SET progress_done = 1, progress_total = 2,"
        " checkpoint = '[7]' WHERE id = %s",
        [job_id],
    )
    complete_job_failure(connection, lease, BURIAL)
    return job_id


def test_a_dead_job_begins_its_next_run_afresh(run, dead_job):
    outcome = run(requeue_job, dead_job, **DEAD_RUN, reason="mailbox is back")
    job = run(get_job_by_id, dead_job, scope=EVERYTHING)
    last = run(list_job_events, dead_job, scope=EVERYTHING)[-1]

    assert outcome == Requeued(job, last.id)
    assert (job.status, job.run_number, job.attempt) == (JobStatus.PENDING, 2, 0)
    assert (job.stage, job.status_reason) == ("queued", "mailbox is back")
    assert (job.progress_done, job.progress_total, job.checkpoint) == (None,) * 3
    assert (job.started_at, job.finished_at, job.output) == (None,) * 3
    assert (job.last_error_code, job.last_error_message) == (None,) * 2
    assert (last.event_type, last.run_number, last.attempt) == ("REQUEUED", 1, None)
    assert last.payload == {
        "reason": "mailbox is back",
        "state_policy": "reset_progress_and_checkpoint",
        "requeue_kind": "COMPARE_AND_REQUEUE",
    }
    assert job.next_run_at == last.occurred_at


def test_progress_and_checkpoint_are_kept_when_asked_for(run, dead_job):
    job = run(requeue_job, dead_job, **DEAD_RUN, keep_progress=True).job
    last = run(list_job_events, dead_job, scope=EVERYTHING)[-1]

    assert (job.progress_done, job.progress_total, job.checkpoint) == (1, 2, [7])
    assert last.payload["state_policy"] == "preserve_progress_and_checkpoint"


def test_the_next_run_is_claimed_with_all_its_attempts(run, dead_job):
    run(requeue_job, dead_job, **DEAD_RUN)

    [claimed] = run(claim_jobs, worker_id="w2", lease_seconds=60, limit=1)

    assert (claimed.lease.job_id, claimed.lease.run_number) == (dead_job, 2)
    assert claimed.lease.attempt == 1


def test_a_repeat_finds_that_the_run_has_changed(run, dead_job):
    run(requeue_job, dead_job, **DEAD_RUN)

    again = run(requeue_job, dead_job, **DEAD_RUN)

    assert again == RequeueMismatch(JobStatus.PENDING, 2)
    assert run(get_job_by_id, dead_job, scope=EVERYTHING).run_number == 2


def test_a_job_canceled_while_it_ran_waits_until_its_lease_would_have_expired(
    run, enqueue, claim
):
    job_id = enqueue()
    claimed = claim(lease_seconds=600)
    run(cancel_job, job_id, scope=EVERYTHING)

    job = run(requeue_job, job_id, **CANCELED_RUN).job

    assert job.next_run_at == claimed.lease_expires_at
    assert run(claim_jobs, worker_id="w2", lease_seconds=60, limit=1) == []


def test_a_second_requeue_waits_for_the_lease_of_the_first_run_too(run, enqueue, claim):
    job_id = enqueue()
    claimed = claim(lease_seconds=600)
    run(cancel_job, job_id, scope=EVERYTHING)
    run(requeue_job, job_id, **CANCELED_RUN)
    run(cancel_job, job_id, scope=EVERYTHING)

    job = run(requeue_job, job_id, **{**CANCELED_RUN, "expected_run_number": 2}).job

    assert job.next_run_at == claimed.lease_expires_at


def test_a_job_canceled_before_it_ran_is_due_at_once(run, enqueue):
    job_id = enqueue()
    run(cancel_job, job_id, scope=EVERYTHING)

    job = run(requeue_job, job_id, **CANCELED_RUN).job

    assert job.next_run_at - job.created_at < timedelta(minutes=1)
    assert len(run(claim_jobs, worker_id="w2", lease_seconds=60, limit=1)) == 1


@pytest.mark.parametrize(
    "expected",
    [{"expected_status": JobStatus.CANCELED}, {"expected_run_number": 2}],
    ids=str,
)
def test_a_job_that_is_not_what_was_expected_is_left_alone(run, dead_job, expected):
    outcome = run(requeue_job, dead_job, **{**DEAD_RUN, **expected})

    assert outcome == RequeueMismatch(JobStatus.DEAD_LETTERED, 1)


def test_a_mismatch_keeps_no_lock(run, dead_job, connection, runledger_database):
    with psycopg.connect(runledger_database) as host:
        outcome = requeue_job(host, dead_job, **CANCELED_RUN)

        connection.execute(
            "SELECT FROM job_queue WHERE id = %s FOR UPDATE NOWAIT", [dead_job]
        )

    assert outcome == RequeueMismatch(JobStatus.DEAD_LETTERED, 1)


@pytest.mark.parametrize("scope", [GLOBAL, Organization(UUID(int=2))], ids=str)
def test_a_job_of_another_scope_is_not_found(run, enqueue, scope):
    job_id = enqueue(organization_id=ORGANIZATION.id)
    run(cancel_job, job_id, scope=ORGANIZATION)

    assert run(requeue_job, job_id, **{**CANCELED_RUN, "scope": scope}) == (
        RequeueNotFound()
    )
    assert run(requeue_job, uuid4(), **CANCELED_RUN) == RequeueNotFound()


@pytest.mark.parametrize(
    "status", [JobStatus.PENDING, JobStatus.LEASED, JobStatus.SUCCEEDED], ids=str
)
def test_only_a_run_without_success_can_be_requeued(run, raises_code, status):
    with raises_code("job.invalid_state_transition"):
        run(requeue_job, uuid4(), **{**DEAD_RUN, "expected_status": status})


def test_a_successful_job_is_a_mismatch(run, enqueue, claim):
    job_id = enqueue()
    run(complete_job_success, claim().lease, JobCompletion())

    assert run(requeue_job, job_id, **DEAD_RUN) == (
        RequeueMismatch(JobStatus.SUCCEEDED, 1)
    )


def test_a_job_of_a_workflow_is_not_requeued_by_itself(
    run, dead_job, connection, raises_code
):
    connection.execute(
        "WITH run AS (INSERT INTO workflow_runs (workflow_type, status, step_count,"
        " ended_step_count, unsuccessful_step_count, finished_at)"
        " VALUES ('order', 'COMPLETED_WITH_ERRORS', 1, 1, 1, now()) RETURNING id)"
        " INSERT INTO workflow_steps (workflow_run_id, step_key, job_type, priority,"
        " max_attempts, timeout_seconds, stage, status, job_id, released_at,"
        " started_at, finished_at)"
        " SELECT run.id, 'mail', 'mail.send', 0, 1, 1, 'queued', 'FAILED', job.id,"
        " now(), job.started_at, job.finished_at"
        " FROM run CROSS JOIN job_queue AS job WHERE job.id = %s",
        [dead_job],
    )

    with raises_code("job.workflow_requeue_not_supported"):
        run(requeue_job, dead_job, **DEAD_RUN)

    job = run(get_job_by_id, dead_job, scope=EVERYTHING)
    assert (job.status, job.run_number) == (JobStatus.DEAD_LETTERED, 1)


def test_a_reason_that_cannot_be_stored_is_refused(run, raises_code):
    with raises_code("job.invalid_reason"):
        run(requeue_job, uuid4(), **DEAD_RUN, reason=" ")
