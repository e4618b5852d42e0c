"""From enqueue to the end of the job, on PostgreSQL."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import attrs
import psycopg
import pytest
import trio

from runledger_core import (
    EVERYTHING,
    AttemptOutcome,
    Jitter,
    JobCompletion,
    JobContext,
    JobDefinition,
    JobEnqueue,
    JobFailure,
    JobStatus,
    RetryPolicy,
)
from runledger_postgres import (
    enqueue_job,
    enqueue_jobs,
    get_job_by_id,
    list_job_attempts,
    list_job_events,
    upsert_job_definition,
)
from runledger_runtime import ExitCode, Supervisor

pytestmark = pytest.mark.db

SOON = RetryPolicy(base_seconds=0.3)
# Without jitter: a delay drawn below a second would be waited for.
LATER = RetryPolicy(base_seconds=60, jitter=Jitter.NONE)
LEASED = "SELECT FROM job_queue WHERE status = 'LEASED'"
# Not one that has been woken, and has not taken its mark away yet.
SLEEPER = (
    "SELECT FROM job_workers WHERE asleep_since > COALESCE("
    "(SELECT max(started_at) FROM job_attempts), '-infinity')"
)


def outcomes_of(pool, job_id):
    attempts = list_job_attempts(pool, job_id, scope=EVERYTHING)
    return [attempt.outcome for attempt in attempts]


def test_a_job_succeeds_with_its_output(catalog, enqueue, work, look, pool):
    @catalog.job("mail.send")
    async def send(context, payload):
        return JobCompletion(output={"to": payload["to"]}).progress(1, 1)

    job_id = enqueue("mail.send", {"to": "ada"})

    assert ExitCode.OK is work()

    job = look(job_id)
    assert JobStatus.SUCCEEDED is job.status
    assert {"to": "ada"} == job.output
    assert (1, 1) == (job.progress_done, job.progress_total)
    assert [AttemptOutcome.SUCCEEDED] == outcomes_of(pool, job_id)
    events = list_job_events(pool, job_id, scope=EVERYTHING)
    assert ["ENQUEUED", "LEASED", "SUCCEEDED"] == [event.event_type for event in events]


def test_a_job_fails_is_retried_and_succeeds(catalog, enqueue, work, look, pool):
    @catalog.job("mail.send", retry=SOON)
    async def send(context, payload):
        if context.attempt == 1:
            raise ConnectionError("the mailbox does not answer")
        return context.attempt

    job_id = enqueue("mail.send")
    work()

    assert 2 == look(job_id).output
    expected = [AttemptOutcome.RETRYABLE, AttemptOutcome.SUCCEEDED]
    assert expected == outcomes_of(pool, job_id)
    first = list_job_attempts(pool, job_id, scope=EVERYTHING)[0]
    assert "job.handler_exception" == first.error_code
    assert "ConnectionError: the mailbox does not answer" == first.error_message


def test_a_job_that_fails_for_good_is_a_dead_letter(catalog, enqueue, work, look):
    @catalog.job("mail.send")
    async def send(context, payload):
        return JobFailure.terminal("mail.refused", "no such mailbox")

    job_id = enqueue("mail.send")
    work()

    job = look(job_id)
    assert JobStatus.DEAD_LETTERED is job.status
    assert "mail.refused" == job.last_error_code


def test_a_job_out_of_attempts_is_a_dead_letter(catalog, enqueue, work, look, pool):
    @catalog.job("mail.send", retry=SOON, max_attempts=2)
    def send(context: JobContext, payload: Any) -> None:
        raise ConnectionError(f"last: {context.is_last_attempt}")

    job_id = enqueue("mail.send")
    work()

    assert JobStatus.DEAD_LETTERED is look(job_id).status
    assert "ConnectionError: last: True" == look(job_id).last_error_message
    assert 2 == len(outcomes_of(pool, job_id))


def test_a_panic_is_a_dead_letter_and_the_worker_goes_on(
    catalog, enqueue, work, look, pool
):
    @catalog.job("mail.send")
    async def send(context, payload):
        if payload["exit"]:
            raise SystemExit(1)

    panicking = enqueue("mail.send", {"exit": True})
    sound = enqueue("mail.send", {"exit": False})

    assert ExitCode.OK is work()

    assert [AttemptOutcome.PANICKED] == outcomes_of(pool, panicking)
    assert JobStatus.DEAD_LETTERED is look(panicking).status
    assert JobStatus.SUCCEEDED is look(sound).status


def test_a_job_past_its_timeout_is_tried_again(catalog, enqueue, work, look, pool):
    @catalog.job("mail.send", timeout_seconds=1, retry=LATER)
    async def send(context, payload):
        await trio.sleep_forever()

    job_id = enqueue("mail.send")
    work()

    assert [AttemptOutcome.TIMEOUT] == outcomes_of(pool, job_id)
    assert JobStatus.PENDING is look(job_id).status
    assert "job.timeout_exceeded" == look(job_id).last_error_code


@attrs.frozen
class Mail:
    to: str
    copies: int = 1


def test_an_attrs_payload_goes_in_and_comes_out(catalog, enqueue, work, look):
    @catalog.job("mail.send")
    def send(context: JobContext, payload: Mail) -> str:
        return f"{payload.copies} to {payload.to}"

    job_id = enqueue("mail.send", Mail("ada", 2))
    work()

    assert "2 to ada" == look(job_id).output


def test_a_payload_that_does_not_fit_is_a_dead_letter_that_keeps_it_secret(
    catalog, enqueue, work, look
):
    @catalog.job("mail.send")
    def send(context: JobContext, payload: Mail) -> None:
        raise AssertionError

    job_id = enqueue("mail.send", {"to": ["sesame"], "copys": 2})
    work()

    job = look(job_id)
    assert JobStatus.DEAD_LETTERED is job.status
    assert "job.invalid_payload" == job.last_error_code
    assert "$.to is not a value of str" in job.last_error_message
    assert "sesame" not in job.last_error_message


def test_an_output_that_is_not_json_is_a_dead_letter(catalog, enqueue, work, look):
    @catalog.job("mail.send")
    def send(context, payload):
        return {"when": object()}

    job_id = enqueue("mail.send")
    work()

    assert JobStatus.DEAD_LETTERED is look(job_id).status
    assert "job.output_not_json" == look(job_id).last_error_code


def test_many_jobs_of_both_kinds_all_end(catalog, enqueue, work, pool):
    @catalog.job("plain")
    def plain(context, payload):
        return threading.current_thread().name

    @catalog.job("async")
    async def in_trio(context, payload):
        await trio.lowlevel.checkpoint()
        return payload

    enqueue("plain")
    requests = [
        catalog.job_enqueue("plain" if number % 2 else "async", {"n": number})
        for number in range(400)
    ]
    enqueued = enqueue_jobs(pool, requests)

    work(claim_batch_size=50, max_global_concurrency=80)

    statuses = {
        get_job_by_id(pool, each.job_id, scope=EVERYTHING).status for each in enqueued
    }
    assert {JobStatus.SUCCEEDED} == statuses


def test_jobs_of_other_types_and_of_the_future_are_left_alone(
    catalog, enqueue, work, look, pool
):
    @catalog.job("mail.send")
    def send(context, payload):
        pass

    upsert_job_definition(pool, JobDefinition("other.job"))
    other = enqueue_job(pool, JobEnqueue("other.job")).job_id
    future = enqueue("mail.send", next_run_at=datetime.now(UTC) + timedelta(hours=1))

    assert ExitCode.OK is work()
    assert JobStatus.PENDING is look(other).status
    assert JobStatus.PENDING is look(future).status


def test_a_retry_that_has_to_wait_longer_is_not_waited_for(
    catalog, enqueue, work, look
):
    @catalog.job("mail.send", retry=LATER)
    def send(context, payload):
        raise ConnectionError

    job_id = enqueue("mail.send")
    work()

    assert (JobStatus.PENDING, 1) == (look(job_id).status, look(job_id).attempt)


def test_definitions_are_stored_and_a_disabled_type_stays_disabled(catalog, work, pool):
    @catalog.job("mail.send", max_attempts=2)
    def send(context, payload):
        pass

    @catalog.job("mail.read", max_attempts=4)
    def read(context, payload):
        pass

    with pool.connection() as connection:
        connection.execute(
            "INSERT INTO job_definitions (job_type, is_enabled)"
            " VALUES ('mail.send', FALSE)"
        )

    work()
    work()

    with pool.connection() as connection:
        rows = connection.execute(
            "SELECT job_type, max_attempts, is_enabled FROM job_definitions ORDER BY 1"
        ).fetchall()
    assert [("mail.read", 4, True), ("mail.send", 2, False)] == rows


def test_a_stored_definition_that_fits_is_not_waited_for(
    catalog, work, pool, runledger_database
):
    @catalog.job("mail.send")
    def send(context, payload):
        pass

    work()
    with psycopg.connect(runledger_database) as enqueuer:
        enqueuer.execute("SELECT FROM job_definitions FOR UPDATE")

        assert ExitCode.OK is work()


def test_a_job_of_an_organization_knows_it(catalog, enqueue, work, look):
    @catalog.job("mail.send")
    def send(context, payload):
        return str(context.organization_id)

    organization_id = uuid4()
    job_id = enqueue("mail.send", organization_id=organization_id)
    work()

    assert str(organization_id) == look(job_id).output


def test_a_producer_stores_the_definitions_from_asyncio(
    catalog, pool, runledger_async_pool
):
    @catalog.job("mail.send", max_attempts=2)
    def send(context, payload):
        pass

    async def produce():
        async with runledger_async_pool(max_connections=1) as async_pool:
            await catalog.sync_definitions(async_pool)
            request = catalog.job_enqueue("mail.send")
            return await enqueue_job(async_pool, request)

    job_id = asyncio.run(produce()).job_id

    assert 2 == get_job_by_id(pool, job_id, scope=EVERYTHING).max_attempts


async def test_an_idle_worker_is_woken_and_woken_again(pool, catalog, make_config):
    """With an interval of polling that would take a minute."""
    done = trio.Event()

    @catalog.job("quick")
    async def quick(context, payload):
        done.set()

    config = make_config(poll_interval_ms=60_000, idle_poll_max_ms=60_000)
    supervisor = Supervisor(pool, config, catalog=catalog)
    with trio.fail_after(40):
        async with trio.open_nursery() as nursery:
            await nursery.start(supervisor.run_async)
            for _ in range(3):
                done = trio.Event()
                await trio.to_thread.run_sync(wait_for_sleeper, pool)
                await trio.to_thread.run_sync(
                    enqueue_job, pool, catalog.job_enqueue("quick")
                )
                await done.wait()
            supervisor.request_shutdown()


def wait_for_sleeper(pool):
    with pool.connection() as connection:
        while connection.execute(SLEEPER).fetchone() is None:
            connection.rollback()
