"""Among many runs each read uses its index and touches a bounded set of rows."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest

from runledger_core import WorkflowRunStatus
from runledger_test_support import create_ephemeral_database

pytestmark = [pytest.mark.db, pytest.mark.slow]

CACHE_MODES = ("force_custom_plan", "force_generic_plan")
UNFINISHED = [each.value for each in WorkflowRunStatus if not each.is_terminal]
ENDED = [each.value for each in WorkflowRunStatus.terminal()]
LARGE_ORGANIZATION = UUID("00000000-0000-7000-8000-000000000001")
SMALL_ORGANIZATION = UUID("00000000-0000-7000-8000-00000000ffff")
LAST_ID, LIMIT, TYPES = UUID(int=2**128 - 1), 101, 5

# Half of the runs are global. One in a hundred has not ended; one in a thousand is in
# the rare status of those that go on, one in that of those that have ended.
BUILD = """
INSERT INTO workflow_runs (
    workflow_type, organization_id, status, finished_at, step_count, ended_step_count
)
SELECT
    'type.' || n %% 5,
    CASE
        WHEN n %% 4000 = 1 THEN %(small)s
        WHEN n %% 2 = 1 THEN %(large)s
    END::uuid,
    CASE
        WHEN n %% 1000 = 100 THEN 'WAITING_FOR_EXTERNAL'
        WHEN n %% 100 = 0 THEN 'RUNNING'
        WHEN n %% 1000 = 7 THEN 'CANCELED'
        ELSE 'SUCCEEDED'
    END::workflow_run_status,
    CASE WHEN n %% 100 <> 0 THEN now() END, 2, 2
FROM generate_series(1, 40000) AS n;

VACUUM ANALYZE
"""


LISTED = {"idx_workflow_runs_unfinished_listed", "idx_workflow_runs_ended_listed"}
OWNED = {
    "idx_workflow_runs_organization_unfinished_listed",
    "idx_workflow_runs_organization_ended_listed",
}
EVERYTHING, GLOBAL = {"globalities": [True, False]}, {"globalities": [True]}
SCOPES = {
    "everything": (EVERYTHING, LISTED),
    "global": (GLOBAL, LISTED),
    "large": ({"organization_id": LARGE_ORGANIZATION}, OWNED),
    "small": ({"organization_id": SMALL_ORGANIZATION}, OWNED),
}


@pytest.fixture(scope="module")
def runs(open_ledger):
    """A ledger of 40,000 runs."""
    with (
        create_ephemeral_database("runs") as database,
        psycopg.connect(database.dsn, autocommit=True) as connection,
    ):
        values = {"small": SMALL_ORGANIZATION, "large": LARGE_ORGANIZATION}
        for statement in BUILD.split(";\n\n"):
            psycopg.ClientCursor(connection).execute(statement.encode(), values)
        yield open_ledger(connection)


@pytest.mark.parametrize("cache_mode", CACHE_MODES)
@pytest.mark.parametrize("workflow_type", [None, "type.3"])
@pytest.mark.parametrize("status", [None, "WAITING_FOR_EXTERNAL", "CANCELED"])
@pytest.mark.parametrize("scope", SCOPES)
def test_a_page_of_runs_reads_a_page(runs, scope, status, workflow_type, cache_mode):
    parameters, indexes = SCOPES[scope]
    name = "list_organization_runs" if "organization_id" in parameters else "list_runs"
    plan = runs.plan(
        f"workflows/{name}",
        {
            "unfinished_statuses": [s for s in UNFINISHED if status in (None, s)],
            "ended_statuses": [s for s in ENDED if status in (None, s)],
            "workflow_type": workflow_type,
            "before_id": LAST_ID,
            "limit": LIMIT,
            **parameters,
        },
        cache_mode=cache_mode,
    )

    assert plan.walked == set(), plan
    assert plan.indexes <= {*indexes, "pk_workflow_runs"}, plan
    # A page of each type and owner out of each index, and the 400 that go on.
    assert plan.rows <= 2 * TYPES * 2 * LIMIT + 500, plan
    assert plan.buffers <= 4000, plan


@pytest.mark.parametrize("cache_mode", CACHE_MODES)
@pytest.mark.parametrize("workflow_type", [None, "type.3"])
@pytest.mark.parametrize("scope", SCOPES)
def test_runs_are_counted_up_to_the_cap(runs, scope, workflow_type, cache_mode):
    parameters, indexes = SCOPES[scope]
    is_owned = "organization_id" in parameters
    name = "count_organization_runs_by_status" if is_owned else "count_runs_by_status"
    cap = LIMIT - 1
    plan = runs.plan(
        f"workflows/{name}",
        {"workflow_type": workflow_type, "cap": cap, **parameters},
        cache_mode=cache_mode,
    )

    assert plan.walked == set(), plan
    assert plan.indexes <= indexes, plan
    # The cap for three statuses, the types to be skipped to, and the 400 that go on.
    assert plan.rows <= 4 * LIMIT + 3 * TYPES + 500, plan
    assert plan.buffers <= 2000, plan


@pytest.mark.parametrize("cache_mode", CACHE_MODES)
def test_a_run_is_read_by_itself(ledger, cache_mode):
    [[run_id]] = ledger.fetch(
        "SELECT id FROM workflow_runs ORDER BY id LIMIT 1 OFFSET 9"
    )
    for name in ("read_graph", "list_steps", "get_step"):
        plan = ledger.plan(
            f"workflows/{name}[everything]",
            {
                "run_id": run_id,
                "step_key": "step-91",
                "status": None,
                "after_id": UUID(int=0),
                "limit": LIMIT,
            },
            cache_mode=cache_mode,
        )

        assert plan.walked == set(), plan
        assert plan.rows <= 100, plan
        assert plan.buffers <= 200, plan


@pytest.mark.parametrize("cache_mode", CACHE_MODES)
def test_a_run_and_a_step_are_found_by_their_keys(ledger, cache_mode):
    [[job_id]] = ledger.fetch("SELECT max(id::text)::uuid FROM job_queue")
    for name, values in (
        ("get_step_of_job[global]", {"job_id": job_id}),
        (
            "get_keyed_run[global]",
            {"workflow_type": "report-1", "idempotency_key": "k"},
        ),
    ):
        plan = ledger.plan(f"workflows/{name}", values, cache_mode=cache_mode)

        assert plan.walked == set(), plan
        assert plan.buffers <= 50, plan
