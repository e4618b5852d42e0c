"""A database per test."""

from __future__ import annotations

import os

import psycopg
import pytest
from psycopg import errors, sql

from runledger_test_support import (
    TestSupportError,
    create_ephemeral_database,
    drop_database,
)
from runledger_test_support import _databases as databases_module
from runledger_test_support._admin import admin_connection
from runledger_test_support._budget import process_budget
from runledger_test_support._databases import database_name
from runledger_test_support._migrations import load_vendored_migrations
from runledger_test_support._ownership import drop_abandoned_databases
from runledger_test_support._template import template_name

pytestmark = pytest.mark.db


def exists(admin_dsn, name):
    with admin_connection(admin_dsn) as admin:
        query = "SELECT FROM pg_database WHERE datname = %s"
        return admin.execute(query, [name]).fetchone() is not None


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("jobs", "jobs"),
        ("Test Jobs[blocking-1]", "test_jobs_blocking_1"),
        ("a" * 40, "a" * 24),
        ("a" * 23 + "-b", "a" * 23),
        ("żółw\0'; --", "w"),
        ("", "runledger"),
        ("---", "runledger"),
    ],
)
def test_a_name_is_a_plain_prefix_the_process_and_a_counter(prefix, expected):
    first, second = database_name(prefix), database_name(prefix)

    start, pid, count = first.rsplit("_", 2)
    assert (start, pid) == (expected, str(os.getpid()))
    assert second.rsplit("_", 1)[1] == str(int(count) + 1)
    assert len(first) <= 63


def test_databases_are_migrated_and_apart():
    with (
        create_ephemeral_database("one") as one,
        create_ephemeral_database("other") as other,
    ):
        with psycopg.connect(one.dsn) as connection:
            connection.execute("INSERT INTO job_definitions (job_type) VALUES ('x')")
        with psycopg.connect(other.dsn) as connection:
            count = connection.execute("SELECT count(*) FROM job_definitions")

            assert count.fetchone() == (0,)


def test_a_dropped_database_is_gone_with_the_sessions_in_it(runledger_admin_dsn):
    database = create_ephemeral_database("sessions")
    with psycopg.connect(database.dsn) as connection:
        drop_database(database)
        drop_database(database)

        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")

    assert not exists(runledger_admin_dsn, database.name)


def test_a_database_holds_its_part_of_the_budget_until_it_is_dropped():
    free = process_budget().free

    with create_ephemeral_database("budget", max_connections=3):
        assert process_budget().free == free - 4

    assert process_budget().free == free


def test_a_failed_creation_gives_the_budget_back():
    free = process_budget().free

    with pytest.raises(TestSupportError) as caught:
        create_ephemeral_database("x", admin_dsn="postgresql://127.0.0.1:1/x")

    assert caught.value.code == "test_support.database_failed"
    assert process_budget().free == free


@pytest.mark.parametrize("max_connections", [0, -1])
def test_a_database_needs_a_connection(max_connections):
    with pytest.raises(TestSupportError) as caught:
        create_ephemeral_database("x", max_connections=max_connections)

    assert caught.value.code == "test_support.invalid_argument"


def test_another_schema_than_public():
    with (
        create_ephemeral_database("elsewhere", schema="ledger") as database,
        psycopg.connect(database.dsn) as connection,
    ):
        schemas = connection.execute(
            "SELECT DISTINCT relnamespace::regnamespace::text FROM pg_class "
            "WHERE relkind = 'r' "
            "AND relnamespace NOT IN ('pg_catalog'::regnamespace, "
            "'information_schema'::regnamespace)"
        ).fetchall()

        assert schemas == [("ledger",)]
        assert connection.execute("SELECT count(*) FROM job_queue").fetchone() == (0,)


def test_an_unmigrated_database_is_empty():
    with (
        create_ephemeral_database("empty", migrated=False) as database,
        psycopg.connect(database.dsn) as connection,
        pytest.raises(errors.UndefinedTable),
    ):
        connection.execute("SELECT FROM runledger_migrations")


def test_a_taken_name_is_passed_over(runledger_admin_dsn):
    with create_ephemeral_database("taken", migrated=False) as database:
        start, _, count = database.name.rpartition("_")
        taken = f"{start}_{int(count) + 1}"
        with admin_connection(runledger_admin_dsn) as admin:
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(taken)))
            with create_ephemeral_database("taken", migrated=False) as other:
                assert other.name == f"{start}_{int(count) + 2}"
            admin.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(taken)))


def test_a_template_that_vanished_is_built_again(runledger_admin_dsn):
    with create_ephemeral_database("before"):
        pass
    template = sql.Identifier(template_name(load_vendored_migrations()))
    with admin_connection(runledger_admin_dsn) as admin:
        admin.execute(
            sql.SQL("ALTER DATABASE {} WITH IS_TEMPLATE false").format(template)
        )
        admin.execute(sql.SQL("DROP DATABASE {}").format(template))

    with create_ephemeral_database("after") as database:
        assert exists(runledger_admin_dsn, database.name)


def test_what_nobody_dropped_is_dropped_in_the_end(runledger_admin_dsn, monkeypatch):
    monkeypatch.setattr(databases_module, "_live", {})
    database = create_ephemeral_database("forgotten", migrated=False)

    databases_module.drop_remaining_databases()

    assert not exists(runledger_admin_dsn, database.name)


def test_no_password_is_shown():
    with create_ephemeral_database("secret", migrated=False) as database:
        assert "postgresql://" not in repr(database)


LEAVE_A_DATABASE = """
    import json, os, psycopg, sys
    from runledger_test_support import create_ephemeral_database
    database = create_ephemeral_database("left", migrated=False, admin_dsn=sys.argv[1])
    print(json.dumps([database.name, database.dsn]), flush=True)
    sys.stdin.readline()
    os._exit(0)
"""


def test_databases_of_dead_processes_are_dropped_by_the_next_run(
    runledger_admin_dsn, start_python
):
    child = start_python(LEAVE_A_DATABASE, runledger_admin_dsn)
    name = child.stdout.readline().split('"')[1]

    while_it_lives = drop_abandoned_databases(runledger_admin_dsn)
    child.communicate("end\n", timeout=60)
    after_its_death = drop_abandoned_databases(runledger_admin_dsn)

    assert name not in while_it_lives
    assert name in after_its_death
    assert not exists(runledger_admin_dsn, name)


def test_an_abandoned_database_that_is_in_use_stays(runledger_admin_dsn, start_python):
    child = start_python(LEAVE_A_DATABASE, runledger_admin_dsn)
    _, name, _, dsn, _ = child.stdout.readline().split('"')
    with psycopg.connect(dsn):
        child.communicate("end\n", timeout=60)

        assert name not in drop_abandoned_databases(runledger_admin_dsn)

    with admin_connection(runledger_admin_dsn) as admin:
        admin.execute(
            sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
        )
