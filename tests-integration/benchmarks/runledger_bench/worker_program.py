"""Be one worker of the benchmarks, set by the variables that every worker reads."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from psycopg_pool import ConnectionPool

from runledger_bench.tally import Tally
from runledger_runtime import JobCatalog, JobsConfig, Supervisor

JOB_TYPE_VARIABLE = "BENCH_JOB_TYPE"
# The guide's numbers: no call of the worker waits for another, and the many objects of
# short jobs, which leave no garbage, are looked through less often.
POOL_SIZE = 5
GC_THRESHOLD = 20_000


def main() -> int:
    """Work until a signal comes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tally", required=True)
    parser.add_argument("--slot", type=int, required=True)
    options = parser.parse_args()
    return work(Tally(options.tally, options.slot))


def work(tally: Tally) -> int:
    """Connect, wait for the others, and work."""
    logging.basicConfig(level=logging.WARNING)
    gc.set_threshold(GC_THRESHOLD)
    catalog = JobCatalog()

    @catalog.job(os.environ.get(JOB_TYPE_VARIABLE, "bench.noop"))
    async def noop(context: Any, payload: dict[str, int]) -> None:
        tally.started(payload["seq"])

    with ConnectionPool(
        os.environ["DATABASE_URL"], min_size=POOL_SIZE, max_size=POOL_SIZE
    ) as pool:
        pool.wait()
        tally.wait_for_go()
        return Supervisor(pool, JobsConfig.from_env(), catalog=catalog).run()


if __name__ == "__main__":
    sys.exit(main())
