"""job_metrics_rollup: what it counts, for whom, and what it leaves out."""

from __future__ import annotations

import pytest
from psycopg.rows import dict_row

pytestmark = pytest.mark.db

ORGANIZATION = "01890a5d-ac96-774b-bcce-b302099a8057"
ENDED = {"status": "SUCCEEDED", "finished_at": "now"}
LEASED = {"status": "LEASED", "attempt": 1, "worker_id": "w1"}


@pytest.fixture
def rollup(connection):
    """Return the counts that are not zero, by organization."""

    def rollup():
        rows = connection.cursor(row_factory=dict_row).execute(
            "SELECT * FROM job_metrics_rollup"
        )
        return {
            row["organization_id"] and str(row["organization_id"]): {
                name: value
                for name, value in row.items()
                if value
                and name.endswith(("_count", "_leases", "_24h"))
                and "duration" not in name
            }
            for row in rows
        }

    return rollup


def test_an_empty_ledger_has_no_rows(rollup):
    assert rollup() == {}


def test_waiting_and_running_jobs_are_counted_by_organization(insert, rollup):
    insert("job_queue")
    insert("job_queue")
    insert("job_queue", organization_id=ORGANIZATION)
    insert("job_queue", lease_expires_at="tomorrow", **LEASED)
    insert("job_queue", lease_expires_at="yesterday", **LEASED)

    assert rollup() == {
        None: {"pending_count": 2, "leased_count": 2, "stale_leases": 1},
        ORGANIZATION: {"pending_count": 1},
    }


def test_the_last_day_s_ends_are_counted(insert, rollup):
    job = insert("job_queue", **ENDED)
    insert("job_events", job_id=job, event_type="SUCCEEDED")
    insert("job_events", job_id=job, event_type="SUCCEEDED", occurred_at="epoch")
    insert("job_events", job_id=job, event_type="FAILED")
    insert("job_dead_letters", job_id=job)

    assert rollup() == {None: {"succeeded_24h": 1, "dead_lettered_24h": 1}}


def test_attempts_are_counted_by_how_they_ended(insert, rollup):
    job = insert("job_queue", **ENDED)
    outcomes = [
        "RETRYABLE",
        "TERMINAL",
        "PANICKED",
        "TIMEOUT",
        "LEASE_EXPIRED",
        "SUCCEEDED",
        "CANCELED",
        "CONTINUED",
        "RELEASED",
    ]
    for attempt, outcome in enumerate(outcomes, start=1):
        insert(
            "job_attempts",
            job_id=job,
            attempt=attempt,
            outcome=outcome,
            finished_at="now",
        )
    insert("job_attempts", job_id=job, attempt=20)
    insert(
        "job_attempts",
        job_id=job,
        attempt=21,
        outcome="TIMEOUT",
        finished_at="now",
        created_at="epoch",
    )

    assert rollup() == {
        None: {
            "retryable_24h": 1,
            "terminal_24h": 1,
            "panicked_24h": 1,
            "timeout_24h": 1,
            "lease_expired_24h": 1,
        }
    }


def test_durations_are_of_attempts_that_ran_and_ended(connection, insert):
    job = insert("job_queue")
    ended = [(1, "SUCCEEDED"), (2, "RETRYABLE"), (3, "CANCELED"), (50, "RELEASED")]
    for attempt, (seconds, outcome) in enumerate(ended, start=1):
        insert(
            "job_attempts",
            job_id=job,
            attempt=attempt,
            started_at="2026-01-01 00:00:00",
            finished_at=f"2026-01-01 00:00:{seconds:02}",
            outcome=outcome,
        )
    insert("job_attempts", job_id=job, attempt=20)

    (percentiles,) = connection.execute(
        "SELECT p50_duration_ms_24h, round(p95_duration_ms_24h) FROM job_metrics_rollup"
    ).fetchall()

    assert percentiles == (2000, 2900)


def test_no_durations_are_null(connection, insert):
    insert("job_queue")

    (percentiles,) = connection.execute(
        "SELECT p50_duration_ms_24h, p95_duration_ms_24h FROM job_metrics_rollup"
    ).fetchall()

    assert percentiles == (None, None)
