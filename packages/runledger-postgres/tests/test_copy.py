"""The load through COPY: streamed, all or none, the same jobs as an enqueue."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest

from runledger_core import EVERYTHING, JobEnqueue, JobStatus
from runledger_postgres import (
    copy_jobs,
    count_jobs_by_status,
    enqueue_jobs,
    get_job_by_id,
    list_job_events,
    list_jobs,
)

pytestmark = pytest.mark.db

ADA = UUID("0198c0de-0000-7000-8000-000000000001")
REQUESTS = [
    JobEnqueue("mail.send", {"to": 'a\tb\n"c" \\N é'}),
    JobEnqueue("mail.send", [1, 2.5, None], priority=7, max_attempts=2),
    JobEnqueue("mail.print", None, organization_id=ADA, timeout_seconds=5),
    JobEnqueue("mail.print", "", next_run_at=datetime(2030, 1, 1, tzinfo=UTC)),
    JobEnqueue("mail.print", True, stage="draft"),
]


@pytest.fixture
def types(define):
    """Two types, one with defaults of its own."""
    define("mail.send")
    define("mail.print", priority=3, max_attempts=4, timeout_seconds=5)


def written(run):
    """What jobs and events hold, oldest job first, but for ids and times."""
    page = run(list_jobs, scope=EVERYTHING, limit=1000)
    found = []
    for summary in reversed(page.items):
        job = run(get_job_by_id, summary.id, scope=EVERYTHING)
        events = run(list_job_events, summary.id, scope=EVERYTHING)
        is_later = job.next_run_at > job.created_at
        found.append(
            (
                job.job_type,
                job.organization_id,
                job.payload,
                job.status,
                (job.priority, job.max_attempts, job.timeout_seconds, job.stage),
                job.next_run_at if is_later else None,
                [(e.event_type, e.run_number, e.stage, e.payload) for e in events],
            )
        )
    return found


def pending(run):
    return run(count_jobs_by_status, scope=EVERYTHING)[JobStatus.PENDING].count


def test_a_load_writes_what_an_enqueue_writes(run, types, connection):
    assert run(copy_jobs, iter(REQUESTS)) == len(REQUESTS)
    copied = written(run)
    connection.execute("DELETE FROM job_queue")
    run(enqueue_jobs, REQUESTS)

    assert written(run) == copied
    assert [job[2] for job in copied] == [request.payload for request in REQUESTS]


def test_a_load_of_nothing_is_fine(run, types):
    assert run(copy_jobs, []) == 0
    assert pending(run) == 0


def test_a_type_that_takes_no_jobs_refuses_the_load(run, types, define, raises_code):
    define("mail.print", is_enabled=False)

    with raises_code("job.definition_not_found_or_disabled") as caught:
        run(copy_jobs, [*REQUESTS, JobEnqueue("mail.none", {})])

    assert "'mail.none', 'mail.print'" in str(caught.value)
    assert pending(run) == 0


def test_a_key_refuses_the_load(run, types, raises_code):
    with raises_code("job.copy_key_unsupported"):
        run(copy_jobs, [*REQUESTS, JobEnqueue("mail.send", {}, idempotency_key="k")])

    assert pending(run) == 0
    assert run(copy_jobs, REQUESTS) == len(REQUESTS)


def test_what_the_requests_raise_reaches_the_caller(run, types):
    def broken():
        yield REQUESTS[0]
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        run(copy_jobs, broken())

    assert pending(run) == 0
    assert run(copy_jobs, REQUESTS) == len(REQUESTS)


def test_loads_are_part_of_the_caller_s_transaction(types, connection):
    with connection.transaction():
        copy_jobs(connection, REQUESTS)
        copy_jobs(connection, REQUESTS)
    assert connection.execute("SELECT count(*) FROM job_queue").fetchone() == (10,)

    with connection.transaction() as transaction:
        copy_jobs(connection, REQUESTS)
        raise psycopg.Rollback(transaction)
    assert connection.execute("SELECT count(*) FROM job_queue").fetchone() == (10,)
