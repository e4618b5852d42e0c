"""Why a release stops, in words for whoever has to go on with it."""

from __future__ import annotations

# How much of what a command has said is worth repeating.
LINES = 12


class ReleaseError(Exception):
    """A release cannot go on: what is wrong, and what to do about it."""


def last_lines(output: str, count: int = LINES) -> str:
    """Return the end of what a command has said, indented to stand below a message."""
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    return "\n".join(f"    {line}" for line in lines[-count:])
