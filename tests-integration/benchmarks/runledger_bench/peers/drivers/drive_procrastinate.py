"""Drive procrastinate."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import procrastinate
from runledger_bench.peers.contract import Driver, dsn, main

if TYPE_CHECKING:
    from runledger_bench.tally import Tally

CONCURRENCY = 50
# A connection for each fetch, finish and listen that may happen at once is more than
# it uses; beyond this more of them gain nothing.
WORKER_POOL = 20


class Procrastinate(Driver):
    """One job a fetch; triggers write the events."""

    package = "procrastinate"
    settings = {"concurrency": CONCURRENCY, "pool": WORKER_POOL, "delete_jobs": "never"}
    unfinished = """
        SELECT EXISTS (
            SELECT FROM procrastinate_jobs WHERE status IN ('todo', 'doing')
        )
    """
    states = "SELECT status::text, count(*) FROM procrastinate_jobs GROUP BY status"
    succeeded = "succeeded"
    clear = ("TRUNCATE procrastinate_jobs CASCADE",)
    keeps = "the job, and its events deferred, started and succeeded"

    async def setup(self) -> None:
        app, _ = self._app(1)
        async with app.open_async():
            await app.schema_manager.apply_schema_async()

    async def open(self, clients: int) -> None:
        self._client, self._task = self._app(clients)
        await self._client.open_async()

    async def close(self) -> None:
        await self._client.close_async()

    async def enqueue(self, number: int) -> None:
        await self._task.defer_async(seq=number)

    async def enqueue_many(self, count: int) -> None:
        await self._task.batch_defer_async(*({"seq": -1} for _ in range(count)))

    async def work(self, tally: Tally) -> None:
        app, _ = self._app(WORKER_POOL, tally)
        async with app.open_async():
            await app.run_worker_async(concurrency=CONCURRENCY, delete_jobs="never")

    def _app(self, connections: int, tally: Tally | None = None) -> Any:
        connector = procrastinate.PsycopgConnector(
            conninfo=dsn(), min_size=connections, max_size=connections
        )
        app = procrastinate.App(connector=connector)

        @app.task(name="noop", queue="default")
        async def noop(seq: int) -> None:
            if tally is not None:
                tally.started(seq)

        return app, noop


if __name__ == "__main__":
    sys.exit(main(Procrastinate()))
