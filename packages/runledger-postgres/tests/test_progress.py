"""What handlers report about their jobs, many in one transaction."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest

from runledger_core import (
    EVERYTHING,
    JobEnqueue,
    JobEventType,
    JobFailure,
    Lease,
    RunledgerError,
)
from runledger_postgres import (
    Checkpoint,
    JobLogLine,
    ProgressReport,
    cancel_job,
    claim_jobs,
    complete_job_failure,
    copy_jobs,
    enqueue_jobs,
    get_job_by_id,
    insert_job_logs,
    list_job_attempts,
    list_job_events,
    list_job_logs,
    report_progress,
)

pytestmark = pytest.mark.db

TRACE = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}


UNKNOWN = Lease(uuid4(), 1, 1, "w1")


def job_of(lease, connection):
    return get_job_by_id(connection, lease.job_id, scope=EVERYTHING)


def test_reports_of_many_jobs_are_written_together(run, leased, connection):
    first, second = leased(), leased()

    results = run(
        report_progress,
        [
            ProgressReport(second, progress_done=3, progress_total=7),
            ProgressReport(first, stage="mixing", checkpoint=Checkpoint({"at": 2})),
        ],
    )

    assert [(3, 7), (None, None)] == [
        (each.progress_done, each.progress_total) for each in results
    ]
    assert "mixing" == job_of(first, connection).stage
    assert {"at": 2} == job_of(first, connection).checkpoint
    assert (3, 7) == (
        job_of(second, connection).progress_done,
        job_of(second, connection).progress_total,
    )
    kinds = [
        list_job_events(connection, lease.job_id, scope=EVERYTHING)[-1].event_type
        for lease in (first, second)
    ]
    assert [JobEventType.STAGE_CHANGED, JobEventType.PROGRESS] == kinds


def test_what_is_left_out_keeps_its_value(run, leased, connection):
    lease = leased()
    run(
        report_progress,
        [
            ProgressReport(
                lease, progress_done=1, progress_total=9, checkpoint=Checkpoint([1])
            )
        ],
    )

    run(report_progress, [ProgressReport(lease, progress_done=2)])

    job = job_of(lease, connection)
    assert (2, 9, [1]) == (job.progress_done, job.progress_total, job.checkpoint)


def test_a_report_that_cannot_be_written_does_not_spoil_the_others(
    connection, leased, code_of
):
    lost, wrong, good = leased(), leased(), leased()
    cancel_job(connection, lost.job_id, scope=EVERYTHING)
    report_progress(connection, [ProgressReport(wrong, progress_total=3)])

    results = report_progress(
        connection,
        [
            ProgressReport(lost, progress_done=1),
            ProgressReport(wrong, progress_done=4),
            ProgressReport(good, progress_done=1),
        ],
    )

    assert ["job.lease_owner_mismatch", "job.invalid_progress", None] == [
        code_of(each) for each in results
    ]
    assert job_of(wrong, connection).progress_done is None
    assert 1 == job_of(good, connection).progress_done


def test_a_job_that_somebody_holds_is_answered_as_busy(
    connection, runledger_database, leased, code_of
):
    held, free = leased(), leased()
    reports = [ProgressReport(each, progress_done=1) for each in (held, free)]

    with psycopg.connect(runledger_database) as other:
        other.execute("SELECT FROM job_queue WHERE id = %s FOR UPDATE", [held.job_id])
        results = report_progress(connection, reports)

    assert ["job.busy", None] == [code_of(each) for each in results]
    assert results[0].is_transient
    again = report_progress(connection, reports[:1])
    assert [None] == [code_of(each) for each in again]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"progress_done": -1}, "job.invalid_progress"),
        ({"progress_total": 1.5}, "job.invalid_progress"),
        ({"stage": " "}, "identifier.blank"),
    ],
    ids=["negative", "fraction", "stage"],
)
def test_a_report_is_checked_when_it_is_made(raises_code, values, code):
    with raises_code(code):
        ProgressReport(UNKNOWN, **values)


def test_a_checkpoint_is_json(raises_code):
    with raises_code("job.checkpoint_not_json"):
        Checkpoint(object())


def test_lines_of_many_jobs_are_written_together(run, leased, connection):
    lease = leased()
    lines = [
        JobLogLine(
            job_id=job_id,
            run_number=1,
            attempt=1,
            level="info",
            message=message,
            age_ms=age_ms,
        )
        for job_id, message, age_ms in (
            (lease.job_id, "earlier", 60_000),
            (UNKNOWN.job_id, "about a job that is not there", 0),
            (lease.job_id, "later", 0),
        )
    ]

    assert 2 == run(insert_job_logs, lines)
    assert 0 == run(insert_job_logs, [])

    earlier, later = list_job_logs(connection, lease.job_id, scope=EVERYTHING)
    assert ("earlier", "later") == (earlier.message, later.message)
    assert 60 <= (later.occurred_at - earlier.occurred_at).total_seconds() < 61


def test_an_attempt_keeps_the_detail_of_its_failure(run, leased):
    lease = leased()
    failure = JobFailure.retryable("mail.down", "no").with_detail("line 1\nline 2")

    run(complete_job_failure, lease, failure)

    (attempt,) = run(list_job_attempts, lease.job_id, scope=EVERYTHING)
    assert "line 1\nline 2" == attempt.error_detail


def test_the_trace_context_reaches_the_claim_and_is_no_part_of_the_request(
    run, define, connection
):
    define()
    request = JobEnqueue("mail.send", idempotency_key="k", trace_context=TRACE)
    other = JobEnqueue("mail.send", idempotency_key="k", trace_context={"a": "b"})

    run(enqueue_jobs, [request])
    run(enqueue_jobs, [other])
    copy_jobs(connection, [JobEnqueue("mail.send", trace_context=TRACE)])
    claimed = run(claim_jobs, worker_id="w", lease_seconds=60, limit=10)

    assert [TRACE, TRACE] == [job.trace_context for job in claimed]
    assert all(0 <= job.waited_seconds < 60 for job in claimed)


@pytest.fixture
def leased(enqueue, claim):
    """Enqueue a job and claim it."""

    def leased():
        enqueue()
        return claim().lease

    return leased


@pytest.fixture
def code_of():
    """Return the code of a result that is an error."""

    def code_of(result):
        return result.code if isinstance(result, RunledgerError) else None

    return code_of
