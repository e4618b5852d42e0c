"""
Workers for all cores of a host: the worker beside this file, once for each.

    DATABASE_URL=postgresql://user@host/database python all_cores.py

Stop it with SIGTERM, which is passed on. One that dies is replaced.
"""

from __future__ import annotations

import logging
import os
import sys

from psycopg_pool import ConnectionPool

from runledger_runtime import Supervisor, run_workers

# Each process imports this module and with it the handlers.
from worker import catalog  # isort: skip


def make_supervisor() -> Supervisor:
    """Make one worker, in its process: nothing is shared but the database."""
    logging.basicConfig(
        level="INFO", format="%(process)d %(levelname)s %(name)s: %(message)s"
    )
    url = os.environ["DATABASE_URL"]
    return Supervisor(
        ConnectionPool(url, min_size=5, open=False, reconnect_timeout=5),
        catalog=catalog,
    )


if __name__ == "__main__":
    logging.basicConfig()
    sys.exit(run_workers(make_supervisor))
