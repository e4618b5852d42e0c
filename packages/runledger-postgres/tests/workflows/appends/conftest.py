"""A run with an open gate, and what a test does to it."""

from __future__ import annotations

import pytest

from runledger_core import (
    EVERYTHING,
    JobFailure,
)
from runledger_core.workflows import (
    WorkflowDagBuilder,
    WorkflowStepEnqueueBuilder,
)
from runledger_postgres import (
    GateSucceeded,
    append_workflow_steps,
    claim_jobs,
    complete_external_workflow_step,
    complete_job_failure,
    complete_job_success,
    enqueue_workflow_run,
)


def job(key, *, success=(), terminal=(), **values):
    """A job step behind others."""
    builder = WorkflowStepEnqueueBuilder(key, "mail.send", {"key": key})
    builder.depends_on_success(success).depends_on_terminal(terminal)
    for name, value in values.items():
        getattr(builder, name)(value)
    return builder.build()


def gate(key, **values):
    return WorkflowStepEnqueueBuilder.external(key, **values).build()


@pytest.fixture
def start(connection, define):
    """Enqueue a run with the open gate 'more' and the job 'first'."""
    define()

    def start(build=lambda dag: dag):
        dag = WorkflowDagBuilder("survey").external("more").job("first", "mail.send")
        return enqueue_workflow_run(connection, build(dag).build()).run.id

    return start


@pytest.fixture
def append(connection):
    def append(run_id, *steps, db=None, key="m1", window="more", **values):
        return append_workflow_steps(
            db or connection,
            run_id,
            steps,
            mutation_key=key,
            append_window_step_key=window,
            **{"scope": EVERYTHING, **values},
        )

    return append


@pytest.fixture
def close(connection):
    """Complete a gate."""

    def close(run_id, step_key="more", outcome=GateSucceeded()):  # noqa: B008  frozen
        complete_external_workflow_step(
            connection, run_id, step_key, outcome, scope=EVERYTHING
        )

    return close


@pytest.fixture
def statuses(connection):
    def statuses(run_id):
        return dict(
            connection.execute(
                "SELECT step_key, status FROM workflow_steps"
                " WHERE workflow_run_id = %s AND step_key <> 'more'",
                [run_id],
            )
        )

    return statuses


@pytest.fixture
def work(connection):
    """Let all jobs that are due succeed, or fail for good."""

    def work(*, failing=()):
        claimed = claim_jobs(connection, worker_id="w", lease_seconds=60, limit=50)
        for one in claimed:
            if one.payload.get("key") in failing:
                failure = JobFailure.terminal("mail.no_such_box", "no")
                complete_job_failure(connection, one.lease, failure)
            else:
                complete_job_success(connection, one.lease)
        return [one.payload.get("key") for one in claimed]

    return work
