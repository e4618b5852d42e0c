"""Shorten names that have no room."""

from __future__ import annotations


def cut(text: str, characters: int) -> str:
    """Shorten what would not fit, in the middle: names often differ at their ends."""
    if len(text) <= characters:
        return text
    half = (characters - 1) // 2
    return f"{text[:half]}…{text[-half:]}"
