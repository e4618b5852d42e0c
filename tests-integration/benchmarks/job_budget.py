"""
Show where a job's time goes: PostgreSQL by statement, Python by function.

A worker process drains no-op jobs from an embedded PostgreSQL with fsync and
synchronous_commit on. What a job costs there is told in processor time, not by the
clock, so that other work on the machine does not count: of the worker, of the server by
statement, triggers of foreign keys included, and in bytes of WAL. A second drain under
py-spy says which functions the worker's time goes to. With --picture both become bars,
with --svg the second becomes a flame graph. The program that is started for the worker
is this file, with ``worker``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from runledger_core import JobEnqueue
from runledger_postgres import (
    audit_ledger,
    enqueue_jobs,
    migrate_after_idempotency_cutover,
)
from runledger_postgres._statements import all_statements
from runledger_runtime import JobCatalog, JobsConfig, Supervisor
from runledger_test_support import start_embedded_server

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

JOB_TYPE = "bench.noop"
BATCH = 1000
TICKS = os.sysconf("SC_CLK_TCK")
SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.track": "all",
    "shared_buffers": "512MB",
}
STATEMENTS = """
SELECT
    query, toplevel, calls::float, total_exec_time AS milliseconds,
    wal_bytes::float, shared_blks_hit::float AS pages
FROM pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND query NOT LIKE '%pg_stat_%'
ORDER BY total_exec_time DESC
LIMIT 12
"""
TABLES = """
SELECT
    relname AS name, n_tup_ins AS inserted, n_tup_upd AS updated,
    n_tup_hot_upd AS hot, n_tup_del AS deleted,
    (SELECT count(*) FROM pg_index WHERE indrelid = relid) AS indexes,
    pg_table_size(relid) AS table_bytes,
    pg_indexes_size(relid) AS index_bytes
FROM pg_stat_user_tables
WHERE n_tup_ins + n_tup_upd > 0
  AND relname LIKE 'job\\_%'
ORDER BY relname
"""

catalog = JobCatalog()


@catalog.job(JOB_TYPE)
async def noop(context: Any, payload: Any) -> None:
    """Do nothing."""


def main() -> int:
    """Profile one drain and print the budget of a job."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=50_000)
    parser.add_argument("--claim", type=int, help="claim batch size")
    parser.add_argument("--slots", type=int, help="concurrency of the worker")
    parser.add_argument("--server-only", action="store_true", help="leave py-spy out")
    parser.add_argument("--svg", type=Path, help="write a flame graph of the worker")
    parser.add_argument("--picture", type=Path, help="draw the budget as SVG")
    parser.add_argument("--json", type=Path)
    parser.add_argument("worker", nargs="?", help="be the worker of DATABASE_URL")
    arguments = parser.parse_args()
    if arguments.worker:
        return work()
    settings = {
        "JOBS_CLAIM_BATCH_SIZE": arguments.claim,
        "JOBS_MAX_GLOBAL_CONCURRENCY": arguments.slots,
    }
    env = {name: str(value) for name, value in settings.items() if value}
    with (
        start_embedded_server(durable=True, settings=SETTINGS) as server,
        psycopg.connect(server.dsn, autocommit=True) as connection,
    ):
        connection.execute("CREATE EXTENSION pg_stat_statements")
        migrate_after_idempotency_cutover(connection)
        catalog.sync_definitions(connection)
        budget = measure(connection, server.dsn, arguments.jobs, env)
        print_budget(budget)
        if not arguments.server_only:
            functions = profile(
                connection, server.dsn, arguments.jobs, env, arguments.svg
            )
            print_functions(functions)
            if arguments.picture:
                # Not above: the worker that is measured has no use for it.
                from runledger_bench.budget_picture import draw_budget  # noqa: PLC0415

                draw_budget(budget, functions, arguments.picture)
        violations = audit_ledger(connection)
    if arguments.json:
        arguments.json.write_text(json.dumps(budget, indent=1), encoding="utf-8")
    for violation in violations:
        print(violation)
    return 1 if violations else 0


def work() -> int:
    """Be the worker until the queue is empty; tell what it took."""
    with ConnectionPool(os.environ["DATABASE_URL"], min_size=4, max_size=6) as pool:
        config = JobsConfig.from_env()
        pool.wait()
        before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        Supervisor(pool, config, catalog=catalog).run(stop_when_idle=True)
        after, seconds = (
            resource.getrusage(resource.RUSAGE_SELF),
            time.perf_counter() - began,
        )
    told = {
        "seconds": seconds,
        "user": after.ru_utime - before.ru_utime,
        "system": after.ru_stime - before.ru_stime,
        "switches": after.ru_nvcsw - before.ru_nvcsw,
        "claim_batch_size": config.claim_batch_size,
        "concurrency": config.max_global_concurrency,
    }
    print(json.dumps(told))
    return 0


def measure(
    connection: psycopg.Connection[Any], dsn: str, jobs: int, env: Mapping[str, str]
) -> dict[str, Any]:
    """Drain once and return what each job took."""
    fill(connection, jobs)
    postmaster = int(one(connection, "SELECT pg_backend_pid()"))
    postmaster = parent_of(postmaster)
    wal = one(connection, "SELECT pg_current_wal_insert_lsn()")
    connection.execute("SELECT pg_stat_force_next_flush()")
    connection.execute("SELECT pg_stat_statements_reset(), pg_stat_reset()")
    before = family_seconds(postmaster)
    worker = subprocess.run(
        [sys.executable, __file__, "worker"],
        env={**os.environ, "DATABASE_URL": dsn, **env},
        stdout=subprocess.PIPE,
        check=True,
    )
    server_seconds = family_seconds(postmaster) - before
    wal_bytes = int(
        one(connection, "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), %s)", wal)
    )
    connection.execute("SELECT pg_stat_force_next_flush()")
    names = {
        words(each.query.decode()): each.name for each in reversed(all_statements())
    }
    with connection.cursor(row_factory=dict_row) as cursor:
        statements = cursor.execute(STATEMENTS).fetchall()
        tables = cursor.execute(TABLES).fetchall()
    return {
        "jobs": jobs,
        "worker": json.loads(worker.stdout),
        "server_seconds": server_seconds,
        "wal_bytes": wal_bytes,
        "statements": [
            {**row, "name": names.get(words(row["query"]), shortened(row["query"]))}
            for row in statements
        ],
        "tables": tables,
    }


def words(query: str) -> tuple[str, ...]:
    """
    Return what pg_stat_statements leaves of a query: its words, without constants.

    It drops the comment in front, where the statement's name stands.
    """
    bare = re.sub(r"/\*.*?\*/|'[^']*'|\$\d+", " ", query)
    found = re.findall(r"[a-z_]{3,}", bare.lower())
    return tuple(word for word in found if word not in {"true", "false", "null"})[:40]


def shortened(query: str) -> str:
    """Return the beginning of a query in one line."""
    return " ".join(query.split())[:48]


def fill(connection: psycopg.Connection[Any], jobs: int) -> None:
    """Put the jobs on the queue and let the server settle."""
    for first in range(0, jobs, BATCH):
        count = min(BATCH, jobs - first)
        enqueue_jobs(
            connection, [JobEnqueue(JOB_TYPE, {"n": first + n}) for n in range(count)]
        )
    connection.execute("VACUUM ANALYZE")
    connection.execute("CHECKPOINT")


def one(connection: psycopg.Connection[Any], query: str, *values: object) -> Any:
    """Return the one value that *query* gives."""
    row = connection.execute(query.encode(), values or None).fetchone()
    return None if row is None else row[0]


def parent_of(process_id: int) -> int:
    """Return which process started this one."""
    return int(stat_of(process_id)[1])


def family_seconds(process_id: int) -> float:
    """Return the processor time of a process and of all its children, ended or not."""
    seconds = sum(map(int, stat_of(process_id)[11:15])) / TICKS
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            try:
                fields = stat_of(int(path.name))
            except OSError:  # it has just ended
                continue
            if int(fields[1]) == process_id:
                seconds += sum(map(int, fields[11:13])) / TICKS
    return seconds


def stat_of(process_id: int) -> Sequence[str]:
    """Return the fields of /proc/PID/stat that follow the name."""
    text = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8")
    return text.rpartition(")")[2].split()


def print_budget(budget: Mapping[str, Any]) -> None:
    """Print what a job took, in microseconds, bytes and round trips."""
    jobs, worker = budget["jobs"], budget["worker"]
    micro = 1e6 / jobs
    processor = worker["user"] + worker["system"]
    print(
        f"{jobs} jobs, claims of {worker['claim_batch_size']:.0f}, "
        f"{worker['concurrency']:.0f} at once: {jobs / worker['seconds']:,.0f} jobs/s\n"
        f"a job: {worker['seconds'] * micro:.1f} us by the clock; processor: "
        f"worker {processor * micro:.1f} us ({worker['system'] * micro:.1f} in the "
        f"kernel), server {budget['server_seconds'] * micro:.1f} us; "
        f"{budget['wal_bytes'] / jobs:.0f} bytes of WAL; "
        f"{worker['switches'] / jobs:.3f} waits\n"
    )
    print(f"{'statement':<50}{'calls/job':>10}{'us/job':>8}{'WAL/job':>9}{'pages':>8}")
    for row in budget["statements"]:
        name = row["name"] if row["toplevel"] else f"  {row['name']}"
        print(
            f"{name:<50}{row['calls'] / jobs:>10.4f}"
            f"{1000 * row['milliseconds'] / jobs:>8.2f}"
            f"{row['wal_bytes'] / jobs:>9.0f}{row['pages'] / jobs:>8.1f}"
        )
    print(
        f"\n{'table':<20}{'inserts':>8}{'updates':>8}{'HOT':>6}{'indexes':>9}{'B/job':>8}"
    )
    for row in budget["tables"]:
        hot = row["hot"] / row["updated"] if row["updated"] else 0.0
        size = (row["table_bytes"] + row["index_bytes"]) / jobs
        print(
            f"{row['name']:<20}{row['inserted'] / jobs:>8.2f}"
            f"{row['updated'] / jobs:>8.2f}{hot:>6.2f}{row['indexes']:>9}{size:>8.0f}"
        )


def profile(
    connection: psycopg.Connection[Any],
    dsn: str,
    jobs: int,
    env: Mapping[str, str],
    svg: Path | None,
) -> Counter[str]:
    """Drain under py-spy; return the samples by function, without the imports."""
    own: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as directory:
        raw = Path(directory) / "raw"
        fill(connection, jobs)
        spy(dsn, env, "--gil", "--function", "--format", "raw", "--output", str(raw))
        lines = raw.read_text(encoding="utf-8").splitlines()
    if svg is not None:
        fill(connection, jobs)
        spy(dsn, env, "--gil", "--format", "flamegraph", "--output", str(svg))
    for line in lines:
        stack, _, count = line.rpartition(" ")
        if "importlib" not in stack:
            own[stack.rpartition(";")[2]] += int(count)
    return own


def spy(dsn: str, env: Mapping[str, str], *options: str) -> None:
    """Be a worker once more, under py-spy."""
    program = shutil.which("py-spy") or Path(sys.executable).with_name("py-spy")
    command = [str(program), "record", "--rate", "400", *options, "--"]
    subprocess.run(
        [*command, sys.executable, __file__, "worker"],
        env={**os.environ, "DATABASE_URL": dsn, **env},
        capture_output=True,
        check=True,
    )


def print_functions(own: Counter[str]) -> None:
    """Print where Python was when it held the GIL."""
    total = sum(own.values()) or 1
    print(f"\n{'function (holding the GIL)':<70}{'share':>7}")
    for name, count in own.most_common(30):
        print(f"{name:<70}{count / total:>7.1%}")


if __name__ == "__main__":
    sys.exit(main())
