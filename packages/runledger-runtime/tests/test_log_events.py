"""What the runtime logs is named, and the guide has it all."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import runledger_runtime
from runledger_runtime import LogEvent
from runledger_runtime._log_events import level_of

SOURCE = Path(runledger_runtime.__file__).parent
GUIDE = Path(__file__).parents[3] / "docs/guides/observability.md"


def test_the_guide_has_every_event_with_its_level():
    rows = re.findall(
        r"^\| `([a-z_]+\.[a-z_]+)` \| (\w+) \|", GUIDE.read_text("utf-8"), re.MULTILINE
    )

    expected = [
        (event.value, logging.getLevelName(level_of(event)).lower())
        for event in sorted(LogEvent)
    ]
    assert expected == rows


def test_nothing_is_logged_without_the_name_of_an_event():
    loggers = [
        path.name
        for path in SOURCE.rglob("*.py")
        if re.search(
            r"\bgetLogger\(|\blogging\.(info|warning|error)\(", path.read_text()
        )
    ]

    # Whoever has no logger of its own logs through `emit`.
    assert ["_log_events.py"] == loggers
