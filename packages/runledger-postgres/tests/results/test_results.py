"""Waiting for the result of a job, in both forms."""

from __future__ import annotations

from uuid import uuid4

import pytest

from runledger_core import (
    EVERYTHING,
    GLOBAL,
    JobCompletion,
    JobFailure,
    Organization,
)
from runledger_postgres import (
    ResultTimeoutError,
    ResultUnsuccessfulError,
    SettleFailure,
    cancel_job,
    complete_job_success,
    complete_jobs,
    reap_expired_leases,
)

pytestmark = pytest.mark.db

DONE = JobCompletion(output={"sent": 3})
in_both_forms = pytest.mark.parametrize("form", ["blocking", "asyncio"])


@in_both_forms
def test_what_ended_before_is_returned_at_once(wait, connection, enqueue, claim):
    job_id = enqueue()
    complete_job_success(connection, claim().lease, DONE)

    assert wait(job_id, timeout=0).result() == {"sent": 3}
    assert not connection.execute("SELECT 1 FROM result_waiters").fetchone()


@in_both_forms
def test_what_ends_while_somebody_waits_is_told(
    wait, until_waiting, told_or_never, connection, enqueue, claim
):
    job_id = enqueue()
    waiting = wait(job_id, **told_or_never)
    until_waiting(job_id)

    complete_job_success(connection, claim().lease, DONE)

    assert waiting.result() == {"sent": 3}


@in_both_forms
def test_without_notifications_it_is_found_by_looking(
    wait, until, connection, enqueue, claim
):
    job_id = enqueue()
    waiting = wait(job_id, listens=False, poll_interval=0.1)
    lease = claim().lease

    complete_job_success(connection, lease, DONE)

    assert waiting.result() == {"sent": 3}
    assert not connection.execute("SELECT 1 FROM result_waiters").fetchone()


def test_a_success_without_output_is_none(wait, connection, enqueue, claim):
    job_id = enqueue()
    complete_job_success(connection, claim().lease)

    assert wait(job_id).result() is None


@in_both_forms
def test_a_job_that_does_not_end_in_time_goes_on(wait, connection, enqueue, claim):
    job_id = enqueue()
    lease = claim().lease

    with pytest.raises(ResultTimeoutError):
        wait(job_id, timeout=0.1).result()

    complete_job_success(connection, lease, DONE)
    assert wait(job_id).result() == {"sent": 3}


def die(connection, lease):
    failure = JobFailure.terminal("mail.no_such", "gone")
    complete_jobs(connection, [SettleFailure(lease, failure)])


def cancel(connection, lease):
    cancel_job(connection, lease.job_id, scope=EVERYTHING, reason="enough")


def expire(connection, lease):
    connection.execute(
        "UPDATE job_queue SET lease_expires_at = now(), max_attempts = 1 WHERE id = %s",
        [lease.job_id],
    )
    reap_expired_leases(connection, limit=10)


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (die, ("DEAD_LETTERED", "TERMINAL", "mail.no_such", "gone")),
        (cancel, ("CANCELED", "enough", None, None)),
        (expire, ("DEAD_LETTERED", "LEASE_EXPIRED", "job.lease_expired")),
    ],
)
def test_a_job_that_ends_badly_says_how(
    wait, until_waiting, told_or_never, connection, enqueue, claim, end, told
):
    job_id = enqueue()
    lease = claim().lease
    waiting = wait(job_id, **told_or_never)
    until_waiting(job_id)

    end(connection, lease)
    with pytest.raises(ResultUnsuccessfulError) as caught:
        waiting.result()

    error = caught.value
    assert error.code == "job.result_unsuccessful_terminal"
    found = (error.status, error.reason, error.error_code, error.error_message)
    assert found[: len(told)] == told
    assert "gone" not in str(error)
    assert str(error.status) in str(error)


def test_a_retry_is_no_end(
    wait, until_waiting, told_or_never, connection, enqueue, claim
):
    job_id = enqueue()
    waiting = wait(job_id, **told_or_never)
    until_waiting(job_id)
    failure = JobFailure.retryable("mail.refused", "busy")
    complete_jobs(connection, [SettleFailure(claim().lease, failure)])
    connection.execute("UPDATE job_queue SET next_run_at = now()")

    complete_job_success(connection, claim().lease, DONE)

    assert waiting.result() == {"sent": 3}


def test_a_job_outside_the_scope_is_not_there(wait, enqueue, raises_code):
    job_id = enqueue()

    with raises_code("job.not_found"):
        wait(job_id, scope=Organization(uuid4())).result()
    with raises_code("job.not_found"):
        wait(uuid4(), scope=GLOBAL).result()
