"""The reaper loop: its rhythm, its policies, and jobs of workers that are gone."""

from __future__ import annotations

import pytest
import trio

from runledger_core import EVERYTHING, JobStatus, RetryPolicy, RunledgerError
from runledger_postgres import claim_jobs, enqueue_job, explain_job, get_job_by_id
from runledger_runtime import (
    ExitCode,
    JobCatalog,
    JobRegistry,
    RuntimeLoopExit,
    Stop,
    Supervisor,
    run_reaper_loop,
)

SOON = RetryPolicy(base_seconds=0)


@pytest.fixture
def reap_for(ledger, make_config):
    """Run the loop for some time, then stop it."""

    async def reap_for(seconds, registry=None):
        stop = Stop()
        exits = []

        async def run():
            loop = run_reaper_loop(
                ledger, registry or JobRegistry(), make_config(), stop
            )
            exits.append(await loop)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            await trio.sleep(seconds)
            stop.request()
        return exits[0]

    return reap_for


async def nothing(context, payload):
    pass


async def test_it_reaps_at_once_and_then_at_every_interval(reap_for, ledger, clock):
    loop_exit = await reap_for(10)

    assert RuntimeLoopExit.SHUTDOWN is loop_exit
    assert 1 == len(ledger.calls["reap"])
    await reap_for(45)
    assert 3 <= len(ledger.calls["reap"]) - 1 <= 5


async def test_it_goes_on_while_there_is_more(
    reap_for, ledger, reap_report, clock, caplog
):
    for _ in range(5):
        ledger.reap_reports.append(reap_report(retried_count=100, has_more=True))

    await reap_for(1)

    assert 6 == len(ledger.calls["reap"])
    assert "100 jobs returned to the queue" in caplog.text


async def test_jobs_wait_as_the_policy_of_their_type_says(reap_for, ledger, clock):
    registry = JobRegistry()
    registry.register("test.job", nothing, retry=SOON)

    await reap_for(1, registry)

    assert [{"test.job": SOON}] == ledger.calls["reap"]


async def test_an_outage_is_logged_and_waited_out(reap_for, ledger, clock, caplog):
    ledger.failures["reap"].append(RunledgerError("db.connection_failed"))

    await reap_for(30)

    assert 2 <= len(ledger.calls["reap"])
    assert "no leases were reaped" in caplog.text


@pytest.mark.db
def test_a_job_of_a_killed_worker_runs_again(runledger_pool, make_config):
    catalog = JobCatalog()
    seen = []

    @catalog.job("test.job", retry=SOON)
    async def handle(context, payload):
        explanation = explain_job(runledger_pool, context.job_id, scope=EVERYTHING)
        seen.append((context.attempt, explanation.live_worker_count))
        supervisor.request_shutdown()

    catalog.sync_definitions(runledger_pool)
    job_id = enqueue_job(runledger_pool, catalog.job_enqueue("test.job")).job_id
    claim_jobs(runledger_pool, worker_id="killed", lease_seconds=1, limit=1)
    config = make_config(poll_interval_ms=5, reaper_interval_seconds=1)
    supervisor = Supervisor(runledger_pool, config, catalog=catalog)
    status = supervisor.run()

    job = get_job_by_id(runledger_pool, job_id, scope=EVERYTHING)
    with runledger_pool.connection() as connection:
        workers = connection.execute("SELECT worker_id FROM job_workers").fetchall()
    assert ExitCode.OK is status
    assert JobStatus.SUCCEEDED is job.status
    assert [(2, 1)] == seen
    assert [] == workers
