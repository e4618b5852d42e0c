"""Counts by status: exact up to a cap, honest beyond it."""

from __future__ import annotations

from uuid import UUID

import pytest

from runledger_core import EVERYTHING, GLOBAL, JobStatus, Organization
from runledger_postgres import (
    CountPrecision,
    StatusCount,
    cancel_job,
    count_jobs_by_status,
)

pytestmark = pytest.mark.db

ADA = UUID("0198c0de-0000-7000-8000-000000000001")
NONE = StatusCount(0)


def counted(run, **filters):
    return {
        status.value: count
        for status, count in run(count_jobs_by_status, **filters).items()
        if count != NONE
    }


@pytest.fixture
def ledger(connection, define, enqueue, claim):
    """Of mail.send 3 PENDING (one of ADA's), 1 LEASED, 2 CANCELED; 1 mail.print."""
    define("mail.print")
    for _ in range(3):
        enqueue("mail.send")
    claim()
    for owner in (None, ADA):
        job_id = enqueue("mail.send", organization_id=owner)
        cancel_job(connection, job_id, scope=EVERYTHING)
    enqueue("mail.send", organization_id=ADA)
    enqueue("mail.print")


def test_each_status_is_counted(run, ledger):
    counts = run(count_jobs_by_status, scope=EVERYTHING)

    assert list(counts) == list(JobStatus)
    assert counted(run, scope=EVERYTHING) == {
        "PENDING": StatusCount(4),
        "LEASED": StatusCount(1),
        "CANCELED": StatusCount(2),
    }


def test_a_scope_and_a_type_narrow_it(run, ledger):
    assert counted(run, scope=Organization(ADA)) == {
        "PENDING": StatusCount(1),
        "CANCELED": StatusCount(1),
    }
    assert counted(run, scope=GLOBAL) == {
        "PENDING": StatusCount(3),
        "LEASED": StatusCount(1),
        "CANCELED": StatusCount(1),
    }
    assert counted(run, scope=GLOBAL, job_type="mail.print") == {
        "PENDING": StatusCount(1)
    }
    assert counted(run, scope=Organization(ADA), job_type="mail.print") == {}
    assert counted(run, scope=EVERYTHING, job_type="mail.none") == {}


@pytest.mark.parametrize("filters", [{"scope": GLOBAL}, {"scope": Organization(ADA)}])
def test_counting_stops_one_beyond_the_cap(run, ledger, filters):
    counts = run(count_jobs_by_status, exact_up_to=0, **filters)

    assert counts[JobStatus.PENDING] == StatusCount(1, CountPrecision.AT_LEAST)
    assert counts[JobStatus.SUCCEEDED] == NONE


def test_a_count_of_exactly_the_cap_is_exact(run, ledger):
    counts = run(count_jobs_by_status, scope=EVERYTHING, exact_up_to=4)

    assert counts[JobStatus.PENDING] == StatusCount(4, CountPrecision.EXACT)


def test_without_statistics_nothing_is_estimated(run, ledger):
    counts = run(count_jobs_by_status, scope=EVERYTHING, exact_up_to=1)

    assert counts[JobStatus.PENDING] == StatusCount(2, CountPrecision.AT_LEAST)
    assert counts[JobStatus.LEASED] == StatusCount(1, CountPrecision.EXACT)


def test_statistics_estimate_what_lies_beyond(run, ledger, connection):
    connection.execute("ANALYZE job_queue")

    counts = run(count_jobs_by_status, scope=EVERYTHING, exact_up_to=1)

    assert counts[JobStatus.PENDING] == StatusCount(4, CountPrecision.ESTIMATED)
    assert counts[JobStatus.LEASED] == StatusCount(1, CountPrecision.EXACT)


@pytest.mark.parametrize("cap", [-1, 1_000_001])
def test_a_cap_has_bounds(run, raises_code, cap):
    with raises_code("job.invalid_count_limit"):
        run(count_jobs_by_status, scope=EVERYTHING, exact_up_to=cap)
