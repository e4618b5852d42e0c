"""The examples of the storage layer run, and print what they promise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "packages" / "runledger-postgres" / "examples"

PRINTED = {
    "append_steps": """\
page 1: APPENDED, steps: 3
page 2: APPENDED, steps: 4
page 2: ALREADY_APPLIED, steps: 4
listing: SUCCEEDED
a: ENQUEUED
b: ENQUEUED
c: ENQUEUED
""",
    "enqueue_job": """\
first call:  INSERTED, the job is PENDING
second call: EXISTING, same job: True
""",
    "external_gate": """\
the run is WAITING_FOR_EXTERNAL
the gate has SUCCEEDED
the gate has SUCCEEDED
told otherwise: workflow.external_step_conflicting_completion_retry
payment: SUCCEEDED
ship: ENQUEUED
""",
    "scheduled_job": """\
sales.nightly: fires next at 02:00 UTC
sales.nightly: does not fire any more
""",
    "workflow_dag": """\
done: list
done: bergen oslo tromso
done: report
list: SUCCEEDED, list is done
bergen: SUCCEEDED, bergen is done
oslo: SUCCEEDED, oslo is done
tromso: SUCCEEDED, tromso is done
report: SUCCEEDED, report is done
""",
}


def test_every_example_is_run():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == PRINTED.keys()


@pytest.mark.db
@pytest.mark.parametrize("example", PRINTED)
def test_an_example_prints_what_it_promises(example, runledger_database):
    ran = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / f"{example}.py"],
        env={**os.environ, "DATABASE_URL": runledger_database},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ran.stdout, ran.stderr) == (PRINTED[example], "")
    assert ran.returncode == 0
