"""
Name what must hold in every ledger, between rows and between tables.

Each name is a statement in ``_sql/audit`` that finds the rows for which it does not
hold. What the database refuses by itself, by a key or a check, is not repeated here.
"""

from __future__ import annotations

from typing import Final

import attrs


@attrs.frozen
class Invariant:
    """One thing that must hold; *table* is the one whose row ids the audit returns."""

    name: str
    table: str
    sentence: str


def _of(table: str, **sentences: str) -> tuple[Invariant, ...]:
    return tuple(Invariant(name, table, text) for name, text in sentences.items())


JOB_INVARIANTS: Final = _of(
    "job_queue",
    job_has_definition="a job's type has a definition",
    leased_job_has_open_attempt=(
        "a leased job has exactly one open attempt, with its run, number and worker"
    ),
    job_counts_its_attempts=(
        "a job's attempt number is the number of attempts of its current run, "
        "released claims not counted"
    ),
    attempts_are_contiguous="the attempts of a run are numbered from 1 without a gap",
    attempts_stay_within_maximum=(
        "a job has no more attempts than its maximum, and waits only while one is left"
    ),
    last_attempt_agrees_with_job=(
        "a job's status follows from the outcome of its last attempt, "
        "and both ended in the same instant"
    ),
    started_job_has_attempts="a job has started exactly when its run has an attempt",
    only_leased_job_has_heartbeat="a job has a last heartbeat exactly while leased",
    only_succeeded_job_has_output="only a job that succeeded has an output",
    succeeded_job_is_settled=(
        "a job that succeeded is in stage completed and shows no reason or error"
    ),
    keyed_job_has_snapshot="a job with an idempotency key has its request's snapshot",
    job_times_are_ordered="a job starts before its last heartbeat and its end",
    history_stays_within_runs=(
        "no attempt, event, log or dead letter is about a run that has not begun"
    ),
    released_job_says_so=(
        "a waiting job has the reason RELEASED if its last claim was given back"
    ),
)

ATTEMPT_INVARIANTS: Final = _of(
    "job_attempts",
    attempt_has_job="an attempt belongs to a job",
    open_attempt_has_lease=(
        "an open attempt belongs to a job leased in its run, number and worker"
    ),
    deciding_attempt_is_last=(
        "an attempt that ended its run or was released is the last of that run"
    ),
    attempt_times_are_ordered="an attempt is leased, then started, then finished",
    outcome_is_written_down=(
        "an attempt's outcome is what exactly one event of that attempt says"
    ),
    retry_is_written_down=(
        "an attempt has a retry delay exactly when an event schedules its retry"
    ),
)

EVENT_INVARIANTS: Final = (
    *_of(
        "job_queue",
        history_begins_with_enqueue=(
            "a job's first event is ENQUEUED, in run 1, and there is no other"
        ),
        status_follows_from_events="a job's status is where its last event leads",
        runs_count_requeues=(
            "a run begins with the requeue of an ended one and is numbered after it"
        ),
        ended_run_has_one_terminal_event=(
            "a run that has ended has exactly one terminal event, and no other has any"
        ),
        lease_is_written_down=(
            "an attempt has a LEASED event that names its worker, and the reverse"
        ),
        success_is_written_down=(
            "the event of a success tells the job's final stage and progress"
        ),
    ),
    *_of(
        "job_events",
        event_has_job="an event belongs to a job",
        events_follow_transitions="each event may follow the one before it",
        nothing_follows_the_end=(
            "in a run nothing follows the terminal event but the requeue that "
            "begins the next run"
        ),
        event_names_its_attempt=(
            "an event names the attempt under whose lease it was written"
        ),
        events_are_in_time_order="the events of a job are dated in their order",
    ),
)

DEAD_LETTER_INVARIANTS: Final = (
    *_of(
        "job_queue",
        dead_job_has_dead_letter=(
            "a dead job has a dead letter about its run, attempt and error"
        ),
    ),
    *_of(
        "job_dead_letters",
        dead_letter_names_last_death=(
            "a job has a dead letter exactly when it has died, about its last death"
        ),
        dead_letter_agrees_with_job=(
            "a dead letter has the type and the organization of its job"
        ),
    ),
)

SCHEDULE_INVARIANTS: Final = _of(
    "job_schedules",
    active_schedule_has_enabled_definition=(
        "an active schedule has an enabled job definition"
    ),
)

WORKFLOW_INVARIANTS: Final = (
    *_of(
        "workflow_steps",
        step_counts_its_prerequisites=(
            "a step's counters equal its edges: all of them, and while it is blocked "
            "those pending and those unsatisfied"
        ),
        step_waits_for_its_prerequisites=(
            "a blocked step waits for something, and a released one for nothing"
        ),
        step_names_existing_job="the job that a step names is there",
        released_step_has_job=(
            "a step that a worker carries out has a job from its release on"
        ),
        step_agrees_with_job=(
            "a step has the type and organization of its job, is enqueued until the "
            "job ends, and then has its end and output"
        ),
        workflow_step_end_is_dated=(
            "a step has an end exactly when it has ended, after its start"
        ),
        blocked_steps_form_no_cycle="no blocked step waits for itself",
    ),
    *_of(
        "workflow_runs",
        run_counts_its_steps="a run's counters are what its steps say",
        run_status_follows_from_steps=(
            "a run's status is what its steps add up to, or CANCELED when all ended"
        ),
        workflow_run_end_is_dated=(
            "a run has an end exactly when it has ended, after its start"
        ),
        keyed_run_has_snapshot="a run with an idempotency key has its snapshot",
        run_result_is_output_of_step=(
            "a run's result is the output of the step it names, once it succeeded"
        ),
    ),
    *_of(
        "job_queue",
        workflow_job_runs_are_retries=(
            "the job of a workflow step has one run, and one more for each retry of it"
        ),
    ),
)

INVARIANTS: Final = (
    *JOB_INVARIANTS,
    *ATTEMPT_INVARIANTS,
    *EVENT_INVARIANTS,
    *DEAD_LETTER_INVARIANTS,
    *SCHEDULE_INVARIANTS,
    *WORKFLOW_INVARIANTS,
)
