"""Run the due jobs of a test database to their end, in the test itself."""

from __future__ import annotations

import importlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ._errors import DRAIN_FAILED, INVALID_ARGUMENT, TestSupportError

if TYPE_CHECKING:
    from uuid import UUID

    from psycopg_pool import ConnectionPool

# Big enough for any test; the poll only matters to jobs that enqueue others.
_SETTINGS: Final = {"poll_interval_ms": 20, "claim_batch_size": 100}

# The supervisor's worker has a new id, so these are the jobs that it had to do with.
_ENDED: Final = """
SELECT q.id, q.status::text
FROM job_queue AS q
WHERE q.finished_at IS NOT NULL
  AND EXISTS (
      SELECT FROM job_attempts AS a WHERE a.job_id = q.id AND a.worker_id = %s
  )
ORDER BY q.id
"""


@dataclass(frozen=True)
class DrainReport:
    """The jobs that ended while a queue was drained, by how they ended."""

    succeeded: list[UUID] = field(default_factory=list)
    dead_lettered: list[UUID] = field(default_factory=list)
    canceled: list[UUID] = field(default_factory=list)


def drain(
    pool: ConnectionPool[Any],
    catalog: Any = None,
    *,
    registry: Any = None,
    timeout_seconds: float = 60.0,
) -> DrainReport:
    """
    Run every job that is due, and those that they enqueue, until none is.

    A real supervisor does it, in a thread of its own: so it works in blocking, asyncio
    and trio tests alike, and what happens is what would happen in production. Jobs
    that are due later stay; see `runledger_clock` to make it later. A job that failed
    counts as due if it is to be tried again within a second.

    Needs runledger-runtime, which this distribution does not install.

    Args:
        pool: a blocking pool on the test database; five connections are good.
        catalog: the job types; their definitions are stored.
        registry: the handlers instead, as for a `Supervisor`.
        timeout_seconds: how long it may take before jobs that run are cancelled.

    Raises:
        TestSupportError: ``test_support.drain_failed`` when it did not come to an end
            in time, or the supervisor could not start, with the reason.
            ``test_support.invalid_argument`` without runledger-runtime.
    """
    try:
        runtime = importlib.import_module("runledger_runtime")
    except ImportError as error:
        detail = "drain() runs a supervisor: pip install runledger-runtime"
        raise TestSupportError(INVALID_ARGUMENT, detail) from error
    config = runtime.JobsConfig(shutdown_grace_seconds=0, **_SETTINGS)
    supervisor = runtime.Supervisor(pool, config, catalog=catalog, registry=registry)
    with ThreadPoolExecutor(1, "runledger drain") as threads:
        running = threads.submit(_run, supervisor)
        try:
            failure = running.result(timeout_seconds)
        except TimeoutError:
            supervisor.request_shutdown()
            running.result()
            detail = f"jobs were still running after {timeout_seconds:g} seconds"
            raise TestSupportError(DRAIN_FAILED, detail) from None
        except BaseException:
            supervisor.request_shutdown()
            raise
    if failure is not None:
        raise TestSupportError(DRAIN_FAILED, str(failure)) from failure
    return _ended(pool, config.worker_id)


def _run(supervisor: Any) -> Exception | None:
    trio = importlib.import_module("trio")

    async def run() -> None:
        await supervisor.run_async(stop_when_idle=True)

    try:
        trio.run(run)
    except Exception as error:  # noqa: BLE001 - it is raised again in the test's thread
        return error
    return None


def _ended(pool: ConnectionPool[Any], worker_id: str) -> DrainReport:
    report = DrainReport()
    with pool.connection() as connection:
        rows = connection.execute(_ENDED, [worker_id]).fetchall()
    for job_id, status in rows:
        getattr(report, status.lower()).append(job_id)
    return report
