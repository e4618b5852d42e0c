"""Handlers that open nurseries of their own, and the groups that come out of them."""

from __future__ import annotations

import pytest
import trio

from runledger_core import (
    EVERYTHING,
    AttemptOutcome,
    FailureKind,
    JobFailure,
    JobStatus,
    RetryPolicy,
)
from runledger_postgres import enqueue_job, get_job_by_id, list_job_attempts
from runledger_runtime import JobCatalog, Supervisor

pytestmark = pytest.mark.db


@pytest.fixture
def end_of(runledger_pool, make_config):
    """Run a job once, and return it with its attempt."""

    def end_of(handler, **values):
        catalog = JobCatalog()
        catalog.job("test.job", retry=RetryPolicy(base_seconds=900), **values)(handler)
        catalog.sync_definitions(runledger_pool)
        job_id = enqueue_job(runledger_pool, catalog.job_enqueue("test.job")).job_id
        config = make_config(poll_interval_ms=5)
        Supervisor(runledger_pool, config, catalog=catalog).run(stop_when_idle=True)
        (attempt,) = list_job_attempts(runledger_pool, job_id, scope=EVERYTHING)
        return get_job_by_id(runledger_pool, job_id, scope=EVERYTHING), attempt

    return end_of


async def fail(error):
    raise error


def test_one_child_that_fails_is_the_handler_s_failure(end_of):
    async def handle(context, payload):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            nursery.start_soon(fail, OSError("the disk is full"))

    job, attempt = end_of(handle)

    assert JobStatus.PENDING is job.status
    assert "OSError: the disk is full" == attempt.error_message
    assert "in handle\n" in attempt.error_detail
    assert "in fail\n" in attempt.error_detail


def test_what_a_child_says_of_its_failure_counts(end_of):
    async def handle(context, payload):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail, OSError("the disk is full"))
            nursery.start_soon(fail, JobFailure.terminal("mail.bad", "no"))

    job, attempt = end_of(handle)

    assert JobStatus.DEAD_LETTERED is job.status
    assert (AttemptOutcome.TERMINAL, "mail.bad") == (
        attempt.outcome,
        attempt.error_code,
    )


def test_a_timeout_of_the_handler_s_own_is_an_ordinary_failure(end_of):
    async def handle(context, payload):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            with trio.fail_after(0.01):
                await trio.sleep_forever()

    _, attempt = end_of(handle)

    assert "job.handler_exception" == attempt.error_code
    assert "TooSlowError" in attempt.error_message


def test_the_worker_s_timeout_is_a_timeout_whatever_the_children_do(end_of):
    async def spoil():
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError

    async def handle(context, payload):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(spoil)
            nursery.start_soon(trio.sleep_forever)

    _, attempt = end_of(handle, timeout_seconds=1)

    assert FailureKind.TIMEOUT == attempt.outcome
    assert "job.timeout_exceeded" == attempt.error_code
