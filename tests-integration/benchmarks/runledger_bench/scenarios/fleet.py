"""Let many workers share one queue: who gets in whose way, and what wakes whom."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from runledger_postgres import enqueue_job

from .. import ledger, statements
from ..draining import TIMEOUT
from ..processes import Fleet, our_worker, running
from ..registry import Bench, scenario
from ..server import ledger_database, settle, value_of

if TYPE_CHECKING:
    from collections.abc import Mapping

# Small batches, so that the workers meet at the head of the queue often.
SETTINGS = {"JOBS_CLAIM_BATCH_SIZE": "50", "JOBS_MAX_GLOBAL_CONCURRENCY": "100"}
SLEEPERS = """
    SELECT /*bench*/ count(*)
    FROM job_workers
    WHERE asleep_since IS NOT NULL
"""
SHOWN = 8


@scenario(
    "fleet",
    full={"workers": 12, "jobs": 50_000, "singles": 200},
    quick={"workers": 6, "jobs": 10_000, "singles": 50},
    smoke={"workers": 2, "jobs": 100, "singles": 4},
)
def fleet(bench: Bench) -> None:
    """Count statements, lock waits and notifications a job, with many workers."""
    workers = bench.sizes["workers"]
    bench.report.settings["worker"] = SETTINGS
    for _ in range(bench.rounds):
        with (
            ledger_database(bench.admin_dsn) as dsn,
            statements.watching(dsn) as watch,
            ledger.connect(dsn) as connection,
        ):
            ledger.enqueue(dsn, bench.sizes["jobs"])
            settle(dsn)
            launch = our_worker(dsn, **SETTINGS)
            with running(launch, workers, holds=True) as fleet:
                drain_together(bench, dsn, fleet, watch)
                wait_for_sleepers(connection, workers)
                trickle(bench, connection, fleet, watch)
                ledger.wait_until_finished(dsn)
            jobs = bench.sizes["jobs"] + bench.sizes["singles"]
            # One attempt each: no job went to two workers.
            ledger.check_all_succeeded(dsn, jobs)
            ledger.check_audit(dsn)
            bench.report.count("jobs", jobs)
    bench.report.count("workers", workers)


def drain_together(
    bench: Bench, dsn: str, fleet: Fleet, watch: statements.Watch
) -> None:
    """Let all of them drain the queue; count what that took."""
    jobs, report = bench.sizes["jobs"], bench.report
    with ledger.connect(dsn) as connection:
        statements.reset(connection)
        looks, waiting = watch.looks, watch.waiting
        fleet.tally.go()
        fleet.wait_for(jobs, TIMEOUT)
        ended_at = ledger.wait_until_finished(dsn)
        found = statements.counted(connection, watch)
    seconds = ended_at - fleet.tally.first_start()
    shares = fleet.tally.per_process(len(fleet.processes))
    per_look = (watch.waiting - waiting) / max(watch.looks - looks, 1)
    report.add(f"drain, {len(shares)} workers", "jobs/s", jobs / seconds)
    report.add("sessions that wait for a lock, mean", "sessions", per_look)
    report.add("sessions that wait for a lock, most", "sessions", watch.most_waiting)
    report.add("smallest share of the jobs", "jobs", min(shares))
    report.add("largest share of the jobs", "jobs", max(shares))
    tell(bench, "busy", found, jobs)


def trickle(
    bench: Bench,
    connection: psycopg.Connection[Any],
    fleet: Fleet,
    watch: statements.Watch,
) -> None:
    """Enqueue jobs one by one for a fleet that sleeps; count who woke up for them."""
    singles, before = bench.sizes["singles"], fleet.tally.total()
    with psycopg.connect(connection.info.dsn, autocommit=True) as listener:
        channels = connection.execute("SELECT wake_channel FROM job_workers").fetchall()
        for (channel,) in channels:
            listener.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        list(listener.notifies(timeout=0))
        statements.reset(connection)
        for number in range(singles):
            enqueue_job(connection, ledger.request())
            fleet.wait_for(before + number + 1, TIMEOUT)
            # So that the one who did it sleeps again: every job finds all asleep.
            wait_for_sleepers(connection, len(fleet.processes))
        heard = len(list(listener.notifies(timeout=0.1)))
    found = statements.counted(connection, watch)
    bench.report.add("notifications a job, fleet asleep", "a job", heard / singles)
    tell(bench, "asleep", found, singles)


def tell(
    bench: Bench, state: str, found: Mapping[str, statements.Counted], jobs: int
) -> None:
    """Report the statements a job, all and the most frequent."""
    calls = sum(each.calls for each in found.values())
    bench.report.add(f"statements a job, fleet {state}", "a job", calls / jobs)
    claims = found.get("claim_jobs", statements.Counted())
    bench.report.add(f"claims a job, fleet {state}", "a job", claims.calls / jobs)
    frequent = sorted(found.items(), key=lambda item: -item[1].calls)[:SHOWN]
    told = ", ".join(f"{name} {each.calls / jobs:.3g}" for name, each in frequent)
    bench.report.notes.append(f"statements a job, fleet {state}: {told}")


def wait_for_sleepers(connection: psycopg.Connection[Any], count: int) -> None:
    """Wait until that many workers sleep."""
    until = time.monotonic() + TIMEOUT
    while value_of(connection, SLEEPERS) < count:
        if time.monotonic() > until:
            raise TimeoutError("the workers do not fall asleep")
        time.sleep(0.005)
