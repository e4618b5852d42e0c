"""Batches cost by their size, whatever the statistics say of leased rows."""

from __future__ import annotations

import pytest

from runledger_core import JobDefinition, JobEnqueue
from runledger_core.workflows import WorkflowDagBuilder
from runledger_postgres import (
    SettleSuccess,
    claim_jobs,
    complete_jobs,
    enqueue_jobs,
    enqueue_workflow_run,
    upsert_job_definition,
)
from runledger_postgres._statements import statement
from runledger_postgres.jobs._claim import CLAIM_JOBS
from runledger_postgres.jobs._complete import COMPLETE_JOBS, _columns
from runledger_postgres.jobs._complete_plain import COMPLETE_JOBS_PLAIN, plain_columns
from runledger_postgres.jobs._lease import lease_columns
from runledger_postgres.jobs._release import RELEASE_UNSTARTED_CLAIMS
from runledger_postgres.workflows._advance import ADVANCE_STEPS
from runledger_postgres.workflows._job_steps import END_JOB_STEPS

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
@pytest.mark.parametrize("kind", ["complete", "plain", "heartbeat", "release"])
def test_no_lease_is_compared_with_every_other(explain, leases, kind, cache_mode):
    found, params = {
        "complete": (COMPLETE_JOBS, _columns([SettleSuccess(x) for x in leases])),
        "plain": (
            COMPLETE_JOBS_PLAIN,
            {
                "ends_steps": False,
                **plain_columns([SettleSuccess(x) for x in leases]),
            },
        ),
        "heartbeat": (HEARTBEAT_JOBS, {"lease_seconds": 60, **lease_columns(leases)}),
        "release": (
            RELEASE_UNSTARTED_CLAIMS,
            {"reason": "r", "delay_ms": 0, **lease_columns(leases)},
        ),
    }[kind]

    plan = explain(found.sql, params, cache_mode=cache_mode)

    assert plan.discarded <= SIZE


@pytest.fixture
def step_leases(connection):
    """Lease the steps of a run after the statistics were taken, which know of a few."""
    upsert_job_definition(connection, JobDefinition("mail.send"))

    def claim(size):
        keys = [f"s{n}" for n in range(size)]
        dag = WorkflowDagBuilder("wide")
        for key in keys:
            dag.job(key, "mail.send")
        run = dag.job("end", "mail.send").after_success("end", keys).build()
        enqueue_workflow_run(connection, run)
        found = claim_jobs(connection, worker_id="w1", lease_seconds=60, limit=size)
        return [job.lease for job in found]

    complete_jobs(connection, [SettleSuccess(lease) for lease in claim(3)])
    [last] = claim_jobs(connection, worker_id="w1", lease_seconds=60, limit=9)
    complete_jobs(connection, [SettleSuccess(last.lease)])
    for table in ("job_queue", "workflow_runs", "workflow_steps"):
        connection.execute(f"VACUUM ANALYZE {table}")
    return claim(SIZE)


@pytest.mark.parametrize("cache_mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("kind", ["complete", "plain", "end", "tell"])
def test_no_step_is_compared_with_every_other(
    explain, connection, step_leases, kind, cache_mode
):
    settlements = [SettleSuccess(lease) for lease in step_leases]
    job_ids = [lease.job_id for lease in step_leases]
    with connection.transaction(force_rollback=True):
        if kind in {"end", "tell"}:
            connection.execute(COMPLETE_JOBS.sql, _columns(settlements))
        steps = connection.execute(
            "SELECT array_agg(id) FROM workflow_steps WHERE job_id = ANY (%s)",
            [job_ids],
        ).fetchone()[0]
        found, params = {
            "complete": (COMPLETE_JOBS, _columns(settlements)),
            "plain": (
                COMPLETE_JOBS_PLAIN,
                {"ends_steps": True, **plain_columns(settlements)},
            ),
            "end": (END_JOB_STEPS, {"job_ids": job_ids}),
            "tell": (
                ADVANCE_STEPS,
                {
                    "ended_ids": steps,
                    "successes": [True] * SIZE,
                    "ready_ids": [],
                    "code": "c",
                    "message": "m",
                },
            ),
        }[kind]

        plan = explain(found.sql, params, cache_mode=cache_mode)

    assert plan.discarded <= SIZE
    assert plan.rows <= 20 * SIZE


@pytest.mark.parametrize("cache_mode", ["force_custom_plan", "force_generic_plan"])
def test_steps_end_at_the_cost_of_their_batch_whatever_ended_before(
    explain, connection, step_leases, cache_mode
):
    """Statistics were taken while nearly nothing had ended."""
    job_ids = [lease.job_id for lease in step_leases]
    with connection.transaction(force_rollback=True):
        settlements = [SettleSuccess(lease) for lease in step_leases]
        connection.execute(COMPLETE_JOBS.sql, _columns(settlements))

        plan = explain(
            END_JOB_STEPS.sql,
            {"job_ids": job_ids[:10]},
            cache_mode=cache_mode,
        )

    assert plan.rows <= 3 * SIZE
    assert plan.discarded <= SIZE


@pytest.mark.parametrize("cache_mode", ["force_custom_plan", "force_generic_plan"])
def test_a_claim_reads_no_edge_that_hands_nothing_on(
    explain, connection, step_leases, cache_mode
):
    complete_jobs(connection, [SettleSuccess(lease) for lease in step_leases])
    params = {
        "worker_id": "w1",
        "lease_seconds": 60,
        "limit": 9,
        "job_types": None,
        "limited_types": [],
        "rooms": [],
    }

    plan = explain(CLAIM_JOBS.sql, params, cache_mode=cache_mode)

    edges = "workflow_step_dependencies"
    assert sum(scan.rows for scan in plan.scans if scan.relation == edges) == 0
