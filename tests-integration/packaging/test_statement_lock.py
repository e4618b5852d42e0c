"""statements.lock.json: what the statements take and return, as the schema says."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCK = "packages/runledger-postgres/src/runledger_postgres/statements.lock.json"


def run_lock(script, *arguments):
    return subprocess.run(
        [sys.executable, str(script), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copied_lock(tmp_path):
    """A copy of the lock file, and of the script, which finds it by its own place."""
    script = tmp_path / "scripts" / "lock_statements.py"
    lock = tmp_path / LOCK
    for file, original in (
        (script, ROOT / "scripts" / script.name),
        (lock, ROOT / LOCK),
    ):
        file.parent.mkdir(parents=True)
        shutil.copy(original, file)
    return script, lock


def edit(lock, change):
    entries = json.loads(lock.read_text())
    change(entries)
    lock.write_text(json.dumps(entries))


@pytest.mark.db
def test_the_lock_agrees_with_a_migrated_database():
    done = run_lock(ROOT / "scripts" / "lock_statements.py", "--check")

    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.db
def test_a_type_that_differs_from_the_schema_is_found(copied_lock):
    script, lock = copied_lock
    edit(lock, lambda found: found["jobs/claim_jobs"]["columns"].reverse())

    done = run_lock(script, "--check")

    assert 1 == done.returncode
    assert "jobs/claim_jobs has changed" in done.stderr


@pytest.mark.db
def test_writing_restores_what_the_check_missed(copied_lock):
    script, lock = copied_lock
    lock.unlink()

    run_lock(script).check_returncode()

    assert (ROOT / LOCK).read_bytes() == lock.read_bytes()


def test_the_digests_agree_without_a_database():
    done = run_lock(ROOT / "scripts" / "lock_statements.py", "--check-offline")

    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            lambda found: found["jobs/claim_jobs"].update(sha256="0"),
            "jobs/claim_jobs has changed",
        ),
        (lambda found: found.pop("jobs/claim_jobs"), "jobs/claim_jobs is not locked"),
        (
            lambda found: found.update({"jobs/gone": {"sha256": "0"}}),
            "jobs/gone is locked, but there is no such statement",
        ),
    ],
    ids=["changed", "missing", "stale"],
)
def test_an_entry_that_does_not_fit_is_named(copied_lock, change, complaint):
    script, lock = copied_lock
    edit(lock, change)

    done = run_lock(script, "--check-offline")

    assert 1 == done.returncode
    assert complaint in done.stderr
    assert "nox -s lock" in done.stderr
