"""
Contracts of Runledger: types, statuses, transitions, validation; no I/O.

Everything public is here; modules with an underscore are not. Besides, some modules
have an address of their own: ``runledger_core.errors`` with ``runledger_core.codes``,
the table of codes; ``runledger_core.migrations``, which loads vendored sets; and
``runledger_core.workflows``, which is imported only where workflows are built.
"""

from __future__ import annotations

from ._completion import JobCompletion
from ._context import JobContext
from ._cron import CronExpression
from ._definition import JobDefinition
from ._enqueue import JobEnqueue
from ._failures import (
    MAX_DETAIL_BYTES,
    DeadLetterReason,
    JobDeadLetterInfo,
    JobFailure,
    is_retryable,
)
from ._fast_constructor import fast_constructor
from ._firing import (
    MAX_JITTER_SECONDS,
    MISFIRE_GRACE_SECONDS,
    Firing,
    jittered_fire_at,
    next_fire_at,
    next_fire_at_after_firing,
    plan_firing,
    preview_schedule,
)
from ._identifiers import (
    IDENTIFIER_WHITESPACE,
    MAX_IDENTIFIER_BYTES,
    check_identifier,
    check_uuid,
    identifier_field,
)
from ._instants import (
    check_instant,
)
from ._json import MAX_JSON_DEPTH, JsonInput, JsonValue, check_json
from ._lease import Lease
from ._migration_difference import (
    MigrationDifference,
    MigrationDifferenceKind,
    compare_migrations,
)
from ._migration_set import Migration, MigrationSet, load_migrations
from ._numbers import check_whole_number
from ._retry import Jitter, ReferenceRetryPolicy, RetryDelay, RetryPolicy
from ._schedule import (
    JobSchedule,
    check_schedule_name,
)
from ._schedule_policies import MAX_MISFIRE_LIMIT, MisfirePolicy, OverlapPolicy
from ._scopes import (
    EVERYTHING,
    GLOBAL,
    EverythingScope,
    GlobalScope,
    Organization,
    Scope,
)
from ._snapshot import job_snapshot
from ._statuses import (
    AttemptOutcome,
    DependencyReleaseMode,
    FailureKind,
    JobEventType,
    JobStage,
    JobStatus,
    StepExecutionKind,
    WorkflowRunStatus,
    WorkflowStepStatus,
)
from ._text import MAX_TEXT_BYTES, check_text
from ._transitions import (
    JOB_TRANSITIONS,
    OPTIONAL_EVENT_TYPES,
    WORKFLOW_RUN_TRANSITIONS,
    WORKFLOW_STEP_TRANSITIONS,
    JobTrigger,
    Transition,
    WorkflowRunTrigger,
    WorkflowStepTrigger,
)
from .codes import CODES, CodeEntry, CodeKind, ErrorCategory, Layer
from .errors import RunledgerError, ValidationError

__all__ = [
    "CODES",
    "EVERYTHING",
    "GLOBAL",
    "IDENTIFIER_WHITESPACE",
    "JOB_TRANSITIONS",
    "MAX_DETAIL_BYTES",
    "MAX_IDENTIFIER_BYTES",
    "MAX_JITTER_SECONDS",
    "MAX_JSON_DEPTH",
    "MAX_MISFIRE_LIMIT",
    "MAX_TEXT_BYTES",
    "MISFIRE_GRACE_SECONDS",
    "OPTIONAL_EVENT_TYPES",
    "WORKFLOW_RUN_TRANSITIONS",
    "WORKFLOW_STEP_TRANSITIONS",
    "AttemptOutcome",
    "CodeEntry",
    "CodeKind",
    "CronExpression",
    "DeadLetterReason",
    "DependencyReleaseMode",
    "ErrorCategory",
    "EverythingScope",
    "FailureKind",
    "Firing",
    "GlobalScope",
    "Jitter",
    "JobCompletion",
    "JobContext",
    "JobDeadLetterInfo",
    "JobDefinition",
    "JobEnqueue",
    "JobEventType",
    "JobFailure",
    "JobSchedule",
    "JobStage",
    "JobStatus",
    "JobTrigger",
    "JsonInput",
    "JsonValue",
    "Layer",
    "Lease",
    "Migration",
    "MigrationDifference",
    "MigrationDifferenceKind",
    "MigrationSet",
    "MisfirePolicy",
    "Organization",
    "OverlapPolicy",
    "ReferenceRetryPolicy",
    "RetryDelay",
    "RetryPolicy",
    "RunledgerError",
    "Scope",
    "StepExecutionKind",
    "Transition",
    "ValidationError",
    "WorkflowRunStatus",
    "WorkflowRunTrigger",
    "WorkflowStepStatus",
    "WorkflowStepTrigger",
    "check_identifier",
    "check_instant",
    "check_json",
    "check_schedule_name",
    "check_text",
    "check_uuid",
    "check_whole_number",
    "compare_migrations",
    "fast_constructor",
    "identifier_field",
    "is_retryable",
    "jittered_fire_at",
    "job_snapshot",
    "load_migrations",
    "next_fire_at",
    "next_fire_at_after_firing",
    "plan_firing",
    "preview_schedule",
]
