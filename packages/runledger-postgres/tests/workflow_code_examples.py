"""One way to raise each code of workflows."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import attrs
import psycopg
from psycopg_pool import ConnectionPool

from runledger_core import EVERYTHING, JobFailure
from runledger_core.workflows import (
    WorkflowDagBuilder,
    WorkflowRunEnqueue,
    WorkflowStep,
)
from runledger_core.workflows.pictures import render_workflow
from runledger_postgres import (
    GateFailed,
    GateSucceeded,
    append_workflow_steps,
    cancel_workflow_run,
    complete_external_workflow_step,
    complete_job_failure,
    complete_job_success,
    enqueue_workflow_run,
    expire_gate_deadlines,
    get_workflow_graph,
    purge_ended,
    retry_workflow_step,
    workflow_run_handle,
)
from runledger_postgres._operation import operation
from runledger_postgres._statements import Statement
from runledger_postgres._steps import script

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

MAIL = "mail.send"
STEPS = [WorkflowStep("a", MAIL)]
OTHER_STEPS = [WorkflowStep("b", MAIL)]
KEYED = WorkflowRunEnqueue("w", STEPS, idempotency_key="k")


def start(host: Any, *, result_step: str | None = "a") -> UUID:
    """Enqueue a run of a job 'a' and an open gate 'open', before a gate 'later'."""
    host.define()
    dag = WorkflowDagBuilder("w").job("a", MAIL).external("open").external("later")
    dag.after_success("later", ["open"])
    if result_step:
        dag.result_step(result_step)
    return host(enqueue_workflow_run, dag.build()).run.id


def append(host: Any, run_id: UUID, *, window: str = "open", key: str = "m") -> None:
    host(
        append_workflow_steps,
        run_id,
        OTHER_STEPS,
        mutation_key=key,
        append_window_step_key=window,
        scope=EVERYTHING,
    )


def complete(host: Any, key: str, outcome: Any = None, run_id: Any = None) -> None:
    host(
        complete_external_workflow_step,
        run_id or start(host),
        key,
        outcome or GateSucceeded(),
        scope=EVERYTHING,
    )


def complete_twice(host: Any, first: Any, second: Any) -> None:
    run_id = start(host)
    complete(host, "open", first, run_id)
    complete(host, "open", second, run_id)


def cancel(host: Any, run_id: UUID, **values: Any) -> None:
    host(cancel_workflow_run, run_id, scope=EVERYTHING, **values)


def retry(host: Any, run_id: UUID, key: str = "a", **values: Any) -> None:
    host(retry_workflow_step, run_id, key, scope=EVERYTHING, **values)


def failed(host: Any) -> UUID:
    """Start a run whose job has failed for good."""
    run_id = start(host)
    host(
        complete_job_failure,
        host.claim().lease,
        JobFailure.terminal("mail.no_such_box", "no such mailbox"),
    )
    return run_id


@contextmanager
def one_snapshot(host: Any) -> Iterator[None]:
    """Use an isolation level that shows no more than it did at its start."""
    host.sql("SET default_transaction_isolation = 'repeatable read'")
    yield


def result_of(host: Any, run_id: UUID, **values: Any) -> None:
    with ConnectionPool(host.dsn, min_size=1, open=True) as pool:
        workflow_run_handle(pool, run_id, scope=EVERYTHING).get_result(**values)


def already_enqueued(host: Any) -> None:
    # Ours meet a key with ON CONFLICT; an application's own INSERT may not.
    host.define()
    host(enqueue_workflow_run, KEYED)

    @operation
    def insert_again() -> Any:
        yield from script(
            Statement(
                "test/insert",
                "INSERT INTO workflow_runs (workflow_type, idempotency_key,"
                " enqueue_request) VALUES ('w', 'k', '{}')",
            )
        )

    host(insert_again)


def append_conflicting_retry(host: Any) -> None:
    run_id = start(host)
    append(host, run_id)
    append(host, run_id, window="later")


def append_terminal_run(host: Any) -> None:
    run_id = start(host)
    host.sql("UPDATE workflow_runs SET status = 'CANCELED'")
    append(host, run_id)


def append_unsupported_isolation(host: Any) -> None:
    run_id = start(host)
    with one_snapshot(host):
        append(host, run_id)


def cancel_unsupported_isolation(host: Any) -> None:
    run_id = start(host)
    with one_snapshot(host):
        cancel(host, run_id)


def enqueue_conflicting_retry(host: Any) -> None:
    host.define()
    host(enqueue_workflow_run, KEYED)
    host(enqueue_workflow_run, attrs.evolve(KEYED, steps=OTHER_STEPS))


def enqueue_unsupported_isolation(host: Any) -> None:
    host.define()
    with one_snapshot(host):
        host(enqueue_workflow_run, KEYED)


def external_completion_unsupported_isolation(host: Any) -> None:
    run_id = start(host)
    with one_snapshot(host):
        complete(host, "open", run_id=run_id)


def idempotency_conflict_missing_existing(host: Any) -> None:
    host.define()
    host.sql(
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RETURN NULL; END $$;"
        " CREATE TRIGGER swallow BEFORE INSERT ON workflow_runs"
        " FOR EACH ROW EXECUTE FUNCTION swallow()"
    )
    host(enqueue_workflow_run, KEYED)


def internal_state(host: Any) -> None:
    run_id = failed(host)
    host.sql(
        "ALTER TABLE workflow_steps DISABLE TRIGGER USER;"
        " ALTER TABLE workflow_steps DROP CONSTRAINT IF EXISTS"
        " ck_workflow_steps_execution_kind;"
        " UPDATE workflow_steps SET job_id = NULL WHERE step_key = 'a'"
    )
    retry(host, run_id)


def legacy_idempotency_snapshot_missing(host: Any) -> None:
    host.define()
    host.sql(
        "ALTER TABLE workflow_runs"
        " DROP CONSTRAINT ck_workflow_runs_idempotency_enqueue_request;"
        " INSERT INTO workflow_runs (workflow_type, idempotency_key)"
        " VALUES ('w', 'k')"
    )
    host(enqueue_workflow_run, KEYED)


def invalid_picture_format(host: Any) -> None:
    graph = host(get_workflow_graph, start(host), scope=EVERYTHING)
    render_workflow(graph, "png")


def release_conflict(host: Any) -> None:
    run_id = start(host)
    host.sql("SET lock_timeout = '1ms'")
    with psycopg.connect(host.dsn) as other:
        other.execute("SELECT FROM workflow_runs FOR UPDATE")
        cancel(host, run_id)


def result_missing(host: Any) -> None:
    run_id = start(host)
    for key in ("open", "later"):
        complete(host, key, run_id=run_id)
    host(complete_job_success, host.claim().lease)
    result_of(host, run_id)


def result_unsuccessful_terminal(host: Any) -> None:
    run_id = start(host)
    cancel(host, run_id)
    result_of(host, run_id)


def retry_canceled_run(host: Any) -> None:
    run_id = start(host)
    cancel(host, run_id)
    retry(host, run_id)


def retry_conflicting_mutation(host: Any) -> None:
    run_id = start(host)
    append(host, run_id, key="m")
    retry(host, run_id, mutation_key="m")


def retry_unsupported_isolation(host: Any) -> None:
    run_id = failed(host)
    with one_snapshot(host):
        retry(host, run_id)


def terminal_completion_unsupported_isolation(host: Any) -> None:
    start(host)
    lease = host.claim().lease
    with one_snapshot(host):
        host(complete_job_success, lease)


STORAGE: dict[str, Any] = {
    "retention.invalid_age": lambda host: host(
        purge_ended, older_than=timedelta(seconds=-1)
    ),
    "retention.invalid_cursor": lambda host: host(
        purge_ended, older_than=timedelta(0), cursor=""
    ),
    "retention.invalid_limit": lambda host: host(
        purge_ended, older_than=timedelta(0), limit=0
    ),
    "workflow.already_enqueued": already_enqueued,
    "workflow.append_conflicting_retry": append_conflicting_retry,
    "workflow.append_mutation_key_blank": lambda host: append(
        host, start(host), key=" "
    ),
    "workflow.append_terminal_run": append_terminal_run,
    "workflow.append_unsupported_isolation": append_unsupported_isolation,
    "workflow.append_window_missing": lambda host: append(
        host, start(host), window="nothing"
    ),
    "workflow.append_window_not_external": lambda host: append(
        host, start(host), window="a"
    ),
    "workflow.append_window_not_open": lambda host: append(
        host, start(host), window="later"
    ),
    "workflow.cancel_unsupported_isolation": cancel_unsupported_isolation,
    "workflow.definition_not_found_or_disabled": lambda host: host(
        enqueue_workflow_run, KEYED
    ),
    "workflow.enqueue_conflicting_retry": enqueue_conflicting_retry,
    "workflow.enqueue_idempotency_unsupported_isolation": (
        enqueue_unsupported_isolation
    ),
    "workflow.external_completion_unsupported_isolation": (
        external_completion_unsupported_isolation
    ),
    "workflow.external_step_conflicting_completion_retry": lambda host: complete_twice(
        host, GateFailed(), GateSucceeded()
    ),
    "workflow.external_step_conflicting_output_retry": lambda host: complete_twice(
        host, GateSucceeded(1), GateSucceeded(2)
    ),
    "workflow.external_step_not_external": lambda host: complete(host, "a"),
    "workflow.external_step_not_found": lambda host: complete(host, "nothing"),
    "workflow.external_step_not_waiting": lambda host: complete(host, "later"),
    "workflow.idempotency_conflict_missing_existing": (
        idempotency_conflict_missing_existing
    ),
    "workflow.internal_state": internal_state,
    "workflow.invalid_deadline_limit": lambda host: host(
        expire_gate_deadlines, limit=0
    ),
    "workflow.invalid_picture_format": invalid_picture_format,
    "workflow.invalid_reason": lambda host: cancel(host, uuid4(), reason=" "),
    "workflow.invalid_result_wait": lambda host: result_of(
        host, start(host), timeout=-1
    ),
    "workflow.legacy_idempotency_snapshot_missing": (
        legacy_idempotency_snapshot_missing
    ),
    "workflow.release_conflict": release_conflict,
    "workflow.result_missing": result_missing,
    "workflow.result_not_declared": lambda host: result_of(
        host, start(host, result_step=None)
    ),
    "workflow.result_unsuccessful_terminal": result_unsuccessful_terminal,
    "workflow.result_wait_timeout": lambda host: result_of(
        host, start(host), timeout=0
    ),
    "workflow.retry_canceled_run": retry_canceled_run,
    "workflow.retry_conflicting_mutation": retry_conflicting_mutation,
    "workflow.retry_external_step": lambda host: retry(host, start(host), "open"),
    "workflow.retry_unsupported_isolation": retry_unsupported_isolation,
    "workflow.run_not_found": lambda host: cancel(host, uuid4()),
    "workflow.step_not_failed": lambda host: retry(host, start(host)),
    "workflow.step_not_found": lambda host: retry(host, start(host), "nothing"),
    "workflow.terminal_completion_unsupported_isolation": (
        terminal_completion_unsupported_isolation
    ),
}
