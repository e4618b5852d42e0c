"""Write docs/design/audit.md from the invariants of the storage layer."""

from __future__ import annotations

import sys
from itertools import groupby

from rendered_page import sentence, table, write_or_check

from runledger_postgres import INVARIANTS

INTRODUCTION = """\
# The audit

<!-- Written by scripts/render_audit.py. Change the table of invariants instead. -->

`audit_ledger(db)` returns every invariant of a ledger that does not hold: its name, the
table and ids of the rows, and what should be true of them. A sound ledger gives an
empty list. It is for a live database: it changes and locks nothing, and each invariant
is one statement, which sees one moment of the ledger, so that work going on meanwhile
cannot look like a fault. It reads every table whole; on a large ledger run it on a
replica.

What the database refuses by itself is not repeated here: unique keys, foreign keys and
checks hold always. These hold between rows and between tables, and nothing but the
statements that write them keeps them. So every test with a database ends with an audit,
and for each invariant a test breaks it by hand and sees it found. Which event may
follow which is worked out from the [table of transitions](states.md).

A clock that was set back breaks the invariants about time and no others; a server that
took over from another with a later clock can do so too.

"""


def main() -> int:
    """Write or check the page."""
    return write_or_check("design/audit.md", page(), description=__doc__)


def page() -> str:
    """Return the whole page."""
    ordered = sorted(INVARIANTS, key=lambda invariant: invariant.table)
    parts = [INTRODUCTION.rstrip("\n"), "\n"]
    for name, invariants in groupby(ordered, key=lambda found: found.table):
        rows = ((f"`{each.name}`", sentence(each.sentence)) for each in invariants)
        parts += [
            f"\n## Rows of {name}\n\n",
            table(("Invariant", "What holds"), rows),
        ]
    return "".join(parts)


if __name__ == "__main__":
    sys.exit(main())
