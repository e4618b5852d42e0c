"""Drive absurd, on the schema that its command line tool brings."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import psycopg
from absurd_sdk import AsyncAbsurd
from absurdctl import BUNDLED_SCHEMA_SQL
from runledger_bench.peers.contract import Driver, dsn, main, until_told

if TYPE_CHECKING:
    from runledger_bench.tally import Tally

CONCURRENCY = 10
BATCH = 100
# The default is 250 ms.
POLL_SECONDS = 0.05
CLAIM_SECONDS = 120


class Absurd(Driver):
    """One connection a worker, and one call for each job that ends; it polls."""

    package = "absurd-sdk"
    settings = {
        "concurrency": CONCURRENCY,
        "batch_size": BATCH,
        "poll_interval": POLL_SECONDS,
    }
    unfinished = """
        SELECT EXISTS (
            SELECT FROM absurd.t_default
            WHERE state NOT IN ('completed', 'failed', 'cancelled')
        )
    """
    states = "SELECT state::text, count(*) FROM absurd.t_default GROUP BY state"
    succeeded = "completed"
    clear = (
        """
        TRUNCATE absurd.t_default, absurd.r_default, absurd.c_default,
            absurd.e_default, absurd.w_default CASCADE
        """,
    )
    keeps = "the task and one run for each attempt, with their times"
    has_bulk = False

    async def setup(self) -> None:
        with psycopg.connect(dsn(), autocommit=True) as connection:
            connection.execute(BUNDLED_SCHEMA_SQL.encode())
        absurd = self._absurd(None)
        await absurd.create_queue("default")
        await absurd.close()

    async def open(self, clients: int) -> None:
        self._free = [self._absurd(None) for _ in range(clients)]

    async def close(self) -> None:
        for absurd in self._free:
            await absurd.close()

    async def enqueue(self, number: int) -> None:
        absurd = self._free.pop()
        await absurd.spawn("noop", {"seq": number})
        self._free.append(absurd)

    async def work(self, tally: Tally) -> None:
        absurd = self._absurd(tally)
        working = asyncio.create_task(
            absurd.start_worker(
                concurrency=CONCURRENCY,
                batch_size=BATCH,
                poll_interval=POLL_SECONDS,
                claim_timeout=CLAIM_SECONDS,
            )
        )
        told = asyncio.create_task(until_told())
        await asyncio.wait({working, told}, return_when=asyncio.FIRST_COMPLETED)
        absurd.stop_worker()
        await asyncio.wait({working}, timeout=3)
        if working.done():
            working.result()

    def _absurd(self, tally: Tally | None) -> AsyncAbsurd:
        absurd = AsyncAbsurd(dsn(), queue_name="default")

        @absurd.register_task(name="noop")
        async def noop(params: Any, context: Any) -> None:
            if tally is not None:
                tally.started(params["seq"])

        return absurd


if __name__ == "__main__":
    sys.exit(main(Absurd()))
