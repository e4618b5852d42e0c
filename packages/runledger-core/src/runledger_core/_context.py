"""Tell a handler which attempt of which job it runs."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - cattrs resolves the hints
from uuid import UUID  # noqa: TC003 - cattrs resolves the hints of attrs classes

import attrs

from ._json import JsonValue  # noqa: TC001 - cattrs resolves the hints of attrs classes
from ._lease import Lease


@attrs.frozen(kw_only=True)
class JobContext:
    """
    Hold what a handler may know about its attempt; plain data, no services.

    Args:
        job_id: the job.
        run_number: which run of the job this is, counted from 1; requeueing a job
            that has ended begins the next run.
        attempt: which attempt of the run this is, counted from 1.
        max_attempts: how many attempts the run has.
        organization_id: whose job it is; None for a global one.
        worker_id: the worker that holds the lease.
        job_type: the type of the job.
        checkpoint: what an earlier attempt stored last; None if there is none.
        workflow_run_id: the run of a workflow that the job is a step of, if it is.
        step_key: which step of that run.
        inputs: the outputs of the step's prerequisites that pass theirs on, by step
            key; one that ended without an output is not among them.
    """

    job_id: UUID
    run_number: int
    attempt: int
    max_attempts: int
    organization_id: UUID | None
    worker_id: str
    job_type: str
    checkpoint: JsonValue = attrs.field(default=None, repr=False, hash=False)
    workflow_run_id: UUID | None = None
    step_key: str | None = None
    inputs: Mapping[str, JsonValue] = attrs.field(factory=dict, repr=False, hash=False)

    @property
    def lease(self) -> Lease:
        """The lease under which the handler runs."""
        return Lease(self.job_id, self.run_number, self.attempt, self.worker_id)

    @property
    def is_last_attempt(self) -> bool:
        """Whether a failure of this attempt ends the job as a dead letter."""
        return self.attempt >= self.max_attempts
