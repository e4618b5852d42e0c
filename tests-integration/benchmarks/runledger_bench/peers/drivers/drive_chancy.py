"""Drive chancy."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from chancy import Chancy, Queue, Worker, job
from runledger_bench.peers.contract import Driver, dsn, main

if TYPE_CHECKING:
    from runledger_bench.tally import Tally

CONCURRENCY = 1000
POOL = 10
# Handlers are found by their names in this module.
TALLY: list[Tally] = []


@job(queue="default")
async def noop(*, seq: int) -> None:
    """Do nothing."""
    TALLY[0].started(seq)


class ChancyDriver(Driver):
    """Ends are written up to a thousand at a time, once a second."""

    package = "chancy"
    settings = {
        "executor": "AsyncExecutor",
        "concurrency": CONCURRENCY,
        "eager_polling": True,
        "pool": POOL,
        "plugins": "none",
    }
    unfinished = """
        SELECT EXISTS (
            SELECT FROM chancy_jobs WHERE state NOT IN ('succeeded', 'failed')
        )
    """
    states = "SELECT state::text, count(*) FROM chancy_jobs GROUP BY state"
    succeeded = "succeeded"
    clear = ("TRUNCATE chancy_jobs",)
    keeps = "the job, with when it was started and ended; no history"

    async def setup(self) -> None:
        async with self._chancy(1) as chancy:
            await chancy.migrate()

    async def open(self, clients: int) -> None:
        self._client = self._chancy(clients)
        await self._client.__aenter__()

    async def close(self) -> None:
        await self._client.__aexit__(None, None, None)

    async def enqueue(self, number: int) -> None:
        await self._client.push(noop.job.with_kwargs(seq=number))

    async def enqueue_many(self, count: int) -> None:
        jobs = [noop.job.with_kwargs(seq=-1) for _ in range(count)]
        async for _ in self._client.push_many(jobs, batch_size=count):
            pass

    async def work(self, tally: Tally) -> None:
        TALLY.append(tally)
        async with self._chancy(POOL) as chancy:
            queue = Queue(
                "default",
                concurrency=CONCURRENCY,
                executor=Chancy.Executor.Async,
                eager_polling=True,
            )
            await chancy.declare(queue, upsert=True)
            async with Worker(chancy) as worker:
                await worker.wait_for_shutdown()

    def _chancy(self, connections: int) -> Chancy:
        log = logging.getLogger("chancy")
        log.setLevel(logging.WARNING)
        return Chancy(
            dsn(),
            min_connection_pool_size=connections,
            max_connection_pool_size=connections,
            plugins=[],
            no_default_plugins=True,
            log=log,
        )


if __name__ == "__main__":
    # The worker imports the handler by its module's name, which must be this one.
    sys.modules["drive_chancy"] = sys.modules["__main__"]
    sys.exit(main(ChancyDriver()))
