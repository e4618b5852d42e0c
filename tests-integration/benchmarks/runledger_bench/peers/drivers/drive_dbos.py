"""Drive DBOS Transact: a job is a queued workflow of one function."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any

# Before the import: every process is one executor of one application version.
os.environ.setdefault("DBOS__APPVERSION", "1")
os.environ.setdefault("DBOS__VMID", str(os.getpid()))

from dbos import DBOS, DBOSClient
from runledger_bench.peers.contract import Driver, main, until_told, url

if TYPE_CHECKING:
    from runledger_bench.tally import Tally

# Without a limit one process takes the whole queue, whatever others there are.
WORKER_CONCURRENCY = 100
# The default of 1 s is what limits it then.
POLL_SECONDS = 0.05
POOL = 20
TALLY: list[Tally] = []


@DBOS.workflow(name="noop")
async def noop(seq: int) -> None:
    """Do nothing."""
    TALLY[0].started(seq)


class Dbos(Driver):
    """Several writes a workflow, so that it can be resumed."""

    package = "dbos"
    settings = {
        "worker_concurrency": WORKER_CONCURRENCY,
        "polling_interval_sec": POLL_SECONDS,
        "sys_db_pool_size": POOL,
    }
    unfinished = """
        SELECT EXISTS (
            SELECT FROM dbos.workflow_status
            WHERE status IN ('ENQUEUED', 'PENDING', 'DELAYED')
        )
    """
    states = "SELECT status, count(*) FROM dbos.workflow_status GROUP BY status"
    succeeded = "SUCCESS"
    clear = ("TRUNCATE dbos.workflow_status CASCADE",)
    keeps = "the workflow with its inputs, output and times; no history"
    has_bulk = False
    # It runs an event loop of its own in a thread.
    wants_uvloop = False

    async def setup(self) -> None:
        await self._launch()
        DBOS.destroy()

    async def open(self, clients: int) -> None:  # noqa: ARG002 - it has a pool
        self._client = await asyncio.to_thread(
            lambda: DBOSClient(system_database_url=self._url())
        )

    async def close(self) -> None:
        self._client.destroy()

    async def enqueue(self, number: int) -> None:
        options: Any = {
            "queue_name": "bench",
            "workflow_name": "noop",
            "app_version": "1",
        }
        await self._client.enqueue_async(options, number)

    async def work(self, tally: Tally) -> None:
        TALLY.append(tally)
        await self._launch()
        await until_told()
        # Its threads would not end by themselves.
        os._exit(0)

    async def _launch(self) -> None:
        config: Any = {
            "name": "bench",
            "system_database_url": self._url(),
            "log_level": "WARNING",
            "run_admin_server": False,
            "sys_db_pool_size": POOL,
            "application_version": "1",
            "executor_id": str(os.getpid()),
        }
        DBOS(config=config)
        DBOS.launch()
        await DBOS.register_queue_async(
            "bench",
            polling_interval_sec=POLL_SECONDS,
            worker_concurrency=WORKER_CONCURRENCY,
            on_conflict="always_update",
        )

    def _url(self) -> str:
        return url("postgresql+psycopg")


if __name__ == "__main__":
    sys.exit(main(Dbos()))
