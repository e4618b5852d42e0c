"""The guides' examples run, in the order in which they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GUIDES = sorted((Path(__file__).parent.parent / "docs" / "guides").glob("*.md"))


@pytest.mark.db
@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_a_guides_examples_run(guide, runledger_empty_database):
    text = guide.read_text(encoding="utf-8")
    names = {"dsn": runledger_empty_database}

    for example in re.finditer(r"```python\n(.*?)```", text, re.DOTALL):
        # Blank lines ahead, so that a traceback names the guide's own line.
        lines_before = text.count("\n", 0, example.start(1))
        source = "\n" * lines_before + example[1]
        exec(compile(source, guide.name, "exec"), names)  # noqa: S102

    assert len(names) > 1
