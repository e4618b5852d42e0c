"""Child processes, directories and toy migrations for these tests."""

from __future__ import annotations

import hashlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import textwrap
import uuid
from pathlib import Path

import pytest
from psycopg import sql

from runledger_test_support._admin import admin_connection
from runledger_test_support._migrations import Migration, MigrationSet
from runledger_test_support._template import template_name

HISTORY = """
CREATE TABLE IF NOT EXISTS runledger_migrations (
    version bigint PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    applied_by text NOT NULL
)
"""
CHILD_SECONDS = 120
# By name and alone: quick, and the same whether or not the distribution is installed.
PLUGIN_OPTIONS = ["-p", "runledger_test_support.plugin"]


@pytest.fixture
def open_directory():
    """A directory that every account can reach, unlike root's ``tmp_path``."""
    directory = Path(tempfile.mkdtemp(dir="/tmp"))
    directory.chmod(0o777)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def child_environment(open_directory):
    """The environment of a child: our import path, a TMPDIR of its own."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("RUNLEDGER_", "PYTEST_", "COV_", "COVERAGE_"))
    }
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(open_directory),
    }


@pytest.fixture
def start_python(child_environment):
    """Start a script whose pipes the test talks through; ended with the test."""
    children = []

    def start(script, *arguments, environment=None, **options):
        child = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(script), *arguments],
            env={**child_environment, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **options,
        )
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate(timeout=CHILD_SECONDS)


@pytest.fixture
def run_python(start_python):
    """Run a script to its end; return what its last line of JSON says."""

    def run(script, *arguments, **options):
        child = start_python(script, *arguments, **options)
        output, _ = child.communicate(timeout=CHILD_SECONDS)
        assert child.returncode == 0
        return json.loads(output.splitlines()[-1])

    return run


@pytest.fixture
def wait_for_end():
    """Wait until a process has ended that is not our child."""
    if not hasattr(os, "pidfd_open"):
        pytest.skip("needs process descriptors")

    def wait(pid):
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        ended, _, _ = select.select([descriptor], [], [], CHILD_SECONDS)
        os.close(descriptor)
        assert ended, "the process is still there"

    return wait


@pytest.fixture
def run_pytest(tmp_path, child_environment):
    """Run pytest over a foreign project that consists of one test file."""
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nfilterwarnings = error\naddopts = -p no:cacheprovider\n"
    )

    def run(tests, *options, environment=None):
        (tmp_path / "test_foreign.py").write_text(textwrap.dedent(tests))
        return subprocess.run(
            [sys.executable, "-m", "pytest", *PLUGIN_OPTIONS, *options],
            cwd=tmp_path,
            env={
                **child_environment,
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                **(environment or {}),
            },
            check=False,
            capture_output=True,
            text=True,
            timeout=CHILD_SECONDS,
        )

    return run


@pytest.fixture
def make_migrations(request, runledger_admin_dsn):
    """Make a migration set that no other test shares; drop its template afterwards."""

    def make(*statements):
        unique = f"-- {uuid.uuid4()}\n"
        migrations = []
        for number, statement in enumerate((unique + "SELECT 1", *statements), start=1):
            migrations.append(
                Migration(
                    version=202601010000 + number,
                    name=f"step_{number}",
                    checksum=hashlib.sha256(statement.encode()).hexdigest(),
                    sql=statement,
                )
            )
        made = MigrationSet(history_sql=HISTORY, migrations=tuple(migrations))
        request.addfinalizer(lambda: drop_template(template_name(made)))
        return made

    def drop_template(name):
        with admin_connection(runledger_admin_dsn) as admin:
            if admin.execute(
                "SELECT FROM pg_database WHERE datname = %s", [name]
            ).fetchone():
                template = sql.Identifier(name)
                admin.execute(
                    sql.SQL("ALTER DATABASE {} WITH IS_TEMPLATE false").format(template)
                )
                admin.execute(sql.SQL("DROP DATABASE {}").format(template))

    return make
