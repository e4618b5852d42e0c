"""
What every driver of a peer can be asked to do, by commands that print one JSON object.

    setup                             install the schema into an empty database; the
                                      answer: versions, settings, SQL about its tables
    enqueue --count N --clients K     jobs one by one, each in its own transaction
    bulk --count N                    jobs by the call for many, 1,000 a call
    latency --count N --tally FILE    jobs one by one, when each was started
    work --tally FILE --slot I        be a worker until SIGTERM

The database is in BENCH_DSN. A job carries ``{"seq": number}`` or what comes closest,
and its handler calls ``tally.started(number)`` and does nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import json
import os
import signal
import sys
import time
import urllib.parse
from typing import TYPE_CHECKING, Any

from psycopg.conninfo import conninfo_to_dict

from runledger_bench.tally import Tally
from runledger_bench.waits import TIMEOUT, pauses

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

CALL = 1000
# What each client enqueues before the clock runs: it connects, and plans are made.
FIRST_CALLS = 10


class Driver:
    """
    One peer. Attributes say what it is; methods do what is asked.

    Attributes:
        package: the distribution whose version is measured.
        settings: what is not as by default, in the words of its documentation.
        unfinished: SQL for whether any job has not ended.
        states: SQL for how many jobs ended how, after a drain.
        succeeded: the state of those that ended well.
        clear: SQL that leaves its tables empty.
        keeps: what it leaves behind for each job, in a sentence.
        has_bulk: whether it has a call for many jobs.
        wants_uvloop: whether uvloop may run it.
    """

    package = ""
    settings: Mapping[str, Any] = {}
    unfinished = ""
    states = ""
    succeeded = ""
    clear: Sequence[str] = ()
    keeps = ""
    has_bulk = True
    wants_uvloop = True

    async def setup(self) -> None:
        """Install the schema."""
        raise NotImplementedError

    async def open(self, clients: int) -> None:
        """Make what so many clients at once need."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close it again."""
        raise NotImplementedError

    async def enqueue(self, number: int) -> None:
        """Enqueue one job; called from as many tasks as there are clients."""
        raise NotImplementedError

    async def enqueue_many(self, count: int) -> None:
        """Enqueue up to a thousand jobs by the call for many."""
        raise NotImplementedError

    def enqueue_singles(self, count: int, clients: int) -> dict[str, Any]:
        """Enqueue one by one; for peers whose fastest clients are not tasks."""
        answer: dict[str, Any] = self.run(singles(self, count, clients))
        return answer

    async def work(self, tally: Tally) -> None:
        """Be a worker until `until_told`."""
        raise NotImplementedError

    def work_in_process(self, tally: Tally) -> None:
        """Be a worker process; for peers that are not run by asyncio alone."""
        tally.wait_for_go()
        self.run(self.work(tally))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine on the loop that suits the peer best."""
        if self.wants_uvloop:
            import uvloop  # noqa: PLC0415 - in the peers' environments

            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(work)
        return asyncio.run(work)


def dsn() -> str:
    """Return the database's address for libpq."""
    return os.environ["BENCH_DSN"]


def address() -> dict[str, str]:
    """Return the parts of the address."""
    return {key: str(value) for key, value in conninfo_to_dict(dsn()).items()}


def url(scheme: str = "postgresql") -> str:
    """Return the address as a URL, its socket's directory as a parameter."""
    parts = address()
    query = urllib.parse.urlencode({"host": parts["host"], "port": parts["port"]})
    return f"{scheme}://{parts['user']}@/{parts['dbname']}?{query}"


async def until_told() -> None:
    """Wait for SIGTERM."""
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    await told.wait()


def main(driver: Driver) -> int:
    """Do what the command line says and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = ("setup", "enqueue", "bulk", "latency", "work")
    parser.add_argument("command", choices=commands)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--tally")
    parser.add_argument("--slot", type=int, default=0)
    options = parser.parse_args()
    match options.command:
        case "setup":
            driver.run(driver.setup())
            answer = describe(driver)
        case "enqueue":
            answer = driver.enqueue_singles(options.count, options.clients)
        case "bulk":
            answer = driver.run(bulk(driver, options.count))
        case "latency":
            answer = driver.run(latency(driver, options.count, Tally(options.tally)))
        case _:
            driver.work_in_process(Tally(options.tally, options.slot))
            answer = {}
    print(json.dumps(answer), flush=True)
    return 0


def describe(driver: Driver) -> dict[str, Any]:
    """Say what will be measured."""
    versions = {"python": sys.version.split()[0]}
    loop = ("uvloop",) if driver.wants_uvloop else ()
    for package in (driver.package, "psycopg", "asyncpg", *loop):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "versions": versions,
        "settings": dict(driver.settings),
        "unfinished": driver.unfinished,
        "states": driver.states,
        "succeeded": driver.succeeded,
        "clear": list(driver.clear),
        "keeps": driver.keeps,
        "has_bulk": driver.has_bulk,
    }


async def singles(driver: Driver, count: int, clients: int) -> dict[str, Any]:
    """Enqueue one by one from so many tasks."""
    await driver.open(clients)

    async def all_of(amount: int) -> None:
        numbers = iter(range(amount))

        async def client() -> None:
            for _ in numbers:
                await driver.enqueue(-1)

        await asyncio.gather(*(client() for _ in range(clients)))

    first = first_calls(count, clients)
    await all_of(first)
    began_at = time.perf_counter()
    await all_of(count - first)
    seconds = time.perf_counter() - began_at
    await driver.close()
    return {"count": count - first, "seconds": seconds}


def first_calls(count: int, clients: int) -> int:
    """Return how many of the jobs are enqueued before the clock runs."""
    return min(FIRST_CALLS * clients, count // 2)


async def bulk(driver: Driver, count: int) -> dict[str, Any]:
    """Enqueue by the call for many."""
    await driver.open(1)
    began_at = time.perf_counter()
    for done in range(0, count, CALL):
        await driver.enqueue_many(min(CALL, count - done))
    seconds = time.perf_counter() - began_at
    await driver.close()
    return {"count": count, "seconds": seconds}


async def latency(driver: Driver, count: int, tally: Tally) -> dict[str, Any]:
    """Enqueue one by one for an idle worker; return what each job waited, in ms."""
    await driver.open(1)
    waits = []
    for number, pause in enumerate(pauses(count)):
        await driver.enqueue(number)
        committed_at = time.monotonic()
        started_at = await asyncio.to_thread(tally.wait_for_moment, number, TIMEOUT)
        waits.append(1000 * (started_at - committed_at))
        await asyncio.sleep(pause)
    await driver.close()
    return {"count": count, "waits_ms": waits}
