"""Runs that tests move step by step, by the keys of their steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import psycopg
import pytest
from psycopg.rows import dict_row

from runledger_core import JobCompletion, JobFailure, Lease
from runledger_core.workflows import WorkflowDagBuilder
from runledger_postgres import (
    SettleFailure,
    SettleSuccess,
    claim_jobs,
    complete_jobs,
    enqueue_workflow_run,
)

if TYPE_CHECKING:
    from uuid import UUID


FAILURE = JobFailure.terminal("mail.no_such_box", "no such mailbox")
STEPS = """
    SELECT * FROM workflow_steps WHERE workflow_run_id = %s ORDER BY id
"""
JOBS = "SELECT s.step_key, q.* FROM workflow_steps AS s JOIN job_queue AS q ON"
JOBS += " q.id = s.job_id WHERE s.workflow_run_id = %s ORDER BY q.id"


@attrs.frozen
class Flow:
    """What a test does to workflow runs."""

    connection: psycopg.Connection[Any]

    def start(self, edges: str, *, gates: str = "", fail_fast: bool = False) -> UUID:
        """
        Enqueue a run of the steps and edges in *edges*.

        ``"a, b < a, c ~ a b"``: b needs the success of a, c the end of a and of b. The
        steps in *gates* are external. The last step is the one whose output counts.
        """
        dag = WorkflowDagBuilder("order").fail_fast(enabled=fail_fast)
        for part in edges.split(","):
            key, success, prerequisites = part.strip().partition(" < ")
            if not success:
                key, _, prerequisites = key.partition(" ~ ")
            if key in gates.split():
                dag.external(key)
            else:
                dag.job(key, "mail.send")
            if success:
                dag.after_success(key, prerequisites.split())
            elif prerequisites:
                dag.after_terminal(key, prerequisites.split())
        dag.result_step(key)
        return enqueue_workflow_run(self.connection, dag.build()).run.id

    def claim(self, run_id: UUID, **values: Any) -> dict[str, Lease]:
        """Claim everything that is due, and return the leases of this run by step."""
        wanted = {"worker_id": "w1", "lease_seconds": 60, "limit": 1000, **values}
        leases = {
            job.lease.job_id: job.lease for job in claim_jobs(self.connection, **wanted)
        }
        return {
            job["step_key"]: leases[job["id"]]
            for job in self.jobs(run_id).values()
            if job["id"] in leases
        }

    def end(self, *leases: Lease, failing: tuple[Lease, ...] = ()) -> Any:
        """End attempts in one transaction; each success has the same output."""
        return complete_jobs(
            self.connection,
            [
                *(
                    SettleSuccess(lease, JobCompletion.with_output(7))
                    for lease in leases
                ),
                *(SettleFailure(lease, FAILURE) for lease in failing),
            ],
        )

    def drain(self, run_id: UUID, *, failing: str = "") -> list[set[str]]:
        """Carry the run out to where it stops; return which steps ran together."""
        rounds = []
        while leases := self.claim(run_id):
            rounds.append(set(leases))
            bad = leases.keys() & set(failing.split())
            self.end(
                *(lease for key, lease in leases.items() if key not in bad),
                failing=tuple(leases[key] for key in bad),
            )
        return rounds

    def rows(self, query: str, *params: object) -> list[dict[str, Any]]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, params).fetchall()

    def rows_of(self, call: Any) -> list[dict[str, Any]]:
        """Execute one step of an operation."""
        with psycopg.RawCursor(self.connection, row_factory=dict_row) as cursor:
            cursor.execute(call.statement.query, call.arguments)
            return cursor.fetchall() if cursor.description else []

    def steps(self, run_id: UUID) -> dict[str, dict[str, Any]]:
        return {row["step_key"]: row for row in self.rows(STEPS, run_id)}

    def jobs(self, run_id: UUID) -> dict[str, dict[str, Any]]:
        return {row["step_key"]: row for row in self.rows(JOBS, run_id)}

    def statuses(self, run_id: UUID) -> dict[str, str]:
        return {key: step["status"] for key, step in self.steps(run_id).items()}

    def run(self, run_id: UUID) -> dict[str, Any]:
        [row] = self.rows("SELECT * FROM workflow_runs WHERE id = %s", run_id)
        return row

    def history(self, job_id: UUID) -> list[str]:
        query = "SELECT event_type FROM job_events WHERE job_id = %s ORDER BY id"
        return [row["event_type"] for row in self.rows(query, job_id)]


@pytest.fixture
def flow(connection: psycopg.Connection[Any], define: Any) -> Flow:
    """Move workflow runs on the test's connection."""
    define()
    return Flow(connection)
