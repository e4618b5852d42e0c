"""A catalog whose jobs tell that they ran, and what is stored of them."""

from __future__ import annotations

from collections import Counter
from queue import SimpleQueue

import pytest

from runledger_core import EVERYTHING, Jitter, RetryPolicy
from runledger_postgres import (
    enqueue_jobs,
    get_job_by_id,
    list_job_attempts,
)
from runledger_runtime import (
    JobCatalog,
    JobCatalogDefaults,
)

AT_ONCE = RetryPolicy(base_seconds=0.01, cap_seconds=0.01, jitter=Jitter.NONE)


@pytest.fixture
def ran():
    """How often each job was run, by the workers of this process."""
    return Counter()


@pytest.fixture
def begun():
    """The jobs in the order in which they were run, for who waits for them."""
    return SimpleQueue()


@pytest.fixture
def catalog(ran, begun):
    catalog = JobCatalog(defaults=JobCatalogDefaults(retry=AT_ONCE))

    @catalog.job("hold")
    async def hold(context, payload):
        ran[context.job_id] += 1
        begun.put(context.job_id)

    @catalog.job("block")
    def block(context, payload):
        ran[context.job_id] += 1

    return catalog


@pytest.fixture
def enqueue(catalog, runledger_pool):
    def enqueue(count, job_type="hold"):
        catalog.sync_definitions(runledger_pool)
        requests = [catalog.job_enqueue(job_type) for _ in range(count)]
        return {each.job_id for each in enqueue_jobs(runledger_pool, requests)}

    return enqueue


@pytest.fixture
def statuses(runledger_pool):
    """How many of these jobs are in which status."""
    return lambda job_ids: Counter(
        get_job_by_id(runledger_pool, job_id, scope=EVERYTHING).status
        for job_id in job_ids
    )


@pytest.fixture
def attempt_counts(runledger_pool):
    return lambda job_ids: Counter(
        len(list_job_attempts(runledger_pool, job_id, scope=EVERYTHING))
        for job_id in job_ids
    )
