"""Leases end to end: lost, renewed, and kept through cut connections."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest
import trio

from runledger_core import (
    EVERYTHING,
    AttemptOutcome,
    JobStatus,
)
from runledger_postgres import (
    get_job_by_id,
    list_job_attempts,
)
from runledger_runtime import ExitCode, Supervisor

pytestmark = pytest.mark.db

LEASED = "SELECT FROM job_queue WHERE status = 'LEASED'"


def outcomes_of(pool, job_id):
    attempts = list_job_attempts(pool, job_id, scope=EVERYTHING)
    return [attempt.outcome for attempt in attempts]


@pytest.mark.unaudited("the lease goes to another worker by hand")
async def test_a_lost_lease_cancels_the_handler(
    catalog, enqueue, pool, make_config, look
):
    ended = []
    begun, over = trio.Event(), trio.Event()

    @catalog.job("mail.send")
    async def send(context, payload):
        begun.set()
        try:
            await trio.sleep_forever()
        finally:
            ended.append(context.attempt)
            over.set()

    job_id = await trio.to_thread.run_sync(enqueue, "mail.send")
    config = make_config(lease_ttl_seconds=3)
    supervisor = Supervisor(pool, config, catalog=catalog)
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run_async)
        await begun.wait()
        await trio.to_thread.run_sync(_give_to_another_worker, pool)
        with trio.fail_after(10):
            await over.wait()
        supervisor.request_shutdown()

    assert [1] == ended
    job = look(job_id)
    assert (JobStatus.LEASED, "another") == (job.status, job.worker_id)


def _give_to_another_worker(pool):
    with pool.connection() as connection:
        connection.execute("UPDATE job_queue SET worker_id = 'another'")


async def test_leases_of_long_jobs_are_renewed(catalog, enqueue, pool, make_config):
    seen = []

    @catalog.job("mail.send")
    async def send(context, payload):
        await trio.sleep(2.5)
        seen.append(context.attempt)

    job_id = await trio.to_thread.run_sync(enqueue, "mail.send")
    config = make_config(lease_ttl_seconds=1)
    await Supervisor(pool, config, catalog=catalog).run_async(stop_when_idle=True)

    assert [1] == seen
    assert [AttemptOutcome.SUCCEEDED] == outcomes_of(pool, job_id)


def test_cut_connections_lose_no_job_and_repeat_none(
    catalog, enqueue, work, pool, runledger_database
):
    ran = []

    @catalog.job("mail.send")
    def send(context, payload):
        ran.append(context.job_id)
        if payload["cut"]:
            with psycopg.connect(
                runledger_database, autocommit=True, application_name="cutter"
            ) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database()"
                    " AND application_name <> 'cutter'"
                )

    job_ids = [enqueue("mail.send", {"cut": number % 10 == 5}) for number in range(40)]

    # One claim takes them all, so that no cut can hit a claim that has found some.
    assert ExitCode.OK is work(claim_batch_size=40, max_global_concurrency=40)

    pool.check()
    jobs = [get_job_by_id(pool, job_id, scope=EVERYTHING) for job_id in job_ids]
    assert {(JobStatus.SUCCEEDED, 1)} == {(job.status, job.attempt) for job in jobs}
    assert sorted(job_ids) == sorted(ran)


def test_a_handler_that_blocks_the_loop_beyond_its_lease_keeps_its_job(
    catalog, enqueue, pool, work, look, make_config
):
    runs = []

    @catalog.job("blocking")
    async def block(context, payload):
        runs.append(context.worker_id)
        time.sleep(4)  # noqa: ASYNC251 - what is tested: longer than the lease

    job_id = enqueue("blocking")
    other = Supervisor(
        pool,
        make_config(
            worker_id="w2",
            poll_interval_ms=50,
            reaper_interval_seconds=1,
            wake_up="poll",
        ),
        catalog=catalog,
    )

    def join_in():
        with pool.connection() as connection:
            while connection.execute(LEASED).fetchone() is None:
                connection.rollback()
        other.run()

    beside = threading.Thread(target=join_in)
    beside.start()
    work(lease_ttl_seconds=2, worker_id="w1")
    other.request_shutdown()
    beside.join()

    assert ["w1"] == runs
    job = look(job_id)
    assert (JobStatus.SUCCEEDED, 1) == (job.status, job.attempt)
