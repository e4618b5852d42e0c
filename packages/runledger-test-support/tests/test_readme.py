"""The examples of the README."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.db
README = Path(__file__).parents[1] / "README.md"


def examples():
    return re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)


def test_the_ten_lines_pass_in_a_foreign_project(run_pytest, runledger_admin_dsn):
    outcome = run_pytest(
        examples()[0],
        environment={"RUNLEDGER_TEST_DATABASE_URL": runledger_admin_dsn},
    )

    assert "2 passed" in outcome.stdout


def test_the_functions_are_called_as_they_are(run_python, runledger_admin_dsn):
    script = examples()[1] + "import asyncio\nasyncio.run(main())\nprint('true')\n"

    assert run_python(
        script, environment={"RUNLEDGER_TEST_DATABASE_URL": runledger_admin_dsn}
    )
