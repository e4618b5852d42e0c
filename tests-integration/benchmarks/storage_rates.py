"""
Measure what the storage layer costs beside bare SQL on the same server.

Each figure is a pair taken in turn, A B A B, on an embedded PostgreSQL with fsync and
synchronous_commit on. The bare side inserts into one table without checks, events or
attempts and moves rows with UPDATE ... SKIP LOCKED: the least that a queue can do.
Prints a table and, with --json, writes the figures with versions and settings.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import psycopg

from runledger_core import JobDefinition, JobEnqueue
from runledger_postgres import (
    SettleSuccess,
    claim_jobs,
    complete_jobs,
    copy_jobs,
    enqueue_job,
    enqueue_jobs,
    migrate_after_idempotency_cutover,
    upsert_job_definition,
)
from runledger_test_support import start_embedded_server

if TYPE_CHECKING:
    from collections.abc import Callable

JOB_TYPE = "bench.noop"
BARE_TABLE = """
CREATE TABLE bare_queue (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payload jsonb NOT NULL,
    status text NOT NULL DEFAULT 'PENDING'
);
CREATE INDEX ON bare_queue (id) WHERE status = 'PENDING';
"""
BARE_INSERT = "INSERT INTO bare_queue (payload) VALUES (%s)"
BARE_INSERT_MANY = "INSERT INTO bare_queue (payload) SELECT unnest(%s::text[]::jsonb[])"
BARE_CLAIM = """
UPDATE bare_queue SET status = 'LEASED' WHERE id IN (
    SELECT id FROM bare_queue WHERE status = 'PENDING'
    ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
) RETURNING id
"""
BARE_COMPLETE = "UPDATE bare_queue SET status = 'SUCCEEDED' WHERE id = ANY (%s)"


@attrs.frozen
class Pair:
    """Rates per second of the ledger and of bare SQL, medians over the rounds."""

    what: str
    ledger: float
    bare: float

    @property
    def ratio(self) -> float:
        """How much of the bare rate is left."""
        return self.ledger / self.bare


def main() -> int:
    """Measure everything once and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2000, help="jobs a measurement")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with start_embedded_server(durable=True) as server:
        pairs = measure(server.dsn, arguments.rounds, arguments.jobs)
        with psycopg.connect(server.dsn) as connection:
            settings = describe(connection)
    for pair in pairs:
        print(
            f"{pair.what:<34} {pair.ledger:>9,.0f}/s  bare {pair.bare:>9,.0f}/s"
            f"  ratio {pair.ratio:.2f}"
        )
    if arguments.json:
        figures = {"settings": settings, "pairs": [attrs.asdict(p) for p in pairs]}
        arguments.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return 0


def measure(dsn: str, rounds: int, jobs: int) -> list[Pair]:
    """Take every pair in turn."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        migrate_after_idempotency_cutover(connection)
        upsert_job_definition(connection, JobDefinition(JOB_TYPE))
        connection.execute(BARE_TABLE)
        pairs = [
            paired("enqueue one by one, 1 client", rounds, *one_by_one(dsn, 1, jobs)),
            paired(
                "enqueue one by one, 10 clients", rounds, *one_by_one(dsn, 10, jobs)
            ),
            paired("enqueue 1,000 a call", rounds, *in_bulk(connection, 10 * jobs)),
            paired("copy", rounds, *by_copy(connection, 10 * jobs)),
        ]
        for batch in (1, 10, 100, 500):
            claimed, completed = cycles(connection, batch, rounds, jobs)
            pairs += [claimed, completed]
    return pairs


def paired(
    what: str, rounds: int, ledger: Callable[[], float], bare: Callable[[], float]
) -> Pair:
    """Run both sides in turn; each call returns a rate."""
    rates = [(ledger(), bare()) for _ in range(rounds)]
    return Pair(
        what,
        statistics.median(rate for rate, _ in rates),
        statistics.median(rate for _, rate in rates),
    )


def one_by_one(
    dsn: str, clients: int, jobs: int
) -> tuple[Callable[[], float], Callable[[], float]]:
    """Insert jobs in transactions of their own from several connections at once."""
    request = JobEnqueue(JOB_TYPE, {"n": 1})

    def rate(insert: Callable[[psycopg.Connection[Any]], object]) -> float:
        def client(_: int) -> None:
            with psycopg.connect(dsn, autocommit=True) as connection:
                for _ in range(jobs // clients):
                    insert(connection)

        with ThreadPoolExecutor(clients) as threads:
            started = time.perf_counter()
            list(threads.map(client, range(clients)))
            return jobs / (time.perf_counter() - started)

    return (
        lambda: rate(lambda connection: enqueue_job(connection, request)),
        lambda: rate(lambda connection: connection.execute(BARE_INSERT, ['{"n": 1}'])),
    )


def in_bulk(
    connection: psycopg.Connection[Any], jobs: int
) -> tuple[Callable[[], float], Callable[[], float]]:
    """Insert a thousand jobs a call from one connection."""
    requests = [JobEnqueue(JOB_TYPE, {"n": number}) for number in range(1000)]
    payloads = [f'{{"n": {number}}}' for number in range(1000)]

    def rate(insert: Callable[[], object]) -> float:
        started = time.perf_counter()
        for _ in range(jobs // 1000):
            insert()
        return jobs / (time.perf_counter() - started)

    return (
        lambda: rate(lambda: enqueue_jobs(connection, requests)),
        lambda: rate(lambda: connection.execute(BARE_INSERT_MANY, [payloads])),
    )


def by_copy(
    connection: psycopg.Connection[Any], jobs: int
) -> tuple[Callable[[], float], Callable[[], float]]:
    """Load jobs through COPY; the ledger's side checks them and writes their events."""
    requests = [JobEnqueue(JOB_TYPE, {"n": number}) for number in range(jobs)]

    def copy_bare() -> None:
        with (
            connection.cursor() as cursor,
            cursor.copy("COPY bare_queue (payload) FROM STDIN") as copy,
        ):
            for number in range(jobs):
                copy.write_row([f'{{"n": {number}}}'])

    def rate(load: Callable[[], object]) -> float:
        started = time.perf_counter()
        load()
        return jobs / (time.perf_counter() - started)

    return lambda: rate(lambda: copy_jobs(connection, requests)), lambda: rate(
        copy_bare
    )


def cycles(
    connection: psycopg.Connection[Any], batch: int, rounds: int, jobs: int
) -> tuple[Pair, Pair]:
    """Claim and complete in batches of one size from one connection."""
    cycles_count = max(min(jobs, 200 * batch) // batch, 1)
    taken: list[tuple[float, float, float, float]] = []
    connection.execute("VACUUM ANALYZE")
    for _ in range(rounds):
        ledger_claim, ledger_complete, bare_claim, bare_complete = 0.0, 0.0, 0.0, 0.0
        for _ in range(cycles_count):
            at = time.perf_counter()
            found = claim_jobs(connection, worker_id="b", lease_seconds=60, limit=batch)
            claimed = time.perf_counter()
            complete_jobs(connection, [SettleSuccess(job.lease) for job in found])
            completed = time.perf_counter()
            ids = [row[0] for row in connection.execute(BARE_CLAIM, [batch]).fetchall()]
            bare_claimed = time.perf_counter()
            connection.execute(BARE_COMPLETE, [ids])
            if not len(found) == len(ids) == batch:
                raise LookupError("the queue ran dry")
            ledger_claim += claimed - at
            ledger_complete += completed - claimed
            bare_claim += bare_claimed - completed
            bare_complete += time.perf_counter() - bare_claimed
        done = cycles_count * batch
        taken.append(
            (
                done / ledger_claim,
                done / ledger_complete,
                done / bare_claim,
                done / bare_complete,
            )
        )
    medians = [statistics.median(column) for column in zip(*taken, strict=True)]
    return (
        Pair(f"claim {batch} a call", medians[0], medians[2]),
        Pair(f"complete {batch} a call", medians[1], medians[3]),
    )


def describe(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """Tell what was measured on."""
    names = ("server_version", "fsync", "synchronous_commit", "shared_buffers")
    settings = {
        name: str(connection.execute(f"SHOW {name}").fetchone()[0])  # type: ignore[index]
        for name in names
    }
    return {
        **settings,
        "python": sys.version.split()[0],
        "psycopg": f"{psycopg.__version__} ({psycopg.pq.__impl__})",
        "machine": platform.platform(),
    }


if __name__ == "__main__":
    sys.exit(main())
