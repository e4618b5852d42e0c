"""What the watchdog hears, and what it does when its owner is gone."""

from __future__ import annotations

import io
import signal
import subprocess

from runledger_test_support._watchdog import Watchdog, listen, stop_group


def test_it_remembers_what_was_announced_until_the_pipe_closes():
    pipe = io.BytesIO(
        b'["directory", "/a"]\n["group", 7]\n["group", 8]\n["forget", 7]\n'
    )

    groups, directories = listen(pipe)

    assert groups == [8]
    assert [str(directory) for directory in directories] == ["/a"]


def test_a_dismissal_leaves_nothing_to_do():
    pipe = io.BytesIO(b'["directory", "/a"]\n["group", 7]\n["dismiss", null]\n')

    assert listen(pipe) == ([], [])


def test_abandoned_it_stops_groups_and_removes_directories(tmp_path):
    directory = tmp_path / "made later"
    watchdog = Watchdog()
    watchdog.watch_directory(directory)
    directory.mkdir()
    (directory / "file").touch()
    child = subprocess.Popen(["/bin/sleep", "600"], start_new_session=True)
    watchdog.watch_group(child.pid)

    watchdog._process.stdin.close()
    ended_by = -child.wait(timeout=60)
    watchdog.abandon()

    assert ended_by == signal.SIGQUIT
    assert not directory.exists()


def test_dismissed_it_touches_nothing(tmp_path):
    watchdog = Watchdog()
    watchdog.watch_directory(tmp_path)

    watchdog.dismiss()
    watchdog.abandon()

    assert tmp_path.is_dir()


def test_an_owner_survives_the_death_of_the_watchdog(tmp_path):
    watchdog = Watchdog()
    watchdog._process.kill()
    watchdog._process.wait()

    watchdog.watch_directory(tmp_path)
    watchdog.dismiss()

    assert tmp_path.is_dir()


def test_a_group_that_is_gone_needs_no_stopping():
    child = subprocess.Popen(["/bin/true"], start_new_session=True)
    child.wait()

    stop_group(child.pid)

    assert child.returncode == 0
