"""What the README shows runs, as it stands there."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import psycopg
import pytest

from runledger_core import EVERYTHING, JobStatus
from runledger_postgres import count_jobs_by_status, list_jobs

README = Path(__file__).parent.parent / "README.md"


@pytest.mark.db
def test_the_readmes_examples_run(runledger_empty_database):
    worker, application, workflow = re.findall(
        r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL
    )
    names = {"dsn": runledger_empty_database, "__name__": "readme"}

    exec(compile(worker, "README.md, worker", "exec"), names)  # noqa: S102
    exec(compile(application, "README.md, application", "exec"), names)  # noqa: S102
    exec(compile(workflow, "README.md, workflow", "exec"), names)  # noqa: S102
    with psycopg.connect(runledger_empty_database, autocommit=True) as connection:
        connection.execute("CREATE TABLE orders (number text)")
        asyncio.run(names["place_order"]("B-4"))
        counts = count_jobs_by_status(connection, scope=EVERYTHING)
        ordered = connection.execute("SELECT number FROM orders").fetchall()
        page = list_jobs(connection, scope=EVERYTHING, status=JobStatus.PENDING)

    assert counts[JobStatus.SUCCEEDED].count == 3
    assert "</svg>" in names["picture"]
    assert ordered == [("B-4",)]
    assert [job.idempotency_key for job in page.items] == ["B-4"]
