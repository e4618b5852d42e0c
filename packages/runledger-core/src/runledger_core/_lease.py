"""Identify one claim of one job by one worker."""

from __future__ import annotations

from uuid import UUID  # noqa: TC003 - cattrs resolves the hints of attrs classes

import attrs


@attrs.frozen
class Lease:
    """
    Prove to the storage layer that a worker holds a job.

    A lease is live while the job is LEASED with exactly these four values and its
    expiry lies ahead on the database's clock. Nothing is checked here: leases are
    made by the thousand each second from what the database answered, and one that
    is not true is refused there.

    Args:
        job_id: the job.
        run_number: which run of it, counted from 1.
        attempt: which attempt of the run, counted from 1.
        worker_id: who claimed it.
    """

    job_id: UUID
    run_number: int
    attempt: int
    worker_id: str
