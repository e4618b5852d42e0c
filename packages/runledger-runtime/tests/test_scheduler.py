"""The scheduler loop: its rhythm, its outages, and real schedules end to end."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import attrs
import pytest
import trio

from runledger_core import EVERYTHING, JobSchedule, RunledgerError
from runledger_postgres import (
    get_job_schedule_by_name,
    list_jobs,
    set_job_schedule_active,
    set_job_schedule_next_fire_at,
    upsert_job_schedule,
)
from runledger_runtime import (
    ExitCode,
    JobCatalog,
    RuntimeLoopExit,
    Stop,
    Supervisor,
    run_scheduler_loop,
)

PAST = datetime(2026, 1, 1, tzinfo=UTC)


@attrs.frozen
class Report:
    month: str


@attrs.frozen
class Deferred:
    schedule_name: str
    error: RunledgerError | None
    scheduled_for: datetime = PAST


@pytest.fixture
def schedule_for(ledger, make_config):
    """Run the loop for some time, then stop it, and return when passes were made."""

    async def schedule_for(seconds, **settings):
        stop = Stop()
        exits = []

        async def run():
            loop = run_scheduler_loop(ledger, make_config(**settings), stop)
            exits.append(await loop)

        started_at = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            await trio.sleep(seconds)
            stop.request()
        assert [RuntimeLoopExit.SHUTDOWN] == exits
        return [at - started_at for at in ledger.calls["fire_due_schedules"]]

    return schedule_for


async def test_it_looks_at_once_and_then_at_every_interval(schedule_for, clock):
    passes = await schedule_for(100)

    assert 0 == passes[0]
    assert 3 <= len(passes) <= 5


async def test_it_wakes_up_when_the_next_schedule_is_due(
    schedule_for, ledger, fire_report, clock
):
    ledger.fire_reports.append(fire_report(next_due_in_seconds=7.5))

    passes = await schedule_for(15)

    assert 2 == len(passes)
    assert 7.5 <= passes[1] <= 7.75


async def test_it_does_not_sleep_longer_than_its_interval(
    schedule_for, ledger, fire_report, clock
):
    ledger.fire_reports.append(fire_report(next_due_in_seconds=3600))

    passes = await schedule_for(50, schedule_poll_interval_seconds=30)

    assert 22.5 <= passes[1] <= 37.5


async def test_what_another_scheduler_holds_is_asked_for_every_second(
    schedule_for, ledger, fire_report, clock
):
    for _ in range(3):
        ledger.fire_reports.append(fire_report(next_due_in_seconds=-5.0))

    passes = await schedule_for(10)

    assert 4 == len(passes)
    assert all(0.75 <= b - a <= 1.25 for a, b in pairwise(passes))


async def test_it_goes_on_at_once_while_there_is_more(
    schedule_for, ledger, fire_report, clock, caplog
):
    caplog.set_level(logging.INFO)
    for _ in range(3):
        ledger.fire_reports.append(
            fire_report(fired=("slot",), skipped_count=2, has_more=True)
        )

    passes = await schedule_for(1)

    assert [0, 0, 0, 0] == passes
    assert "schedules fired: 1 jobs" in caplog.text
    assert "schedules that let a slot go: 2" in caplog.text


async def test_a_schedule_that_cannot_fire_is_named(
    schedule_for, ledger, fire_report, clock, caplog
):
    error = RunledgerError("job.definition_not_found_or_disabled")
    deferred = (Deferred("nightly", error), Deferred("busy", None))
    ledger.fire_reports.append(fire_report(deferred=deferred))

    await schedule_for(1)

    [record] = caplog.records
    assert "schedule 'nightly' could not fire for 2026-01-01T00" in record.message
    assert "job.definition_not_found_or_disabled" in record.message


async def test_an_outage_is_logged_and_waited_out(schedule_for, ledger, clock, caplog):
    for _ in range(4):
        ledger.failures["fire_due_schedules"].append(
            RunledgerError("db.connection_failed")
        )

    passes = await schedule_for(10)

    assert 5 == len(passes)
    assert passes[4] < 3
    assert "no schedules were fired" in caplog.text


async def test_a_pass_that_is_under_way_is_finished(
    ledger, make_config, clock, fire_report
):
    ledger.delays_seconds["fire_due_schedules"] = 5
    stop = Stop()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_scheduler_loop, ledger, make_config(), stop)
        await trio.sleep(1)
        stop.request()

    assert 5 == trio.current_time() - ledger.calls["fire_due_schedules"][0]


@pytest.mark.db
def test_a_catalogs_schedules_are_stored_and_fired(runledger_pool, make_config):
    catalog = JobCatalog()
    seen = []

    @catalog.job("report.build")
    async def build(context, payload: Report):
        seen.append(payload)
        if len(seen) == 2:
            supervisor.request_shutdown()

    catalog.schedule("every second", "report.build", "* * * * * *", Report("May"))
    supervisor = Supervisor(runledger_pool, make_config(), catalog=catalog)
    status = supervisor.run()

    jobs = list_jobs(runledger_pool, scope=EVERYTHING).items
    record = get_job_schedule_by_name(runledger_pool, "every second", scope=EVERYTHING)
    assert ExitCode.OK is status
    assert [Report("May"), Report("May")] == seen[:2]
    assert 2 <= len(jobs) <= 3
    assert jobs[0].id == record.last_job_id
    # Within about a second of its time.
    assert record.last_fired_at - record.next_fire_at < timedelta(seconds=1)


@pytest.mark.db
def test_what_is_due_is_fired_before_a_supervisor_that_stops_when_idle_looks_for_work(
    runledger_pool, make_config
):
    catalog = JobCatalog()
    slots = []

    @catalog.job("report.build")
    def build(context, payload):
        slots.append(payload["_schedule"]["scheduled_for"])

    catalog.sync_definitions(runledger_pool)
    for number in range(120):
        upsert_job_schedule(
            runledger_pool,
            JobSchedule(f"s{number}", "report.build", "0 0 1 1 *", next_fire_at=PAST),
        )
    config = make_config(poll_interval_ms=5, claim_batch_size=200)
    Supervisor(runledger_pool, config, catalog=catalog).run(stop_when_idle=True)

    assert ["2026-01-01T00:00:00+00:00"] * 120 == slots


@pytest.mark.db
def test_a_schedule_that_an_operator_stopped_stays_so_at_a_start(
    runledger_pool, make_config
):
    catalog = JobCatalog()
    catalog.declare("report.build")
    catalog.schedule("yearly", "report.build", "0 0 1 1 *")
    catalog.sync_definitions(runledger_pool)
    catalog.sync_schedules(runledger_pool)
    set_job_schedule_active(runledger_pool, "yearly", is_active=False)
    set_job_schedule_next_fire_at(runledger_pool, "yearly", next_fire_at=PAST)

    @catalog.handler("report.build")
    def build(context, payload):
        pass

    Supervisor(runledger_pool, make_config(), catalog=catalog).run(stop_when_idle=True)

    assert not list_jobs(runledger_pool, scope=EVERYTHING).items
    catalog.sync_schedules(runledger_pool)
    record = get_job_schedule_by_name(runledger_pool, "yearly", scope=EVERYTHING)
    assert record.is_active
