"""The template database: built once, by whoever comes first."""

from __future__ import annotations

import json
from dataclasses import replace

import psycopg
import pytest
from psycopg import errors, sql

from runledger_test_support import TestSupportError, _template
from runledger_test_support._admin import admin_connection
from runledger_test_support._dsn import with_database
from runledger_test_support._template import ensure_template, template_name

pytestmark = pytest.mark.db

ENSURE_IN_STEP = """
    import json, sys
    from runledger_test_support._migrations import Migration, MigrationSet
    from runledger_test_support._template import ensure_template
    dsn, history, migrations = json.loads(sys.argv[1])
    made = MigrationSet(
        history_sql=history,
        migrations=tuple(Migration(**migration) for migration in migrations),
    )
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(ensure_template(dsn, made)), flush=True)
"""


def databases_like(admin_dsn, prefix):
    with admin_connection(admin_dsn) as admin:
        rows = admin.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [prefix]
        )
        return {name for (name,) in rows}


def oid_of(admin_dsn, name):
    with admin_connection(admin_dsn) as admin:
        query = "SELECT oid FROM pg_database WHERE datname = %s"
        return admin.execute(query, [name]).fetchone()


def test_a_template_is_built_once_and_found_again(runledger_admin_dsn, make_migrations):
    migrations = make_migrations("CREATE TABLE thing (id bigint)")

    name = ensure_template(runledger_admin_dsn, migrations)
    oid = oid_of(runledger_admin_dsn, name)

    assert ensure_template(runledger_admin_dsn, migrations) == name
    assert oid_of(runledger_admin_dsn, name) == oid


def test_nobody_can_connect_to_a_template(runledger_admin_dsn, make_migrations):
    name = ensure_template(runledger_admin_dsn, make_migrations())

    with pytest.raises(psycopg.OperationalError, match="not currently accepting"):
        psycopg.connect(with_database(runledger_admin_dsn, name))


def test_other_migrations_or_another_schema_give_another_name(make_migrations):
    one, other = make_migrations(), make_migrations()

    names = {
        template_name(one),
        template_name(one, schema="ledger"),
        template_name(other),
        template_name(replace(one, history_sql="SELECT 1")),
    }

    assert len(names) == 4


def test_processes_that_build_it_at_once_get_one_template(
    runledger_admin_dsn, make_migrations, start_python
):
    migrations = make_migrations("CREATE TABLE thing (id bigint)")
    argument = json.dumps(
        [
            runledger_admin_dsn,
            migrations.history_sql,
            [
                {
                    "version": m.version,
                    "name": m.name,
                    "checksum": m.checksum,
                    "sql": m.sql,
                }
                for m in migrations.migrations
            ],
        ]
    )
    children = [start_python(ENSURE_IN_STEP, argument) for _ in range(3)]
    for child in children:
        assert child.stdout.readline() == "ready\n"

    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    names = {json.loads(child.stdout.readline()) for child in children}

    assert names == {template_name(migrations)}
    assert databases_like(runledger_admin_dsn, template_name(migrations)) == names


def test_a_builder_that_comes_second_takes_the_first_ones_template(
    runledger_admin_dsn, make_migrations
):
    """The advisory lock belongs to a database; others may have locked elsewhere."""
    migrations = make_migrations()
    name = ensure_template(runledger_admin_dsn, migrations)
    oid = oid_of(runledger_admin_dsn, name)

    with admin_connection(runledger_admin_dsn) as admin:
        _template._build(admin, runledger_admin_dsn, name, migrations, None)

    assert oid_of(runledger_admin_dsn, name) == oid
    assert databases_like(runledger_admin_dsn, name) == {name}


def test_a_failing_migration_is_named_and_leaves_no_database(
    runledger_admin_dsn, make_migrations
):
    migrations = make_migrations("SELECT 1", "CREATE TABLE broken (")

    with pytest.raises(TestSupportError) as caught:
        ensure_template(runledger_admin_dsn, migrations)

    assert caught.value.code == "test_support.migration_failed"
    assert "202601010003_step_3.sql" in str(caught.value)
    assert databases_like(runledger_admin_dsn, template_name(migrations)) == set()


def test_a_template_that_was_dropped_is_built_again(
    runledger_admin_dsn, make_migrations
):
    migrations = make_migrations()
    name = ensure_template(runledger_admin_dsn, migrations)
    with admin_connection(runledger_admin_dsn) as admin:
        template = sql.Identifier(name)
        with pytest.raises(errors.WrongObjectType):
            admin.execute(sql.SQL("DROP DATABASE {}").format(template))
        admin.execute(
            sql.SQL("ALTER DATABASE {} WITH IS_TEMPLATE false").format(template)
        )
        admin.execute(sql.SQL("DROP DATABASE {}").format(template))

    ensure_template(runledger_admin_dsn, migrations)

    assert databases_like(runledger_admin_dsn, name) == {name}
