"""The maintenance loop: off until configured, then gates often and retention rarely."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
import trio

from runledger_core import EVERYTHING, JobEnqueue, RunledgerError
from runledger_postgres import enqueue_job, list_jobs
from runledger_runtime import (
    JobCatalog,
    RuntimeLoopExit,
    Stop,
    Supervisor,
    run_maintenance_loop,
)

DAY = 24


@pytest.fixture
def maintain_for(ledger, make_config):
    """Run the loop for some time, then stop it."""

    async def maintain_for(seconds, **settings):
        stop = Stop()
        exits = []

        async def run():
            loop = run_maintenance_loop(ledger, make_config(**settings), stop)
            exits.append(await loop)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            await trio.sleep(seconds)
            stop.request()
        return exits[0]

    return maintain_for


async def test_it_does_nothing_until_it_is_configured(maintain_for, ledger, clock):
    loop_exit = await maintain_for(1000, retention_hours=DAY)

    assert RuntimeLoopExit.COMPLETED is loop_exit
    assert not ledger.calls


async def test_it_ends_gates_at_once_and_then_at_every_interval(
    maintain_for, ledger, gate_report, clock
):
    for _ in range(3):
        ledger.gate_reports.append(gate_report(has_more=True))

    loop_exit = await maintain_for(100, maintenance_interval_seconds=10)

    assert RuntimeLoopExit.SHUTDOWN is loop_exit
    assert 3 + 8 <= len(ledger.calls["expire_gate_deadlines"]) <= 3 + 14
    assert not ledger.calls["purge_ended"]


async def test_it_deletes_what_is_old_about_once_an_hour(
    maintain_for, ledger, purge_report, clock, caplog
):
    caplog.set_level(logging.INFO)
    ledger.purge_reports.append(
        purge_report(deleted_jobs=1000, deleted_runs=2, next_cursor="here")
    )
    ledger.purge_reports.append(purge_report(deleted_jobs=5))
    hours = 4.5

    await maintain_for(
        hours * 3600,
        maintenance_interval_seconds=60,
        retention_hours=DAY,
        keyed_retention_hours=7 * DAY,
    )

    asked = ledger.calls["purge_ended"]
    common = {"limit": 1000, "timeout_seconds": 30}
    day, week = timedelta(days=1), timedelta(days=7)
    assert [
        {"older_than": day, "keep_keyed": True, "cursor": None, **common},
        {"older_than": day, "keep_keyed": True, "cursor": "here", **common},
        {"older_than": week, "keep_keyed": False, "cursor": None, **common},
    ] == asked[:3]
    assert 1 + 2 * 4 <= len(asked) <= 1 + 2 * 7
    assert "deleted what ended long ago: 1005 jobs, 2 runs" in caplog.text


async def test_an_outage_is_logged_and_waited_out(maintain_for, ledger, clock, caplog):
    ledger.failures["purge_ended"].append(RunledgerError("db.connection_failed"))

    await maintain_for(30, maintenance_interval_seconds=10, retention_hours=1)

    assert 2 == len(ledger.calls["purge_ended"])
    assert 3 <= len(ledger.calls["expire_gate_deadlines"])
    assert "maintenance stopped" in caplog.text


@pytest.mark.db
def test_a_supervisor_deletes_what_is_old_if_it_is_told_to(
    runledger_pool, make_config, runledger_clock
):
    catalog = JobCatalog()
    checks = []

    @catalog.job("old")
    async def old(context, payload):
        pass

    @catalog.job("new")
    async def new(context, payload):
        # Nobody tells a handler that others were deleted: it looks now and then.
        for _ in range(200):
            checks.append(len(list_jobs(runledger_pool, scope=EVERYTHING).items))
            if checks[-1] == 1:
                break
            await trio.sleep(0.1)

    catalog.sync_definitions(runledger_pool)
    for number in range(3):
        enqueue_job(runledger_pool, JobEnqueue("old", {"number": number}))
    run = {"catalog": catalog}
    Supervisor(runledger_pool, make_config(), **run).run(stop_when_idle=True)
    runledger_clock.advance(days=2)
    catalog.enqueue(runledger_pool, "new")
    config = make_config(maintenance_interval_seconds=1, retention_hours=DAY)
    Supervisor(runledger_pool, config, **run).run(stop_when_idle=True)

    [left] = list_jobs(runledger_pool, scope=EVERYTHING).items
    assert ("new", 1) == (left.job_type, checks[-1])
