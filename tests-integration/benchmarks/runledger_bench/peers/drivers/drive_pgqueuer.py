"""Drive pgqueuer, on asyncpg or, with BENCH_VARIANT=psycopg, on psycopg."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import asyncpg
import psycopg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver, PsycopgDriver
from pgqueuer.queries import Queries
from runledger_bench.peers.contract import Driver, address, dsn, main

if TYPE_CHECKING:
    from runledger_bench.tally import Tally

VARIANT = os.environ.get("BENCH_VARIANT", "asyncpg")
# Its default of 10 is several times slower.
BATCH = 500


class Pgqueuer(Driver):
    """The job's row is deleted when it has ended; a log is kept."""

    package = "pgqueuer"
    settings = {"driver": VARIANT, "batch_size": BATCH}
    unfinished = "SELECT EXISTS (SELECT FROM pgqueuer)"
    # A job that ended has left its queue and is in the log alone.
    states = """
        SELECT status::text, count(*)
        FROM pgqueuer_log
        WHERE status::text NOT IN ('queued', 'picked')
        GROUP BY status
    """
    succeeded = "successful"
    clear = ("TRUNCATE pgqueuer, pgqueuer_log, pgqueuer_statistics",)
    keeps = (
        "three log rows of job id, state, priority, entrypoint and time (queued, "
        "picked, successful); the job with its payload is deleted"
    )

    async def setup(self) -> None:
        driver, connection = await self._connect()
        await Queries(driver).install()
        await connection.close()

    async def open(self, clients: int) -> None:
        self._connections = []
        self._free = []
        for _ in range(clients):
            driver, connection = await self._connect()
            self._connections.append(connection)
            self._free.append(Queries(driver))

    async def close(self) -> None:
        for connection in self._connections:
            await connection.close()

    async def enqueue(self, number: int) -> None:
        queries = self._free.pop()
        await queries.enqueue("noop", b'{"seq": %d}' % number, 0)
        self._free.append(queries)

    async def enqueue_many(self, count: int) -> None:
        payloads: list[bytes | None] = [b'{"seq": -1}'] * count
        await self._free[0].enqueue(["noop"] * count, payloads, [0] * count)

    async def work(self, tally: Tally) -> None:
        driver, _ = await self._connect()
        queuer = PgQueuer(driver)

        @queuer.entrypoint("noop")
        async def noop(job: Any) -> None:
            tally.started(int(job.payload[8:-1]))

        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, queuer.qm.shutdown.set)
        await queuer.qm.run(batch_size=BATCH)

    async def _connect(self) -> tuple[Any, Any]:
        if VARIANT == "psycopg":
            connection = await psycopg.AsyncConnection.connect(dsn(), autocommit=True)
            return PsycopgDriver(connection), connection
        parts = address()
        native = await asyncpg.connect(
            host=parts["host"],
            port=int(parts["port"]),
            user=parts["user"],
            database=parts["dbname"],
        )
        return AsyncpgDriver(native), native


if __name__ == "__main__":
    sys.exit(main(Pgqueuer()))
