"""State machines: tables that agree with the statuses and with themselves."""

from collections import Counter
from typing import NamedTuple

import pytest

from runledger_core import (
    JOB_TRANSITIONS,
    OPTIONAL_EVENT_TYPES,
    WORKFLOW_RUN_TRANSITIONS,
    WORKFLOW_STEP_TRANSITIONS,
    JobEventType,
    JobStatus,
    JobTrigger,
    WorkflowRunStatus,
    WorkflowRunTrigger,
    WorkflowStepStatus,
    WorkflowStepTrigger,
)


class Machine(NamedTuple):
    table: tuple
    status: type
    trigger: type


MACHINES = {
    "job": Machine(JOB_TRANSITIONS, JobStatus, JobTrigger),
    "step": Machine(WORKFLOW_STEP_TRANSITIONS, WorkflowStepStatus, WorkflowStepTrigger),
    "run": Machine(WORKFLOW_RUN_TRANSITIONS, WorkflowRunStatus, WorkflowRunTrigger),
}
each_machine = pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)


@each_machine
def test_no_row_is_there_twice(machine):
    rows = Counter((row.source, row.target, row.trigger) for row in machine.table)

    assert max(rows.values()) == 1


@each_machine
def test_rows_use_the_machine_s_own_statuses_and_triggers(machine):
    assert {type(row.target) for row in machine.table} == {machine.status}
    assert {type(row.source) for row in machine.table} == {machine.status, type(None)}
    assert {row.trigger for row in machine.table} == set(machine.trigger)
    assert {type(row.trigger) for row in machine.table} == {machine.trigger}


@each_machine
def test_there_is_one_beginning_and_everything_is_reached_from_it(machine):
    (beginning,) = (row for row in machine.table if row.source is None)

    reached = {beginning.target}
    for _ in machine.status:
        reached |= {row.target for row in machine.table if row.source in reached}

    assert set(machine.status) == reached


@each_machine
def test_every_status_that_is_no_end_leads_to_an_end(machine):
    leading = set(machine.status.terminal())
    for _ in machine.status:
        leading |= {row.source for row in machine.table if row.target in leading}

    assert set(machine.status) <= leading


def test_only_a_retry_brings_ended_steps_and_runs_back_and_never_succeeded_ones():
    revived = {
        (row.source, row.trigger)
        for table in (WORKFLOW_STEP_TRANSITIONS, WORKFLOW_RUN_TRANSITIONS)
        for row in table
        if row.source and row.source.is_terminal
    }

    assert revived == {
        (WorkflowStepStatus.FAILED, WorkflowStepTrigger.RETRY),
        (WorkflowStepStatus.CANCELED, WorkflowStepTrigger.REOPEN),
        (WorkflowRunStatus.COMPLETED_WITH_ERRORS, WorkflowRunTrigger.RETRY_STEP),
    }


def test_only_a_requeue_brings_an_ended_job_back_and_never_a_succeeded_one():
    revived = {
        (row.source, row.target, row.trigger)
        for row in JOB_TRANSITIONS
        if row.source and row.source.is_terminal
    }

    assert revived == {
        (JobStatus.DEAD_LETTERED, JobStatus.PENDING, JobTrigger.REQUEUE),
        (JobStatus.CANCELED, JobStatus.PENDING, JobTrigger.REQUEUE),
    }


def test_only_a_lease_lets_a_job_succeed_or_fail():
    for row in JOB_TRANSITIONS:
        if row.target in {JobStatus.SUCCEEDED, JobStatus.DEAD_LETTERED}:
            assert row.source is JobStatus.LEASED


def test_every_change_of_a_job_leaves_an_event_and_every_event_has_a_change():
    written = {event for row in JOB_TRANSITIONS for event in row.event_types}

    assert all(row.event_types for row in JOB_TRANSITIONS)
    assert set(JobEventType) == written


def test_a_change_of_status_always_leaves_a_required_event():
    for row in JOB_TRANSITIONS:
        if row.source is not row.target:
            assert not OPTIONAL_EVENT_TYPES & set(row.event_types)


def test_a_failure_is_written_before_what_follows_from_it():
    for row in JOB_TRANSITIONS:
        if JobEventType.FAILED in row.event_types:
            failed, consequence = row.event_types
            assert failed is JobEventType.FAILED
            expected = (
                JobEventType.RETRY_SCHEDULED
                if row.target is JobStatus.PENDING
                else JobEventType.DEAD_LETTERED
            )
            assert expected is consequence


def test_a_step_that_waits_for_nobody_is_released_into_one_of_two_statuses():
    released = {
        row.target
        for row in WORKFLOW_STEP_TRANSITIONS
        if row.trigger == WorkflowStepTrigger.RELEASE
    }

    assert released == {
        WorkflowStepStatus.ENQUEUED,
        WorkflowStepStatus.WAITING_FOR_EXTERNAL,
    }
