"""Assertions about what was enqueued."""

from __future__ import annotations

import uuid

import psycopg
import pytest

from runledger_test_support import assert_enqueued, assert_nothing_enqueued

pytestmark = pytest.mark.db


@pytest.fixture
def enqueue(runledger_pool):
    def enqueue(job_type="mail.send", payload="{}", **columns):
        values = {
            "job_type": job_type,
            "payload": payload,
            "max_attempts": 1,
            "timeout_seconds": 1,
            "priority": 1,
            **columns,
        }
        names, marks = ", ".join(values), ", ".join(["%s"] * len(values))
        with runledger_pool.connection() as connection:
            connection.execute(
                "INSERT INTO job_definitions (job_type) VALUES (%s) "
                "ON CONFLICT DO NOTHING",
                [job_type],
            )
            query = f"INSERT INTO job_queue ({names}) VALUES ({marks}) RETURNING id"  # noqa: S608
            return connection.execute(query, [*values.values()]).fetchone()[0]

    return enqueue


def test_jobs_are_found_by_a_part_of_their_payload(enqueue, runledger_pool):
    enqueue(payload='{"to": "a", "from": "b"}')
    wanted = enqueue(payload='{"to": "c", "from": "b"}')

    (job,) = assert_enqueued(runledger_pool, "mail.send", {"to": "c"}, count=1)

    assert (wanted, {"to": "c", "from": "b"}) == (job.job_id, job.payload)
    assert 2 == len(assert_enqueued(runledger_pool, "mail.send"))


def test_jobs_are_found_by_their_owner(enqueue, runledger_database):
    organization_id = uuid.uuid4()
    wanted = enqueue(organization_id=organization_id)
    enqueue()

    found = assert_enqueued(
        runledger_database, "mail.send", organization_id=organization_id
    )

    assert [wanted] == [job.job_id for job in found]


def test_the_failure_lists_what_is_there(enqueue, runledger_database):
    enqueue(payload='{"to": "a"}')

    with pytest.raises(AssertionError) as caught:
        assert_enqueued(runledger_database, "mail.send", {"to": "b"})

    assert "expected at least one" in str(caught.value)
    assert "mail.send PENDING {'to': 'a'}" in str(caught.value)


def test_the_wrong_number_fails(enqueue, runledger_database):
    enqueue()

    with pytest.raises(AssertionError, match=r"expected 2 .* found 1"):
        assert_enqueued(runledger_database, "mail.send", count=2)


def test_a_long_queue_is_cut(enqueue, runledger_database):
    for _ in range(12):
        enqueue()

    with pytest.raises(AssertionError, match="and 2 more"):
        assert_nothing_enqueued(runledger_database)


def test_nothing_is_nothing_of_a_type(enqueue, runledger_database):
    assert_nothing_enqueued(runledger_database)
    enqueue()

    assert_nothing_enqueued(runledger_database, "report.render")
    with pytest.raises(AssertionError, match=r"mail\.send"):
        assert_nothing_enqueued(runledger_database, "mail.send")
    with pytest.raises(AssertionError, match="found 0"):
        assert_enqueued(runledger_database, "report.render")


def test_an_open_transaction_is_seen_through_its_connection(
    enqueue, runledger_database
):
    enqueue("first")
    with psycopg.connect(runledger_database) as connection:
        connection.execute("UPDATE job_queue SET payload = '{\"a\": 1}'")

        assert_enqueued(connection, "first", {"a": 1})
        with pytest.raises(AssertionError):
            assert_enqueued(runledger_database, "first", {"a": 1})
        connection.rollback()
