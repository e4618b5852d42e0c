"""Write docs/error-codes.md from the table of codes in core."""

from __future__ import annotations

import sys
from itertools import groupby
from typing import TYPE_CHECKING

from rendered_page import sentence, table, write_or_check

from runledger_core.codes import CODES, CodeKind, ErrorCategory, Layer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runledger_core.codes import CodeEntry

HEADS = ("Code", "Category", "Layer", "What it says")

INTRODUCTION = """\
# Error codes

<!-- Written by scripts/render_error_codes.py. Change the table in core instead. -->

Every error of Runledger has a code that never changes: compare codes, not messages.
`str(error)` is the code and the sentence below, sometimes with a detail that is safe to
show; what is not is in `error.internal_message()`, for your log.

"""

CATEGORIES = {
    ErrorCategory.CONFLICT: "The request is sound but contradicts what is stored.",
    ErrorCategory.VALIDATION: (
        "The request, or the state it asks to change, does not allow the operation."
    ),
    ErrorCategory.FORBIDDEN: "The caller does not hold what the operation needs.",
    ErrorCategory.INTERNAL: "Something broke that the caller did not cause.",
}

LAYERS = {
    Layer.CORE: "pure validation, before anything touches the database",
    Layer.POSTGRES: "the storage layer and what it hears from PostgreSQL",
    Layer.RUNTIME: "the supervisor, its loops, the catalog and the configuration",
}


def main() -> int:
    """Write or check the page."""
    return write_or_check("error-codes.md", page(), description=__doc__)


def page() -> str:
    """Return the whole page."""
    raised = [entry for entry in CODES.values() if entry.kind is not CodeKind.STORED]
    stored = [entry for entry in CODES.values() if entry.kind is not CodeKind.RAISED]
    areas = groupby(raised, key=lambda entry: entry.code.partition(".")[0])
    categories = table(
        ("Category", "Meaning"),
        ((f"`{category}`", CATEGORIES[category]) for category in ErrorCategory),
    )
    layers = "".join(f"- `{layer}`: {LAYERS[layer]}\n" for layer in Layer)
    parts = [
        INTRODUCTION,
        categories,
        f"\nThe layer is the distribution that raises a code first:\n\n{layers}",
        "\n## Raised\n",
        *(f"\n### {area}\n\n{rows(entries)}" for area, entries in areas),
        "\n## Stored as the reason of a failure\n\n",
        "These stand in attempts, jobs and steps; some are raised too.\n\n",
        rows(stored),
    ]
    return "".join(parts)


def rows(entries: Iterable[CodeEntry]) -> str:
    """Return the table of some codes."""
    return table(
        HEADS,
        (
            (
                f"`{entry.code}`",
                entry.category,
                entry.layer,
                ". ".join(
                    sentence(text).removesuffix(".")
                    for text in (entry.problem, entry.remedy)
                    if text
                )
                + ".",
            )
            for entry in entries
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
