"""A worker program whose jobs take as long as they are told to."""

import os
import sys

import trio
from psycopg_pool import ConnectionPool

from runledger_runtime import JobCatalog, Supervisor

catalog = JobCatalog()


@catalog.job("nap")
async def nap(context, payload):
    print("napping", flush=True)  # noqa: T201 - tells the test
    await trio.sleep(payload["seconds"])


if __name__ == "__main__":
    url = os.environ["DATABASE_URL"]
    pool = ConnectionPool(url, min_size=1, max_size=5, open=False)
    sys.exit(Supervisor(pool, catalog=catalog).run())
