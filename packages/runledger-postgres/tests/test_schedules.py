"""Schedules: written by name, activated, moved, listed, and taken when due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from runledger_core import (
    EVERYTHING,
    GLOBAL,
    JobSchedule,
    Organization,
    next_fire_at,
)
from runledger_postgres import (
    QueryError,
    claim_due_schedules,
    get_job_schedule_by_name,
    list_job_schedules,
    mark_schedule_fired,
    set_job_schedule_active,
    set_job_schedule_next_fire_at,
    update_job_definition,
    upsert_job_schedule,
)

pytestmark = pytest.mark.db

ORGANIZATION = Organization(UUID("0198c0de-0000-7000-8000-000000000001"))
PAST = datetime(2026, 1, 1, tzinfo=UTC)


def daily(**change):
    values = {"name": "daily", "job_type": "mail.send", "cron": "0 4 * * *", **change}
    return JobSchedule(**values)


def stored(run, name="daily"):
    return run(get_job_schedule_by_name, name, scope=EVERYTHING)


def test_a_schedule_is_stored_whole(run, define):
    define()
    user = uuid4()

    record = run(
        upsert_job_schedule,
        daily(
            organization_id=ORGANIZATION.id,
            payload_template={"to": ["a"]},
            max_jitter_seconds=30,
            created_by_user_id=user,
        ),
    )

    assert stored(run) == record
    assert (record.name, record.job_type) == ("daily", "mail.send")
    assert (record.cron_expr, record.timezone) == ("0 4 * * *", "UTC")
    assert (record.payload_template, record.is_active) == ({"to": ["a"]}, True)
    assert (record.organization_id, record.created_by_user_id) == (
        ORGANIZATION.id,
        user,
    )
    assert record.last_fired_at is None


def test_the_first_firing_is_worked_out_with_the_databases_clock(run, define):
    define()

    record = run(upsert_job_schedule, daily(max_jitter_seconds=600))

    assert record.next_fire_at == next_fire_at(
        record.cron(),
        after=record.created_at,
        schedule_id=record.id,
        max_jitter_seconds=600,
    )


def test_a_first_firing_that_is_given_is_kept(run, define):
    define()

    assert run(upsert_job_schedule, daily(next_fire_at=PAST)).next_fire_at == PAST


def test_a_schedule_that_is_written_again_keeps_what_is_the_operators(run, define):
    define("mail.send")
    define("mail.print")
    first = run(upsert_job_schedule, daily(next_fire_at=PAST))
    run(set_job_schedule_active, "daily", is_active=False)

    second = run(
        upsert_job_schedule,
        daily(
            job_type="mail.print",
            payload_template=[1],
            max_jitter_seconds=9,
            organization_id=ORGANIZATION.id,
        ),
    )

    assert second.id == first.id
    assert (second.job_type, second.payload_template) == ("mail.print", [1])
    assert second.max_jitter_seconds == 9
    assert (second.is_active, second.organization_id) == (False, None)
    assert second.next_fire_at == PAST


def test_the_cursor_moves_when_the_expression_changes(run, define):
    define()
    run(upsert_job_schedule, daily(next_fire_at=PAST))

    record = run(upsert_job_schedule, daily(cron="0 5 * * *"))

    assert record.next_fire_at > PAST
    assert record.next_fire_at.hour == 5


def test_a_schedule_that_says_the_same_is_not_written(run, define):
    define()
    first = run(upsert_job_schedule, daily())

    assert run(upsert_job_schedule, daily()) == first


@pytest.mark.parametrize("defined", [False, True], ids=["missing", "disabled"])
def test_an_active_schedule_needs_an_enabled_definition(
    run, define, raises_code, defined
):
    if defined:
        define(is_enabled=False)

    with raises_code("job_schedule.definition_not_found_or_disabled"):
        run(upsert_job_schedule, daily())

    assert stored(run) is None


def test_an_inactive_schedule_needs_a_definition_that_may_be_disabled(
    run, define, raises_code
):
    with raises_code("job.definition_not_found"):
        run(upsert_job_schedule, daily(is_active=False))

    define(is_enabled=False)
    assert not run(upsert_job_schedule, daily(is_active=False)).is_active


def test_an_active_schedule_is_not_moved_to_a_disabled_type(run, define, raises_code):
    define("mail.send")
    define("mail.print", is_enabled=False)
    run(upsert_job_schedule, daily())

    with raises_code("job_schedule.definition_not_found_or_disabled"):
        run(upsert_job_schedule, daily(job_type="mail.print"))
    with raises_code("job_schedule.definition_not_found_or_disabled"):
        run(upsert_job_schedule, daily(job_type="never.seen"))

    assert stored(run).job_type == "mail.send"


def test_a_schedule_is_deactivated_and_activated(run, define):
    define()
    run(upsert_job_schedule, daily(next_fire_at=PAST))

    off = run(set_job_schedule_active, "daily", is_active=False)
    assert (off.is_active, run(claim_due_schedules, limit=9)) == (False, [])
    assert run(set_job_schedule_active, "daily", is_active=False) == off

    on = run(set_job_schedule_active, "daily", is_active=True)
    assert (on.is_active, on.next_fire_at) == (True, PAST)
    assert [d.schedule for d in run(claim_due_schedules, limit=9)] == [on]


def test_a_schedule_of_a_disabled_type_is_not_activated(run, define, raises_code):
    define()
    run(upsert_job_schedule, daily(is_active=False))
    run(update_job_definition, "mail.send", is_enabled=False)

    with raises_code("job_schedule.definition_not_found_or_disabled"):
        run(set_job_schedule_active, "daily", is_active=True)

    assert not stored(run).is_active


def test_an_unknown_schedule_is_none(run):
    assert run(set_job_schedule_active, "daily", is_active=True) is None
    assert run(set_job_schedule_next_fire_at, "daily", next_fire_at=PAST) is None
    assert stored(run) is None


def test_the_cursor_is_moved(run, define):
    define()
    run(upsert_job_schedule, daily())

    record = run(set_job_schedule_next_fire_at, "daily", next_fire_at=PAST)

    assert record.next_fire_at == PAST
    assert stored(run) == record


@pytest.mark.parametrize(
    ("operation", "arguments", "values", "code"),
    [
        (get_job_schedule_by_name, [" "], {"scope": GLOBAL}, "invalid_name"),
        (set_job_schedule_active, ["x "], {"is_active": True}, "invalid_name"),
        (
            set_job_schedule_next_fire_at,
            ["x"],
            {"next_fire_at": PAST.replace(tzinfo=None)},
            "invalid_fire_time",
        ),
        (
            mark_schedule_fired,
            [uuid4()],
            {"scheduled_for": PAST, "next_fire_at": None},
            "invalid_fire_time",
        ),
    ],
    ids=["get", "activate", "move", "mark"],
)
def test_values_that_make_no_sense_are_refused(
    run, raises_code, operation, arguments, values, code
):
    with raises_code(f"job_schedule.{code}"):
        run(operation, *arguments, **values)


def test_schedules_are_listed_by_name_within_a_scope(run, define):
    define("mail.send")
    define("mail.print")
    for name in ("c", "a", "b"):
        run(upsert_job_schedule, daily(name=name, is_active=name != "b"))
    run(
        upsert_job_schedule,
        daily(name="d", organization_id=ORGANIZATION.id, job_type="mail.print"),
    )

    def names(**filters):
        found = run(list_job_schedules, **{"scope": EVERYTHING, **filters})
        return [schedule.name for schedule in found]

    assert names() == ["a", "b", "c", "d"]
    assert names(limit=2, after_name="a") == ["b", "c"]
    assert names(scope=GLOBAL) == ["a", "b", "c"]
    assert names(scope=ORGANIZATION) == ["d"]
    assert names(is_active=False) == ["b"]
    assert names(job_type="mail.print") == ["d"]
    assert run(get_job_schedule_by_name, "d", scope=GLOBAL) is None


@pytest.mark.parametrize("limit", [0, 1001])
def test_limits_are_bounded(run, raises_code, limit):
    with raises_code("job.invalid_pagination"):
        run(list_job_schedules, scope=EVERYTHING, limit=limit)
    with raises_code("job.invalid_claim_limit"):
        run(claim_due_schedules, limit=limit)


def test_due_schedules_are_taken_the_longest_due_first(run, define):
    define()
    for name, days in (("b", 2), ("a", 3), ("c", 1)):
        due = PAST - timedelta(days=days)
        run(upsert_job_schedule, daily(name=name, next_fire_at=due))
    run(upsert_job_schedule, daily(name="later"))

    due = run(claim_due_schedules, limit=2)

    assert [d.schedule.name for d in due] == ["a", "b"]
    assert all(d.now > PAST for d in due)


def test_a_schedule_that_another_scheduler_holds_is_stepped_over(
    run, define, runledger_database
):
    define()
    for name in ("a", "b"):
        run(upsert_job_schedule, daily(name=name, next_fire_at=PAST))
    with psycopg.connect(runledger_database) as other:
        [held] = claim_due_schedules(other, limit=1)

        [free] = run(claim_due_schedules, limit=9)

    assert {held.schedule.name, free.schedule.name} == {"a", "b"}


def test_a_slot_that_was_fired_moves_the_cursor_once(run, define):
    define()
    schedule = run(upsert_job_schedule, daily(next_fire_at=PAST))
    later = PAST + timedelta(days=1)
    slot = {"scheduled_for": PAST, "next_fire_at": later}

    assert run(mark_schedule_fired, schedule.id, **slot) is True
    assert run(mark_schedule_fired, schedule.id, **slot) is False
    assert run(mark_schedule_fired, uuid4(), **slot) is False
    record = stored(run)
    assert record.next_fire_at == later
    assert record.last_fired_at > PAST


@pytest.mark.race
def test_an_activation_that_waits_for_a_disabling_is_refused(race, define):
    define()
    upsert_job_schedule(race.waiter, daily(is_active=False))
    race.hold(update_job_definition.steps("mail.send", is_enabled=False))
    activating = race.start(
        set_job_schedule_active,
        "daily",
        is_active=True,
        at="definitions/lock_enabled_definition",
    )
    race.commit()

    with pytest.raises(QueryError, match="not_found_or_disabled"):
        activating.result()


@pytest.mark.race
def test_a_disabling_that_waits_for_an_activation_is_refused(race, define):
    define()
    upsert_job_schedule(race.waiter, daily(is_active=False))
    race.hold(set_job_schedule_active.steps("daily", is_active=True))
    disabling = race.start(
        update_job_definition,
        "mail.send",
        is_enabled=False,
        at="definitions/update_job_definition",
    )
    race.commit()

    with pytest.raises(QueryError, match="active_schedule_exists"):
        disabling.result()


@pytest.mark.race
def test_of_two_schedulers_one_moves_a_slot(race, define):
    define()
    schedule = upsert_job_schedule(race.waiter, daily(next_fire_at=PAST))
    slot = {"scheduled_for": PAST, "next_fire_at": PAST + timedelta(days=1)}
    first = race.hold(mark_schedule_fired.steps(schedule.id, **slot))
    second = race.start(
        mark_schedule_fired, schedule.id, **slot, at="schedules/mark_schedule_fired"
    )
    race.commit()

    assert (first, second.result()) == (True, False)
