"""What a catalog writes into the ledger, from blocking, asyncio and trio code."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
import trio
from psycopg_pool import AsyncConnectionPool

from runledger_core import EVERYTHING
from runledger_postgres import (
    get_job_by_id,
    list_job_definitions,
    list_job_schedules,
    list_jobs,
)
from runledger_runtime import JobCatalog

pytestmark = pytest.mark.db


@pytest.fixture
def catalog():
    catalog = JobCatalog()
    catalog.declare("mail.send")
    catalog.declare("mail.print")
    catalog.schedule("nightly", "mail.send", "0 2 * * *")
    return catalog


@pytest.fixture
def enabled(runledger_pool):
    def enabled():
        found = list_job_definitions(runledger_pool)
        return {each.job_type for each in found if each.is_enabled}

    return enabled


@pytest.fixture
def active(runledger_pool):
    def active():
        found = list_job_schedules(runledger_pool, scope=EVERYTHING, is_active=True)
        return {each.name for each in found}

    return active


def test_job_types_go_out_of_use_in_the_order_of_the_guide(
    catalog, runledger_pool, enabled, active, raises_code
):
    catalog.sync_definitions(runledger_pool)
    assert {"nightly"} == catalog.sync_schedules(runledger_pool).written_names
    smaller = JobCatalog()
    smaller.declare("mail.print")
    scope = ["mail.send", "mail.print"]

    with raises_code("job_definition.active_schedule_exists"):
        smaller.sync_definitions_exact(runledger_pool, scope)
    report = smaller.sync_schedules_exact(runledger_pool, scope)
    smaller.sync_definitions_exact(runledger_pool, scope)

    assert {"nightly"} == report.deactivated_absent_names
    assert {"mail.print"} == enabled()
    assert set() == active()


def test_a_catalog_speaks_for_the_schedules_of_its_own_types(
    catalog, runledger_pool, active
):
    catalog.schedule("weekly", "mail.print", "0 2 * * 1")
    catalog.sync_definitions(runledger_pool)
    catalog.sync_schedules(runledger_pool)
    other = JobCatalog()
    other.declare("mail.send")

    report = other.sync_schedules_exact(runledger_pool)

    assert {"nightly"} == report.deactivated_absent_names
    assert {"weekly"} == active()


def test_asyncio_code_awaits_it(catalog, runledger_database, runledger_pool):
    async def main():
        async with AsyncConnectionPool(runledger_database, open=False) as pool:
            await catalog.sync_definitions(pool)
            await catalog.sync_schedules(pool)
            await catalog.sync_schedules_exact(pool)
            await catalog.sync_definitions_exact(pool, ["mail.send"])
            return await catalog.enqueue(pool, "mail.send", {"to": "ada"})

    outcome = asyncio.run(main())

    job = get_job_by_id(runledger_pool, outcome.job_id, scope=EVERYTHING)
    assert {"to": "ada"} == job.payload


def test_trio_code_calls_it_in_a_thread(catalog, runledger_pool):
    async def main():
        await trio.to_thread.run_sync(catalog.sync_definitions, runledger_pool)
        return await trio.to_thread.run_sync(
            catalog.enqueue, runledger_pool, "mail.send"
        )

    outcome = trio.run(main)

    assert get_job_by_id(runledger_pool, outcome.job_id, scope=EVERYTHING) is not None


def test_a_job_is_part_of_the_callers_transaction(
    catalog, runledger_database, runledger_pool
):
    catalog.sync_definitions(runledger_pool)
    with psycopg.connect(runledger_database) as connection:
        catalog.enqueue(connection, "mail.send", idempotency_key="k")
        connection.rollback()

    assert not list_jobs(runledger_pool, scope=EVERYTHING).items


def test_a_job_that_does_not_fit_the_catalog_is_refused(
    catalog, runledger_pool, raises_code
):
    with raises_code("catalog.unknown_job_type"):
        catalog.enqueue(runledger_pool, "mail.sned")
