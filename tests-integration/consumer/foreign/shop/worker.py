"""The shop's worker program."""

from __future__ import annotations

import os
import sys

from psycopg_pool import ConnectionPool

from runledger_runtime import Supervisor
from shop.jobs import catalog

if __name__ == "__main__":
    url = os.environ["DATABASE_URL"]
    pool = ConnectionPool(url, min_size=1, max_size=5, open=False)
    sys.exit(Supervisor(pool, catalog=catalog).run())
