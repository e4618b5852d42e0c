"""Drive Runledger, with the settings of its guide for short jobs."""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
from runledger_bench import ledger, worker_program
from runledger_bench.peers.contract import Driver, dsn, first_calls, main
from runledger_bench.processes import THROUGHPUT
from runledger_bench.server import JOB_TYPE

from runledger_core import JobDefinition
from runledger_postgres import (
    enqueue_job,
    enqueue_jobs,
    migrate_after_idempotency_cutover,
    upsert_job_definition,
)

if TYPE_CHECKING:
    from runledger_bench.tally import Tally


class Runledger(Driver):
    """The ledger: attempts and events are kept."""

    package = "runledger-runtime"
    settings = {
        **THROUGHPUT,
        "pool": worker_program.POOL_SIZE,
        "gc_threshold": worker_program.GC_THRESHOLD,
        "clients": "threads",
    }
    unfinished = ledger.UNFINISHED
    states = ledger.STATES
    succeeded = "SUCCEEDED"
    clear = ("TRUNCATE job_queue CASCADE",)
    keeps = (
        "the job with its request, result and timestamps, an attempt, and the events "
        "ENQUEUED, LEASED and SUCCEEDED; all of it stays"
    )
    # The worker is trio's. Single jobs are enqueued by the blocking calls, in threads.
    wants_uvloop = False

    async def setup(self) -> None:
        async with await self._connect() as connection:
            await migrate_after_idempotency_cutover(connection)
            await upsert_job_definition(connection, JobDefinition(JOB_TYPE))

    async def open(self, clients: int) -> None:
        self._free = [await self._connect() for _ in range(clients)]
        self._batch = [ledger.request() for _ in range(1000)]

    async def close(self) -> None:
        for connection in self._free:
            await connection.close()

    async def enqueue(self, number: int) -> None:
        connection = self._free.pop()
        await enqueue_job(connection, ledger.request(number))
        self._free.append(connection)

    async def enqueue_many(self, count: int) -> None:
        await enqueue_jobs(self._free[0], self._batch[:count])

    def enqueue_singles(self, count: int, clients: int) -> dict[str, Any]:
        connections = [ledger.connect(dsn()) for _ in range(clients)]

        def all_of(amount: int) -> float:
            numbers = iter(range(amount))

            def client(connection: psycopg.Connection[Any]) -> None:
                for _ in numbers:
                    enqueue_job(connection, ledger.request())

            began_at = time.perf_counter()
            list(threads.map(client, connections))
            return time.perf_counter() - began_at

        with ThreadPoolExecutor(clients) as threads:
            first = first_calls(count, clients)
            all_of(first)
            seconds = all_of(count - first)
        for each in connections:
            each.close()
        return {"count": count - first, "seconds": seconds}

    def work_in_process(self, tally: Tally) -> None:
        os.environ.update(THROUGHPUT, DATABASE_URL=dsn())
        sys.exit(worker_program.work(tally))

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(dsn(), autocommit=True)


if __name__ == "__main__":
    sys.exit(main(Runledger()))
