"""Claims and sleepers that begin where pending jobs stand, and what they may miss."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from runledger_core import JobEnqueue
from runledger_postgres import (
    announce_worker,
    claim_jobs,
    enqueue_job,
    enqueue_jobs,
    fall_asleep,
    pause_job_type,
    resume_job_type,
    survey_queue,
)

pytestmark = pytest.mark.db

TYPES = ["mail.print", "mail.send", "mail.sort"]
CLAIM = {"worker_id": "w1", "lease_seconds": 60, "limit": 10}
SLEEP = {"worker_id": "w1", "job_types": TYPES, "longest_seconds": 900.0}
LOWEST, HIGHEST = -(2**31), 2**31 - 1


def ago(seconds):
    return datetime.now(UTC) - timedelta(seconds=seconds)


def job(job_type="mail.send", *, age=0.0, **values):
    return JobEnqueue(job_type, next_run_at=ago(age), **values)


@pytest.fixture(autouse=True)
def types(define):
    for job_type in TYPES:
        define(job_type)


@pytest.fixture
def survey(connection):
    def survey():
        return survey_queue(connection, job_types=TYPES)

    return survey


@pytest.fixture
def claimed(connection):
    """Claim, and say what in the order in which it came."""

    def claimed(fronts, **changes):
        wanted = {**CLAIM, "job_types": TYPES, **changes}
        return ids(claim_jobs(connection, **wanted, fronts=fronts))

    return claimed


def ids(claimed):
    return [each.lease.job_id for each in claimed]


def test_each_driver_surveys_and_begins_at_the_fronts(run, connection):
    old = enqueue_job(connection, job(age=60)).job_id
    fronts = run(survey_queue, job_types=TYPES)
    late = enqueue_job(connection, job(age=90)).job_id

    assert ids(run(claim_jobs, **CLAIM, job_types=TYPES, fronts=fronts)) == [old]
    assert ids(run(claim_jobs, **CLAIM, job_types=TYPES)) == [late]


def test_a_claim_finds_what_was_pending_and_what_came_since(
    survey, claimed, connection
):
    before = [
        enqueue_job(connection, job(age=3600, priority=priority)).job_id
        for priority in (5, 3)
    ]
    fronts = survey()
    since = {
        priority: enqueue_job(connection, job(priority=priority)).job_id
        for priority in (LOWEST, 2, 3, 4, 5, 6, HIGHEST)
    }
    other = enqueue_job(connection, job("mail.sort", priority=4)).job_id

    assert claimed(fronts) == [
        since[HIGHEST],
        since[6],
        before[0],
        since[5],
        since[4],
        other,
        before[1],
        since[3],
        since[2],
        since[LOWEST],
    ]
    assert claimed(fronts) == []


def test_all_jobs_are_claimed_in_order_whatever_was_surveyed_when(
    survey, claimed, connection
):
    """The same order as without fronts, where nobody is late."""
    draw = random.Random(7)  # noqa: S311 - no secret
    fronts = survey()
    expected = {}
    found = []
    for _ in range(12):
        for _ in range(draw.randrange(12)):
            asked = job(
                draw.choice(TYPES), priority=draw.choice([LOWEST, 1, 2, 7, HIGHEST])
            )
            job_id = enqueue_job(connection, asked).job_id
            expected[job_id] = (-asked.priority, asked.next_run_at)
        limit = draw.choice([1, 3, 10])
        first = sorted(expected, key=expected.__getitem__)[:limit]
        assert claimed(fronts, limit=limit) == first
        found += first
        for job_id in first:
            del expected[job_id]
        if draw.random() < 0.3:
            fronts = survey()

    assert found
    assert set(claimed(fronts, limit=1000)) == set(expected)


def test_a_job_that_is_late_by_more_than_a_second_waits_for_the_next_survey(
    survey, claimed, connection
):
    fronts = survey()
    on_time = enqueue_job(connection, job(age=0.5)).job_id
    late = enqueue_job(connection, job(age=5)).job_id

    assert claimed(fronts) == [on_time]
    assert claimed(fronts) == []
    assert claimed(survey()) == [late]


def test_a_claim_moves_on_past_what_it_has_claimed(survey, claimed, connection):
    enqueue_job(connection, job(age=60))
    fronts = survey()
    first = enqueue_job(connection, job(age=30)).job_id

    assert claimed(fronts)[1:] == [first]
    passed = enqueue_job(connection, job(age=62)).job_id
    within = enqueue_job(connection, job(age=60)).job_id
    assert claimed(fronts) == [within]
    second = enqueue_job(connection, job(age=20)).job_id
    assert claimed(fronts) == [second]
    enqueue_job(connection, job(age=30))
    assert claimed(fronts) == []
    assert claimed(survey())[0] == passed


def test_a_claim_does_not_move_on_past_what_it_has_left(survey, claimed, connection):
    left = enqueue_jobs(connection, [job(age=60), job(age=50)])
    taken = enqueue_job(connection, job(priority=500)).job_id
    fronts = survey()

    assert claimed(fronts, limit=1) == [taken]
    assert claimed(fronts, limit=1) == [left[0].job_id]
    assert claimed(fronts) == [left[1].job_id]


def test_what_is_due_later_hides_nothing_that_is_due_now(survey, claimed, connection):
    enqueue_job(connection, job(age=-3600))
    fronts = survey()
    now = enqueue_job(connection, job()).job_id

    assert claimed(fronts) == [now]


def test_a_paused_type_is_not_surveyed_and_found_when_it_goes_on(
    survey, claimed, connection
):
    old = enqueue_job(connection, job(age=60)).job_id
    pause_job_type(connection, "mail.send")
    fronts = survey()

    assert fronts.job_types == {"mail.print", "mail.sort"}
    assert claimed(fronts) == []
    resume_job_type(connection, "mail.send")
    assert claimed(fronts) == [old]


def test_a_type_that_was_paused_since_is_not_claimed(survey, claimed, connection):
    enqueue_job(connection, job())
    fronts = survey()
    pause_job_type(connection, "mail.send")

    assert claimed(fronts) == []


def test_types_that_the_fronts_do_not_know_are_looked_for_everywhere(
    claimed, connection
):
    fronts = survey_queue(connection, job_types=["mail.print", "never.seen"])
    old = enqueue_job(connection, job(age=60)).job_id

    assert fronts.job_types == {"mail.print"}
    assert claimed(fronts) == [old]


def test_a_claim_for_all_types_looks_everywhere(survey, claimed, connection):
    fronts = survey()
    old = enqueue_job(connection, job(age=60)).job_id

    assert claimed(fronts, job_types=None) == [old]


def test_limits_of_types_hold(survey, claimed, connection):
    enqueue_jobs(connection, [job(age=60)] * 5)
    fronts = survey()
    enqueue_jobs(connection, [job("mail.sort", priority=1)] * 3)

    found = claimed(fronts, type_limits={"mail.send": 2})

    assert len(found) == 5
    assert len(claimed(fronts, type_limits={"mail.send": 2})) == 2
    assert len(claimed(fronts)) == 1


def test_nobody_moves_fronts_that_a_transaction_held_back(
    survey, claimed, connection, runledger_database
):
    """What another has locked is stepped over, and found again by the next survey."""
    first = enqueue_job(connection, job(age=60)).job_id
    fronts = survey()
    with psycopg.connect(runledger_database) as host:
        host.execute("SELECT FROM job_queue WHERE id = %s FOR UPDATE", [first])
        second = enqueue_job(connection, job()).job_id
        assert claimed(fronts) == [second]

    assert claimed(fronts) == []
    assert claimed(survey()) == [first]


def test_a_sleeper_looks_where_its_claims_look(run, survey, connection):
    run(announce_worker, worker_id="w1", job_types=TYPES, ttl_seconds=60)
    fronts = survey()
    assert run(fall_asleep, **SLEEP, fronts=fronts).seconds == 900
    enqueue_job(connection, job(age=60))
    assert run(fall_asleep, **SLEEP, fronts=fronts).seconds == 900
    assert run(fall_asleep, **SLEEP).seconds == 0

    enqueue_job(connection, job("mail.sort", age=-20, priority=4))
    soon = run(fall_asleep, **SLEEP, fronts=fronts).seconds
    assert 15 < soon <= 20
    enqueue_job(connection, job("mail.sort"))
    assert run(fall_asleep, **SLEEP, fronts=fronts).seconds == 0


def test_a_sleeper_of_no_types_sleeps(survey, connection):
    rest = fall_asleep(connection, **{**SLEEP, "job_types": []}, fronts=survey())

    assert rest.seconds == 900


def test_a_survey_says_how_long_it_took(survey, connection):
    assert 0 < survey().seconds < 10
    assert survey_queue(connection, job_types=[]).seconds == 0
