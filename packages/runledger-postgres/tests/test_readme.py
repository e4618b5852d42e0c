"""What the README shows runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"


@pytest.mark.db
def test_the_example_of_the_readme_runs(runledger_empty_database, capsys):
    [example] = re.findall(
        r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL
    )

    exec(compile(example, README.name, "exec"), {"dsn": runledger_empty_database})  # noqa: S102

    assert capsys.readouterr().out == "PENDING\n"
