"""What handlers report while they run, over a blocking psycopg pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runledger_core import RunledgerError
from runledger_postgres import (
    Checkpoint,
    JobLogLine,
    ProgressReport,
    insert_job_logs,
    report_progress,
)

from ._calls import PostgresCalls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._handler_ledger import LogLine, Report


class HandlerCalls(PostgresCalls):
    """Write progress, checkpoints and log lines, those of many jobs together."""

    async def report(
        self, reports: Sequence[Report], *, timeout_seconds: float
    ) -> Sequence[RunledgerError | None]:
        """Write reports down under their leases, with a result for each in order."""
        stored = [_progress_report(each) for each in reports]
        results = await self._call(timeout_seconds, report_progress, self._pool, stored)
        return [each if isinstance(each, RunledgerError) else None for each in results]

    async def write_log(
        self, lines: Sequence[LogLine], *, timeout_seconds: float
    ) -> None:
        """Add lines to the logs of jobs, leases or not."""
        stored = [_log_line(each) for each in lines]
        await self._call(timeout_seconds, insert_job_logs, self._pool, stored)


def _progress_report(report: Report) -> ProgressReport:
    saved = report.checkpoint
    return ProgressReport(
        report.lease,
        stage=report.stage,
        progress_done=report.progress_done,
        progress_total=report.progress_total,
        checkpoint=None if saved is None else Checkpoint(saved.value),
    )


def _log_line(line: LogLine) -> JobLogLine:
    return JobLogLine(
        job_id=line.lease.job_id,
        run_number=line.lease.run_number,
        attempt=line.lease.attempt,
        level=line.level,
        message=line.message,
        payload=dict(line.fields),
        age_ms=line.age_ms,
    )
