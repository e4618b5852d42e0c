"""The life of a job."""

from ._cancel import cancel_job
from ._claim import claim_jobs
from ._complete import (
    JobSettlement,
    SettleFailure,
    SettleSuccess,
    complete_job_failure,
    complete_job_success,
    complete_jobs,
)
from ._counts import count_jobs_by_status
from ._enqueue import enqueue_job, enqueue_jobs
from ._explain import explain_job
from ._explanation import ExplanationReason, JobExplanation
from ._heartbeat import heartbeat_job
from ._lease import heartbeat_jobs
from ._progress import save_checkpoint, update_job_progress
from ._reads import (
    get_job_by_id,
    get_job_payload_by_idempotency_key,
    list_job_attempts,
    list_job_events,
    list_jobs,
)
from ._reap import reap_expired_leases
from ._release import release_unstarted_claims
from ._requeue import (
    Requeued,
    RequeueMismatch,
    RequeueNotFound,
    RequeueOutcome,
    requeue_job,
)

__all__ = [
    "ExplanationReason",
    "JobExplanation",
    "JobSettlement",
    "RequeueMismatch",
    "RequeueNotFound",
    "RequeueOutcome",
    "Requeued",
    "SettleFailure",
    "SettleSuccess",
    "cancel_job",
    "claim_jobs",
    "complete_job_failure",
    "complete_job_success",
    "complete_jobs",
    "count_jobs_by_status",
    "enqueue_job",
    "enqueue_jobs",
    "explain_job",
    "get_job_by_id",
    "get_job_payload_by_idempotency_key",
    "heartbeat_job",
    "heartbeat_jobs",
    "list_job_attempts",
    "list_job_events",
    "list_jobs",
    "reap_expired_leases",
    "release_unstarted_claims",
    "requeue_job",
    "save_checkpoint",
    "update_job_progress",
]
