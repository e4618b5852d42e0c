"""
Run workflows of shapes that others have published.

The shapes are scientific workflows that the wfcommons package generates after real
executions: Montage, Epigenomics, Cycles and 1000Genome. Only their graphs are used.
wfcommons is half a gigabyte with what it brings: `nox -s shapes` installs it in an
environment of its own, and elsewhere this scenario is left out.
"""

from __future__ import annotations

import time
from typing import Any

from runledger_core import EVERYTHING, WorkflowRunStatus
from runledger_core.workflows import WorkflowRunEnqueue
from runledger_postgres import enqueue_workflow_run, get_workflow_run

from .. import ledger
from ..draining import drain
from ..processes import THROUGHPUT
from ..registry import Bench, Unavailable, scenario
from ..server import ledger_database, settle
from ..workflow_shapes import step

RECIPES = ("Montage", "Epigenomics", "Cycles", "Genome")


@scenario(
    "shapes",
    full={"tasks": [100, 1000, 10_000]},
    quick={"tasks": [100, 1000]},
    smoke={"tasks": [100]},
)
def shapes(bench: Bench) -> None:
    """Run published workflow shapes of up to 10,000 steps to their end."""
    recipes = load_recipes()
    bench.report.settings["worker"] = THROUGHPUT
    with ledger_database(bench.admin_dsn) as dsn:
        for recipe in recipes:
            for tasks in bench.sizes["tasks"]:
                run(bench, dsn, recipe, tasks)
                ledger.check_audit(dsn)


def load_recipes() -> list[Any]:
    """Return the generators of shapes."""
    try:
        from wfcommons.wfchef import recipes  # noqa: PLC0415 - optional
    except ImportError as error:
        raise Unavailable(
            "wfcommons is not installed here: nox -s shapes has it"
        ) from error
    return [getattr(recipes, f"{name}Recipe") for name in RECIPES]


def run(bench: Bench, dsn: str, recipe: Any, tasks: int) -> None:
    """Run one workflow, once: it is a check before it is a measurement."""
    request = shape(recipe, tasks)
    steps = len(request.steps)
    edges = sum(len(each.dependencies) for each in request.steps)
    name = recipe.__name__.removesuffix("Recipe")
    with ledger.connect(dsn) as connection:
        connection.execute("TRUNCATE workflow_runs, job_queue CASCADE")
        started = time.perf_counter()
        run_id = enqueue_workflow_run(connection, request).run.id
        spent = time.perf_counter() - started
    bench.report.add(f"enqueue {name}, {tasks:,} tasks", "ms", 1000 * spent)
    settle(dsn)
    drained = drain(dsn, steps)
    bench.report.add(f"{name}, {tasks:,} tasks", "jobs/s", drained.rate)
    with ledger.connect(dsn) as connection:
        ended = get_workflow_run(connection, run_id, scope=EVERYTHING)
    if ended is None or ended.status is not WorkflowRunStatus.SUCCEEDED:
        raise RuntimeError(f"{name} with {tasks} tasks did not succeed")
    ledger.check_all_succeeded(dsn, steps)
    bench.report.count("steps", steps)
    bench.report.count("edges", edges)


def shape(recipe: Any, tasks: int) -> WorkflowRunEnqueue:
    """Return the graph of a generated workflow, each edge one that needs success."""
    from wfcommons import WorkflowGenerator  # noqa: PLC0415 - optional

    generated = WorkflowGenerator(recipe.from_num_tasks(tasks)).build_workflow()
    steps = [
        step(str(task), [str(parent) for parent in generated.predecessors(task)])
        for task in generated.nodes
    ]
    return WorkflowRunEnqueue(recipe.__name__, steps)
