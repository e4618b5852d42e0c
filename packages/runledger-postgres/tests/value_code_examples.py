"""One way to have each value refused that core refuses, before any database."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from runledger_core import (
    JobCompletion,
    JobDefinition,
    JobEnqueue,
    JobFailure,
    JobSchedule,
    Organization,
    RetryPolicy,
    preview_schedule,
)
from runledger_core.migrations import load_migrations
from runledger_core.workflows import (
    GateDeadline,
    WorkflowDagBuilder,
    WorkflowRunEnqueue,
    WorkflowStep,
    WorkflowStepDependencySpec,
)
from runledger_postgres import GateFailed

MAIL = "mail.send"
NAN = float("nan")
NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001  refused, that is the point
STEPS = [WorkflowStep("a", MAIL)]
OTHER_STEPS = [WorkflowStep("b", MAIL)]


def step(key: Any = "a", *needs: str, job_type: Any = MAIL, **values: Any) -> Any:
    """Make a run of one job step, and of those that it names."""
    return run_of(
        WorkflowStep(key, job_type, dependencies=dependencies(needs), **values)
    )


def gate(**values: Any) -> Any:
    """Make a run of one external gate."""
    settings = {"execution_kind": "EXTERNAL", "job_type": None, **values}
    return run_of(WorkflowStep("a", **settings))


def run_of(*steps: Any, **values: Any) -> Any:
    """Make a run of steps."""
    return WorkflowRunEnqueue("w", steps, **values)


def dependencies(keys: tuple[str, ...]) -> list[WorkflowStepDependencySpec]:
    return [WorkflowStepDependencySpec(key) for key in keys]


VALUES: dict[str, Any] = {
    "identifier.blank": lambda: JobEnqueue(""),
    "identifier.invalid_text": lambda: JobEnqueue("mail\0"),
    "identifier.invalid_uuid": lambda: Organization("ada"),
    "identifier.padded": lambda: JobEnqueue(" mail"),
    "identifier.too_long": lambda: JobEnqueue("m" * 513),
    "job.checkpoint_not_json": lambda: JobCompletion().with_checkpoint(NAN),
    "job.invalid_completion_progress": lambda: JobCompletion().progress(2, 1),
    "job.invalid_failure_kind": lambda: JobFailure("SAD", "code", "message"),
    "job.invalid_max_attempts": lambda: JobEnqueue(MAIL, max_attempts=0),
    "job.invalid_next_run_at": lambda: JobEnqueue(MAIL, next_run_at=NAIVE),
    "job.invalid_priority": lambda: JobEnqueue(MAIL, priority=2**31),
    "job.invalid_retry_timing": lambda: JobFailure.retryable("c", "m").retry_not_before(
        timedelta(days=99)
    ),
    "job.invalid_timeout": lambda: JobEnqueue(MAIL, timeout_seconds=0),
    "job.invalid_trace_context": lambda: JobEnqueue(MAIL, trace_context={"a": 1}),
    "job.output_not_json": lambda: JobCompletion.with_output(NAN),
    "job.payload_not_json": lambda: JobEnqueue(MAIL, NAN),
    "job_definition.invalid_max_attempts": lambda: JobDefinition(MAIL, max_attempts=0),
    "job_definition.invalid_priority": lambda: JobDefinition(MAIL, priority=2**31),
    "job_definition.invalid_timeout": lambda: JobDefinition(MAIL, timeout_seconds=0),
    "job_definition.invalid_version": lambda: JobDefinition(MAIL, version=0),
    "job_schedule.invalid_cron": lambda: JobSchedule("s", MAIL, "at noon"),
    "job_schedule.invalid_fire_time": lambda: JobSchedule(
        "s", MAIL, "* * * * *", next_fire_at=NAIVE
    ),
    "job_schedule.invalid_jitter": lambda: JobSchedule(
        "s", MAIL, "* * * * *", max_jitter_seconds=-1
    ),
    "job_schedule.invalid_misfire_limit": lambda: JobSchedule(
        "s", MAIL, "* * * * *", misfire_limit=0
    ),
    "job_schedule.invalid_name": lambda: JobSchedule(" s", MAIL, "* * * * *"),
    "job_schedule.invalid_policy": lambda: JobSchedule(
        "s", MAIL, "* * * * *", misfire_policy="TWICE"
    ),
    "job_schedule.invalid_preview_count": lambda: preview_schedule("* * * * *", 0),
    "retry.invalid_policy": lambda: RetryPolicy(base_seconds=-1),
    "schema.vendored_set_invalid": lambda: load_migrations("runledger_nothing"),
    "workflow.error_code_reserved": lambda: GateFailed(error_code="workflow.fail_fast"),
    "workflow.invalid_dag": lambda: run_of("a"),
    "workflow.invalid_dag_cycle": lambda: run_of(
        WorkflowStep("a", MAIL, dependencies=dependencies(("b",))),
        WorkflowStep("b", MAIL, dependencies=dependencies(("a",))),
    ),
    "workflow.invalid_dag_dependency_step_key_blank": lambda: step("a", ""),
    "workflow.invalid_dag_duplicate_dependency": lambda: run_of(
        *OTHER_STEPS, WorkflowStep("a", MAIL, dependencies=dependencies(("b", "b")))
    ),
    "workflow.invalid_dag_duplicate_input": lambda: run_of(
        *OTHER_STEPS,
        WorkflowStep("a", MAIL, dependencies=dependencies(("b",)), inputs=["b", "b"]),
    ),
    "workflow.invalid_dag_duplicate_step_key": lambda: run_of(*STEPS, *STEPS),
    "workflow.invalid_dag_empty": run_of,
    "workflow.invalid_dag_external_step_deadline_invalid": lambda: gate(
        deadline=GateDeadline(0)
    ),
    "workflow.invalid_dag_external_step_inputs_not_allowed": lambda: gate(inputs=["b"]),
    "workflow.invalid_dag_external_step_job_type_not_allowed": lambda: gate(
        job_type=MAIL
    ),
    "workflow.invalid_dag_external_step_queue_settings_not_allowed": lambda: gate(
        priority=1
    ),
    "workflow.invalid_dag_idempotency_key_blank": lambda: run_of(
        *STEPS, idempotency_key=""
    ),
    "workflow.invalid_dag_input_not_prerequisite": lambda: step(inputs=["b"]),
    "workflow.invalid_dag_job_step_deadline_not_allowed": lambda: step(
        deadline=GateDeadline(1)
    ),
    "workflow.invalid_dag_job_type_blank": lambda: step(job_type=" "),
    "workflow.invalid_dag_missing_dependency": lambda: step("a", "b"),
    "workflow.invalid_dag_result_step_key_blank": lambda: run_of(
        *STEPS, result_step_key=""
    ),
    "workflow.invalid_dag_self_dependency": lambda: step("a", "a"),
    "workflow.invalid_dag_step_key_blank": lambda: step(""),
    "workflow.invalid_dag_step_max_attempts_non_positive": lambda: step(max_attempts=0),
    "workflow.invalid_dag_step_timeout_seconds_non_positive": lambda: step(
        timeout_seconds=0
    ),
    "workflow.invalid_dag_unknown_result_step": lambda: run_of(
        *STEPS, result_step_key="b"
    ),
    "workflow.invalid_dag_unknown_step_key": lambda: WorkflowDagBuilder(
        "w"
    ).after_success("a", "b"),
    "workflow.invalid_dag_workflow_type_blank": lambda: WorkflowRunEnqueue("", STEPS),
    "workflow.metadata_not_json": lambda: run_of(*STEPS, metadata={"at": object()}),
}
