"""Definitions that jobs name stay under their name, as if a key kept them."""

from __future__ import annotations

import psycopg
import pytest

from runledger_core import JobEnqueue
from runledger_postgres import enqueue_job, enqueue_jobs

pytestmark = [pytest.mark.db, pytest.mark.race]

REMOVAL = "/* runledger:test/remove */ DELETE FROM job_definitions"
RENAMING = "/* runledger:test/rename */ UPDATE job_definitions SET job_type = 'mail.x'"
EMPTYING = "TRUNCATE job_definitions CASCADE"
CHANGES = pytest.mark.parametrize(
    "change", [REMOVAL, RENAMING], ids=["remove", "rename"]
)
SEND = JobEnqueue("mail.send")


def place_of(change):
    return change.split()[1].removeprefix("runledger:")


def attempt(connection, change):
    """Return what the server says against a change, if anything."""
    try:
        connection.execute(change)
    except psycopg.Error as refusal:
        return refusal
    return None


@pytest.mark.parametrize(
    ("change", "state"),
    [(REMOVAL, "23001"), (RENAMING, "23503"), (EMPTYING, "23001")],
    ids=["remove", "rename", "truncate"],
)
def test_a_definition_that_jobs_name_is_kept(connection, enqueue, change, state):
    enqueue()

    refusal = attempt(connection, change)

    assert refusal.sqlstate == state
    assert refusal.diag.constraint_name == "fk_job_queue_job_type"
    assert refusal.diag.table_name == "job_queue"


@pytest.mark.parametrize(
    "change", [REMOVAL, RENAMING, EMPTYING], ids=["remove", "rename", "truncate"]
)
def test_a_definition_that_no_job_names_is_not(connection, define, change):
    define()

    assert attempt(connection, change) is None


def test_a_change_that_keeps_the_name_asks_for_no_jobs(connection, enqueue):
    enqueue()

    change = "UPDATE job_definitions SET job_type = 'mail.send', default_priority = 1"

    assert attempt(connection, change) is None


def test_a_definition_goes_together_with_its_jobs(connection, enqueue):
    enqueue()

    together = "WITH gone AS (DELETE FROM job_queue) DELETE FROM job_definitions"

    assert attempt(connection, together) is None


def test_the_queue_is_emptied_together_with_the_definitions(connection, enqueue):
    enqueue()

    assert attempt(connection, "TRUNCATE job_queue, job_definitions CASCADE") is None


def test_the_queue_is_looked_for_beside_the_definitions(connection, enqueue):
    enqueue()
    connection.execute("CREATE TEMPORARY TABLE job_queue (job_type text)")

    assert attempt(connection, REMOVAL).sqlstate == "23001"


@CHANGES
def test_a_change_waits_for_an_enqueue_and_is_refused(race, define, change):
    define()
    race.hold(enqueue_job.steps(SEND))

    changing = race.start(attempt, change, at=place_of(change))
    race.commit()

    assert changing.result().diag.constraint_name == "fk_job_queue_job_type"


@CHANGES
def test_a_change_that_cannot_see_new_jobs_is_refused(race, define, change):
    define()
    race.hold(enqueue_job.steps(SEND))
    race.waiter.execute("SET default_transaction_isolation TO 'repeatable read'")

    changing = race.start(attempt, change, at=place_of(change))
    race.commit()

    assert isinstance(changing.result(), psycopg.errors.FeatureNotSupported)


@CHANGES
@pytest.mark.parametrize(
    ("enqueue", "at", "request_"),
    [
        (enqueue_job, "jobs/enqueue_job", SEND),
        (enqueue_jobs, "jobs/enqueue_jobs", [SEND, SEND]),
    ],
    ids=["one", "many"],
)
def test_an_enqueue_waits_for_a_change_and_finds_no_definition(
    race, define, raises_code, change, enqueue, at, request_
):
    define()
    race.holder.execute(change)

    waiting = race.start(enqueue, request_, at=at)
    race.commit()

    with raises_code("job.definition_not_found_or_disabled"):
        waiting.result()
