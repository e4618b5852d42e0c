"""Why a job does not run: as a value and as a sentence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from runledger_core import (
    EVERYTHING,
    GLOBAL,
    FailureKind,
    JobFailure,
    JobStatus,
    Organization,
    RetryPolicy,
)
from runledger_postgres import (
    ExplanationReason,
    cancel_job,
    complete_job_failure,
    complete_job_success,
    explain_job,
)

pytestmark = pytest.mark.db

ADA = UUID("0198c0de-0000-7000-8000-000000000001")
LATER = datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture
def register(connection):
    """Let a live worker say that it takes mail.send."""

    def register(worker_id="w1", *, seconds=60):
        connection.execute(
            "INSERT INTO job_workers (worker_id, job_types, seen_at, expires_at) "
            "VALUES (%s, '{mail.print,mail.send}', now() - interval '1 hour', "
            "now() + make_interval(secs => %s))",
            [worker_id, seconds],
        )

    return register


def reasons(explanation):
    return [reason.value for reason in explanation.reasons]


def test_a_due_job_is_in_line(run, enqueue, register):
    register()
    first, urgent, second = enqueue(), enqueue(priority=101), enqueue()
    enqueue(priority=200, next_run_at=LATER)

    def place(job_id):
        return run(explain_job, job_id, scope=EVERYTHING)

    assert reasons(place(second)) == ["IN_LINE"]
    assert place(urgent).jobs_ahead == 0
    assert (
        place(first).sentence == "The job is due and has one job of its type before it."
    )
    assert place(second).jobs_ahead == 2
    assert place(second).live_worker_count == 1


def test_a_job_of_the_future_says_when(run, enqueue, register):
    register()
    explanation = run(explain_job, enqueue(next_run_at=LATER), scope=EVERYTHING)

    assert reasons(explanation) == ["RUN_TIME_IN_FUTURE"]
    assert LATER.strftime("%Y-%m-%d %H:%M:%S UTC") in explanation.sentence
    assert explanation.jobs_ahead == 0


def test_a_retry_says_what_it_waits_for(run, enqueue, register, claim, connection):
    register()
    job_id = enqueue()
    failure = JobFailure(FailureKind.RETRYABLE, "mail.busy", "the server is busy")
    complete_job_failure(
        connection,
        claim().lease,
        failure,
        retry=RetryPolicy(base_seconds=99, jitter="NONE"),
    )

    explanation = run(explain_job, job_id, scope=EVERYTHING)

    assert reasons(explanation) == ["RUN_TIME_IN_FUTURE"]
    assert "for another try, after attempt 1 of 8 (mail.busy)" in explanation.sentence


def test_a_paused_type_comes_first_and_the_rest_is_told_too(run, enqueue, connection):
    job_id = enqueue(next_run_at=LATER)
    connection.execute("UPDATE job_definitions SET paused_at = now()")

    explanation = run(explain_job, job_id, scope=EVERYTHING)

    assert explanation.reason is ExplanationReason.TYPE_PAUSED
    assert reasons(explanation)[1:] == ["RUN_TIME_IN_FUTURE", "NO_LIVE_WORKER"]
    assert "paused since" in explanation.sentence
    assert "has no live worker that takes mail.send" in explanation.sentence


def test_a_worker_that_is_gone_does_not_count(run, enqueue, register):
    register("dead", seconds=-1)

    explanation = run(explain_job, enqueue(), scope=EVERYTHING)

    assert reasons(explanation) == ["NO_LIVE_WORKER"]


def test_a_disabled_type_matters_when_nobody_takes_it(run, enqueue, define, register):
    job_id = enqueue()
    define(is_enabled=False)

    before = run(explain_job, job_id, scope=EVERYTHING)
    register()
    after = run(explain_job, job_id, scope=EVERYTHING)

    assert reasons(before) == ["TYPE_DISABLED", "NO_LIVE_WORKER"]
    assert reasons(after) == ["IN_LINE"]
    assert not after.is_type_enabled


def test_a_leased_job_names_its_worker(run, enqueue, claim, connection):
    job_id = enqueue()
    claim(worker_id="worker-7")

    running = run(explain_job, job_id, scope=EVERYTHING)
    connection.execute("UPDATE job_queue SET lease_expires_at = now()")
    expired = run(explain_job, job_id, scope=EVERYTHING)

    assert reasons(running) == ["RUNNING"]
    assert "worker-7 holds its lease until" in running.sentence
    assert reasons(expired) == ["LEASE_EXPIRED"]
    assert "waits for the reaper" in expired.sentence


def test_an_ended_job_says_how(run, enqueue, claim, connection):
    done, dead, canceled = enqueue(), enqueue(), enqueue()
    complete_job_success(connection, claim().lease)
    failure = JobFailure(FailureKind.TERMINAL, "mail.no_box", "no such mailbox")
    complete_job_failure(connection, claim().lease, failure)
    cancel_job(connection, canceled, scope=EVERYTHING)

    def told(job_id):
        explanation = run(explain_job, job_id, scope=EVERYTHING)
        assert reasons(explanation) == [explanation.status.value]
        return explanation.sentence

    assert told(done).startswith("The job succeeded at 2")
    assert "in attempt 1 of 8, TERMINAL (mail.no_box)" in told(dead)
    assert told(canceled).startswith("The job was canceled at 2")


def test_a_job_outside_the_scope_is_not_explained(run, enqueue):
    job_id = enqueue(organization_id=ADA)

    assert run(explain_job, job_id, scope=GLOBAL) is None
    found = run(explain_job, job_id, scope=Organization(ADA))
    assert (found.job_id, found.status) == (job_id, JobStatus.PENDING)
