"""Claims cost by their size, although all that waits came after the statistics."""

from __future__ import annotations

import pytest

from runledger_core import JobDefinition, JobEnqueue
from runledger_postgres import (
    SettleSuccess,
    claim_jobs,
    complete_jobs,
    enqueue_jobs,
    fall_asleep,
    upsert_job_definition,
)
from runledger_postgres._statements import statement
from runledger_postgres.jobs._claim import CLAIM_JOBS

pytestmark = [
    pytest.mark.db,
    pytest.mark.unaudited("explained statements are rolled back"),
]

BURST = 4000
LIMIT = 10
TYPES = ["mail.send"]
JOB = JobEnqueue("mail.send")
# psycopg prepares a statement the sixth time, PostgreSQL decides after five more.
TIMES = 20
PLANS = """
SELECT split_part(statement, ' ', 2), generic_plans > 0
FROM pg_prepared_statements
WHERE statement LIKE '/* runledger:%'
"""
FALL_ASLEEP = statement("workers/fall_asleep")


def drain(connection):
    ask = {"worker_id": "w", "lease_seconds": 60, "limit": 100, "job_types": TYPES}
    while jobs := claim_jobs(connection, **ask):
        complete_jobs(connection, [SettleSuccess(job.lease) for job in jobs])


@pytest.fixture(params=["new", "idle"])
def history(request, connection):
    """A ledger that nobody has looked at, or one of which all had ended by then."""
    for job_type in ("mail.send", "mail.sort"):
        upsert_job_definition(connection, JobDefinition(job_type))
    if request.param == "idle":
        enqueue_jobs(connection, [JOB] * 1000)
        drain(connection)
        connection.execute("VACUUM ANALYZE")


@pytest.mark.parametrize("cache_mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("limited", [[], ["mail.send"]], ids=["free", "limited"])
@pytest.mark.usefixtures("history")
def test_a_claim_reads_what_it_may_lease(explain, connection, limited, cache_mode):
    """The planner expects a job or none, and the first plan is kept for long."""
    enqueue_jobs(connection, [JOB] * BURST)
    params = {
        "worker_id": "w",
        "lease_seconds": 60,
        "limit": LIMIT,
        "job_types": TYPES,
        "limited_types": limited,
        "rooms": [LIMIT] * len(limited),
    }

    plan = explain(CLAIM_JOBS.sql, params, cache_mode=cache_mode)

    assert plan.rows <= 10 * LIMIT + 200
    assert plan.discarded <= 1  # the definition of the other type


@pytest.mark.parametrize("cache_mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.usefixtures("history")
def test_falling_asleep_looks_at_the_first_job_only(explain, connection, cache_mode):
    enqueue_jobs(connection, [JOB] * BURST)
    params = {
        "worker_id": "w",
        "wakes_for": TYPES,
        "longest_seconds": 5.0,
        "wake_channel": "w",
    }

    plan = explain(FALL_ASLEEP.sql, params, cache_mode=cache_mode)

    assert plan.rows <= 10


@pytest.mark.usefixtures("history")
def test_what_an_idle_worker_asks_is_not_planned_anew_each_time(connection):
    for _ in range(TIMES):
        enqueue_jobs(connection, [JOB])
        drain(connection)
        fall_asleep(connection, worker_id="w", job_types=TYPES, longest_seconds=1)

    plans = dict(connection.execute(PLANS).fetchall())

    assert plans["runledger:jobs/claim_jobs"]
    assert plans["runledger:workers/fall_asleep"]
    assert plans["runledger:jobs/complete_jobs_plain"]
    assert plans["runledger:jobs/enqueue_jobs"]
