"""List the codes that are raised about jobs."""

from __future__ import annotations

from ._entry import CodeKind, ErrorCategory, Layer, entry_maker

_malformed = entry_maker(Layer.CORE, ErrorCategory.VALIDATION)
_invalid = entry_maker(Layer.POSTGRES, ErrorCategory.VALIDATION)
_conflict = entry_maker(Layer.POSTGRES, ErrorCategory.CONFLICT)
_internal = entry_maker(Layer.POSTGRES, ErrorCategory.INTERNAL)
_forbidden_or_stored = entry_maker(
    Layer.POSTGRES, ErrorCategory.FORBIDDEN, kind=CodeKind.BOTH
)
_invalid_or_stored = entry_maker(
    Layer.POSTGRES, ErrorCategory.VALIDATION, kind=CodeKind.BOTH
)
_malformed_or_stored = entry_maker(
    Layer.CORE, ErrorCategory.VALIDATION, kind=CodeKind.BOTH
)

_JSON_REMEDY = (
    "use dicts with str keys, lists, text without NUL, finite numbers, bool and None, "
    "at most 512 levels deep"
)

JOB_CODES = (
    _conflict(
        "job.already_enqueued",
        "a job of this type already has this idempotency key",
        "enqueue through enqueue_job, which answers with the existing job",
    ),
    _conflict(
        "job.busy",
        "somebody else holds the job or its run at this moment",
        "nothing was written, try again",
    ),
    _malformed_or_stored(
        "job.checkpoint_not_json",
        "the checkpoint is not JSON that PostgreSQL can store",
        _JSON_REMEDY,
    ),
    _invalid(
        "job.copy_key_unsupported",
        "a load through COPY takes no idempotency keys",
        "use enqueue_jobs for requests with keys",
    ),
    _invalid(
        "job.definition_not_found",
        "the job type has no definition",
        "upsert its job definition first",
    ),
    _invalid(
        "job.definition_not_found_or_disabled",
        "the job type has no enabled definition",
        "upsert its job definition or enable it",
    ),
    _invalid(
        "job.enqueue_idempotency_unsupported_isolation",
        "an enqueue with an idempotency key needs READ COMMITTED isolation",
        "use a READ COMMITTED transaction or leave the key out",
    ),
    _internal(
        "job.enqueue_request_snapshot_failed",
        "the enqueue request could not be written down as a snapshot",
    ),
    _internal(
        "job.handle_storage_error",
        "the result of the job could not be read any more",
        "try again",
    ),
    _conflict(
        "job.idempotency_conflict",
        "the idempotency key already belongs to a job with a different request",
        "repeat the request exactly as it was or use a new key",
    ),
    _internal(
        "job.idempotency_conflict_missing_existing",
        "the idempotency key is taken but its job cannot be found",
        "try again",
    ),
    _invalid(
        "job.invalid_claim_limit",
        "the claim limit is not a positive whole number within the allowed maximum",
    ),
    _malformed_or_stored(
        "job.invalid_completion_progress",
        "the progress of the completion is negative, not whole or above its total",
        "report whole numbers with 0 <= done <= total",
    ),
    _invalid(
        "job.invalid_count_limit",
        "exact_up_to is not a whole number from 0 to 1000000",
    ),
    _malformed(
        "job.invalid_failure_kind",
        "the failure kind is not one of the five that a failure can have",
        "use a member of FailureKind",
    ),
    _invalid(
        "job.invalid_lease_duration",
        "the lease duration is not a positive number of seconds",
    ),
    _malformed(
        "job.invalid_log",
        "the log line cannot be stored",
        "give it a message that is not blank, whole numbers and a JSON payload",
    ),
    _malformed(
        "job.invalid_max_attempts",
        "max_attempts is not a whole number from 1 to 2147483647",
    ),
    _malformed(
        "job.invalid_next_run_at",
        "next_run_at is not a point in time",
        "pass a datetime with a time zone, within years 1 to 9999 in UTC",
    ),
    _invalid(
        "job.invalid_pagination",
        "the page limit or cursor is out of range",
        "use a limit from 1 to 1000 and a cursor from an earlier page",
    ),
    _malformed(
        "job.invalid_priority",
        "the priority is not a whole number from -2147483648 to 2147483647",
    ),
    _invalid_or_stored(
        "job.invalid_progress",
        "the progress is negative, not whole or above its total",
        "report whole numbers with 0 <= done <= total, stored values included",
    ),
    _invalid(
        "job.invalid_reap_limit",
        "the number of leases to reap is not a whole number from 1 to 1000",
    ),
    _malformed(
        "job.invalid_reason",
        "the reason is not text that says something",
        "pass text that is not blank, without NUL, at most 64 KiB, or no reason",
    ),
    _invalid(
        "job.invalid_release_delay",
        "the delay of a released claim is not from 0 to 2147483.647 seconds",
    ),
    _invalid(
        "job.invalid_result_wait",
        "the timeout or the poll interval is not a number of seconds",
        "pass a timeout from 0, infinity included, and a positive poll interval",
    ),
    _invalid(
        "job.invalid_retry_delay",
        "the retry delay is not a positive number of milliseconds",
    ),
    _malformed(
        "job.invalid_retry_timing",
        "the time that a failure asks to be tried again at is not one",
        "pass a timedelta of at most 24 days or a datetime with a time zone",
    ),
    _malformed(
        "job.invalid_runtime_config",
        "the runtime configuration is not a JSON object with a positive schema version",
        "pass a dict that PostgreSQL can store as JSON and a version from 1",
    ),
    _invalid(
        "job.invalid_state_transition",
        "the job is in a status that does not allow this",
        "read the job again before you decide",
    ),
    _malformed(
        "job.invalid_timeout",
        "timeout_seconds is not a whole number from 1 to 2147483647",
    ),
    _malformed(
        "job.invalid_trace_context",
        "the trace context cannot be stored",
        "pass a mapping of printable texts, 2 KiB at most in all",
    ),
    _invalid(
        "job.key_scope_ambiguous",
        "an idempotency key belongs to one organization or to none, not to everything",
        "use the scope GLOBAL or Organization(id)",
    ),
    _forbidden_or_stored(
        "job.lease_owner_mismatch",
        "the lease on the job has expired or belongs to somebody else",
        "stop working on this attempt",
    ),
    _conflict(
        "job.legacy_idempotency_snapshot_missing",
        "the idempotency key belongs to a job from before request snapshots",
        "use a new key",
    ),
    _invalid(
        "job.not_found",
        "there is no such job in this scope",
    ),
    _invalid(
        "job.organization_not_found",
        "the organization of the job does not exist",
    ),
    _malformed_or_stored(
        "job.output_not_json",
        "the output is not JSON that PostgreSQL can store",
        _JSON_REMEDY,
    ),
    _malformed(
        "job.payload_not_json",
        "the payload is not JSON that PostgreSQL can store",
        _JSON_REMEDY,
    ),
    _conflict(
        "job.result_unsuccessful_terminal",
        "the job has ended without success and has no result",
    ),
    _conflict(
        "job.result_wait_timeout",
        "the job did not end within the time allowed",
        "wait longer or ask for its status",
    ),
    _invalid(
        "job.runtime_config_not_found",
        "the job type has no runtime configuration",
        "store one before you ask for it",
    ),
    _invalid(
        "job.unstarted_claim_release_not_applicable",
        "the job is not an unstarted claim that could be given back",
    ),
    _invalid(
        "job.workflow_requeue_not_supported",
        "a job that belongs to a workflow cannot be requeued by itself",
        "use retry_workflow_step, or start a new workflow run",
    ),
)
