"""
Survey the Python standard library with durable jobs, and check the ledger's sums.

Starts a PostgreSQL of its own in a temporary directory, enqueues one job a source
file, runs them with a Supervisor, and compares what the ledger says with a direct
computation. Leaves nothing behind.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import threading
import time
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString, TypeVar

import attrs
from psycopg.rows import class_row
from psycopg_pool import ConnectionPool
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.table import Table
from survey import (
    FAILURE_EVERY,
    PARSE_FILE,
    Measurement,
    SourceFile,
    catalog,
    library_root,
    measure_directly,
    standard_library,
)
from survey_workflow import packages_of, run_workflow, survey_request

from runledger_core import EVERYTHING, JobStatus, RunledgerError
from runledger_postgres import (
    audit_ledger,
    count_jobs_by_status,
    enqueue_jobs,
    list_jobs,
    migrate_after_idempotency_cutover,
)
from runledger_runtime import ExitCode, JobsConfig, Supervisor
from runledger_test_support import TestSupportError, start_embedded_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import psycopg

T = TypeVar("T")

BATCH = 500
REFRESH_SECONDS = 0.1
POISON = "def unfinished(:\n    'no Python can parse this'\n"

LOOK_FURTHER = """
To look further: README.md has a worker in twenty lines,
packages/runledger-postgres/README.md jobs in your own transaction,
docs/guides/jobs.md all that the storage layer does, and
docs/guides/workflows.md workflows.
"""


@attrs.frozen
class LedgerTotals:
    """What the ledger wrote down, counted by plain SQL."""

    jobs: int
    attempts: int
    events: int
    retries: int
    dead_letters: int
    seconds: float


COUNT_LEDGER = """
SELECT
    (SELECT count(*) FROM job_queue) AS jobs,
    (SELECT count(*) FROM job_attempts) AS attempts,
    (SELECT count(*) FROM job_events) AS events,
    (
        SELECT count(*) FROM job_events WHERE event_type = 'RETRY_SCHEDULED'
    ) AS retries,
    (SELECT count(*) FROM job_dead_letters) AS dead_letters,
    (
        SELECT extract(epoch FROM max(finished_at) - min(leased_at))::float
        FROM job_attempts
    ) AS seconds
"""

SUM_OUTPUTS = """
SELECT
    COALESCE(sum((output ->> 'lines')::integer), 0)::integer AS lines,
    COALESCE(sum((output ->> 'functions')::integer), 0)::integer AS functions,
    COALESCE(sum((output ->> 'classes')::integer), 0)::integer AS classes,
    COALESCE(max((output ->> 'deepest_nesting')::integer), 0)::integer
        AS deepest_nesting
FROM job_queue
WHERE status = 'SUCCEEDED'
"""


def main() -> int:
    """Run the demo; return 0 when the ledger's sums are the directly computed ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--most", type=int, metavar="N", help="survey the first N files only"
    )
    parser.add_argument(
        "--picture",
        type=Path,
        metavar="FILE",
        help="where to draw the workflow; the default is survey.svg in the environment",
        default=Path(sys.prefix) / "survey.svg",
    )
    arguments = parser.parse_args()
    # Old escapes in the strings of the files that are parsed.
    warnings.filterwarnings("ignore", category=SyntaxWarning)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    # That a job became a dead letter is worth a warning, but here it is the plan.
    logging.getLogger("runledger_runtime").setLevel(logging.ERROR)
    console = Console()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="runledger-demo-") as directory,
            start_embedded_server(durable=True) as server,
            ConnectionPool(server.dsn, min_size=4, max_size=8, open=True) as pool,
        ):
            poison = Path(directory) / "poison.py"
            poison.write_text(POISON, encoding="utf-8")
            files = [*standard_library()[: arguments.most], poison]
            status = survey(console, pool, files)
            if status == 0:
                picture = arguments.picture
                status = survey_by_workflow(console, pool, server.dsn, files, picture)
            return status
    except (RunledgerError, TestSupportError) as error:
        console.print(f"[red]{error}[/red]")
        return 1
    except KeyboardInterrupt:
        console.print("stopped; nothing is left behind")
        return 130


def survey(console: Console, pool: ConnectionPool[Any], files: Sequence[Path]) -> int:
    """Enqueue, run and check."""
    migrate_after_idempotency_cutover(pool)
    catalog.sync_definitions(pool)
    payloads = [
        SourceFile(str(path), fails_once=number % FAILURE_EVERY == 0)
        for number, path in enumerate(files[:-1])
    ]
    payloads.append(SourceFile(str(files[-1])))
    requests = [catalog.job_enqueue(PARSE_FILE, payload) for payload in payloads]
    started = time.perf_counter()
    for first in range(0, len(requests), BATCH):
        enqueue_jobs(pool, requests[first : first + BATCH])
    console.print(
        f"enqueued {len(requests)} jobs in {time.perf_counter() - started:.2f} s:"
        f" every source file of Python {sys.version.split()[0]}'s standard library,"
        " and one that cannot be parsed"
    )
    supervisor = Supervisor(pool, JobsConfig.from_env(), catalog=catalog)
    with stopped_when_ended(console, pool, supervisor, len(requests)):
        status = supervisor.run()
    if status is not ExitCode.OK:
        console.print(f"[red]the supervisor ended as {status.name}[/red]")
        return int(status)
    return report(console, pool, files, payloads)


def survey_by_workflow(
    console: Console,
    pool: ConnectionPool[Any],
    dsn: str,
    files: Sequence[Path],
    picture: Path,
) -> int:
    """Do it once more, by package, as a workflow; the poison is left out."""
    request = survey_request(packages_of(library_root(), files[:-1]))
    started = time.perf_counter()
    surveyed = run_workflow(pool, dsn, request, picture)
    expected, _ = measure_directly(files)
    rows = [
        (name.replace("_", " "), value, getattr(expected, name))
        for name, value in attrs.asdict(surveyed).items()
    ]
    console.print(
        f"\nthe same as a workflow of {len(request.steps)} steps: list, a step for each"
        " package, a gate that a second process completes, and a report of their"
        " outputs"
    )
    console.print(comparison(rows))
    broken = audit_ledger(pool)
    console.print(
        f"{time.perf_counter() - started:.1f} s; {len(broken)} broken invariants;"
        f" drawn in {picture}"
    )
    console.print(LOOK_FURTHER)
    is_right = not broken and all(ledger == direct for _, ledger, direct in rows)
    return 0 if is_right else 1


@contextmanager
def stopped_when_ended(
    console: Console, pool: ConnectionPool[Any], supervisor: Supervisor, total: int
) -> Iterator[None]:
    """Show how many jobs have ended, and stop the supervisor when all have."""
    is_over = threading.Event()
    bar = Progress(
        "surveying",
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )

    def watch() -> None:
        task = bar.add_task("surveying", total=total)
        ended = 0
        while ended < total and not is_over.wait(REFRESH_SECONDS):
            ended = ended_count(pool)
            bar.update(task, completed=ended)
        supervisor.request_shutdown()

    with bar:
        watcher = threading.Thread(target=watch, name="progress")
        watcher.start()
        try:
            yield
        finally:
            is_over.set()
            watcher.join()


def ended_count(pool: ConnectionPool[Any]) -> int:
    """Count the jobs that have ended."""
    counts = count_jobs_by_status(pool, scope=EVERYTHING)
    return sum(counts[status].count for status in JobStatus.terminal())


def report(
    console: Console,
    pool: ConnectionPool[Any],
    files: Sequence[Path],
    payloads: Sequence[SourceFile],
) -> int:
    """Show the ledger beside a direct computation; return 1 if they differ."""
    with pool.connection() as connection:
        surveyed = one_row(connection, Measurement, SUM_OUTPUTS)
        totals = one_row(connection, LedgerTotals, COUNT_LEDGER)
    expected, unparseable = measure_directly(files)
    retries = sum(payload.fails_once for payload in payloads)
    attempts = len(files) + retries
    rows: list[tuple[str, int, int]] = [
        *(
            (name.replace("_", " "), value, getattr(expected, name))
            for name, value in attrs.asdict(surveyed).items()
        ),
        ("jobs", totals.jobs, len(files)),
        ("attempts", totals.attempts, attempts),
        ("retries", totals.retries, retries),
        ("dead letters", totals.dead_letters, unparseable),
        # ENQUEUED once a job; LEASED once an attempt; SUCCEEDED, or FAILED with what
        # became of it.
        ("events", totals.events, 2 * attempts + len(files) + retries + unparseable),
    ]
    console.print(comparison(rows))
    console.print(
        f"{totals.jobs / totals.seconds:.0f} jobs/s from the first lease to the last"
        f" end, {totals.seconds:.1f} s in all"
    )
    show_dead_letters(console, pool)
    broken = audit_ledger(pool)
    for invariant in broken:
        console.print(f"[red]{invariant.name}: {invariant.sentence}[/red]")
    console.print(f"the audit of the ledger found {len(broken)} broken invariants")
    is_right = not broken and all(ledger == direct for _, ledger, direct in rows)
    return 0 if is_right else 1


def one_row(
    connection: psycopg.Connection[Any], kind: type[T], query: LiteralString
) -> T:
    """Read the one row of *query*."""
    with connection.cursor(row_factory=class_row(kind)) as cursor:
        row = cursor.execute(query).fetchone()
    if row is None:
        raise LookupError(query)
    return row


def comparison(rows: Sequence[tuple[str, int, int]]) -> Table:
    """Lay the ledger's numbers beside the directly computed ones."""
    table = Table("", "ledger", "computed directly", "")
    for name in ("ledger", "computed directly"):
        next(c for c in table.columns if c.header == name).justify = "right"
    for name, ledger, direct in rows:
        mark = "[green]equal[/green]" if ledger == direct else "[red]DIFFERENT[/red]"
        table.add_row(name, f"{ledger:,}", f"{direct:,}", mark)
    return table


def show_dead_letters(console: Console, pool: ConnectionPool[Any]) -> None:
    """Show why the jobs that ended as dead letters did."""
    page = list_jobs(pool, scope=EVERYTHING, status=JobStatus.DEAD_LETTERED)
    for job in page.items:
        console.print(
            f"dead letter {job.id}: {job.last_error_code} at attempt {job.attempt}"
        )


if __name__ == "__main__":
    sys.exit(main())
