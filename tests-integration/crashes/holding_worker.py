"""A worker program that says which jobs it runs, and holds them if it is told to."""

import os
import sys
import threading

import trio
from psycopg_pool import ConnectionPool

from runledger_core import Jitter, RetryPolicy
from runledger_runtime import JobCatalog, JobCatalogDefaults, Supervisor

HOLDS = "HOLDS_JOBS" in os.environ

# What the reaper goes by, too: a delay of ten seconds drawn by lot would hide the rest.
SOON = RetryPolicy(base_seconds=1, cap_seconds=1, jitter=Jitter.NONE)

catalog = JobCatalog(defaults=JobCatalogDefaults(retry=SOON))


def say(context):
    """Tell the test, in one write: handlers in threads would mix up their lines."""
    os.write(sys.stdout.fileno(), f"running {context.job_id}\n".encode())


@catalog.job("hold")
async def hold(context, payload):
    say(context)
    if HOLDS:
        await trio.sleep_forever()


@catalog.job("block")
def block(context, payload):
    say(context)
    if HOLDS:
        threading.Event().wait()


if __name__ == "__main__":
    url = os.environ["DATABASE_URL"]
    pool = ConnectionPool(url, min_size=1, max_size=5, open=False)
    sys.exit(Supervisor(pool, catalog=catalog).run())
