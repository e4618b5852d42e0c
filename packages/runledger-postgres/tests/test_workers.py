"""Workers that say that they are there."""

from __future__ import annotations

import pytest

from runledger_core import EVERYTHING
from runledger_postgres import announce_worker, explain_job, withdraw_worker

pytestmark = pytest.mark.db


def live_count(run, job_id):
    return run(explain_job, job_id, scope=EVERYTHING).live_worker_count


def test_a_worker_counts_while_it_is_announced(run, enqueue):
    job_id = enqueue()
    assert live_count(run, job_id) == 0

    run(announce_worker, worker_id="w1", job_types=["mail.send"], ttl_seconds=60)
    run(announce_worker, worker_id="w1", job_types=["mail.send"], ttl_seconds=60)
    run(announce_worker, worker_id="w2", job_types=["other"], ttl_seconds=60)
    assert live_count(run, job_id) == 1

    run(withdraw_worker, "w1")
    run(withdraw_worker, "w1")
    assert live_count(run, job_id) == 0


def test_a_worker_that_says_nothing_more_is_forgotten(run, enqueue, connection):
    job_id = enqueue()
    run(announce_worker, worker_id="w1", job_types=["mail.send"], ttl_seconds=60)
    connection.execute(
        "UPDATE job_workers SET seen_at = now() - interval '3 days',"
        " expires_at = now() - interval '2 days'"
    )

    assert live_count(run, job_id) == 0
    run(announce_worker, worker_id="w2", job_types=["other"], ttl_seconds=60)

    left = connection.execute("SELECT worker_id FROM job_workers").fetchall()
    assert left == [("w2",)]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"worker_id": " "}, "identifier.blank"),
        ({"ttl_seconds": 0}, "job.invalid_lease_duration"),
    ],
    ids=str,
)
def test_an_announcement_that_makes_no_sense_is_refused(run, raises_code, change, code):
    values = {"worker_id": "w1", "job_types": ["mail.send"], "ttl_seconds": 60}

    with raises_code(code):
        run(announce_worker, **{**values, **change})
