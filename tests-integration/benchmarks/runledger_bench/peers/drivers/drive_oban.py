"""Drive oban."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from oban import Oban, worker
from oban.schema import install
from psycopg_pool import AsyncConnectionPool
from runledger_bench.peers.contract import Driver, dsn, main, until_told

if TYPE_CHECKING:
    from runledger_bench.tally import Tally

LIMIT = 1000
POOL = 4
# Handlers are classes that oban makes itself.
TALLY: list[Tally] = []


@worker(queue="default")
class Noop:
    """A worker that does nothing."""

    async def process(self, job: Any) -> None:
        TALLY[0].started(job.args["seq"])


class ObanDriver(Driver):
    """Claims in batches; ends are a statement each, in one transaction."""

    package = "oban"
    settings = {"limit": LIMIT, "pool": POOL}
    unfinished = """
        SELECT EXISTS (
            SELECT FROM oban_jobs
            WHERE state NOT IN ('completed', 'discarded', 'cancelled')
        )
    """
    states = "SELECT state::text, count(*) FROM oban_jobs GROUP BY state"
    succeeded = "completed"
    clear = ("TRUNCATE oban_jobs",)
    keeps = "the job, with its attempts counted and a timestamp for each state"

    async def setup(self) -> None:
        pool = await self._pool(1)
        await install(pool)
        await pool.close()

    async def open(self, clients: int) -> None:
        self._connections = await self._pool(clients)
        self._client = Oban(pool=self._connections)

    async def close(self) -> None:
        await self._connections.close()

    async def enqueue(self, number: int) -> None:
        await self._client.enqueue(Noop.new({"seq": number}))

    async def enqueue_many(self, count: int) -> None:
        await self._client.enqueue_many([Noop.new({"seq": -1}) for _ in range(count)])

    async def work(self, tally: Tally) -> None:
        TALLY.append(tally)
        pool = await self._pool(POOL)
        oban = Oban(pool=pool, queues={"default": LIMIT})
        await oban.start()
        await until_told()
        await oban.stop()
        await pool.close()

    async def _pool(self, size: int) -> AsyncConnectionPool[Any]:
        pool = AsyncConnectionPool(dsn(), min_size=size, max_size=size, open=False)
        await pool.open()
        return pool


if __name__ == "__main__":
    sys.modules["drive_oban"] = sys.modules["__main__"]
    sys.exit(main(ObanDriver()))
