"""
Run workflows of shapes that others have published to their end, and audit the ledger.

The shapes are scientific workflows that the wfcommons package generates after real
executions: Montage, Epigenomics, Cycles and 1000Genome. Only their graphs are used; the
handlers do nothing. Needs wfcommons, which ``nox -s shapes`` installs in an environment
of its own.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from typing import Any

from psycopg_pool import ConnectionPool
from wfcommons import WorkflowGenerator
from wfcommons.wfchef.recipes import (
    CyclesRecipe,
    EpigenomicsRecipe,
    GenomeRecipe,
    MontageRecipe,
)

from runledger_core import EVERYTHING, WorkflowRunStatus
from runledger_core.workflows import (
    WorkflowRunEnqueue,
    WorkflowStep,
    WorkflowStepDependencySpec,
)
from runledger_postgres import (
    audit_ledger,
    enqueue_workflow_run,
    get_workflow_run,
    migrate_after_idempotency_cutover,
)
from runledger_runtime import JobCatalog, JobsConfig, Supervisor
from runledger_test_support import start_embedded_server

RECIPES = (MontageRecipe, EpigenomicsRecipe, CyclesRecipe, GenomeRecipe)
JOB_TYPE = "shape.noop"

catalog = JobCatalog()


@catalog.job(JOB_TYPE)
async def noop(context: Any, payload: Any) -> None:
    """Do nothing."""


def main() -> int:
    """Run every shape in every size; return 0 when all of them ended as they should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, nargs="*", default=[100, 1000, 10_000])
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    are_all_well = True
    with (
        start_embedded_server(durable=True) as server,
        ConnectionPool(server.dsn, min_size=1, max_size=6) as pool,
    ):
        migrate_after_idempotency_cutover(pool)
        catalog.sync_definitions(pool)
        for recipe in RECIPES:
            for task_count in arguments.tasks:
                are_all_well &= run(pool, recipe, task_count)
    return 0 if are_all_well else 1


def run(pool: ConnectionPool[Any], recipe: Any, task_count: int) -> bool:
    """Run one workflow and print how that went."""
    request = shape(recipe, task_count)
    edges = sum(len(step.dependencies) for step in request.steps)
    started = time.perf_counter()
    run_id = enqueue_workflow_run(pool, request).run.id
    enqueued = time.perf_counter()
    config = JobsConfig(
        claim_batch_size=500, max_global_concurrency=1000, poll_interval_ms=20
    )
    Supervisor(pool, config, catalog=catalog).run(stop_when_idle=True)
    drained = time.perf_counter()
    ended = get_workflow_run(pool, run_id, scope=EVERYTHING)
    broken = audit_ledger(pool)
    status = "gone" if ended is None else ended.status
    print(
        f"{recipe.__name__.removesuffix('Recipe'):<12} {len(request.steps):>6,} steps "
        f"{edges:>6,} edges  enqueue {enqueued - started:>6.2f} s  "
        f"run {drained - enqueued:>6.2f} s  {status}  broken invariants: {len(broken)}",
        flush=True,
    )
    return status == WorkflowRunStatus.SUCCEEDED and not broken


def shape(recipe: Any, task_count: int) -> WorkflowRunEnqueue:
    """Return the graph of a generated workflow, each edge one that needs success."""
    generated = WorkflowGenerator(recipe.from_num_tasks(task_count)).build_workflow()
    steps = [
        WorkflowStep(
            str(task),
            JOB_TYPE,
            dependencies=[
                WorkflowStepDependencySpec(str(parent), "ON_SUCCESS")  # type: ignore[arg-type]
                for parent in generated.predecessors(task)
            ],
        )
        for task in generated.nodes
    ]
    return WorkflowRunEnqueue(recipe.__name__, steps)


if __name__ == "__main__":
    sys.exit(main())
