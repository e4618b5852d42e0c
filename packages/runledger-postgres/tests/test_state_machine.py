"""Random operations on a real database, held against the transitions of core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from runledger_core import (
    EVERYTHING,
    JOB_TRANSITIONS,
    FailureKind,
    Jitter,
    JobDefinition,
    JobEnqueue,
    JobFailure,
    JobStatus,
    JobTrigger,
    Lease,
    RetryPolicy,
    is_retryable,
)
from runledger_postgres import (
    QueryError,
    Requeued,
    SettleFailure,
    SettleSuccess,
    audit_ledger,
    cancel_job,
    claim_jobs,
    complete_jobs,
    enqueue_job,
    heartbeat_job,
    heartbeat_jobs,
    reap_expired_leases,
    release_unstarted_claims,
    requeue_job,
    save_checkpoint,
    update_job_progress,
    upsert_job_definition,
)

if TYPE_CHECKING:
    from uuid import UUID

    import psycopg

pytestmark = [pytest.mark.db, pytest.mark.slow]

# Whoever waits for a retry waits until the machine lets time pass.
NEXT_YEAR = RetryPolicy(
    base_seconds=86_400, factor=1, cap_seconds=86_400, jitter=Jitter.NONE
)
TARGETS = {(row.source, row.trigger): [] for row in JOB_TRANSITIONS}
for row in JOB_TRANSITIONS:
    TARGETS[row.source, row.trigger].append(row.target)

WORKERS = st.sampled_from(["w1", "w2"])
PICKS = st.integers(0, 999)
ENDS = st.none() | st.sampled_from(FailureKind)


@attrs.define
class Job:
    """What the machine believes about a job."""

    max_attempts: int
    status: JobStatus = JobStatus.PENDING
    run_number: int = 1
    attempt: int = 0
    lease: Lease | None = None
    has_expired: bool = False
    has_begun: bool = False
    is_due: bool = True
    is_quiescing: bool = False

    def may(self, trigger: JobTrigger) -> bool:
        """Tell whether the table knows this change."""
        return (self.status, trigger) in TARGETS

    def follow(self, trigger: JobTrigger) -> None:
        """Take the status that the table says."""
        [self.status] = TARGETS[self.status, trigger]
        if self.status is not JobStatus.LEASED:
            self.lease = None
            self.has_expired = self.has_begun = False

    def is_held_under(self, lease: Lease) -> bool:
        return self.lease == lease and not self.has_expired


def has_jobs(machine: LedgerMachine) -> bool:
    return bool(machine.known)


def has_granted(machine: LedgerMachine) -> bool:
    return bool(machine.granted)


class LedgerMachine(RuleBasedStateMachine):
    """Do anything to a few jobs; the ledger must do what the table says."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        super().__init__()
        self.connection = connection
        self.known: dict[UUID, Job] = {}
        self.granted: list[Lease] = []
        connection.execute("TRUNCATE job_queue CASCADE")

    def do(self, operation: Any, *arguments: Any, **values: Any) -> Any:
        """Return what an operation returns or why it refuses."""
        try:
            return operation(self.connection, *arguments, **values)
        except QueryError as refusal:
            return refusal

    def some_job(self, pick: int) -> UUID:
        """Choose a job: every other time the first, so that it comes far."""
        jobs = list(self.known)
        return jobs[pick // 2 % len(jobs)] if pick % 2 else jobs[0]

    def some_lease(self, pick: int) -> Lease:
        """Choose a lease: one in four is any that was ever granted."""
        held = [job.lease for job in self.known.values() if job.lease is not None]
        leases = held if held and pick % 4 else self.granted
        return leases[pick // 4 % len(leases)]

    # A few jobs that live long tell more than many.
    @precondition(lambda self: len(self.known) < 3)
    @rule(max_attempts=st.integers(1, 3), is_keyed=st.booleans())
    def enqueue(self, max_attempts: int, is_keyed: bool) -> None:
        key = f"key-{len(self.known)}" if is_keyed else None
        request = JobEnqueue("mail", max_attempts=max_attempts, idempotency_key=key)
        outcome = self.do(enqueue_job, request)
        if is_keyed:
            assert outcome.job_id == self.do(enqueue_job, request).job_id
        self.known[outcome.job_id] = Job(max_attempts)

    @rule(worker_id=WORKERS, limit=st.integers(1, 3))
    def claim(self, worker_id: str, limit: int) -> None:
        due = {
            job_id
            for job_id, job in self.known.items()
            if job.may(JobTrigger.CLAIM) and job.is_due
        }
        claimed = self.do(
            claim_jobs, worker_id=worker_id, lease_seconds=600, limit=limit
        )

        assert {each.lease.job_id for each in claimed} <= due
        assert len(claimed) == min(limit, len(due))
        for each in claimed:
            job = self.known[each.lease.job_id]
            job.follow(JobTrigger.CLAIM)
            job.attempt += 1
            job.lease = each.lease
            self.granted.append(each.lease)

    @precondition(has_granted)
    @rule(pick=PICKS, is_batched=st.booleans())
    def heartbeat(self, pick: int, is_batched: bool) -> None:
        lease = self.some_lease(pick)
        job = self.known[lease.job_id]
        if is_batched:
            report = self.do(heartbeat_jobs, [lease], lease_seconds=600)
            is_renewed = lease in report.renewed
        else:
            is_renewed = not isinstance(
                self.do(heartbeat_job, lease, lease_seconds=600), QueryError
            )

        assert is_renewed == job.is_held_under(lease)
        if is_renewed:
            job.follow(JobTrigger.HEARTBEAT)
            job.has_begun = True

    @precondition(has_granted)
    @rule(pick=PICKS, stage=st.none() | st.sampled_from(["sending", "running"]))
    def report(self, pick: int, stage: str | None) -> None:
        lease = self.some_lease(pick)
        job = self.known[lease.job_id]
        if stage is None:
            answer = self.do(save_checkpoint, lease, [1])
        else:
            answer = self.do(update_job_progress, lease, stage=stage, progress_done=1)

        assert isinstance(answer, QueryError) != job.is_held_under(lease)
        if job.is_held_under(lease):
            job.follow(JobTrigger.PROGRESS)
            job.has_begun = True

    @precondition(has_granted)
    @rule(chosen=st.lists(st.tuples(PICKS, ENDS), min_size=1, max_size=3))
    def complete(self, chosen: list[tuple[int, FailureKind | None]]) -> None:
        ends = {self.some_lease(pick): kind for pick, kind in chosen}
        held = {
            lease for lease in ends if self.known[lease.job_id].is_held_under(lease)
        }
        results = self.do(
            complete_jobs,
            [
                SettleSuccess(lease)
                if kind is None
                else SettleFailure(lease, JobFailure(kind, "code", "why"), NEXT_YEAR)
                for lease, kind in ends.items()
            ],
        )

        for (lease, kind), result in zip(ends.items(), results, strict=True):
            job = self.known[lease.job_id]
            assert isinstance(result, QueryError) == (lease not in held)
            if lease not in held:
                continue
            if kind is None:
                job.follow(JobTrigger.SUCCEED)
            elif is_retryable(kind) and job.attempt < job.max_attempts:
                job.follow(JobTrigger.RETRY)
                job.is_due = False
            else:
                job.follow(JobTrigger.DEAD_LETTER)
            assert result.status is job.status

    @precondition(has_granted)
    @rule(pick=PICKS)
    def release(self, pick: int) -> None:
        lease = self.some_lease(pick)
        job = self.known[lease.job_id]
        [result] = self.do(release_unstarted_claims, [lease], reason="full")

        is_released = job.is_held_under(lease) and not job.has_begun
        assert isinstance(result, QueryError) != is_released
        if is_released:
            job.follow(JobTrigger.RELEASE_CLAIM)
            job.attempt -= 1

    @precondition(has_jobs)
    @rule(pick=PICKS)
    def expire(self, pick: int) -> None:
        job_id = self.some_job(pick)
        self.connection.execute(
            "UPDATE job_queue SET lease_expires_at = clock_timestamp()"
            " WHERE id = %s AND status = 'LEASED'",
            [job_id],
        )
        job = self.known[job_id]
        job.has_expired = job.lease is not None

    @rule()
    def let_time_pass(self) -> None:
        self.connection.execute(
            "UPDATE job_queue SET next_run_at = clock_timestamp()"
            " WHERE status = 'PENDING'"
        )
        for job in self.known.values():
            job.is_due = True

    @rule(limit=st.integers(1, 3))
    def reap(self, limit: int) -> None:
        expired = {job_id for job_id, job in self.known.items() if job.has_expired}
        report = self.do(reap_expired_leases, limit=limit, default_retry=NEXT_YEAR)

        assert {each.lease.job_id for each in report.reaped} <= expired
        assert len(report.reaped) == min(limit, len(expired))
        assert report.deferred_count == 0
        for each in report.reaped:
            job = self.known[each.lease.job_id]
            if job.attempt < job.max_attempts:
                job.follow(JobTrigger.REAP_RETRY)
                job.is_due = False
            else:
                job.follow(JobTrigger.REAP_DEAD_LETTER)
            assert each.status is job.status

    @precondition(has_jobs)
    @rule(pick=PICKS)
    def cancel(self, pick: int) -> None:
        job_id = self.some_job(pick)
        job = self.known[job_id]
        answer = self.do(cancel_job, job_id, scope=EVERYTHING)

        assert isinstance(answer, QueryError) != job.may(JobTrigger.CANCEL)
        if job.may(JobTrigger.CANCEL):
            # The worker may be at work until the lease that was cut short expires.
            job.is_quiescing |= job.lease is not None and not job.has_expired
            job.follow(JobTrigger.CANCEL)

    @precondition(has_jobs)
    @rule(pick=PICKS, keep_progress=st.booleans())
    def requeue(self, pick: int, keep_progress: bool) -> None:
        job_id, run_is_off = self.some_job(pick // 8), pick % 8 == 0
        job = self.known[job_id]
        expected = job.status if job.may(JobTrigger.REQUEUE) else JobStatus.CANCELED
        outcome = self.do(
            requeue_job,
            job_id,
            scope=EVERYTHING,
            expected_status=expected,
            expected_run_number=job.run_number + run_is_off,
            keep_progress=keep_progress,
        )

        is_met = job.may(JobTrigger.REQUEUE) and not run_is_off
        assert isinstance(outcome, Requeued) == is_met
        if is_met:
            job.follow(JobTrigger.REQUEUE)
            job.is_due = not job.is_quiescing
            job.run_number += 1
            job.attempt = 0

    @invariant()
    def the_ledger_is_where_the_table_says(self) -> None:
        stored = self.connection.execute(
            "SELECT id, status::text, run_number, attempt FROM job_queue"
        ).fetchall()

        assert {job_id: tuple(state) for job_id, *state in stored} == {
            job_id: (job.status.value, job.run_number, job.attempt)
            for job_id, job in self.known.items()
        }

    def teardown(self) -> None:
        broken = audit_ledger(self.connection)
        assert not broken, "\n".join(str(each) for each in broken)


def test_whatever_is_done_the_ledger_follows_the_table(connection):
    upsert_job_definition(connection, JobDefinition("mail"))

    run_state_machine_as_test(
        lambda: LedgerMachine(connection),
        settings=settings(
            max_examples=200,
            stateful_step_count=60,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
