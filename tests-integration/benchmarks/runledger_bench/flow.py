"""Keep jobs flowing at a steady pace, and watch what that does to the tables."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs

from runledger_postgres import enqueue_job, enqueue_jobs

from . import ledger, statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .processes import Fleet
    from .results import Report

TICK_SECONDS = 0.1
PROBE_TIMEOUT = 60.0
MEBIBYTE = 2**20


@attrs.define
class Producer:
    """What has been enqueued so far."""

    sent: int = 0
    fault: BaseException | None = None


@contextmanager
def flowing(dsn: str, jobs_per_second: int) -> Iterator[Producer]:
    """Enqueue so many jobs a second in a thread; what was late is caught up."""
    producer = Producer()
    is_over = threading.Event()

    def produce() -> None:
        began_at = time.monotonic()
        try:
            with ledger.connect(dsn) as connection:
                while not is_over.wait(TICK_SECONDS):
                    due = int((time.monotonic() - began_at) * jobs_per_second)
                    requests = [ledger.request() for _ in range(due - producer.sent)]
                    enqueue_jobs(connection, requests)
                    producer.sent += len(requests)
        except BaseException as fault:  # noqa: BLE001 - raised again where it is joined
            producer.fault = fault

    thread = threading.Thread(target=produce, daemon=True)
    thread.start()
    try:
        yield producer
    finally:
        is_over.set()
        thread.join()
        if producer.fault is not None:
            raise producer.fault


@attrs.define
class Watcher:
    """
    Take samples of tables, claims and latency, and put them into a report.

    Args:
        dsn: the database.
        fleet: the worker, which notes when probes begin.
        watch: knows the statements' names.
        report: gets the series.
        every_seconds: the pause between two samples.
    """

    dsn: str
    fleet: Fleet
    watch: statements.Watch
    report: Report
    every_seconds: float
    probes: int = 0
    _began_at: float = attrs.field(factory=time.monotonic)
    _last_claims: statements.Counted = attrs.field(factory=statements.Counted)

    def follow(self, seconds: float, phase: str) -> None:
        """Take samples for so long; what is measured of each counts for the phase."""
        until = time.monotonic() + seconds
        with ledger.connect(self.dsn) as connection:
            while time.monotonic() < until:
                time.sleep(self.every_seconds)
                self._sample(connection, phase)

    def _sample(self, connection: Any, phase: str) -> None:
        """Take one sample of everything."""
        at = time.monotonic() - self._began_at
        tables = ledger.table_statistics(connection)
        for table in ("job_queue", "job_attempts", "job_events"):
            _, dead, table_bytes, index_bytes = tables[table]
            follow = self.report.follow
            follow(f"{table}: dead rows", "rows", at, dead)
            follow(f"{table}: table", "MiB", at, table_bytes / MEBIBYTE)
            follow(f"{table}: indexes", "MiB", at, index_bytes / MEBIBYTE)
        claims = statements.counted(connection, self.watch).get(
            "claim_jobs", statements.Counted()
        )
        since = claims.minus(self._last_claims)
        self._last_claims = claims
        if since.calls > 0:
            mean = since.milliseconds / since.calls
            self.report.follow("one claim", "ms", at, mean)
            self.report.add(f"one claim, {phase}", "ms", mean)
        wait = self._probe(connection)
        self.report.follow("commit to start", "ms", at, wait)
        self.report.add(f"commit to start, {phase}", "ms", wait)

    def _probe(self, connection: Any) -> float:
        """Enqueue one numbered job in the flow; return how long it waited, in ms."""
        number = self.probes
        self.probes += 1
        enqueue_job(connection, ledger.request(number))
        committed_at = time.monotonic()
        started_at = self.fleet.tally.wait_for_moment(number, PROBE_TIMEOUT)
        return 1000 * (started_at - committed_at)
