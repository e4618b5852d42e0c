"""At 200,000 jobs each statement uses its index and touches a bounded set of rows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs
import pytest

from runledger_core import JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping


pytestmark = [pytest.mark.db, pytest.mark.slow]

CACHE_MODES = ("force_custom_plan", "force_generic_plan")
ALL = [status.value for status in JobStatus]
LAST_ID = UUID(int=2**128 - 1)
LARGE_ORGANIZATION = UUID("00000000-0000-7000-8000-000000000005")
LEASED_JOBS = 1000


@attrs.frozen
class Case:
    """A statement with its parameters, and what it may use and touch."""

    name: str
    statement: str
    params: Mapping[str, Any]
    indexes: frozenset[str]
    rows: int
    buffers: int


def check(ledger: Any, case: Case, cache_mode: str) -> None:
    plan = ledger.plan(case.statement, case.params, cache_mode=cache_mode)

    assert plan.walked == set(), plan
    assert plan.indexes <= case.indexes, plan
    assert plan.rows <= case.rows, plan
    assert plan.buffers <= case.buffers, plan


# The planner may take either for the id of a job that is leased.
BY_ID = frozenset({"pk_job_queue", "idx_job_queue_leased"})


def leases(ledger: Any, count: int, *, live: bool = True) -> dict[str, list[Any]]:
    rows = ledger.fetch(
        "SELECT id, run_number, attempt, worker_id FROM job_queue "
        "WHERE status = 'LEASED' AND (lease_expires_at > now()) = %s LIMIT %s",
        live,
        count,
    )
    columns = zip(*rows, strict=True)
    names = ("job_ids", "run_numbers", "attempts", "worker_ids")
    return {name: list(column) for name, column in zip(names, columns, strict=True)}


@pytest.mark.parametrize("cache_mode", CACHE_MODES)
@pytest.mark.parametrize(
    ("job_types", "limited", "rows"),
    [
        (None, [], 40_000),
        (None, ["type.1", "type.2"], 40_000),
        (["rare.type"], [], 100),
        (["type.1", "type.2"], [], 8000),
        (["type.1", "type.2"], ["type.1", "type.2"], 8000),
    ],
)
def test_a_claim_reads_the_first_due_jobs(ledger, job_types, limited, rows, cache_mode):
    # Each of 33 levels of priority gives up to 2 * limit + 100 candidates.
    params = {
        "worker_id": "w",
        "lease_seconds": 60,
        "limit": 100,
        "job_types": job_types,
        "limited_types": limited,
        "rooms": [50] * len(limited),
    }
    case = Case(
        "claim",
        "jobs/claim_jobs",
        params,
        frozenset(
            {"idx_job_queue_claim", "pk_job_definitions", "uq_workflow_steps_job_id"}
        ),
        rows,
        25_000,
    )

    check(ledger, case, cache_mode)


@pytest.mark.parametrize("cache_mode", CACHE_MODES)
def test_falling_asleep_reads_the_first_job_of_each_level(ledger, cache_mode):
    params = {
        "worker_id": "w",
        "wakes_for": [f"type.{n}" for n in range(10)],
        "longest_seconds": 5.0,
        "wake_channel": "w",
    }
    case = Case(
        "fall asleep",
        "workers/fall_asleep",
        params,
        frozenset({"idx_job_queue_claim", "pk_job_definitions", "pk_job_workers"}),
        1000,
        1000,
    )

    check(ledger, case, cache_mode)


@pytest.mark.parametrize("cache_mode", CACHE_MODES)
@pytest.mark.parametrize("outcome", ["SUCCEEDED", "RETRYABLE", "TERMINAL"])
def test_a_completion_touches_its_jobs(ledger, outcome, cache_mode):
    size = 200
    failed = outcome != "SUCCEEDED"
    params = {
        **leases(ledger, size),
        "outcomes": [outcome] * size,
        "outputs": [None] * size,
        "checkpoints": [None] * size,
        "progress_done": [None] * size,
        "progress_total": [None] * size,
        "error_codes": ["a.b" if failed else None] * size,
        "error_messages": ["no" if failed else None] * size,
        "error_details": [None] * size,
        "retry_min_ms": [1 if failed else None] * size,
        "retry_max_ms": [2 if failed else None] * size,
        "hints_ms": [None] * size,
        "hints_at": [None] * size,
    }
    check(ledger, completion("jobs/complete_jobs", params), cache_mode)


@pytest.mark.parametrize("cache_mode", CACHE_MODES)
@pytest.mark.parametrize("ends_steps", [False, True], ids=["alone", "steps"])
def test_a_completion_of_plain_successes_touches_its_jobs(
    ledger, ends_steps, cache_mode
):
    params = {
        "ends_steps": ends_steps,
        **leases(ledger, 200),
        "outputs": [None] * 200,
    }

    check(ledger, completion("jobs/complete_jobs_plain", params), cache_mode)


def completion(statement, params):
    indexes = {*BY_ID, "uq_job_attempts_job_run_attempt", "uq_workflow_steps_job_id"}
    rows = 4 * len(params["job_ids"]) + LEASED_JOBS
    return Case("complete", statement, params, frozenset(indexes), rows, 20_000)


@pytest.mark.parametrize("cache_mode", CACHE_MODES)
def test_a_heartbeat_touches_its_jobs(ledger, cache_mode):
    params = {"lease_seconds": 60, **leases(ledger, 200)}
    case = Case(
        "heartbeat",
        "jobs/heartbeat_jobs",
        params,
        BY_ID,
        800 + LEASED_JOBS,
        5000,
    )

    check(ledger, case, cache_mode)


@pytest.mark.parametrize("cache_mode", CACHE_MODES)
def test_a_reaper_reads_the_leased_rows_only(ledger, cache_mode):
    used = frozenset(
        {
            "idx_job_queue_leased",
            "uq_job_attempts_job_run_attempt",
            "uq_workflow_steps_job_id",
        }
    )
    case = Case("expired", "jobs/lock_expired_leases", {"limit": 50}, used, 1100, 4000)

    check(ledger, case, cache_mode)


@pytest.mark.parametrize("cache_mode", CACHE_MODES)
def test_reaping_touches_the_jobs_that_it_takes(ledger, cache_mode):
    size = 50
    params = {
        **leases(ledger, size, live=False),
        "retry_min_ms": [1] * size,
        "retry_max_ms": [2] * size,
        "unrenewed": [False] * size,
        "error_code": "job.lease_expired",
        "error_message": "the lease expired",
    }
    used = BY_ID | {"uq_job_attempts_job_run_attempt"}
    case = Case("reap", "jobs/reap_jobs", params, used, 4 * size + LEASED_JOBS, 6000)

    check(ledger, case, cache_mode)


@pytest.mark.parametrize("cache_mode", CACHE_MODES)
@pytest.mark.parametrize("organization_id", [None, LARGE_ORGANIZATION])
def test_a_keyed_repeat_finds_its_job(ledger, organization_id, cache_mode):
    rows = ledger.fetch(
        "SELECT job_type, idempotency_key FROM job_queue "
        "WHERE idempotency_key IS NOT NULL "
        "AND organization_id IS NOT DISTINCT FROM %s LIMIT 100",
        organization_id,
    )
    size = len(rows)
    params = {
        "positions": list(range(size)),
        "job_types": [row[0] for row in rows],
        "organization_ids": [organization_id] * size,
        "idempotency_keys": [row[1] for row in rows],
        "snapshots": ["{}"] * size,
    }
    used = {
        "uq_job_queue_type_idempotency_org",
        "uq_job_queue_type_idempotency_global",
        "pk_job_queue",
    }
    case = Case(
        "match", "jobs/match_existing_jobs", params, frozenset(used), 3 * size, 3000
    )

    assert size > 50
    check(ledger, case, cache_mode)


@pytest.mark.parametrize("cache_mode", CACHE_MODES)
@pytest.mark.parametrize("keep_keyed", [True, False])
def test_a_purge_touches_its_batch(ledger, keep_keyed, cache_mode):
    params = {
        "older_than_seconds": 3600.0,
        "limit": 500,
        "keep_keyed": keep_keyed,
        "after_finished_at": datetime.min.replace(tzinfo=UTC),
        "after_id": UUID(int=0),
    }
    children = {
        "pk_job_events",
        "uq_job_attempts_job_run_attempt",
        "idx_job_logs_job_run_id",
        "pk_job_dead_letters",
    }
    of_jobs = {
        "idx_job_queue_ended",
        "pk_job_queue",
        "uq_workflow_steps_job_id",
        *children,
    }
    of_runs = {
        "idx_workflow_runs_ended",
        "pk_workflow_runs",
        "pk_workflow_steps",
        "pk_workflow_step_dependencies",
        "uq_workflow_run_mutations_run_mutation_key",
        "uq_workflow_steps_run_step_key",
        "uq_workflow_steps_run_step_id",
        "pk_job_queue",
        *children,
    }
    for name, indexes in (("purge_jobs", of_jobs), ("purge_runs", of_runs)):
        statement = f"maintenance/{name}"
        case = Case(name, statement, params, frozenset(indexes), 10_000, 25_000)
        check(ledger, case, cache_mode)


SINGLE = {
    "jobs/get_job",
    "jobs/explain_job",
    "jobs/list_job_events",
    "jobs/list_job_attempts",
}


@pytest.mark.parametrize("cache_mode", CACHE_MODES)
@pytest.mark.parametrize("name", sorted(SINGLE))
@pytest.mark.parametrize("status", ["PENDING", "LEASED", "SUCCEEDED"])
def test_reading_one_job_reads_one_job(ledger, name, status, cache_mode):
    # The one of its kind that has most due jobs before it.
    [[job_id]] = ledger.fetch(
        "SELECT id FROM job_queue WHERE status = %s::text::job_status "
        "AND (status <> 'PENDING' OR next_run_at <= now()) "
        "ORDER BY priority, next_run_at DESC LIMIT 1",
        status,
    )
    params = {
        "job_id": job_id,
        "cap": 100,
        "after_id": 0,
        "after_run_number": 0,
        "after_attempt": 0,
        "limit": 100,
    }
    indexes = {
        "pk_job_queue",
        "pk_job_definitions",
        "pk_job_events",
        "idx_job_queue_claim",
        "uq_job_attempts_job_run_attempt",
        "uq_workflow_steps_job_id",
    }
    case = Case(name, f"{name}[everything]", params, frozenset(indexes), 500, 300)

    check(ledger, case, cache_mode)


@pytest.mark.parametrize("cache_mode", CACHE_MODES)
@pytest.mark.parametrize("scope", ["everything", "global", "organization"])
@pytest.mark.parametrize("job_type", [None, "type.0"])
def test_a_key_finds_its_jobs(ledger, scope, job_type, cache_mode):
    params = {
        "idempotency_key": "key-31",
        "job_type": job_type,
        "job_type_prefix": None,
        "before_id": LAST_ID,
        "statuses": ALL,
        "limit": 101,
        "organization_id": LARGE_ORGANIZATION,
    }
    keys = {"uq_job_queue_type_idempotency_org", "uq_job_queue_type_idempotency_global"}
    indexes = frozenset({*keys, "pk_job_queue", "pk_job_definitions"})
    statement = f"jobs/list_keyed_jobs[{scope}]"

    check(ledger, Case("key", statement, params, indexes, 50, 300), cache_mode)
    if job_type and scope != "everything":
        statement = f"jobs/get_keyed_job_payload[{scope}]"
        check(ledger, Case("key", statement, params, indexes, 5, 20), cache_mode)


@pytest.mark.parametrize("cache_mode", CACHE_MODES)
def test_the_newest_of_all_come_from_the_primary_key(ledger, cache_mode):
    params = {"before_id": LAST_ID, "limit": 101}
    case = Case(
        "recent", "jobs/list_recent_jobs", params, frozenset({"pk_job_queue"}), 101, 50
    )

    check(ledger, case, cache_mode)


def test_estimates_come_near_the_truth(ledger):
    counted = dict(
        ledger.fetch("SELECT status::text, count(*) FROM job_queue GROUP BY 1")
    )
    plan = ledger.plan("jobs/estimate_jobs_by_status", {}, cache_mode=CACHE_MODES[0])
    estimates = dict(ledger.estimate())

    assert plan.walked == set()
    for status in ("PENDING", "SUCCEEDED"):
        assert estimates[status] == pytest.approx(counted[status], rel=0.1)


@pytest.mark.parametrize("cache_mode", CACHE_MODES)
def test_a_walk_over_the_table_would_be_noticed(ledger, cache_mode):
    query = "SELECT count(*) FROM job_queue WHERE stage = %(stage)s::text"
    plan = ledger.explain(query, {"stage": "none"}, cache_mode=cache_mode)

    assert plan.walked == {"job_queue"}
    assert plan.rows >= 199_000
