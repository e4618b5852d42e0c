"""Write docs/design/states.md from the tables of transitions in core."""

from __future__ import annotations

import sys
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from rendered_page import table, write_or_check

from runledger_core import (
    JOB_TRANSITIONS,
    OPTIONAL_EVENT_TYPES,
    WORKFLOW_RUN_TRANSITIONS,
    WORKFLOW_STEP_TRANSITIONS,
    JobEventType,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runledger_core import Transition

INTRODUCTION = """\
# States

<!-- Written by scripts/render_states.py. Change the tables of core instead. -->

What can happen to a job, a workflow step and a workflow run. These are the tables that
`runledger_core` holds as `JOB_TRANSITIONS`, `WORKFLOW_STEP_TRANSITIONS` and
`WORKFLOW_RUN_TRANSITIONS`; what is not here does not happen, and the
[audit](audit.md) and the tests hold the ledger to it.
"""

EVENTS = """
Each change writes its events to the job's history, in this order; those in brackets may
be left out.

"""

PARTS: tuple[tuple[str, str, Sequence[Transition[Any]]], ...] = (
    (
        "Jobs",
        "A job that waits is PENDING, one that a worker holds is LEASED.",
        JOB_TRANSITIONS,
    ),
    (
        "Workflow steps",
        "A step follows its job, or the call that completes its gate.",
        WORKFLOW_STEP_TRANSITIONS,
    ),
    (
        "Workflow runs",
        "A run's status is worked out from its steps.",
        WORKFLOW_RUN_TRANSITIONS,
    ),
)


def main() -> int:
    """Write or check the page."""
    return write_or_check("design/states.md", page(), description=__doc__)


def page() -> str:
    """Return the whole page."""
    parts = [INTRODUCTION]
    for title, summary, transitions in PARTS:
        parts += [f"\n## {title}\n\n{summary}\n\n", diagram(transitions)]
        if any(transition.event_types for transition in transitions):
            parts += [EVENTS, event_table(transitions)]
    return "".join(parts)


def diagram(transitions: Sequence[Transition[Any]]) -> str:
    """Return a Mermaid diagram with one arrow for each pair of states."""
    triggers: dict[tuple[str, str], list[str]] = defaultdict(list)
    for each in transitions:
        source = "[*]" if each.source is None else str(each.source)
        triggers[source, str(each.target)].append(named(each.trigger))
    lines = [
        f"    {source} --> {target}: {', '.join(names)}"
        for (source, target), names in triggers.items()
    ]
    ends = dict.fromkeys(each.target for each in transitions if each.target.is_terminal)
    lines += [f"    {end} --> [*]" for end in ends]
    body = "\n".join(["stateDiagram-v2", "    direction LR", *lines])
    return f"```mermaid\n{body}\n```\n"


def event_table(transitions: Sequence[Transition[Any]]) -> str:
    """Return what each change writes to the history."""
    return table(
        ("From", "To", "By", "Events"),
        (
            (
                "" if each.source is None else str(each.source),
                str(each.target),
                named(each.trigger),
                ", ".join(shown(event_type) for event_type in each.event_types),
            )
            for each in transitions
        ),
    )


def named(trigger: str) -> str:
    """Return a trigger as words."""
    return str(trigger).lower().replace("_", " ")


def shown(event_type: JobEventType) -> str:
    """Return an event, in brackets when it may be left out."""
    return f"({event_type})" if event_type in OPTIONAL_EVENT_TYPES else str(event_type)


if __name__ == "__main__":
    sys.exit(main())
