"""Ids of many jobs at once: version 7, of now, in order, and nobody else's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import RFC_4122, UUID

import psycopg
import pytest

from runledger_core import JobEnqueue
from runledger_postgres import copy_jobs, enqueue_job, enqueue_jobs

pytestmark = pytest.mark.db

REQUESTS = [JobEnqueue("mail.send", {"n": n}) for n in range(300)]
BOTH = pytest.mark.parametrize("enqueue_many", [enqueue_jobs, copy_jobs], ids=repr)


def milliseconds(connection: psycopg.Connection[Any]) -> int:
    """Ask the clock that ids are made from."""
    [found] = connection.execute(
        "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    ).fetchone()
    return found


def ids_by_request(connection: psycopg.Connection[Any]) -> list[UUID]:
    rows = connection.execute("SELECT id FROM job_queue ORDER BY (payload->'n')::int")
    return [job_id for (job_id,) in rows]


@BOTH
def test_ids_are_of_version_7_and_of_now(run, define, connection, enqueue_many):
    define()
    before = milliseconds(connection)
    run(enqueue_many, REQUESTS)
    after = milliseconds(connection)

    for job_id in ids_by_request(connection):
        assert (job_id.version, job_id.variant) == (7, RFC_4122)
        assert before - 1 <= job_id.int >> 80 <= after + 1


@BOTH
def test_ids_follow_the_order_of_the_requests(run, define, connection, enqueue_many):
    define()
    run(enqueue_many, REQUESTS)

    ids = ids_by_request(connection)

    assert ids == sorted(set(ids))
    assert len(ids) == len(REQUESTS)


def test_each_outcome_has_the_id_of_its_request(run, define, connection):
    define()
    outcomes = run(enqueue_jobs, REQUESTS)

    assert ids_by_request(connection) == [outcome.job_id for outcome in outcomes]


def test_a_later_enqueue_has_later_ids(runledger_database, define):
    define()
    with psycopg.connect(runledger_database) as host:
        ids = [outcome.job_id for outcome in enqueue_jobs(host, REQUESTS)]
        ids.append(enqueue_job(host, REQUESTS[0]).job_id)
        ids += [outcome.job_id for outcome in enqueue_jobs(host, REQUESTS)]

    assert ids == sorted(set(ids))


@pytest.mark.race
def test_batches_side_by_side_share_no_id(runledger_database, define):
    define()
    clients, batches = 4, 10
    barrier = Barrier(clients)

    def enqueue_all(_: int) -> list[UUID]:
        with psycopg.connect(runledger_database, autocommit=True) as connection:
            barrier.wait(timeout=60)
            return [
                outcome.job_id
                for _ in range(batches)
                for outcome in enqueue_jobs(connection, REQUESTS)
            ]

    with ThreadPoolExecutor(clients) as threads:
        ids = [i for found in threads.map(enqueue_all, range(clients)) for i in found]

    assert len(set(ids)) == clients * batches * len(REQUESTS)
