"""The life of a job."""

from ._cancel import (
    cancel_job,
)
from ._claim import claim_jobs
from ._complete import (
    complete_job_failure,
    complete_job_success,
    complete_jobs,
)
from ._copy import copy_jobs
from ._counts import count_jobs_by_status
from ._dead_letters import (
    get_dead_letter,
    list_dead_letters,
)
from ._enqueue import enqueue_job, enqueue_jobs
from ._explain import explain_job
from ._explanation import ExplanationReason, JobExplanation
from ._fronts import QueueFronts, survey_queue
from ._heartbeat import heartbeat_job
from ._lease import heartbeat_jobs
from ._logs import (
    JobLogLine,
    insert_job_log,
    insert_job_logs,
    list_job_logs,
)
from ._metrics import (
    get_job_metrics,
)
from ._payloads import (
    update_job_payload_field,
    update_job_payload_uuid_array_field,
)
from ._progress import (
    Checkpoint,
    ProgressReport,
    report_progress,
    save_checkpoint,
    update_job_progress,
)
from ._reads import (
    get_job_by_id,
    get_job_payload_by_idempotency_key,
    list_job_attempts,
    list_job_events,
    list_jobs,
)
from ._reap import reap_expired_leases
from ._records import (
    DeadLetterCursor,
    DeadLetterPage,
    DeadLetterSummary,
    JobDeadLetterRecord,
    JobLogRecord,
    JobMetricsRecord,
)
from ._release import release_unstarted_claims
from ._requeue import (
    Requeued,
    RequeueMismatch,
    RequeueNotFound,
    RequeueOutcome,
    requeue_job,
)
from ._settlements import JobSettlement, SettleFailure, SettleSuccess
from ._workers import (
    WorkerRest,
    announce_worker,
    awake,
    fall_asleep,
    notify_worker,
    wake_channel,
    wake_worker,
    withdraw_worker,
)

__all__ = [
    "Checkpoint",
    "DeadLetterCursor",
    "DeadLetterPage",
    "DeadLetterSummary",
    "ExplanationReason",
    "JobDeadLetterRecord",
    "JobExplanation",
    "JobLogLine",
    "JobLogRecord",
    "JobMetricsRecord",
    "JobSettlement",
    "ProgressReport",
    "QueueFronts",
    "RequeueMismatch",
    "RequeueNotFound",
    "RequeueOutcome",
    "Requeued",
    "SettleFailure",
    "SettleSuccess",
    "WorkerRest",
    "announce_worker",
    "awake",
    "cancel_job",
    "claim_jobs",
    "complete_job_failure",
    "complete_job_success",
    "complete_jobs",
    "copy_jobs",
    "count_jobs_by_status",
    "enqueue_job",
    "enqueue_jobs",
    "explain_job",
    "fall_asleep",
    "get_dead_letter",
    "get_job_by_id",
    "get_job_metrics",
    "get_job_payload_by_idempotency_key",
    "heartbeat_job",
    "heartbeat_jobs",
    "insert_job_log",
    "insert_job_logs",
    "list_dead_letters",
    "list_job_attempts",
    "list_job_events",
    "list_job_logs",
    "list_jobs",
    "notify_worker",
    "reap_expired_leases",
    "release_unstarted_claims",
    "report_progress",
    "requeue_job",
    "save_checkpoint",
    "survey_queue",
    "update_job_payload_field",
    "update_job_payload_uuid_array_field",
    "update_job_progress",
    "wake_channel",
    "wake_worker",
    "withdraw_worker",
]
