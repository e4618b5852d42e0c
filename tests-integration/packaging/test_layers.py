"""The import contracts of pyproject.toml: each one catches what it forbids."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CORE, STORAGE, RUNTIME, SUPPORT = (
    "runledger_core",
    "runledger_postgres",
    "runledger_runtime",
    "runledger_test_support",
)


@pytest.fixture
def lint_imports(repository):
    """Run import-linter over a copy of the sources in which one module is added."""
    sources = sorted(repository.root.glob("packages/*/src"))
    program = Path(sys.executable).with_name("lint-imports")

    def lint(package="", line=""):
        if package:
            (folder,) = repository.root.glob(f"packages/*/src/{package}")
            (folder / "added.py").write_text(f"{line}\n")
        done = subprocess.run(
            [program, "--no-cache"],
            cwd=repository.root,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, sources))},
            capture_output=True,
            text=True,
            check=False,
        )
        # A contract with exceptions says how many: "... BROKEN (2 ignored imports)".
        broken = re.findall(r"^(.+) BROKEN(?: \(.*\))?$", done.stdout, re.MULTILINE)
        assert bool(broken) == bool(done.returncode), done.stdout + done.stderr
        return broken

    return lint


def test_the_sources_keep_every_contract(lint_imports):
    assert [] == lint_imports()


@pytest.mark.parametrize(
    ("package", "line", "contract"),
    [
        (CORE, f"import {STORAGE}", "The runtime stands on the storage layer"),
        (STORAGE, f"import {RUNTIME}", "The runtime stands on the storage layer"),
        (CORE, "import psycopg", "Core does no I/O"),
        (CORE, "from time import monotonic", "Core does no I/O"),
        (CORE, "import random", "Core does no I/O"),
        (CORE, "import asyncio", "Core does no I/O"),
        (CORE, "import concurrent.futures", "Core does no I/O"),
        (STORAGE, "import trio", "The storage layer leaves clock"),
        (STORAGE, "import threading", "The storage layer leaves clock"),
        (STORAGE, "def now():\n    import time", "The storage layer leaves clock"),
        (RUNTIME, f"import {STORAGE}", "The runtime reaches the storage layer"),
        (
            RUNTIME,
            f"from {STORAGE} import claim_jobs",
            "The runtime reaches the storage layer",
        ),
        (RUNTIME, "import psycopg", "The runtime reaches PostgreSQL"),
        (RUNTIME, "import psycopg_pool", "The runtime reaches PostgreSQL"),
        (SUPPORT, f"import {CORE}", "Test support is useful alone"),
        (SUPPORT, f"from {STORAGE} import x", "Test support is useful alone"),
        (STORAGE, f"import {SUPPORT}", "What is installed in production"),
        (CORE, "import pytest", "What is installed in production"),
        (STORAGE, f"from {CORE} import _statuses", "Private modules"),
        (STORAGE, f"import {CORE}._statuses", "Private modules"),
        (STORAGE, f"from {CORE}._statuses import JobStatus", "Private modules"),
    ],
)
def test_an_import_that_a_contract_forbids_is_found(
    lint_imports, package, line, contract
):
    broken = lint_imports(package, line)

    assert any(name.startswith(contract) for name in broken), broken
