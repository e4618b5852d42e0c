"""Know which workers are there, what they run, and which of them sleep."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

import attrs

from runledger_core import check_identifier

from .._operation import operation
from .._statements import spanned_statement, statement
from .._steps import committed, committed_tuples, rows
from ._fronts import NO_SPANS
from ._lease import check_lease_seconds

if TYPE_CHECKING:
    from collections.abc import Collection

    from .._steps import Steps
    from ._fronts import QueueFronts

ANNOUNCE_WORKER = statement("workers/announce_worker")
WITHDRAW_WORKER = statement("workers/withdraw_worker")
FALL_ASLEEP = statement("workers/fall_asleep")
FALL_SPANNED_ASLEEP = spanned_statement("workers/fall_asleep")
AWAKE = statement("workers/awake")
WAKE_WORKER = statement("workers/wake_worker")
NOTIFY_WORKER = statement("workers/notify_worker")

_CHANNEL_DIGITS: Final = 32


@attrs.frozen
class WorkerRest:
    """
    How long a worker may sleep, unless it is woken.

    ``seconds`` is 0 if a job is due already. ``was_asleep`` is None for a worker that
    is not announced: nobody will wake it.
    """

    seconds: float
    was_asleep: bool | None


def wake_channel(worker_id: str) -> str:
    """
    Return the name of the channel on which a worker hears that it has work.

    ``runledger_`` and the first 32 hexadecimal digits of the SHA-256 of its id: a
    channel's name has 63 bytes, and one for each worker lets PostgreSQL pass by the
    others. The payload of a notification that means work is the worker's id.
    """
    digest = sha256(worker_id.encode()).hexdigest()
    return f"runledger_{digest[:_CHANNEL_DIGITS]}"


@operation(owns_transaction=True)
def announce_worker(
    *, worker_id: str, job_types: Collection[str], ttl_seconds: int
) -> Steps[None]:
    """
    Say that a worker is there and claims jobs of these types.

    It counts as alive for *ttl_seconds*; repeat the call well before that. Nothing is
    claimed or kept from being claimed by it: it is what ``explain_job`` looks at when
    it is asked why a job does not run. Locks the worker's own row.

    Raises:
        QueryError: ``job.invalid_lease_duration``, ``db.transaction_not_owned``.
        ValidationError: ``identifier.*`` for the worker id.
    """
    check_identifier(worker_id, "worker_id")
    check_lease_seconds(ttl_seconds)
    yield from rows(
        ANNOUNCE_WORKER,
        worker_id=worker_id,
        job_types=sorted(job_types),
        ttl_seconds=ttl_seconds,
    )


@operation(owns_transaction=True)
def withdraw_worker(worker_id: str) -> Steps[None]:
    """
    Say that a worker has ended. A repeat does nothing; locks the worker's own row.

    Raises:
        QueryError: ``db.transaction_not_owned``.
        ValidationError: ``identifier.*`` for the worker id.
    """
    check_identifier(worker_id, "worker_id")
    yield from rows(WITHDRAW_WORKER, worker_id=worker_id)


@operation(owns_transaction=True)
def fall_asleep(
    *,
    worker_id: str,
    job_types: Collection[str],
    longest_seconds: float,
    fronts: QueueFronts | None = None,
) -> Steps[WorkerRest]:
    """
    Mark a worker as asleep: an enqueue of these types may wake it from now on.

    Returns how long to sleep at most: until a job of these types is due that no other
    sleeper is going to look for, and no longer than *longest_seconds*; 0 when one is
    due now. A worker that was awake before must repeat the call before it sleeps, since
    a job may have been enqueued meanwhile by somebody who could not see the mark.
    Repeat it also when the time is over: a second later the worker counts as gone.

    Whoever wakes it takes the mark away. Listen on `wake_channel`, and poll all the
    same: a notification can get lost, and none is sent for a job whose transaction
    began before the worker fell asleep. With *fronts* it looks for jobs from where
    those say, as the worker's claims should. Locks the worker's own row.

    Raises:
        QueryError: ``db.transaction_not_owned``.
        ValidationError: ``identifier.*`` for the worker id.
    """
    check_identifier(worker_id, "worker_id")
    chosen, spans = FALL_ASLEEP, NO_SPANS
    if fronts is not None:
        chosen, spans = FALL_SPANNED_ASLEEP, fronts.spans(job_types)
    [(seconds, was_asleep)] = yield from committed_tuples(
        chosen,
        worker_id=worker_id,
        wakes_for=sorted(job_types),
        longest_seconds=longest_seconds,
        wake_channel=wake_channel(worker_id),
        **spans,
    )
    return WorkerRest(seconds, was_asleep)


@operation(owns_transaction=True)
def awake(worker_id: str) -> Steps[None]:
    """
    Mark a worker as awake: nobody has to wake it. A repeat does nothing.

    Locks the worker's own row.

    Raises:
        QueryError: ``db.transaction_not_owned``.
        ValidationError: ``identifier.*`` for the worker id.
    """
    check_identifier(worker_id, "worker_id")
    yield from committed(AWAKE, worker_id=worker_id)


@operation(owns_transaction=True)
def wake_worker(*, worker_id: str, job_types: Collection[str]) -> Steps[str | None]:
    """
    Wake the worker that has slept longest and takes any of these types.

    For *worker_id*, which was woken and has no room for all there is. Returns the
    other's id, None if nobody sleeps. Locks its row, and waits for none.

    Raises:
        QueryError: ``db.transaction_not_owned``.
        ValidationError: ``identifier.*`` for the worker id.
    """
    check_identifier(worker_id, "worker_id")
    found = yield from committed(
        WAKE_WORKER, worker_id=worker_id, job_types=sorted(job_types)
    )
    return found["worker_id"] if found else None


@operation(owns_transaction=True)
def notify_worker(worker_id: str, *, payload: str) -> Steps[None]:
    """
    Send a worker a notification with a payload of its own, to try whether it hears.

    Raises:
        QueryError: ``db.transaction_not_owned``.
        ValidationError: ``identifier.*`` for the worker id.
    """
    check_identifier(worker_id, "worker_id")
    yield from rows(
        NOTIFY_WORKER, wake_channel=wake_channel(worker_id), payload=payload
    )
