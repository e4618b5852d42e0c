"""What a claim reads while an open transaction keeps claimed jobs in the index."""

from __future__ import annotations

import time

import psycopg
import pytest

from runledger_core import JobDefinition, JobEnqueue
from runledger_postgres import (
    SettleSuccess,
    claim_jobs,
    complete_jobs,
    enqueue_jobs,
    survey_queue,
    upsert_job_definition,
)
from runledger_postgres._statements import spanned_statement, statement

pytestmark = [
    pytest.mark.db,
    pytest.mark.unaudited("explained statements are rolled back"),
]

TYPES = ["mail.send", "mail.sort"]
CLAIM = {"worker_id": "w", "lease_seconds": 60, "job_types": TYPES}
CLAIMED = 5000
LIMIT = 10
STATEMENTS = {
    "jobs/claim_jobs": {
        **CLAIM,
        "limit": LIMIT,
        "limited_types": [],
        "rooms": [],
    },
    "workers/fall_asleep": {
        "worker_id": "w",
        "wakes_for": TYPES,
        "longest_seconds": 5.0,
        "wake_channel": "w",
    },
}


@pytest.fixture
def held_back(connection, runledger_database):
    """Jobs that wait behind many that were claimed, and fronts that say where."""
    for job_type in TYPES:
        upsert_job_definition(connection, JobDefinition(job_type))
    with psycopg.connect(runledger_database) as host:
        host.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        host.execute("SELECT count(*) FROM job_queue")
        enqueue_jobs(connection, [JobEnqueue("mail.send")] * CLAIMED)
        enqueue_jobs(connection, [JobEnqueue("mail.send", priority=7)] * CLAIMED)
        while jobs := claim_jobs(connection, **CLAIM, limit=1000):
            complete_jobs(connection, [SettleSuccess(job.lease) for job in jobs])
        # Fronts begin a second before what they found.
        time.sleep(1.1)
        enqueue_jobs(connection, [JobEnqueue("mail.send")] * LIMIT)
        yield survey_queue(connection, job_types=TYPES)


@pytest.mark.parametrize("cache_mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("name", STATEMENTS)
def test_who_begins_at_the_fronts_passes_by_what_was_claimed(
    explain, held_back, name, cache_mode
):
    """A level that still has jobs, one that has none any more, and a type without."""
    params = STATEMENTS[name]
    spanned = {**params, **held_back.spans(TYPES)}

    whole = explain(statement(name).sql, params, cache_mode=cache_mode)
    plan = explain(spanned_statement(name).sql, spanned, cache_mode=cache_mode)

    # The pages of all those jobs, and from PostgreSQL 18 on those of their entries.
    assert whole.buffers - plan.buffers > 200
    assert plan.rows <= 10 * LIMIT + 200
