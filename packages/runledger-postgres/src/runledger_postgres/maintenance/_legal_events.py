"""Work out from the table of transitions which events may follow which."""

from __future__ import annotations

from functools import cache
from itertools import pairwise, product
from typing import TYPE_CHECKING, Final

from runledger_core import JOB_TRANSITIONS, OPTIONAL_EVENT_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runledger_core import JobEventType, JobStatus, Transition

BEGINNING: Final = ""
"""What stands before a job's first event."""


def legal_event_parameters() -> dict[str, list[str]]:
    """Return both relations as the lists of columns that statements take."""
    pairs, ends = sorted(legal_successions()), sorted(statuses_after_events())
    # str(): psycopg has a way of its own with members of an enum.
    return {
        "previous_types": [str(previous) for previous, _ in pairs],
        "next_types": [str(following) for _, following in pairs],
        "event_types": [str(event_type) for event_type, _ in ends],
        "statuses": [str(status) for _, status in ends],
    }


@cache
def legal_successions() -> frozenset[tuple[str, str]]:
    """Return every pair of event types that may stand next to each other in a job."""
    pairs: set[tuple[str, str]] = set()
    for transition in JOB_TRANSITIONS:
        for events in _variants(transition):
            pairs.update(pairwise(events))
            if transition.source is None:
                pairs.add((BEGINNING, events[0]))
            following = _first_events(transition.target)
            pairs.update((events[-1], event_type) for event_type in following)
    return frozenset(pairs)


@cache
def statuses_after_events() -> frozenset[tuple[str, str]]:
    """Return each event type that may be a job's last, with the status it leads to."""
    return frozenset(
        (events[-1], transition.target)
        for transition in JOB_TRANSITIONS
        for events in _variants(transition)
    )


def _first_events(status: JobStatus) -> set[JobEventType]:
    """
    Return the events that may come next in *status*.

    A transition may leave all of its events out, but such ones stay in their status.
    """
    return {
        events[0]
        for transition in JOB_TRANSITIONS
        if transition.source is status
        for events in _variants(transition)
    }


def _variants(
    transition: Transition[JobStatus],
) -> Iterator[tuple[JobEventType, ...]]:
    """Yield what a transition may write: with and without its optional events."""
    choices = [
        (True, False) if event_type in OPTIONAL_EVENT_TYPES else (True,)
        for event_type in transition.event_types
    ]
    for chosen in product(*choices):
        written = zip(transition.event_types, chosen, strict=True)
        events = tuple(event_type for event_type, is_kept in written if is_kept)
        if events:
            yield events
