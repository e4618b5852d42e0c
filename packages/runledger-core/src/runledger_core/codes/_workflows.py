"""List the codes of workflow runs, their gates, appends and results."""

from __future__ import annotations

from ._entry import CodeKind, ErrorCategory, Layer, entry_maker

_invalid = entry_maker(Layer.POSTGRES, ErrorCategory.VALIDATION)
_conflict = entry_maker(Layer.POSTGRES, ErrorCategory.CONFLICT)
_internal = entry_maker(Layer.POSTGRES, ErrorCategory.INTERNAL)
_stored = entry_maker(Layer.POSTGRES, ErrorCategory.VALIDATION, kind=CodeKind.STORED)

_ISOLATION_REMEDY = "use a READ COMMITTED transaction"

WORKFLOW_CODES = (
    _conflict(
        "workflow.already_enqueued",
        "a run of this workflow type already has this idempotency key",
        "enqueue through enqueue_workflow_run, which answers with the existing run",
    ),
    _conflict(
        "workflow.append_conflicting_retry",
        "the mutation key already belongs to a different append",
        "repeat the append exactly as it was or use a new mutation key",
    ),
    _invalid(
        "workflow.append_mutation_key_blank",
        "the mutation key of the append is blank",
    ),
    _invalid(
        "workflow.append_terminal_run",
        "the run has ended and takes no more steps",
    ),
    _invalid(
        "workflow.append_unsupported_isolation",
        "appending steps needs READ COMMITTED isolation",
        _ISOLATION_REMEDY,
    ),
    _invalid(
        "workflow.append_window_missing",
        "the run has no step with the key of the append window",
    ),
    _invalid(
        "workflow.append_window_not_external",
        "the append window names a job step",
        "name an external gate",
    ),
    _invalid(
        "workflow.append_window_not_open",
        "the append window is not waiting any more, or not yet",
    ),
    _invalid(
        "workflow.cancel_unsupported_isolation",
        "canceling a run needs READ COMMITTED isolation",
        _ISOLATION_REMEDY,
    ),
    _invalid(
        "workflow.definition_not_found_or_disabled",
        "a job step's type has no enabled definition",
        "upsert its job definition or enable it",
    ),
    _stored(
        "workflow.dependency_unsatisfied",
        "a step that this step needs did not succeed",
    ),
    _conflict(
        "workflow.enqueue_conflicting_retry",
        "the idempotency key already belongs to a run with a different request",
        "repeat the request exactly as it was or use a new key",
    ),
    _invalid(
        "workflow.enqueue_idempotency_unsupported_isolation",
        "an enqueue with an idempotency key needs READ COMMITTED isolation",
        "use a READ COMMITTED transaction or leave the key out",
    ),
    _invalid(
        "workflow.error_code_reserved",
        "this error code says that a step was canceled because of another",
        "use a code of your own",
    ),
    _invalid(
        "workflow.external_completion_unsupported_isolation",
        "completing an external gate needs READ COMMITTED isolation",
        _ISOLATION_REMEDY,
    ),
    _invalid(
        "workflow.external_gate_downgrade_blocked",
        "the schema cannot be taken back while external gates are stored",
    ),
    _invalid(
        "workflow.external_step_conflicting_completion_retry",
        "the gate has already been completed differently",
    ),
    _conflict(
        "workflow.external_step_conflicting_output_retry",
        "the gate has already succeeded with a different output",
    ),
    _invalid(
        "workflow.external_step_invalid_terminal_status",
        "a gate cannot end in this status",
        "use SUCCEEDED, FAILED or CANCELED",
    ),
    _invalid(
        "workflow.external_step_not_external",
        "the step is a job, which only its worker can complete",
    ),
    _invalid(
        "workflow.external_step_not_found",
        "there is no such step in this scope",
    ),
    _invalid(
        "workflow.external_step_not_waiting",
        "the gate is still blocked by the steps before it",
    ),
    _invalid(
        "workflow.external_step_output_invalid_status",
        "only a gate that succeeds can have an output",
    ),
    _stored(
        "workflow.fail_fast",
        "another step of the run did not succeed, and the run stops at the first",
    ),
    _stored(
        "workflow.gate_deadline_passed",
        "nobody completed the gate before its deadline",
    ),
    _internal(
        "workflow.handle_storage_error",
        "the result of the run could not be read any more",
        "try again",
    ),
    _conflict(
        "workflow.idempotency_conflict_missing_existing",
        "the idempotency key is taken but its run cannot be found",
        "try again",
    ),
    _internal(
        "workflow.internal_state",
        "the stored state of the run contradicts itself",
        "run audit_ledger and report what it finds",
    ),
    _invalid(
        "workflow.invalid_deadline_limit",
        "the number of gates for one pass over the deadlines is not valid",
        "use 1 to 1000",
    ),
    _invalid(
        "workflow.invalid_reason",
        "the reason or error message is not text that says something",
        "pass text that is not blank, without NUL, at most 64 KiB, or none",
    ),
    _invalid(
        "workflow.invalid_result_wait",
        "the timeout or the poll interval is not a number of seconds",
        "pass a timeout from 0, infinity included, and a positive poll interval",
    ),
    _conflict(
        "workflow.legacy_idempotency_snapshot_missing",
        "the idempotency key belongs to a run from before request snapshots",
        "use a new key",
    ),
    _invalid(
        "workflow.linkage_symmetry_trigger_table_invalid",
        "the linkage trigger is attached to a table it does not know",
    ),
    _invalid(
        "workflow.linkage_symmetry_violation",
        "a step and its job do not refer to each other",
    ),
    _conflict(
        "workflow.release_conflict",
        "somebody else is moving the run and did not finish in time",
        "nothing was written, try again",
    ),
    _internal(
        "workflow.result_missing",
        "the run has succeeded but its result is not stored",
    ),
    _invalid(
        "workflow.result_not_declared",
        "the run declares no result step",
        "name one when you enqueue the run",
    ),
    _conflict(
        "workflow.result_unsuccessful_terminal",
        "the run has ended without success and has no result",
    ),
    _conflict(
        "workflow.result_wait_timeout",
        "the run did not end within the time allowed",
        "wait longer or ask for its status",
    ),
    _invalid(
        "workflow.retry_canceled_run",
        "the run was canceled, which is final",
        "enqueue a new run",
    ),
    _conflict(
        "workflow.retry_conflicting_mutation",
        "the mutation key already belongs to something else",
        "use a new mutation key",
    ),
    _invalid(
        "workflow.retry_external_step",
        "the step is an external gate, which has no job to retry",
    ),
    _invalid(
        "workflow.retry_unsupported_isolation",
        "retrying a step needs READ COMMITTED isolation",
        _ISOLATION_REMEDY,
    ),
    _stored(
        "workflow.run_canceled",
        "the run was canceled before this step ended",
    ),
    _invalid(
        "workflow.run_not_found",
        "there is no such run in this scope",
    ),
    _invalid(
        "workflow.step_not_failed",
        "only a step that failed can be retried",
    ),
    _invalid(
        "workflow.step_not_found",
        "the run has no step with this key",
    ),
    _invalid(
        "workflow.terminal_completion_unsupported_isolation",
        "completing a workflow's job needs READ COMMITTED isolation",
        _ISOLATION_REMEDY,
    ),
)
