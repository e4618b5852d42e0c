"""Completions that have to wait for the job's row."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from runledger_core import EVERYTHING, JobStatus
from runledger_postgres import complete_job_success, get_job_by_id

pytestmark = [pytest.mark.db, pytest.mark.race]

IS_WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND query LIKE '/* runledger:jobs/complete_jobs%'
"""


def wait_for_the_completion(connection: psycopg.Connection[Any]) -> None:
    while connection.execute(IS_WAITING).fetchone() == (0,):
        pass


@pytest.mark.parametrize(
    "meanwhile",
    [
        "UPDATE job_queue SET progress_done = 1",
        "SELECT FROM job_queue FOR UPDATE",
    ],
    ids=["changed", "only locked"],
)
def test_a_completion_that_waited_for_another_writer_still_counts(
    runledger_database, enqueue, claim, connection, meanwhile
):
    job_id = enqueue()
    lease = claim().lease
    with (
        psycopg.connect(runledger_database) as other,
        psycopg.connect(runledger_database, autocommit=True) as worker,
        ThreadPoolExecutor(1) as threads,
    ):
        other.execute(meanwhile)
        completion = threads.submit(complete_job_success, worker, lease)
        wait_for_the_completion(connection)
        other.commit()
        completion.result()

    job = get_job_by_id(connection, job_id, scope=EVERYTHING)
    assert job.status is JobStatus.SUCCEEDED


def test_a_completion_that_waited_past_its_expiry_is_refused(
    runledger_database, enqueue, claim, connection, raises_code
):
    enqueue()
    lease = claim().lease
    with (
        psycopg.connect(runledger_database) as other,
        psycopg.connect(runledger_database, autocommit=True) as worker,
        ThreadPoolExecutor(1) as threads,
    ):
        # Expires while the completion waits: the row itself stays as it is.
        connection.execute(
            "UPDATE job_queue"
            " SET lease_expires_at = clock_timestamp() + interval '1 second'"
        )
        other.execute("SELECT FROM job_queue FOR UPDATE")
        completion = threads.submit(complete_job_success, worker, lease)
        wait_for_the_completion(connection)
        connection.execute("SELECT pg_sleep_until(lease_expires_at) FROM job_queue")
        other.commit()
        with raises_code("job.lease_owner_mismatch"):
            completion.result()
