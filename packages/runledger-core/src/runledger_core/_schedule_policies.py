"""Say what a schedule does about slots that it missed, and about jobs still running."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from ._numbers import check_whole_number

MAX_MISFIRE_LIMIT: Final = 1000


class MisfirePolicy(StrEnum):
    """What becomes of slots that passed while no scheduler was there."""

    SKIP = "SKIP"
    """Let them go. A slot that is due for a minute or less was not missed."""
    ONCE = "ONCE"
    """One job for all of them, in the name of the first."""
    ALL = "ALL"
    """A job for each, the first ones up to the schedule's limit; let the rest go."""


class OverlapPolicy(StrEnum):
    """What happens when a slot is due and the job of an earlier one has not ended."""

    ALLOW = "ALLOW"
    """Enqueue a job all the same; they may run side by side."""
    SKIP = "SKIP"
    """Let the slot go."""


def check_misfire_limit(value: object) -> int:
    """
    Return *value* if it is a whole number of jobs from 1 to 1000.

    Raises:
        ValidationError: ``job_schedule.invalid_misfire_limit``.
    """
    code = "job_schedule.invalid_misfire_limit"
    return check_whole_number(value, code, minimum=1, maximum=MAX_MISFIRE_LIMIT)
