"""One large ledger a session, and what PostgreSQL does to answer from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import psycopg
import pytest

from runledger_postgres._parameters import number_parameters, parameter_names
from runledger_postgres._statements import all_statements
from runledger_test_support import create_ephemeral_database

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

JOBS = 200_000
LARGE = {"job_queue", "job_events", "job_attempts", "workflow_steps", "workflow_runs"}

# Of twelve types two are special: one is rare, one is paused. A third of the jobs is
# global, the rest belongs to 97 organizations, and four jobs to one more. Half wait,
# every second of these for tomorrow; half are done; 1,000 run; few died or were
# canceled. Every tenth has a key. 20,000 of the ended ones are steps of 2,000 runs.
# Foreign keys are not checked while it is built, where the role may say so.
BUILD = """
SELECT set_config('session_replication_role', 'replica', false)
WHERE (SELECT rolsuper FROM pg_roles WHERE rolname = current_user);

INSERT INTO job_definitions (job_type)
SELECT 'type.' || n FROM generate_series(0, 9) AS n;

INSERT INTO job_definitions (job_type, paused_at)
VALUES ('rare.type', NULL), ('paused.type', now());

INSERT INTO job_queue (
    id, job_type, organization_id, status, priority, max_attempts, attempt,
    next_run_at, created_at, worker_id, lease_expires_at, started_at, finished_at,
    idempotency_key, enqueue_request
)
SELECT
    (
        '0198c0de-0000-7' || lpad(to_hex(n >> 16), 3, '0')
        || '-8' || lpad(to_hex((n >> 4) & 4095), 3, '0')
        || '-' || lpad(to_hex(n), 12, '0')
    )::uuid,
    CASE
        WHEN n %% 20000 = 7 THEN 'rare.type'
        WHEN n %% 100 = 50 THEN 'paused.type'
        ELSE 'type.' || (n / 3) %% 10
    END,
    CASE
        WHEN n %% 50000 = 9 THEN '00000000-0000-7000-8000-00000000ffff'::uuid
        WHEN n %% 3 > 0
            THEN ('00000000-0000-7000-8000-' || lpad(to_hex(n %% 97), 12, '0'))::uuid
    END,
    s.status::job_status,
    100 + n %% 3,
    8,
    CASE WHEN s.status = 'PENDING' THEN 0 ELSE 1 END,
    CASE
        WHEN n %% 4 = 0 THEN now() - n * interval '1 second'
        ELSE now() + interval '1 day'
    END,
    now() - (300000 - n) * interval '1 second',
    CASE WHEN s.status = 'LEASED' THEN 'worker-' || n %% 4 END,
    CASE
        WHEN s.status = 'LEASED' AND n %% 2000 = 0 THEN now() - interval '1 minute'
        WHEN s.status = 'LEASED' THEN now() + interval '1 hour'
    END,
    CASE WHEN s.status <> 'PENDING' THEN now() - (300000 - n) * interval '1 second' END,
    CASE
        WHEN s.status NOT IN ('PENDING', 'LEASED')
            THEN now() - (299999 - n) * interval '1 second'
    END,
    CASE WHEN n %% 10 = 1 THEN 'key-' || n END,
    CASE WHEN n %% 10 = 1 THEN '{}'::jsonb END
FROM generate_series(1, %(jobs)s) AS n
CROSS JOIN LATERAL (
    SELECT
        CASE
            WHEN n %% 200 = 0 THEN 'LEASED'
            WHEN n %% 5000 = 11 THEN 'DEAD_LETTERED'
            WHEN n %% 7000 = 12 THEN 'CANCELED'
            WHEN n %% 2 = 0 THEN 'PENDING'
            ELSE 'SUCCEEDED'
        END AS status
) AS s;

INSERT INTO job_attempts (
    job_id, attempt, worker_id, leased_at, started_at, finished_at, outcome
)
SELECT
    id, 1, COALESCE(worker_id, 'worker-0'), started_at, started_at, finished_at,
    CASE
        WHEN status = 'DEAD_LETTERED' THEN 'TERMINAL'
        WHEN finished_at IS NOT NULL THEN status::text
    END::job_failure_kind
FROM job_queue
WHERE attempt = 1;

INSERT INTO job_events (job_id, attempt, event_type, occurred_at)
SELECT q.id, e.attempt, e.event_type::job_event_type, q.created_at
FROM job_queue AS q
CROSS JOIN (VALUES (NULL, 'ENQUEUED'), (1, 'LEASED')) AS e (attempt, event_type)
WHERE e.event_type = 'ENQUEUED' OR q.attempt = 1;

INSERT INTO workflow_runs (workflow_type, status, finished_at)
SELECT 'workflow', 'SUCCEEDED', now() - n * interval '1 minute'
FROM generate_series(1, 2000) AS n;

INSERT INTO workflow_steps (
    workflow_run_id, step_key, job_id, job_type, priority, max_attempts,
    timeout_seconds, stage, status
)
SELECT
    r.id, 'step-' || j.place, j.id, j.job_type, 100, 8, 900, 'queued', 'SUCCEEDED'
FROM (
    SELECT id, row_number() OVER (ORDER BY id) AS place FROM workflow_runs
) AS r
JOIN (
    SELECT id, job_type, row_number() OVER (ORDER BY id DESC) AS place
    FROM job_queue
    WHERE status = 'SUCCEEDED'
) AS j ON (j.place - 1) / 10 = r.place - 1;

SELECT set_config('session_replication_role', 'origin', false)
WHERE (SELECT rolsuper FROM pg_roles WHERE rolname = current_user);

VACUUM ANALYZE;
"""


@attrs.frozen
class Scan:
    """One place where a plan touches a table."""

    kind: str
    relation: str
    index: str | None
    rows: float


@attrs.frozen
class Plan:
    """What a statement did to answer."""

    scans: tuple[Scan, ...]
    buffers: int
    discarded: int
    """Pairs of rows that joins made and threw away."""

    @property
    def indexes(self) -> set[str]:
        """The indexes that it used, where it used them at all."""
        return {scan.index for scan in self.scans if scan.index}

    @property
    def rows(self) -> float:
        """How many rows it touched, those that it threw away included."""
        return sum(scan.rows for scan in self.scans)

    @property
    def walked(self) -> set[str]:
        """The large tables that it read from end to end."""
        return {
            scan.relation
            for scan in self.scans
            if scan.kind == "Seq Scan" and scan.relation in LARGE
        }


class Ledger:
    """The large ledger."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._statements = {found.name: found for found in all_statements()}

    def fetch(self, query: str, *params: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(query.encode(), params).fetchall()

    def estimate(self) -> list[tuple[Any, ...]]:
        """Ask for the estimated counts."""
        return self.fetch(self._statements["jobs/estimate_jobs_by_status"].sql)

    def plan(self, name: str, params: Mapping[str, object], *, cache_mode: str) -> Plan:
        """Explain one of the statements by its name."""
        return self.explain(self._statements[name].sql, params, cache_mode=cache_mode)

    def explain(
        self, query: str, params: Mapping[str, object], *, cache_mode: str
    ) -> Plan:
        """Run a query, see what it did, and take it back."""
        names = parameter_names(query)
        sql = number_parameters(query, names)
        literals = psycopg.ClientCursor(self._connection)
        values = ", ".join(literals.mogrify("%s", [params[key]]) for key in names)
        execute = f"EXECUTE explained ({values})" if names else "EXECUTE explained"
        explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {execute}"
        with self._connection.transaction(force_rollback=True):
            self._connection.execute(f"SET LOCAL plan_cache_mode = {cache_mode}")
            self._connection.execute(f"PREPARE explained AS {sql}".encode())
            try:
                [[[found]]] = self._connection.execute(explain.encode()).fetchall()
            finally:
                self._connection.execute("DEALLOCATE explained")
        top = found["Plan"]
        return Plan(
            scans=tuple(scans(top)),
            buffers=top["Shared Hit Blocks"] + top["Shared Read Blocks"],
            discarded=discarded(top),
        )


@pytest.fixture(scope="session")
def open_ledger() -> type[Ledger]:
    """Explain statements over a connection to a ledger of one's own."""
    return Ledger


@pytest.fixture
def explain(connection: psycopg.Connection[Any]) -> Any:
    """Explain a query on a database of the test's own."""
    return Ledger(connection).explain


def discarded(node: Mapping[str, Any]) -> int:
    """Count the pairs that the joins below a node of a plan threw away."""
    own = node.get("Rows Removed by Join Filter", 0) * node["Actual Loops"]
    return own + sum(discarded(child) for child in node.get("Plans", []))


def scans(node: Mapping[str, Any]) -> Iterator[Scan]:
    """Find all scans below a node of a plan."""
    if "Relation Name" in node and node["Node Type"] != "ModifyTable":
        removed = node.get("Rows Removed by Filter", 0)
        removed += node.get("Rows Removed by Index Recheck", 0)
        yield Scan(
            kind=node["Node Type"],
            relation=node["Relation Name"],
            index=node.get("Index Name") if node["Actual Loops"] else None,
            rows=(node["Actual Rows"] + removed) * node["Actual Loops"],
        )
    elif "Index Name" in node and node["Actual Loops"]:
        yield Scan(
            kind=node["Node Type"],
            relation="",
            index=node["Index Name"],
            rows=node["Actual Rows"] * node["Actual Loops"],
        )
    for child in node.get("Plans", ()):
        yield from scans(child)


@pytest.fixture(scope="session")
def ledger() -> Iterator[Ledger]:
    """A ledger of 200,000 jobs; every statement on it is rolled back."""
    with (
        create_ephemeral_database("plans") as database,
        psycopg.connect(database.dsn, autocommit=True) as connection,
    ):
        for statement in BUILD.split(";\n\n"):
            cursor = psycopg.ClientCursor(connection)
            cursor.execute(statement.encode(), {"jobs": JOBS})
        yield Ledger(connection)
