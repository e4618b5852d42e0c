"""
The demo's survey as a workflow: list, measure each package, ask a person, report.

``python survey_workflow.py approve URL RUN_ID`` is the second process, which plays the
person: it completes the gate once everything has been measured.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs
import psycopg
from survey import Measurement, measure

from runledger_core import EVERYTHING, JobFailure, WorkflowStepStatus
from runledger_core.workflows.pictures import render_workflow
from runledger_postgres import (
    GateSucceeded,
    complete_external_workflow_step,
    enqueue_workflow_run,
    get_workflow_graph,
    get_workflow_step,
    workflow_run_handle,
)
from runledger_runtime import JobCatalog, JobsConfig, Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg_pool import ConnectionPool

    from runledger_core import JobContext
    from runledger_core.workflows import WorkflowRunEnqueue

LIST_PACKAGES = "survey.list_packages"
MEASURE_PACKAGE = "survey.measure_package"
REPORT = "survey.report"
GATE = "approve"
APPROVE = "approve"

_LOOK_SECONDS = 0.05
_PATIENCE_SECONDS = 300.0
# A module that stands alone belongs to this package.
_TOP_LEVEL = "modules"

catalog = JobCatalog()


@attrs.frozen
class Package:
    """The payload of a step: a package and its files."""

    name: str
    files: list[str]


@catalog.job(LIST_PACKAGES)
def list_packages(_: JobContext, payload: dict[str, Any]) -> list[str]:
    """Say which packages there are to measure; those that follow wait for it."""
    return sorted(payload["packages"])


@catalog.job(MEASURE_PACKAGE, timeout_seconds=300)
def measure_package(_: JobContext, payload: Package) -> dict[str, int]:
    """Measure every file of a package."""
    return attrs.asdict(measure_all(Path(name) for name in payload.files))


@catalog.job(REPORT)
def report(context: JobContext, _: dict[str, Any]) -> dict[str, int]:
    """Add up what the steps before have found; their outputs are the inputs."""
    listed = context.inputs["list"]
    found = {key: each for key, each in context.inputs.items() if key != "list"}
    if not isinstance(listed, list) or set(found) != set(listed):
        raise JobFailure.terminal("survey.incomplete", "a package was not measured")
    total = sum((Measurement(**each) for each in found.values()), Measurement())  # type: ignore[arg-type]
    return attrs.asdict(total)


def measure_all(paths: Iterable[Path]) -> Measurement:
    """Sum files up, without those that cannot be parsed."""
    total = Measurement()
    for path in paths:
        try:
            total += measure(path)
        except SyntaxError:
            continue
    return total


def packages_of(root: Path, files: Sequence[Path]) -> dict[str, list[str]]:
    """Sort files by the package that they belong to."""
    packages: defaultdict[str, list[str]] = defaultdict(list)
    for path in files:
        parts = path.relative_to(root).parts
        packages[parts[0] if len(parts) > 1 else _TOP_LEVEL].append(str(path))
    return dict(packages)


def survey_request(packages: dict[str, list[str]]) -> WorkflowRunEnqueue:
    """Return the workflow: one step for each package, and a gate before the report."""
    names = sorted(packages)
    dag = catalog.workflow_dag("survey.packages", {"packages": len(names)})
    dag.job("list", LIST_PACKAGES, {"packages": names})
    for name in names:
        dag.job(name, MEASURE_PACKAGE, Package(name, packages[name]))
        dag.after_success(name, ["list"])
    dag.external(GATE, {"question": "publish the report?"}).after_success(GATE, names)
    dag.job("report", REPORT, inputs=["list", *names])
    dag.after_success("report", ["list", *names, GATE])
    return dag.result_step("report").build()


def run_workflow(
    pool: ConnectionPool[Any], dsn: str, request: WorkflowRunEnqueue, picture: Path
) -> Measurement:
    """Enqueue the workflow, run it, let the second process approve, and draw it."""
    catalog.sync_definitions(pool)
    run_id = enqueue_workflow_run(pool, request).run.id
    supervisor = Supervisor(pool, JobsConfig.from_env(), catalog=catalog)
    worker = threading.Thread(target=supervisor.run, name="supervisor")
    worker.start()
    command = [sys.executable, __file__, APPROVE, dsn, str(run_id)]
    try:
        subprocess.run(command, check=True)
        handle = workflow_run_handle(pool, run_id, scope=EVERYTHING)
        result = handle.get_result(timeout=_PATIENCE_SECONDS)
    finally:
        supervisor.request_shutdown()
        worker.join()
    graph = get_workflow_graph(pool, run_id, scope=EVERYTHING)
    if graph is None or not isinstance(result, dict):
        raise LookupError(run_id)
    picture.write_text(render_workflow(graph), encoding="utf-8")
    return Measurement(**result)  # type: ignore[arg-type]


def approve(dsn: str, run_id: UUID) -> None:
    """Wait until the gate is open, and complete it."""
    until = time.monotonic() + _PATIENCE_SECONDS
    with psycopg.connect(dsn, autocommit=True) as connection:
        while time.monotonic() < until:
            gate = get_workflow_step(connection, run_id, GATE, scope=EVERYTHING)
            if gate and gate.status is WorkflowStepStatus.WAITING_FOR_EXTERNAL:
                complete_external_workflow_step(
                    connection, run_id, GATE, GateSucceeded(), scope=EVERYTHING
                )
                return
            time.sleep(_LOOK_SECONDS)
    raise TimeoutError(f"the gate of run {run_id} did not open")


if __name__ == "__main__":
    approve(sys.argv[2], UUID(sys.argv[3]))
