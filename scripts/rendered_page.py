"""Write a page of the documentation that is made from code, or check that it is."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DOCS = Path(__file__).resolve().parent.parent / "docs"


def write_or_check(page: str, text: str, *, description: str | None) -> int:
    """Bring ``docs/<page>`` up to date; with ``--check`` only say if it is not."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    is_check = parser.parse_args().check
    path = DOCS / page
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return 0
    if is_check:
        mending = "run `nox -s render` and commit the result"
        print(f"docs/{page} is out of date: {mending}", file=sys.stderr)
        return 1
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    print(f"wrote docs/{page}")
    return 0


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def sentence(text: str) -> str:
    """Return a text of the code's as a sentence of its own."""
    return f"{text[:1].upper()}{text[1:]}."
