"""Definitions: written, changed, paused, listed, and synced with a catalog."""

from __future__ import annotations

import psycopg
import pytest

from runledger_core import JobDefinition, JobEnqueue
from runledger_postgres import (
    DefinitionSyncReport,
    claim_jobs,
    enqueue_job,
    get_job_definition_by_type,
    insert_job_definition_if_missing,
    list_job_definitions,
    pause_job_type,
    resume_job_type,
    sync_job_definitions,
    sync_job_definitions_exact,
    update_job_definition,
    upsert_job_definition,
)

pytestmark = pytest.mark.db

CLAIM = {"worker_id": "w1", "lease_seconds": 60, "limit": 10}
SEND = JobDefinition("mail.send")


@pytest.fixture
def schedule(connection):
    """Store an active schedule of a type."""

    def schedule(job_type="mail.send", *, is_active=True):
        connection.execute(
            "INSERT INTO job_schedules (name, job_type, cron_expr, is_active,"
            " next_fire_at) VALUES ('daily', %s, '0 4 * * *', %s, now())",
            [job_type, is_active],
        )

    return schedule


def stored(run, job_type="mail.send"):
    return run(get_job_definition_by_type, job_type)


def test_a_definition_that_is_missing_is_inserted(run):
    record = run(
        insert_job_definition_if_missing, JobDefinition("mail.send", version=3)
    )

    assert record.version == 3
    assert stored(run) == record


def test_a_definition_that_exists_is_returned_as_it_is(run, define):
    define(version=3)

    record = run(
        insert_job_definition_if_missing, JobDefinition("mail.send", version=4)
    )

    assert record.version == 3
    assert stored(run) == record


def test_an_update_changes_only_what_is_given(run, define):
    define(version=2, max_attempts=5)

    record = run(update_job_definition, "mail.send", timeout_seconds=30, priority=-1)

    assert (record.version, record.max_attempts) == (2, 5)
    assert (record.default_timeout_seconds, record.default_priority) == (30, -1)
    assert stored(run) == record


def test_an_update_that_changes_nothing_writes_nothing(run, define):
    define(version=2)
    before = stored(run)

    assert run(update_job_definition, "mail.send", version=2, is_enabled=True) == before
    assert run(update_job_definition, "mail.send") == before


def test_a_type_without_definition_is_not_updated(run):
    assert run(update_job_definition, "never.seen", is_enabled=False) is None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"version": 0}, "job_definition.invalid_version"),
        ({"max_attempts": 2**31}, "job_definition.invalid_max_attempts"),
        ({"timeout_seconds": 1.5}, "job_definition.invalid_timeout"),
        ({"priority": 2**31}, "job_definition.invalid_priority"),
    ],
    ids=str,
)
def test_an_update_out_of_range_is_refused(run, define, raises_code, change, code):
    define()

    with raises_code(code):
        run(update_job_definition, "mail.send", **change)


def test_a_disabled_type_accepts_no_jobs_until_it_is_enabled(run, define, raises_code):
    define()
    run(update_job_definition, "mail.send", is_enabled=False)

    with raises_code("job.definition_not_found_or_disabled"):
        run(enqueue_job, JobEnqueue("mail.send"))

    run(update_job_definition, "mail.send", is_enabled=True)
    run(enqueue_job, JobEnqueue("mail.send"))


DISABLINGS = {
    "upsert": (upsert_job_definition, [JobDefinition("mail.send", is_enabled=False)]),
    "sync": (sync_job_definitions, [[JobDefinition("mail.send", is_enabled=False)]]),
}


@pytest.mark.parametrize("way", DISABLINGS)
def test_a_type_that_an_active_schedule_names_stays_enabled(
    run, define, schedule, raises_code, way
):
    define()
    schedule()
    operation, arguments = DISABLINGS[way]

    with raises_code("job_definition.active_schedule_exists") as caught:
        run(operation, *arguments)

    assert "'mail.send'" in str(caught.value)
    assert stored(run).is_enabled


def test_an_update_does_not_disable_under_an_active_schedule(
    run, define, schedule, raises_code
):
    define()
    schedule()

    with raises_code("job_definition.active_schedule_exists"):
        run(update_job_definition, "mail.send", is_enabled=False)

    assert stored(run).is_enabled


def test_an_inactive_schedule_does_not_keep_its_type_enabled(run, define, schedule):
    define()
    schedule(is_active=False)

    assert not run(update_job_definition, "mail.send", is_enabled=False).is_enabled


def test_disabling_needs_to_see_what_others_commit(
    define, runledger_database, raises_code
):
    define()
    with psycopg.connect(runledger_database) as host:
        host.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ

        with raises_code("job_definition.disable_unsupported_isolation"):
            update_job_definition(host, "mail.send", is_enabled=False)


def test_a_paused_type_takes_jobs_and_gives_none(run, enqueue):
    paused = run(pause_job_type, "mail.send")
    job_id = enqueue()

    assert paused.paused_at is not None
    assert run(claim_jobs, **CLAIM) == []
    assert run(resume_job_type, "mail.send").paused_at is None
    assert [c.lease.job_id for c in run(claim_jobs, **CLAIM)] == [job_id]


def test_a_second_pause_keeps_the_first_ones_time(run, define):
    define()
    first = run(pause_job_type, "mail.send")

    assert run(pause_job_type, "mail.send") == first


def test_a_definition_that_is_written_again_stays_paused(run, define):
    define()
    run(pause_job_type, "mail.send")

    assert run(upsert_job_definition, JobDefinition("mail.send", version=9)).paused_at
    assert run(sync_job_definitions, [SEND]).written_job_types == {"mail.send"}
    assert stored(run).paused_at


@pytest.mark.parametrize("operation", [pause_job_type, resume_job_type], ids=repr)
def test_a_type_without_definition_cannot_be_paused(run, raises_code, operation):
    with raises_code("job.definition_not_found"):
        run(operation, "never.seen")


def test_definitions_are_listed_page_by_page(run, define):
    for job_type in ("b", "mail.print", "mail.send", "a"):
        define(job_type)

    first = run(list_job_definitions, limit=3)
    rest = run(list_job_definitions, limit=3, after_job_type=first[-1].job_type)
    mails = run(list_job_definitions, job_type_prefix="mail.")

    assert [d.job_type for d in first] == ["a", "b", "mail.print"]
    assert [d.job_type for d in rest] == ["mail.send"]
    assert [d.job_type for d in mails] == ["mail.print", "mail.send"]


@pytest.mark.parametrize("limit", [0, 1001])
def test_a_page_of_definitions_has_a_bounded_length(run, raises_code, limit):
    with raises_code("job.invalid_pagination"):
        run(list_job_definitions, limit=limit)


def test_a_sync_writes_what_differs_and_leaves_others_alone(run, define):
    define("mail.print")
    define("mail.send", version=1)
    define("old.type")
    wanted = [
        JobDefinition("new.type"),
        JobDefinition("mail.print"),
        JobDefinition("mail.send", version=2, max_attempts=3),
    ]

    report = run(sync_job_definitions, wanted)

    assert report == DefinitionSyncReport(frozenset({"new.type", "mail.send"}))
    assert (stored(run).version, stored(run).max_attempts) == (2, 3)
    assert stored(run, "old.type").is_enabled
    assert run(sync_job_definitions, wanted) == DefinitionSyncReport(frozenset())
    assert run(sync_job_definitions, []) == DefinitionSyncReport(frozenset())


def test_a_sync_keeps_a_type_disabled_that_an_operator_disabled(run, define):
    define(is_enabled=False)

    run(sync_job_definitions, [JobDefinition("mail.send", version=2)])

    assert (stored(run).version, stored(run).is_enabled) == (2, False)
    assert run(sync_job_definitions, [SEND], restore_enabled=True).written_job_types
    assert stored(run).is_enabled


def test_a_sync_that_changes_nothing_waits_for_no_enqueue(define, runledger_database):
    define()
    with psycopg.connect(runledger_database) as host:
        enqueue_job(host, JobEnqueue("mail.send"))
        with psycopg.connect(runledger_database, autocommit=True) as other:
            other.execute("SET lock_timeout = '1ms'")

            assert sync_job_definitions(other, [SEND]).written_job_types == set()


def test_an_exact_sync_disables_what_is_in_scope_and_not_in_the_catalog(run, define):
    for job_type in ("mail.send", "mail.print", "other"):
        define(job_type)
    define("mail.fax", is_enabled=False)

    report = run(
        sync_job_definitions_exact,
        [SEND],
        scope_job_types=["mail.send", "mail.print", "mail.fax", "never.seen"],
    )

    assert report == DefinitionSyncReport(frozenset(), frozenset({"mail.print"}))
    assert not stored(run, "mail.print").is_enabled
    assert stored(run, "other").is_enabled


def test_an_exact_sync_restores_what_the_catalog_enables(run, define):
    define(is_enabled=False)

    report = run(sync_job_definitions_exact, [SEND], scope_job_types=["mail.send"])

    assert report.written_job_types == {"mail.send"}
    assert stored(run).is_enabled


def test_an_exact_sync_under_an_active_schedule_changes_nothing(
    run, define, schedule, raises_code
):
    define("mail.print", version=1)
    define("mail.send")
    schedule("mail.send")

    with raises_code("job_definition.active_schedule_exists"):
        run(
            sync_job_definitions_exact,
            [JobDefinition("mail.print", version=2)],
            scope_job_types=["mail.send"],
        )

    assert stored(run, "mail.print").version == 1
    assert stored(run).is_enabled


@pytest.mark.parametrize(("catalog", "scope"), [([], ["mail.send"]), ([SEND], [])])
def test_an_exact_sync_of_nothing_is_refused(run, raises_code, catalog, scope):
    with raises_code("job_definition.empty_job_type_list"):
        run(sync_job_definitions_exact, catalog, scope_job_types=scope)


def test_a_catalog_with_a_type_twice_is_refused(run):
    with pytest.raises(ValueError, match="same job type"):
        run(sync_job_definitions, [SEND, SEND])
