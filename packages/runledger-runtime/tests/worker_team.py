"""Worker processes for test_run_workers.py: DATABASE_URL=... python worker_team.py."""

import logging
import os
import sys

import trio
from psycopg_pool import ConnectionPool

from runledger_runtime import JobCatalog, JobsConfig, Supervisor, run_workers

catalog = JobCatalog()


@catalog.job("nap")
async def nap(context, payload):
    # One write, since all of the team share the pipe: where PYTHONUNBUFFERED is set,
    # print takes two, and another's line may come between them.
    os.write(sys.stdout.fileno(), f"{context.worker_id} {os.getpid()}\n".encode())
    await trio.sleep_forever()


def make_supervisor():
    logging.basicConfig()
    pool = ConnectionPool(os.environ["DATABASE_URL"], max_size=4, open=False)
    return Supervisor(pool, JobsConfig.from_env(), catalog=catalog)


if __name__ == "__main__":
    logging.basicConfig()
    sys.exit(run_workers(make_supervisor, processes=2))
