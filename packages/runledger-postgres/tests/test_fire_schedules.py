"""Due schedules: one job a slot, policies, and failures that keep nobody waiting."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from uuid import UUID

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from runledger_core import (
    EVERYTHING,
    JobSchedule,
    JobStatus,
    MisfirePolicy,
    OverlapPolicy,
)
from runledger_postgres import (
    claim_due_schedules,
    complete_job_success,
    fire_due_schedules,
    get_job_by_id,
    get_job_schedule_by_name,
    list_jobs,
    purge_ended,
    reap_expired_leases,
    requeue_job,
    set_job_schedule_active,
    set_job_schedule_next_fire_at,
    update_job_definition,
    upsert_job_schedule,
)

pytestmark = pytest.mark.db

NOON = datetime(2040, 5, 26, 12, tzinfo=UTC)
FIVE = timedelta(minutes=5)


@pytest.fixture
def clock(runledger_clock):
    """The database's clock, at five past noon."""
    runledger_clock.move_to(NOON + FIVE)
    return runledger_clock


@pytest.fixture
def schedule(connection, define):
    """Store a schedule of every minute whose slot at noon has not been fired."""
    define()

    def schedule(name="minutely", cron="* * * * *", **values):
        request = JobSchedule(
            name, "mail.send", cron, **{"next_fire_at": NOON, **values}
        )
        return upsert_job_schedule(connection, request)

    return schedule


@pytest.fixture
def fire(connection):
    return lambda **values: fire_due_schedules(connection, **values)


@pytest.fixture
def stored(connection):
    return lambda name="minutely": get_job_schedule_by_name(
        connection, name, scope=EVERYTHING
    )


@pytest.fixture
def job(connection):
    return lambda job_id: get_job_by_id(connection, job_id, scope=EVERYTHING)


@pytest.fixture
def break_jobs(connection):
    """Let the database refuse the jobs of one organization, as a host's rule might."""
    refused = UUID(int=7)
    connection.execute(
        f"ALTER TABLE job_queue ADD CONSTRAINT host_rule "
        f"CHECK (organization_id <> '{refused}')"
    )
    return refused


def slots(report):
    return [slot.scheduled_for for slot in report.fired]


def test_after_an_outage_there_is_one_job_and_the_next_slot_lies_ahead(
    run, clock, schedule, stored
):
    made = schedule(payload_template={"to": "ada"})

    report = run(fire_due_schedules)
    again = run(fire_due_schedules)

    [slot] = report.fired
    job = run(get_job_by_id, slot.job_id, scope=EVERYTHING)
    assert (slot.schedule_name, slot.scheduled_for) == ("minutely", NOON)
    assert (job.status, job.stage) == (JobStatus.PENDING, "scheduled")
    assert job.payload == {
        "to": "ada",
        "_schedule": {
            "schedule_id": str(made.id),
            "schedule_name": "minutely",
            "scheduled_for": "2040-05-26T12:00:00+00:00",
        },
    }
    record = stored()
    assert record.next_fire_at == NOON + timedelta(minutes=6)
    assert record.last_job_id == job.id
    assert record.last_fired_at > NOON
    assert (again.fired, again.has_more) == ((), False)
    assert 0 < again.next_due_in_seconds <= 60


def test_a_template_that_is_no_object_stands_beside_the_slot(
    clock, schedule, fire, job
):
    schedule(payload_template=[1, 2])

    payload = job(fire().fired[0].job_id).payload

    assert payload["payload"] == [1, 2]
    assert sorted(payload) == ["_schedule", "payload"]


def test_the_job_is_the_schedules_organizations(clock, schedule, fire, job):
    schedule(organization_id=UUID(int=3))

    assert job(fire().fired[0].job_id).organization_id == UUID(int=3)


@pytest.mark.parametrize(
    ("policy", "limit", "fired"),
    [
        (MisfirePolicy.ONCE, 100, [0]),
        (MisfirePolicy.ALL, 100, [0, 1, 2, 3, 4, 5]),
        (MisfirePolicy.ALL, 3, [0, 1, 2]),
        (MisfirePolicy.SKIP, 100, [5]),
    ],
    ids=["once", "all", "all up to 3", "skip"],
)
def test_missed_slots_are_made_up_for_as_the_schedule_says(
    clock, schedule, fire, stored, policy, limit, fired
):
    schedule(misfire_policy=policy, misfire_limit=limit)

    report = fire()

    assert slots(report) == [NOON + timedelta(minutes=minute) for minute in fired]
    assert stored().next_fire_at == NOON + timedelta(minutes=6)
    assert stored().last_job_id == report.fired[-1].job_id


def test_a_slot_that_was_missed_is_let_go_if_the_schedule_says_so(
    clock, schedule, fire, stored
):
    schedule(cron="0 12 * * *", misfire_policy=MisfirePolicy.SKIP)

    report = fire()

    assert (report.fired, report.skipped_count) == ((), 1)
    record = stored()
    assert record.next_fire_at == NOON + timedelta(days=1)
    assert record.last_skipped_at > NOON
    assert (record.last_fired_at, record.last_job_id) == (None, None)


def test_no_job_is_made_while_the_last_one_has_not_ended(
    clock, schedule, fire, stored, connection, claim
):
    schedule(overlap_policy=OverlapPolicy.SKIP, misfire_policy=MisfirePolicy.ALL)

    first = fire()
    assert slots(first) == [NOON]  # the others would overlap with it
    clock.advance(minutes=1)
    assert (fire().fired, stored().last_skipped_at > NOON) == ((), True)
    leased = claim(lease_seconds=600)
    clock.advance(minutes=1)
    assert fire().fired == ()

    complete_job_success(connection, leased.lease)
    clock.advance(minutes=1)
    assert slots(fire()) == [NOON + timedelta(minutes=8)]


def test_a_job_that_runs_again_holds_its_schedule_up_again(
    clock, schedule, fire, connection, claim
):
    schedule(overlap_policy=OverlapPolicy.SKIP)
    fire()
    job_id = claim().lease.job_id
    connection.execute("UPDATE job_queue SET max_attempts = 1 WHERE id = %s", [job_id])
    clock.advance(hours=1)
    reap_expired_leases(connection, limit=10)
    requeue_job(
        connection,
        job_id,
        scope=EVERYTHING,
        expected_status=JobStatus.DEAD_LETTERED,
        expected_run_number=1,
        reason="again",
    )

    assert fire().fired == ()


def test_jobs_may_overlap_unless_the_schedule_says_otherwise(clock, schedule, fire):
    schedule()
    fire()
    clock.advance(minutes=1)

    assert len(fire().fired) == 1


def test_a_slot_has_one_job_though_the_cursor_is_moved_back(
    clock, schedule, fire, connection, stored
):
    schedule()
    [first] = fire().fired
    set_job_schedule_next_fire_at(connection, "minutely", next_fire_at=NOON)

    [second] = fire().fired

    assert (second.job_id, second.disposition) == (first.job_id, "EXISTING")
    assert len(list_jobs(connection, scope=EVERYTHING).items) == 1
    assert stored().next_fire_at > NOON + FIVE


def test_a_slot_that_was_fired_with_another_template_is_let_go(
    clock, schedule, fire, connection, stored
):
    schedule()
    fire()
    schedule(payload_template={"to": "bob"}, misfire_policy=MisfirePolicy.ALL)
    set_job_schedule_next_fire_at(connection, "minutely", next_fire_at=NOON)

    assert fire().fired == ()
    assert stored().next_fire_at == NOON + timedelta(minutes=1)
    assert len(fire().fired) == 5
    assert stored().last_error_code is None


def test_a_schedule_without_an_enabled_definition_keeps_its_slot_and_the_error(
    clock, schedule, fire, stored, connection
):
    schedule()
    # Around the guards, as a restored backup or a colleague with psql would.
    connection.execute("UPDATE job_definitions SET is_enabled = FALSE")

    report = fire()

    [deferred] = report.deferred
    record = stored()
    assert (report.fired, deferred.error.code) == ((), record.last_error_code)
    assert record.last_error_code == "job.definition_not_found_or_disabled"
    assert "mail.send" in record.last_error_message
    assert (record.next_fire_at, record.last_job_id) == (NOON, None)
    wait = record.deferred_until - record.last_error_at
    assert wait == timedelta(seconds=30)
    assert fire().deferred == ()

    connection.execute("UPDATE job_definitions SET is_enabled = TRUE")
    clock.advance(seconds=31)
    assert slots(fire()) == [NOON]
    assert (stored().deferred_until, stored().last_error_at is None) == (None, False)


def test_an_expression_that_cannot_be_read_is_an_error_of_its_schedule(
    clock, schedule, fire, stored, connection
):
    schedule("bad")
    schedule("good")
    connection.execute(
        "UPDATE job_schedules SET cron_expr = 'at noon' WHERE name = 'bad'"
    )

    report = fire()

    assert [slot.schedule_name for slot in report.fired] == ["good"]
    assert stored("bad").last_error_code == "job_schedule.invalid_cron"


def test_one_job_that_is_refused_spoils_no_other(
    clock, schedule, fire, stored, break_jobs
):
    for number in range(5):
        schedule(f"good {number}")
    schedule("bad", organization_id=break_jobs)

    report = fire()

    assert len(report.fired) == 5
    assert stored("bad").last_error_code == "db.business_rule_violation"
    assert stored("bad").next_fire_at == NOON


def test_schedules_that_fail_do_not_starve_others(
    clock, schedule, fire, stored, break_jobs
):
    for name in ("bad 1", "bad 2"):
        schedule(name, organization_id=break_jobs, next_fire_at=NOON - FIVE)
    schedule("good")

    first, second = fire(limit=2), fire(limit=2)

    assert (len(first.deferred), first.has_more) == (2, True)
    assert [slot.schedule_name for slot in second.fired] == ["good"]


def test_a_definition_that_is_being_changed_puts_its_schedules_off_by_a_second(
    clock, schedule, fire, stored, runledger_database, define, connection
):
    schedule("busy")
    define("mail.print")
    upsert_job_schedule(
        connection,
        JobSchedule("free", "mail.print", "* * * * *", next_fire_at=NOON),
    )
    with psycopg.connect(runledger_database) as other:
        update_job_definition(other, "mail.send", priority=5)

        report = fire()

    assert [slot.schedule_name for slot in report.fired] == ["free"]
    assert [deferred.error for deferred in report.deferred] == [None]
    assert stored("busy").last_error_code is None
    clock.advance(seconds=2)
    assert slots(fire()) == [NOON]


def test_moving_the_cursor_or_activating_ends_a_deferral(
    clock, schedule, fire, stored, connection, break_jobs
):
    schedule(organization_id=break_jobs)
    fire()

    set_job_schedule_next_fire_at(connection, "minutely", next_fire_at=NOON)
    assert stored().deferred_until is None

    fire()
    set_job_schedule_active(connection, "minutely", is_active=False)
    assert stored().deferred_until is None


def test_a_pass_says_when_the_next_schedule_is_due(clock, schedule, fire):
    assert fire().next_due_in_seconds is None

    schedule("hourly", cron="0 * * * *", next_fire_at=NOON + timedelta(minutes=60))
    schedule("off", next_fire_at=NOON + FIVE, is_active=False)
    found = fire().next_due_in_seconds

    assert 54 * 60 < found <= 55 * 60


def test_a_pass_is_bounded(raises_code, connection):
    for limit in (0, 1001):
        with raises_code("job.invalid_claim_limit"):
            fire_due_schedules(connection, limit=limit)


def test_a_pass_owns_its_transaction(raises_code, connection):
    with connection.transaction(), raises_code("db.transaction_not_owned"):
        fire_due_schedules(connection)


def test_retention_takes_jobs_of_slots_though_they_have_keys(
    clock, schedule, fire, connection, claim
):
    schedule()
    fire()
    complete_job_success(connection, claim().lease)
    clock.advance(days=2)

    purged = purge_ended(connection, older_than=timedelta(days=1))

    assert purged.deleted_jobs == 1
    assert fire().fired != ()


@pytest.mark.race
def test_schedulers_that_race_make_one_job_a_slot(
    clock, schedule, runledger_database, connection
):
    for number in range(20):
        schedule(f"s{number}", misfire_policy=MisfirePolicy.ALL)
    barrier = Barrier(3)

    def race(pool):
        barrier.wait()
        fired = []
        for _ in range(20):
            fired += fire_due_schedules(pool, limit=5).fired
        return fired

    with (
        ConnectionPool(runledger_database, min_size=3, open=True) as pool,
        ThreadPoolExecutor(3) as threads,
    ):
        fired = [slot for each in threads.map(race, [pool] * 3) for slot in each]

    made = {(slot.schedule_id, slot.scheduled_for) for slot in fired}
    (count,) = connection.execute("SELECT count(*) FROM job_queue").fetchone()
    assert (len(fired), len(made), count) == (120, 120, 120)


@pytest.mark.race
def test_a_scheduler_steps_over_what_another_one_is_firing(
    clock, schedule, fire, runledger_database
):
    for name in ("a", "b"):
        schedule(name)
    with psycopg.connect(runledger_database) as other:
        [held] = claim_due_schedules(other, limit=1)

        report = fire()

    assert {held.schedule.name, report.fired[0].schedule_name} == {"a", "b"}
    assert report.next_due_in_seconds <= 0
