"""Two enqueues under one key at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from runledger_core import JobEnqueue
from runledger_postgres import EnqueueDisposition, enqueue_job

pytestmark = [pytest.mark.db, pytest.mark.race]

REQUEST = JobEnqueue("mail.send", {"n": 1}, idempotency_key="order-1")
IS_WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND query LIKE '/* runledger:jobs/enqueue_jobs%'
"""


def wait_for_the_second(connection: psycopg.Connection[Any]) -> None:
    while connection.execute(IS_WAITING).fetchone() == (0,):
        pass


@pytest.mark.parametrize("is_committed", [True, False], ids=["commits", "rolls back"])
def test_the_second_waits_for_the_first_and_takes_what_it_leaves(
    runledger_database, define, connection, is_committed
):
    define()
    with (
        psycopg.connect(runledger_database) as first,
        psycopg.connect(runledger_database, autocommit=True) as second,
        ThreadPoolExecutor(1) as threads,
    ):
        inserted = enqueue_job(first, REQUEST)
        waiting = threads.submit(enqueue_job, second, REQUEST)
        wait_for_the_second(connection)
        if is_committed:
            first.commit()
        else:
            first.rollback()
        outcome = waiting.result()

    assert (outcome.job_id == inserted.job_id) is is_committed
    assert outcome.disposition is (
        EnqueueDisposition.EXISTING if is_committed else EnqueueDisposition.INSERTED
    )


def test_a_different_request_is_refused_after_the_wait(
    runledger_database, define, connection, raises_code
):
    define()
    other = JobEnqueue("mail.send", {"n": 2}, idempotency_key="order-1")
    with (
        psycopg.connect(runledger_database) as first,
        psycopg.connect(runledger_database, autocommit=True) as second,
        ThreadPoolExecutor(1) as threads,
    ):
        enqueue_job(first, REQUEST)
        waiting = threads.submit(enqueue_job, second, other)
        wait_for_the_second(connection)
        first.commit()
        with raises_code("job.idempotency_conflict"):
            waiting.result()
