"""Remember where pending jobs stand, so that not each claim looks for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from .._operation import operation
from .._statements import statement
from .._steps import rows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from .._steps import Rows, Steps

SURVEY_QUEUE = statement("jobs/survey_queue")

_LATE: Final = timedelta(seconds=1)
_LOWEST_PRIORITY: Final = -(2**31)
_HIGHEST_PRIORITY: Final = 2**31 - 1
_ALWAYS: Final = datetime(1, 1, 1, tzinfo=UTC)

NO_SPANS: Final[Mapping[str, list[Any]]] = {}


class QueueFronts:
    """
    Where the first pending job of each job type and priority stands.

    `survey_queue` makes one. Claims and sleeping workers that are given it begin there
    instead of at the oldest job that was ever pending, and claims move it on. That is
    worth while as long as an open transaction, a backup or a replica keeps the index
    entries of claimed jobs from being removed: each claim goes over all of them
    otherwise. Survey again every few seconds: what became pending since then, and was
    due more than a second before the survey or before the last job that was claimed, is
    not found through it. Such jobs come from transactions that had begun by then, are
    given back, or were enqueued with a due time in the past.

    ``job_types`` are those that it knows, and ``seconds`` is what it took the server to
    find out: without fronts a claim would spend as much. It may be used by several
    threads.
    """

    def __init__(self, found: Rows) -> None:
        self.job_types: frozenset[str] = frozenset(row["job_type"] for row in found)
        self.seconds: float = max((row["seconds"] for row in found), default=0.0)
        self._others_start_at = found[0]["surveyed_at"] - _LATE if found else _ALWAYS
        starts: dict[str, dict[int, datetime]] = {each: {} for each in self.job_types}
        for row in found:
            if row["priority"] is not None:
                starts_at = min(row["first_run_at"], row["surveyed_at"]) - _LATE
                starts[row["job_type"]][row["priority"]] = starts_at
        # What is in it is replaced and never changed: other threads may be reading.
        self._starts: dict[str, Mapping[int, datetime]] = {**starts}

    def spans(self, job_types: Collection[str]) -> Mapping[str, list[Any]]:
        """
        Say where to look for these types: from the beginning for unknown ones.

        These are parameters of the statements that look there.
        """
        spans: list[tuple[str, int, int, datetime]] = []
        for job_type in job_types:
            spans.extend(self._spans_of(job_type))
        return {
            "span_types": [span[0] for span in spans],
            "span_lowest": [span[1] for span in spans],
            "span_highest": [span[2] for span in spans],
            "span_starts_at": [span[3] for span in spans],
        }

    def _spans_of(self, job_type: str) -> Iterable[tuple[str, int, int, datetime]]:
        """Each level by itself, and what lies between."""
        if job_type not in self.job_types:
            yield job_type, _LOWEST_PRIORITY, _HIGHEST_PRIORITY, _ALWAYS
            return
        others_start_at = self._others_start_at
        lowest = _LOWEST_PRIORITY
        for priority, starts_at in sorted(self._starts[job_type].items()):
            if lowest < priority:
                yield job_type, lowest, priority - 1, others_start_at
            yield job_type, priority, priority, starts_at
            lowest = priority + 1
        if lowest <= _HIGHEST_PRIORITY:
            yield job_type, lowest, _HIGHEST_PRIORITY, others_start_at

    def move_on(self, claimed: Iterable[tuple[str, int, datetime]]) -> None:
        """
        Begin where a claim has found its first jobs.

        It had claimed what came before, but for what others held or did not commit yet.
        """
        for job_type, priority, next_run_at in claimed:
            if job_type in self.job_types:
                starts = self._starts[job_type]
                before = starts.get(priority, self._others_start_at)
                start = max(before, next_run_at - _LATE)
                self._starts[job_type] = {**starts, priority: start}


@operation
def survey_queue(*, job_types: Collection[str]) -> Steps[QueueFronts]:
    """
    Go through the pending jobs of these types, and find the first of each priority.

    Paused types and those without a definition are not in it. Locks nothing, and
    changes nothing.
    """
    found = yield from rows(SURVEY_QUEUE, job_types=sorted(job_types))
    return QueueFronts(found)
