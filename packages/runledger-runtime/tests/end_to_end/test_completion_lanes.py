"""Outcomes that wait for nobody but their own run, over PostgreSQL."""

from __future__ import annotations

import psycopg
import pytest
import trio

from runledger_core import EVERYTHING
from runledger_core.workflows import WorkflowRunEnqueue, WorkflowStep
from runledger_postgres import enqueue_workflow_run, get_workflow_run
from runledger_runtime import Supervisor
from runledger_runtime._completion_lanes import _RUN_LANES_COUNT

pytestmark = pytest.mark.db

WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND datname = current_database()
"""


@pytest.fixture
def runs(pool, catalog):
    """Enqueue runs of one step until each lane has one; return them by lane."""

    @catalog.job("mail.send")
    async def send(context, payload):
        pass

    catalog.sync_definitions(pool)
    found = {}
    while len(found) < _RUN_LANES_COUNT:
        outcome = enqueue_workflow_run(
            pool, WorkflowRunEnqueue("mail", [WorkflowStep("only", "mail.send")])
        )
        run_id = outcome.run.id
        found[run_id.int % _RUN_LANES_COUNT] = run_id
    return found


async def test_a_run_that_somebody_holds_keeps_neither_jobs_nor_other_runs_waiting(
    pool, catalog, runs, enqueue, look, make_config, runledger_database
):
    held_id, other_id = runs[0], runs[1]
    job_id = enqueue("mail.send")

    def status_of(run_id):
        return get_workflow_run(pool, run_id, scope=EVERYTHING).status

    async def until_done(read):
        with trio.fail_after(20):
            while await trio.to_thread.run_sync(read) != "SUCCEEDED":  # noqa: ASYNC110
                await trio.sleep(0.02)

    supervisor = Supervisor(pool, make_config(poll_interval_ms=5), catalog=catalog)
    async with trio.open_nursery() as nursery:
        with psycopg.connect(runledger_database) as blocker:
            blocker.execute(
                "SELECT FROM workflow_runs WHERE id = %s FOR UPDATE", [held_id]
            )
            await nursery.start(supervisor.run_async)
            await until_done(lambda: look(job_id).status)
            await until_done(lambda: status_of(other_id))
            # Not given up and put off: that comes after five seconds.
            waiting_count = blocker.execute(WAITING).fetchone()
            meanwhile = status_of(held_id)
        await until_done(lambda: status_of(held_id))
        supervisor.request_shutdown()

    assert "RUNNING" == meanwhile
    assert (1,) == waiting_count
