"""scripts/dev.py: what it hands to nox, and the one line it says when it cannot."""

from __future__ import annotations

import ast
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
SCRIPT = SCRIPTS / "dev.py"
RUN = "import runpy, sys; sys.argv = sys.argv[1:]; "
RUN += "runpy.run_path(sys.argv[0], run_name='__main__')"


@pytest.fixture
def checkout(tmp_path):
    """A folder in which nothing is set up."""
    folder = tmp_path / "a new clone"
    (folder / "scripts").mkdir(parents=True)
    shutil.copy(SCRIPT, folder / "scripts" / "dev.py")
    return folder


@pytest.fixture
def run_dev(checkout, tmp_path):
    """Run dev.py from some other folder, after some code of the test's."""

    def run(*arguments, prelude="", **environment):
        script = str(checkout / "scripts" / "dev.py")
        return subprocess.run(
            [sys.executable, "-c", prelude + RUN, script, *arguments],
            cwd=tmp_path,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def set_up(checkout):
    """Make the environment look complete; its Python shows its arguments, exits 7."""
    script = runpy.run_path(str(checkout / "scripts" / "dev.py"))
    script["PYTHON"].parent.mkdir(parents=True)
    script["PYTHON"].write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 7\n')
    script["PYTHON"].chmod(0o755)
    stamp = f"{script['NOX']} {script['UV']} {script['python_series']()}"
    script["STAMP"].write_text(stamp)


@pytest.mark.parametrize(
    "script", [SCRIPT, *sorted(SCRIPTS.glob("doctor*.py"))], ids=lambda each: each.stem
)
def test_the_script_can_be_read_by_a_python_that_is_too_old(script):
    tree = ast.parse(script.read_text(), feature_version=(3, 6))

    imported = {node.module for node in ast.walk(tree) if hasattr(node, "module")}
    assert "__future__" not in imported


def test_a_python_that_is_too_old_is_told_in_one_line(run_dev, checkout):
    done = run_dev("test", prelude="import sys; sys.version_info = (3, 9, 1); ")

    assert 1 == done.returncode
    (line,) = done.stderr.splitlines()
    assert line.startswith("dev.py: Python 3.11 or newer is needed, this is 3.9.1")
    assert not (checkout / ".venv").exists()


def test_a_python_without_venv_is_told_in_one_line(run_dev, checkout):
    done = run_dev("test", prelude="import sys; sys.modules['ensurepip'] = None; ")

    assert 1 == done.returncode
    (line,) = done.stderr.splitlines()
    assert "apt install python3-venv" in line
    assert not (checkout / ".venv").exists()


@pytest.mark.slow
def test_an_index_that_has_nothing_is_told_in_one_line(run_dev, tmp_path):
    settings = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}

    done = run_dev("test", **settings)

    assert 1 == done.returncode
    *notes, line = done.stderr.splitlines()
    assert all(note.endswith(" ...") for note in notes)
    assert line.startswith("dev.py: pip could not install nox==")


@pytest.mark.usefixtures("set_up")
@pytest.mark.parametrize(
    ("arguments", "handed_over"),
    [
        ([], ["--list"]),
        (["lint"], ["--session", "lint"]),
        (["test", "--", "-k", "a b"], ["--session", "test", "--", "-k", "a b"]),
        (["test", "-k", "a b"], ["--session", "test", "--", "-k", "a b"]),
    ],
    ids=["none", "session", "separated", "direct"],
)
def test_a_session_and_its_arguments_go_to_nox(
    run_dev, checkout, arguments, handed_over
):
    done = run_dev(*arguments)

    noxfile = str(checkout / "noxfile.py")
    wanted = ["-m", "nox", "--noxfile", noxfile, *handed_over]
    assert wanted == done.stdout.splitlines()


@pytest.mark.usefixtures("set_up")
def test_the_exit_status_is_that_of_nox(run_dev):
    assert 7 == run_dev("lint").returncode
