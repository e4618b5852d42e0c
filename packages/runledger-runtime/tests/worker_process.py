"""A worker process for test_processes.py: python worker_process.py URL."""

import sys

import trio
from psycopg_pool import ConnectionPool

from runledger_runtime import JobCatalog, Supervisor

catalog = JobCatalog()


@catalog.job("nap")
async def nap(context, payload):
    print("napping", flush=True)  # noqa: T201 - tells the test
    await trio.sleep(payload["seconds"])


@catalog.job("plain.nap")
def plain_nap(context, payload):
    print("napping", flush=True)  # noqa: T201 - tells the test
    while True:
        context.raise_if_cancelled()


@catalog.job("swallow")
async def swallow(context, payload):
    print("napping", flush=True)  # noqa: T201 - tells the test
    with trio.CancelScope(shield=True):
        await trio.sleep_forever()


@catalog.job("block")
async def block(context, payload):
    print("napping", flush=True)  # noqa: T201 - tells the test
    while True:
        pass


if __name__ == "__main__":
    pool = ConnectionPool(sys.argv[1], min_size=1, max_size=4, open=False)
    sys.exit(Supervisor(pool, catalog=catalog).run())
