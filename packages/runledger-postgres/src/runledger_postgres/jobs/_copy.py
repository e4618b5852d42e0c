"""Put very many jobs on the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._json_text import json_text, json_text_or_none
from .._operation import operation
from .._statements import statement
from .._steps import copy, one, script
from ..errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runledger_core import JobEnqueue

    from .._steps import Steps

CREATE_COPIED_JOBS = statement("jobs/create_copied_jobs")
COPY_JOBS = statement("jobs/copy_jobs")
INSERT_COPIED_JOBS = statement("jobs/insert_copied_jobs")
DROP_COPIED_JOBS = statement("jobs/drop_copied_jobs")


@operation
def copy_jobs(requests: Iterable[JobEnqueue]) -> Steps[int]:
    """
    Put any number of jobs without keys on the queue, all or none, and count them.

    The requests are taken one at a time and streamed through COPY, so that a generator
    of millions needs no memory here. Ids follow the order of the requests. For loads of
    thousands and more; ``enqueue_jobs`` is for less, for keys, and tells the ids. A
    repeat enqueues everything again. Needs the privilege to create temporary tables.

    Locks the definitions FOR SHARE from the end of the stream on. Asyncio code waits in
    the event loop for what the iterator does.

    Raises:
        QueryError: ``job.definition_not_found_or_disabled`` (names the types),
            ``job.copy_key_unsupported``. Whatever *requests* raises.
    """
    yield from script(CREATE_COPIED_JOBS)
    copied = yield from copy(COPY_JOBS, _rows(requests))
    outcome = yield from one(INSERT_COPIED_JOBS)
    if outcome["refused_types"]:
        named = ", ".join(repr(job_type) for job_type in outcome["refused_types"])
        raise QueryError("job.definition_not_found_or_disabled", f"job types {named}")
    yield from script(DROP_COPIED_JOBS)
    return copied


def _rows(requests: Iterable[JobEnqueue]) -> Iterator[tuple[object, ...]]:
    for request in requests:
        if request.idempotency_key is not None:
            raise QueryError("job.copy_key_unsupported")
        yield (
            request.job_type,
            request.organization_id,
            json_text(request.payload),
            request.priority,
            request.max_attempts,
            request.timeout_seconds,
            request.next_run_at,
            request.effective_stage,
            json_text_or_none(request.trace_context),
        )
