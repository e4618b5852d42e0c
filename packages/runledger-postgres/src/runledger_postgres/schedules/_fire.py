"""Enqueue the jobs of schedules that are due, exactly one for each slot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from runledger_core import (
    Firing,
    JobEnqueue,
    JobStage,
    OverlapPolicy,
    RunledgerError,
    plan_firing,
)

from .._operation import operation
from .._savepoints import in_savepoint
from .._statements import statement
from .._steps import one, rows
from .._waits import bounded
from ..errors import QueryError
from ..jobs import enqueue_jobs
from ._due import claim_due_schedules
from ._records import DeferredSchedule, FiredSlot, FireReport, JobScheduleRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from runledger_core import JsonValue

    from .._steps import Steps
    from ..records import JobEnqueueOutcome
    from ._records import DueSchedule

LIST_UNENDED_JOBS = statement("schedules/list_unended_jobs")
LOCK_FIRED_DEFINITIONS = statement("schedules/lock_fired_definitions")
MOVE_FIRED_SCHEDULES = statement("schedules/move_fired_schedules")
DEFER_SCHEDULES = statement("schedules/defer_schedules")
NEXT_DUE_SCHEDULE = statement("schedules/next_due_schedule")

KEY_PREFIX: Final = "schedule:"
"""What the idempotency keys of slots begin with; purge_jobs.sql knows it too."""
PAYLOAD_KEY: Final = "_schedule"

# A batch that meets a lock looks for it by halves, and each part waits once more.
_LOCK_WAIT_SECONDS: Final = 0.2
_ERROR_SECONDS: Final = 30.0
_BUSY_SECONDS: Final = 1.0
_UNDEFINED: Final = "job.definition_not_found_or_disabled"


@operation(owns_transaction=True)
def fire_due_schedules(*, limit: int = 100) -> Steps[FireReport]:
    """
    Enqueue the jobs of up to *limit* due schedules (1 to 1000), the longest due first.

    In one transaction a schedule gets a job for its slot and moves on to the next, by
    the database's clock. The job's key is made of the schedule and the slot, so there
    is never a second one, whatever is killed and however clocks jump. Policies decide
    about missed slots and about jobs that still run; the payload is the template with
    the key ``_schedule``: ``schedule_id``, ``schedule_name``, ``scheduled_for``. A
    template that is no object is under ``payload`` beside it.

    A schedule that cannot fire keeps its slot and is put off by 30 seconds, with the
    error on its row; one whose definition is being changed at the moment, by a second.
    Neither holds up the others.

    Locks the schedules' rows, stepping over those that another scheduler holds, and
    then their definitions FOR SHARE, stepping over those that are being changed; for
    anything else it waits a fifth of a second. Any number of schedulers may run.
    Call again while the report has more.

    Raises:
        QueryError: ``job.invalid_claim_limit``, ``db.transaction_not_owned``.
    """
    return (yield from bounded(_fire(limit), seconds=_LOCK_WAIT_SECONDS))


@attrs.frozen
class _Move:
    """A schedule that goes on to *next_fire_at*, and the jobs of its slots."""

    schedule: JobScheduleRecord
    next_fire_at: datetime
    slots: tuple[datetime, ...]
    requests: tuple[JobEnqueue, ...]


@attrs.frozen
class _Deferral:
    """A schedule that has to wait, and why if that is worth keeping."""

    schedule: JobScheduleRecord
    error: RunledgerError | None = None

    @property
    def seconds(self) -> float:
        return _BUSY_SECONDS if self.error is None else _ERROR_SECONDS


@attrs.frozen
class _Surroundings:
    """What the due schedules meet: unended jobs, and definitions that are enabled."""

    unended_job_ids: frozenset[UUID]
    held_types: frozenset[str]
    busy_types: frozenset[str]


def _fire(limit: int) -> Steps[FireReport]:
    due = yield from claim_due_schedules.steps(limit=limit)
    fired: tuple[FiredSlot, ...] = ()
    deferred: tuple[DeferredSchedule, ...] = ()
    skipped_count = 0
    if due:
        surroundings = yield from _look_around(due)
        decided = [_decide(one, surroundings) for one in due]
        moves = [each for each in decided if isinstance(each, _Move)]
        deferrals = [each for each in decided if isinstance(each, _Deferral)]
        fired, failed = yield from _move_apart(moves)
        deferred = yield from _defer([*deferrals, *failed])
        skipped_count = sum(not move.slots for move in moves)
    following = yield from one(NEXT_DUE_SCHEDULE)
    return FireReport(
        fired=fired,
        skipped_count=skipped_count,
        deferred=deferred,
        has_more=len(due) == limit,
        next_due_in_seconds=following["due_in_seconds"],
    )


def _look_around(due: Sequence[DueSchedule]) -> Steps[_Surroundings]:
    schedules = [each.schedule for each in due]
    last_job_ids = [
        schedule.last_job_id
        for schedule in schedules
        if schedule.overlap_policy is OverlapPolicy.SKIP and schedule.last_job_id
    ]
    unended: frozenset[UUID] = frozenset()
    if last_job_ids:
        found = yield from rows(LIST_UNENDED_JOBS, job_ids=last_job_ids)
        unended = frozenset(row["id"] for row in found)
    enabled = yield from rows(
        LOCK_FIRED_DEFINITIONS,
        job_types=sorted({schedule.job_type for schedule in schedules}),
    )
    return _Surroundings(
        unended_job_ids=unended,
        held_types=frozenset(row["job_type"] for row in enabled if row["is_held"]),
        busy_types=frozenset(row["job_type"] for row in enabled if not row["is_held"]),
    )


def _decide(due: DueSchedule, surroundings: _Surroundings) -> _Move | _Deferral:
    schedule = due.schedule
    try:
        firing = _firing(due, surroundings)
        requests = tuple(_request(schedule, slot) for slot in firing.slots)
    except RunledgerError as error:
        return _Deferral(schedule, error)
    if requests and schedule.job_type in surroundings.busy_types:
        return _Deferral(schedule)
    if requests and schedule.job_type not in surroundings.held_types:
        detail = f"job type {schedule.job_type!r}"
        return _Deferral(schedule, QueryError(_UNDEFINED, detail))
    return _Move(schedule, firing.next_fire_at, firing.slots, requests)


def _firing(due: DueSchedule, surroundings: _Surroundings) -> Firing:
    schedule = due.schedule
    firing = plan_firing(
        schedule.cron(),
        scheduled_for=schedule.next_fire_at,
        now=due.now,
        schedule_id=schedule.id,
        max_jitter_seconds=schedule.max_jitter_seconds,
        misfire_policy=schedule.misfire_policy,
        misfire_limit=schedule.misfire_limit,
    )
    if schedule.overlap_policy is OverlapPolicy.ALLOW:
        return firing
    # The job of the first slot would still be there when the second had its turn.
    runs = schedule.last_job_id in surroundings.unended_job_ids
    return attrs.evolve(firing, slots=() if runs else firing.slots[:1])


def _request(schedule: JobScheduleRecord, slot: datetime) -> JobEnqueue:
    template = schedule.payload_template
    payload: dict[str, JsonValue] = (
        dict(template) if isinstance(template, dict) else {"payload": template}
    )
    instant = slot.isoformat()
    payload[PAYLOAD_KEY] = {
        "schedule_id": str(schedule.id),
        "schedule_name": schedule.name,
        "scheduled_for": instant,
    }
    return JobEnqueue(
        schedule.job_type,
        payload,
        organization_id=schedule.organization_id,
        idempotency_key=f"{KEY_PREFIX}{schedule.id}:{instant}",
        stage=JobStage.SCHEDULED.value,
    )


def _move_apart(
    moves: Sequence[_Move],
) -> Steps[tuple[tuple[FiredSlot, ...], tuple[_Deferral, ...]]]:
    """Move all at once; where one spoils it for all, look for it by halves."""
    if not moves:
        return (), ()
    outcome = yield from in_savepoint(_move(moves))
    if not isinstance(outcome, QueryError):
        return outcome, ()
    if len(moves) == 1:
        return (yield from _after_failure(moves[0], outcome))
    middle = len(moves) // 2
    fired, failed = yield from _move_apart(moves[:middle])
    more_fired, more_failed = yield from _move_apart(moves[middle:])
    return fired + more_fired, failed + more_failed


def _after_failure(
    move: _Move, error: QueryError
) -> Steps[tuple[tuple[FiredSlot, ...], tuple[_Deferral, ...]]]:
    if error.code != "job.idempotency_conflict":
        return (), (_Deferral(move.schedule, error),)
    # Somebody moved the cursor back to a slot that has its job, and the template is no
    # longer what it was then. The slot has been fired.
    following = move.slots[1] if len(move.slots) > 1 else move.next_fire_at
    past = attrs.evolve(move, slots=(), requests=(), next_fire_at=following)
    yield from _move([past])
    return (), ()


def _move(moves: Sequence[_Move]) -> Steps[tuple[FiredSlot, ...]]:
    requests = [request for move in moves for request in move.requests]
    outcomes = iter((yield from enqueue_jobs.steps(requests)))
    fired = [_fired(move, outcomes) for move in moves]
    yield from rows(
        MOVE_FIRED_SCHEDULES,
        schedule_ids=[move.schedule.id for move in moves],
        next_fires_at=[move.next_fire_at for move in moves],
        job_ids=[slots[-1].job_id if slots else None for slots in fired],
        skips=[not slots for slots in fired],
    )
    return tuple(slot for slots in fired for slot in slots)


def _fired(move: _Move, outcomes: Iterable[JobEnqueueOutcome]) -> list[FiredSlot]:
    # The slots come first, so that no outcome is taken for a slot that is not there.
    return [
        FiredSlot(
            schedule_id=move.schedule.id,
            schedule_name=move.schedule.name,
            job_type=move.schedule.job_type,
            scheduled_for=slot,
            job_id=outcome.job_id,
            disposition=outcome.disposition,
        )
        for slot, outcome in zip(move.slots, outcomes, strict=False)
    ]


def _defer(deferrals: Sequence[_Deferral]) -> Steps[tuple[DeferredSchedule, ...]]:
    if not deferrals:
        return ()
    answers = yield from rows(
        DEFER_SCHEDULES,
        schedule_ids=[each.schedule.id for each in deferrals],
        seconds=[each.seconds for each in deferrals],
        codes=[each.error.code if each.error else None for each in deferrals],
        messages=[
            each.error.client_message if each.error else None for each in deferrals
        ],
    )
    until = {row["id"]: row["deferred_until"] for row in answers}
    return tuple(
        DeferredSchedule(
            schedule_id=each.schedule.id,
            schedule_name=each.schedule.name,
            job_type=each.schedule.job_type,
            scheduled_for=each.schedule.next_fire_at,
            deferred_until=until[each.schedule.id],
            error=each.error,
        )
        for each in deferrals
    )
