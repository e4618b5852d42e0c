"""A catalog's schedules: written together, exactly, and with regard for operators."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from runledger_core import (
    EVERYTHING,
    JobDefinition,
    JobSchedule,
    MisfirePolicy,
    OverlapPolicy,
    next_fire_at,
)
from runledger_postgres import (
    QueryError,
    list_job_schedules,
    set_job_schedule_active,
    set_job_schedule_next_fire_at,
    sync_job_definitions_exact,
    sync_job_schedules,
    sync_job_schedules_exact,
    update_job_definition,
    upsert_job_schedule,
)

pytestmark = pytest.mark.db

PAST = datetime(2026, 1, 1, tzinfo=UTC)


def daily(name="daily", job_type="mail.send", cron="0 4 * * *", **values):
    return JobSchedule(name, job_type, cron, **values)


@pytest.fixture
def stored(connection):
    def stored():
        found = list_job_schedules(connection, scope=EVERYTHING)
        return {schedule.name: schedule for schedule in found}

    return stored


@pytest.fixture
def active(stored):
    return lambda: {name for name, record in stored().items() if record.is_active}


def test_schedules_are_written_together_and_a_repeat_writes_nothing(
    run, define, stored
):
    define()
    schedules = [
        daily(
            "a",
            payload_template=[1],
            max_jitter_seconds=30,
            misfire_policy=MisfirePolicy.ALL,
            misfire_limit=5,
            overlap_policy=OverlapPolicy.SKIP,
        ),
        daily("b", cron="*/10 * * * * *", is_active=False),
    ]

    first = run(sync_job_schedules, schedules)
    second = run(sync_job_schedules, schedules)

    a, b = stored()["a"], stored()["b"]
    assert (first.written_names, second.written_names) == ({"a", "b"}, frozenset())
    assert (a.payload_template, a.misfire_policy, a.misfire_limit) == ([1], "ALL", 5)
    assert (a.overlap_policy, a.is_active, b.is_active) == ("SKIP", True, False)
    assert a.next_fire_at == next_fire_at(
        a.cron(), after=a.created_at, schedule_id=a.id, max_jitter_seconds=30
    )
    assert run(sync_job_schedules, []).written_names == frozenset()


def test_a_sync_writes_what_an_upsert_writes(connection, define, stored):
    define()
    upsert_job_schedule(connection, daily())
    before = stored()

    assert not sync_job_schedules(connection, [daily()]).written_names
    assert stored() == before


def test_the_cursor_moves_with_the_expression_only(connection, define, stored):
    define()
    sync_job_schedules(connection, [daily("a"), daily("b")])
    for name in ("a", "b"):
        set_job_schedule_next_fire_at(connection, name, next_fire_at=PAST)

    sync_job_schedules(
        connection, [daily("a", payload_template=1), daily("b", cron="0 5 * * *")]
    )

    assert stored()["a"].next_fire_at == PAST
    assert stored()["b"].next_fire_at > PAST


@pytest.mark.parametrize("restore", [True, False])
def test_what_an_operator_stopped_is_started_again_if_the_caller_says_so(
    connection, define, active, restore
):
    define()
    sync_job_schedules(connection, [daily("a"), daily("b")])
    set_job_schedule_active(connection, "a", is_active=False)

    sync_job_schedules(
        connection,
        [daily("a"), daily("b", is_active=False)],
        restore_active=restore,
    )

    assert active() == ({"a"} if restore else set())


def test_an_exact_sync_deactivates_what_is_in_scope_and_absent(
    connection, define, active
):
    define("mail.send")
    define("mail.print")
    sync_job_schedules(
        connection, [daily("a"), daily("b"), daily("c", job_type="mail.print")]
    )
    set_job_schedule_active(connection, "a", is_active=False)

    report = sync_job_schedules_exact(
        connection, [daily("a")], scope_job_types=["mail.send"]
    )

    assert (report.written_names, report.deactivated_absent_names) == ({"a"}, {"b"})
    assert active() == {"a", "c"}
    again = sync_job_schedules_exact(connection, [], scope_job_types=["mail.send"])
    assert again.deactivated_absent_names == {"a"}


def test_a_type_goes_out_of_use_by_its_schedules_and_then_its_definition(
    connection, define, active
):
    define("mail.send")
    define("mail.print")
    sync_job_schedules(connection, [daily("a"), daily("b", job_type="mail.print")])
    scope = ["mail.send", "mail.print"]

    sync_job_schedules_exact(connection, [daily("a")], scope_job_types=scope)
    report = sync_job_definitions_exact(
        connection, [JobDefinition("mail.send")], scope_job_types=scope
    )

    assert report.disabled_absent_job_types == {"mail.print"}
    assert active() == {"a"}


def test_a_scope_names_job_types(connection, raises_code):
    with raises_code("job_schedule.empty_scope"):
        sync_job_schedules_exact(connection, [daily()], scope_job_types=[])
    with raises_code("identifier.blank"):
        sync_job_schedules_exact(connection, [daily()], scope_job_types=[" "])


def test_names_are_given_once(connection):
    with pytest.raises(ValueError, match="same name"):
        sync_job_schedules(connection, [daily(), daily()])


@pytest.mark.parametrize("defined", [False, True], ids=["missing", "disabled"])
def test_all_or_none_is_written_when_a_definition_is_missing(
    connection, define, raises_code, stored, defined
):
    define("mail.send")
    if defined:
        define("mail.print", is_enabled=False)

    with raises_code("job_schedule.definition_not_found_or_disabled"):
        sync_job_schedules(connection, [daily("a"), daily("b", job_type="mail.print")])

    assert stored() == {}


def test_an_inactive_schedule_needs_a_definition_too(connection, raises_code):
    with raises_code("job.definition_not_found"):
        sync_job_schedules(connection, [daily(is_active=False)])


@pytest.mark.race
def test_a_sync_that_waits_for_a_disabling_is_refused(race, define):
    define()
    race.hold(update_job_definition.steps("mail.send", is_enabled=False))
    syncing = race.start(
        sync_job_schedules, [daily()], at="definitions/lock_enabled_definitions"
    )
    race.commit()

    with pytest.raises(QueryError, match="not_found_or_disabled"):
        syncing.result()
