"""What the runtime logs is named, and the guide has it all."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from runledger_runtime import LogEvent
from runledger_runtime._log_events import level_of

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
