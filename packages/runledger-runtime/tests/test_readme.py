"""The README's worker runs the job that the README's producer enqueues."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from runledger_runtime import ExitCode, JobsConfig

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)


@pytest.mark.db
def test_the_worker_runs_the_job_of_the_producer(
    runledger_database, runledger_env, tmp_path
):
    runledger_env.set("DATABASE_URL", runledger_database)
    worker, producer, *others = BLOCKS
    program = tmp_path / "worker.py"
    program.write_text(worker, encoding="utf-8")
    names = {"__name__": "worker"}
    exec(compile(worker, str(README), "exec"), names)  # noqa: S102
    for block in (producer, *others):
        exec(compile(block, str(README), "exec"), names)  # noqa: S102

    process = subprocess.Popen(
        [sys.executable, str(program)], stdout=subprocess.PIPE, env=os.environ
    )
    try:
        line = process.stdout.readline()
        process.terminate()
        process.communicate(timeout=20)
    finally:
        process.kill()

    assert b"attempt 1: welcome to ada@example.org\n" == line
    assert ExitCode.OK == process.returncode


def test_the_table_of_settings_is_complete_and_has_the_defaults():
    rows = re.findall(
        r"^\| `(JOBS_\w+)` \| (\w+) \| (\d+) \|", README.read_text(), re.MULTILINE
    )
    numbers = [field for field in attrs.fields(JobsConfig) if field.metadata]

    expected = {
        (
            each.metadata["variable"],
            str(each.default),
            str(each.metadata["lowest_from_env"]),
        )
        for each in numbers
    }
    assert expected == set(rows)


def test_the_table_of_exit_codes_is_complete():
    codes = re.findall(r"^\| (\d+) \| ", README.read_text(), re.MULTILINE)

    assert [str(code.value) for code in ExitCode] == codes
