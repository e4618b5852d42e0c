"""A catalog, a pool, and a worker that runs until nothing is due."""

from __future__ import annotations

import pytest

from runledger_core import (
    EVERYTHING,
)
from runledger_postgres import (
    enqueue_job,
    get_job_by_id,
)
from runledger_runtime import JobCatalog, Supervisor


@pytest.fixture
def catalog():
    return JobCatalog()


@pytest.fixture
def pool(runledger_pool):
    return runledger_pool


@pytest.fixture
def enqueue(pool, catalog):
    """Enqueue a job of the catalog, whose definitions are stored if they are not."""

    def enqueue(job_type, payload=None, **values):
        catalog.sync_definitions(pool)
        request = catalog.job_enqueue(job_type, payload, **values)
        return enqueue_job(pool, request).job_id

    return enqueue


@pytest.fixture
def work(pool, catalog, make_config):
    """Work until no job is due."""

    def work(**settings):
        config = make_config(**{"poll_interval_ms": 5, **settings})
        return Supervisor(pool, config, catalog=catalog).run(stop_when_idle=True)

    return work


@pytest.fixture
def look(pool):
    return lambda job_id: get_job_by_id(pool, job_id, scope=EVERYTHING)
