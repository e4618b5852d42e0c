"""Batches cost by their size, whatever the statistics say of leased rows."""

from __future__ import annotations

import pytest

from runledger_core import JobDefinition, JobEnqueue
from runledger_postgres import (
    SettleSuccess,
    claim_jobs,
    complete_jobs,
    enqueue_jobs,
    upsert_job_definition,
)
from runledger_postgres._statements import statement
from runledger_postgres.jobs._complete import COMPLETE_JOBS, _columns
from runledger_postgres.jobs._lease import lease_columns
from runledger_postgres.jobs._release import RELEASE_UNSTARTED_CLAIMS

pytestmark = [
    pytest.mark.db,
    pytest.mark.unaudited("explained statements are rolled back"),
]

SIZE = 300
HEARTBEAT_JOBS = statement("jobs/heartbeat_jobs")


@pytest.fixture
def leases(connection):
    """Lease jobs after the statistics were taken, which know of no leased row."""
    upsert_job_definition(connection, JobDefinition("mail.send"))

    def claim():
        enqueue_jobs(connection, [JobEnqueue("mail.send")] * SIZE)
        found = claim_jobs(connection, worker_id="w1", lease_seconds=60, limit=SIZE)
        return [job.lease for job in found]

    complete_jobs(connection, [SettleSuccess(lease) for lease in claim()])
    connection.execute("VACUUM ANALYZE job_queue")
    return claim()


@pytest.mark.parametrize("cache_mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("kind", ["complete", "heartbeat", "release"])
def test_no_lease_is_compared_with_every_other(explain, leases, kind, cache_mode):
    found, params = {
        "complete": (COMPLETE_JOBS, _columns([SettleSuccess(x) for x in leases])),
        "heartbeat": (HEARTBEAT_JOBS, {"lease_seconds": 60, **lease_columns(leases)}),
        "release": (
            RELEASE_UNSTARTED_CLAIMS,
            {"reason": "r", "delay_ms": 0, **lease_columns(leases)},
        ),
    }[kind]

    plan = explain(found.query.decode(), params, cache_mode=cache_mode)

    assert plan.discarded <= SIZE
