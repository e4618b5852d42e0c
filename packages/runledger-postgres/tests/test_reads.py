"""Reads: pages, filters, scopes."""

from __future__ import annotations

from uuid import UUID

import pytest

from runledger_core import (
    EVERYTHING,
    GLOBAL,
    JobDefinition,
    JobStatus,
    Organization,
)
from runledger_postgres import (
    count_jobs_by_status,
    get_job_by_id,
    get_job_definition_by_type,
    list_job_attempts,
    list_job_events,
    list_jobs,
    upsert_job_definition,
)

pytestmark = pytest.mark.db

ADA = UUID("0198c0de-0000-7000-8000-000000000001")


def ids(page):
    return [job.id for job in page.items]


def test_pages_go_from_the_newest_to_the_oldest(run, enqueue):
    jobs = [enqueue() for _ in range(5)]

    first = run(list_jobs, scope=EVERYTHING, limit=2)
    second = run(list_jobs, scope=EVERYTHING, limit=2, cursor=first.next_cursor)
    third = run(list_jobs, scope=EVERYTHING, limit=2, cursor=second.next_cursor)

    assert ids(first) + ids(second) + ids(third) == jobs[::-1]
    assert third.next_cursor is None


def test_lists_are_filtered_by_status_type_and_prefix(run, enqueue, claim, define):
    define("mail.print")
    sent, printed = enqueue("mail.send"), enqueue("mail.print")
    claim(job_types=["mail.send"])

    def listed(**filters):
        return ids(run(list_jobs, scope=EVERYTHING, **filters))

    assert listed(status=JobStatus.LEASED) == [sent]
    assert listed(status=JobStatus.PENDING) == [printed]
    assert listed(job_type="mail.print") == [printed]
    assert listed(job_type="mail") == []
    assert listed(job_type_prefix="mail.") == [printed, sent]
    assert listed(job_type_prefix="mail._") == []


def test_a_scope_sees_its_own_jobs_only(run, enqueue):
    shared, of_ada = enqueue(), enqueue(organization_id=ADA)

    def listed(scope):
        return ids(run(list_jobs, scope=scope))

    assert listed(GLOBAL) == [shared]
    assert listed(Organization(ADA)) == [of_ada]
    assert listed(EVERYTHING) == [of_ada, shared]
    assert run(get_job_by_id, of_ada, scope=GLOBAL) is None
    assert run(list_job_events, of_ada, scope=GLOBAL) == []
    assert run(list_job_events, of_ada, scope=Organization(ADA)) != []
    assert run(list_job_attempts, of_ada, scope=GLOBAL) == []
    assert run(count_jobs_by_status, scope=GLOBAL)[JobStatus.PENDING].count == 1


def test_events_come_in_pages_too(run, enqueue, claim):
    job_id = enqueue()
    claim()

    [first] = run(list_job_events, job_id, scope=EVERYTHING, limit=1)
    rest = run(list_job_events, job_id, scope=EVERYTHING, after_id=first.id)

    assert [first.event_type.value, *(e.event_type.value for e in rest)] == [
        "ENQUEUED",
        "LEASED",
    ]


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_page_has_a_sensible_size(run, raises_code, limit):
    with raises_code("job.invalid_pagination"):
        run(list_jobs, scope=EVERYTHING, limit=limit)


def test_a_definition_written_twice_is_written_once(run):
    first = run(upsert_job_definition, JobDefinition("mail.send", priority=5))
    again = run(upsert_job_definition, JobDefinition("mail.send", priority=5))
    changed = run(upsert_job_definition, JobDefinition("mail.send", priority=6))

    assert again == first
    assert changed.default_priority == 6
    assert changed.updated_at > first.updated_at
    assert run(get_job_definition_by_type, "mail.send") == changed
    assert run(get_job_definition_by_type, "mail.print") is None
