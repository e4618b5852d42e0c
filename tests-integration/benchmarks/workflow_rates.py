"""
Measure what workflows cost beside the same number of plain jobs.

One worker process, handlers that do nothing, an embedded PostgreSQL with fsync and
synchronous_commit on. Rates are steps and jobs per second from the first claim to the
last end, workflow and plain jobs in turn, medians over the rounds; enqueue times are
medians as well. Prints tables and, with --json, writes the figures.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from psycopg_pool import ConnectionPool

from runledger_core import JobEnqueue
from runledger_core.workflows import (
    WorkflowRunEnqueue,
    WorkflowStep,
    WorkflowStepDependencySpec,
)
from runledger_postgres import (
    audit_ledger,
    enqueue_jobs,
    enqueue_workflow_run,
    migrate_after_idempotency_cutover,
)
from runledger_runtime import JobCatalog, JobsConfig, Supervisor
from runledger_test_support import start_embedded_server

if TYPE_CHECKING:
    from collections.abc import Callable

JOB_TYPE = "bench.noop"

catalog = JobCatalog()


@catalog.job(JOB_TYPE)
async def noop(context: Any, payload: Any) -> None:
    """Do nothing."""


@attrs.frozen
class Enqueued:
    """How long one run took to be enqueued."""

    steps: int
    edges: int
    seconds: float


@attrs.frozen
class Drained:
    """Steps and plain jobs per second through one worker."""

    shape: str
    steps: int
    workflow: float
    plain: float


def main() -> int:
    """Measure everything once and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    with (
        start_embedded_server(durable=True) as server,
        ConnectionPool(server.dsn, min_size=1, max_size=6) as pool,
    ):
        migrate_after_idempotency_cutover(pool)
        catalog.sync_definitions(pool)
        enqueued = [
            time_enqueue(pool, layered(steps, edges), arguments.rounds)
            for steps, edges in ((100, 390), (600, 2390), (10_000, 50_000))
        ]
        shapes = {
            "fan-out 1,000 wide with fan-in": fan(1000),
            "chain of 200": chain(200),
            "layered, 100 steps": layered(100, 390),
            "layered, 1,000 steps": layered(1000, 4000),
            "layered, 10,000 steps": layered(10_000, 50_000),
        }
        drained = [
            compare(pool, shape, request, arguments.rounds)
            for shape, request in shapes.items()
        ]
        broken = audit_ledger(pool)
    for each in enqueued:
        print(
            f"enqueue {each.steps:>6,} steps {each.edges:>6,} edges "
            f"{1000 * each.seconds:>8,.0f} ms  "
            f"{1e6 * each.seconds / each.steps:>5,.0f} us a step"
        )
    for pair in drained:
        print(
            f"{pair.shape:<32} {pair.workflow:>7,.0f} steps/s  plain jobs "
            f"{pair.plain:>7,.0f}/s  ratio {pair.workflow / pair.plain:.2f}"
        )
    print(f"broken invariants: {len(broken)}")
    if arguments.json:
        figures = {
            "enqueue": [attrs.asdict(each) for each in enqueued],
            "drain": [attrs.asdict(each) for each in drained],
        }
        arguments.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return 1 if broken else 0


def fan(width: int) -> WorkflowRunEnqueue:
    """Return one step, *width* steps that wait for it, and one that waits for those."""
    middle = [f"work-{number}" for number in range(width)]
    return WorkflowRunEnqueue(
        "bench.fan",
        [
            WorkflowStep("first", JOB_TYPE),
            *(step(key, ["first"]) for key in middle),
            step("last", middle),
        ],
    )


def chain(length: int) -> WorkflowRunEnqueue:
    """Return steps that wait for one another."""
    return WorkflowRunEnqueue(
        "bench.chain",
        [
            step(f"link-{number}", [f"link-{number - 1}"] if number else [])
            for number in range(length)
        ],
    )


def layered(steps: int, edges: int) -> WorkflowRunEnqueue:
    """Return ten layers of steps; each step waits for some of the layer before."""
    width = steps // 10
    fan_in = edges / (steps - width)
    made: list[WorkflowStep] = []
    made_edges = 0
    for number in range(steps):
        layer, place = divmod(number, width)
        wanted = round(fan_in * max(number + 1 - width, 0)) - made_edges
        before = [
            (place + shift) % width + (layer - 1) * width for shift in range(wanted)
        ]
        made.append(step(f"s{number}", [f"s{each}" for each in before]))
        made_edges += len(before)
    return WorkflowRunEnqueue("bench.layered", made)


def step(key: str, prerequisites: list[str]) -> WorkflowStep:
    """Return a step that does nothing once these have succeeded."""
    dependencies = [
        WorkflowStepDependencySpec(each, "ON_SUCCESS")  # type: ignore[arg-type]
        for each in prerequisites
    ]
    return WorkflowStep(key, JOB_TYPE, dependencies=dependencies)


def time_enqueue(
    pool: ConnectionPool[Any], request: WorkflowRunEnqueue, rounds: int
) -> Enqueued:
    """Enqueue the run, take its jobs away again, and return the median time."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        enqueue_workflow_run(pool, request)
        times.append(time.perf_counter() - started)
        drain(pool)
    edges = sum(len(each.dependencies) for each in request.steps)
    return Enqueued(len(request.steps), edges, statistics.median(times))


def compare(
    pool: ConnectionPool[Any], shape: str, request: WorkflowRunEnqueue, rounds: int
) -> Drained:
    """Drain the workflow and as many plain jobs in turn."""
    count = len(request.steps)
    jobs = [JobEnqueue(JOB_TYPE) for _ in range(count)]

    def workflow() -> object:
        return enqueue_workflow_run(pool, request)

    def plain() -> object:
        return enqueue_jobs(pool, jobs)

    rates = [
        (rate(pool, workflow, count), rate(pool, plain, count)) for _ in range(rounds)
    ]
    return Drained(
        shape,
        count,
        statistics.median(rate for rate, _ in rates),
        statistics.median(rate for _, rate in rates),
    )


def rate(pool: ConnectionPool[Any], enqueue: Callable[[], object], count: int) -> float:
    """Enqueue, drain, and return how many a second ended."""
    enqueue()
    return count / drain(pool)


def drain(pool: ConnectionPool[Any]) -> float:
    """Let one worker run everything; return the seconds from first claim to end."""
    with pool.connection() as connection:
        connection.execute("ANALYZE job_queue, workflow_steps")
    config = JobsConfig(
        claim_batch_size=500, max_global_concurrency=1000, poll_interval_ms=20
    )
    Supervisor(pool, config, catalog=catalog).run(stop_when_idle=True)
    query = """
        SELECT extract(epoch FROM max(finished_at) - min(leased_at))::float
        FROM job_attempts
        WHERE worker_id = %s
    """
    with pool.connection() as connection:
        row = connection.execute(query, [config.worker_id]).fetchone()
    if row is None or row[0] is None:
        raise LookupError("the worker ran nothing")
    seconds: float = row[0]
    return seconds


if __name__ == "__main__":
    sys.exit(main())
