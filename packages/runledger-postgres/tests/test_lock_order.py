"""Statements that lock jobs say their rank, and the page about it is true."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from runledger_postgres._statements import all_statements

PAGE = Path(__file__).parents[3] / "docs/design/lock-order.md"
SOURCES = {
    f"{area.name}/{entry.name.removesuffix('.sql')}": entry.read_text(encoding="utf-8")
    for area in (files("runledger_postgres") / "_sql").iterdir()
    for entry in area.iterdir()
}
LOCKING = sorted(
    name
    for name, source in SOURCES.items()
    if re.search(r"FOR (NO KEY )?UPDATE", source)
    and "job_queue" in source
    and not name.startswith("workers/")  # they lock workers, and only read jobs
)
PLACES = sorted(
    name
    for name, source in SOURCES.items()
    if re.search(r"q\.ctid = \w+\.", source)
    and re.search(r"FOR (NO KEY )?UPDATE(?! SKIP LOCKED)", source)
)


@pytest.mark.parametrize("name", LOCKING)
def test_a_statement_that_locks_jobs_says_their_rank(name):
    comment = "\n".join(x for x in SOURCES[name].splitlines() if x.startswith("--"))

    assert "rank 2" in " ".join(comment.replace("--", "").split())


@pytest.mark.parametrize("name", LOCKING)
def test_a_statement_that_locks_many_jobs_and_waits_does_it_in_id_order(name):
    source = SOURCES[name]
    locks = [
        lock
        for lock in re.finditer(r"FOR (NO KEY )?UPDATE(?! OF \w+ SKIP| SKIP)", source)
        if "unnest" in source
    ]

    for lock in locks:
        before = source[: lock.start()].rstrip()
        # One lateral lookup for each row of a sorted set, or one sorted join.
        is_lateral = re.search(
            r"ORDER BY (job_id|workflow_run_id)\) AS (\w+)\s+CROSS JOIN LATERAL \("
            r"[^()]*WHERE id = \2\.\1[^()]*(clock_timestamp\(\))?[^()]*$",
            before,
        )
        assert is_lateral or before.endswith("ORDER BY q.id")


def test_what_was_waited_for_is_not_looked_up_by_its_place():
    """Joined by place, a version newer than the snapshot is not found."""
    assert PLACES == []


def test_the_page_names_statements_that_there_are():
    if not PAGE.is_file():
        pytest.skip("the page stands in the repository only")
    named = set(
        re.findall(r"`((?:jobs|workflows)/\w+)`", PAGE.read_text(encoding="utf-8"))
    )

    assert named <= {s.name.partition("[")[0] for s in all_statements()}
    assert {"jobs/claim_jobs", "jobs/complete_jobs", "workflows/lock_run"} <= named


def test_statements_that_bound_their_waits_join_the_bound():
    marked = {name for name, source in SOURCES.items() if "/*bounded*/" in source}

    for name in marked:
        assert re.search(r"FROM bound\b", SOURCES[name]), name
    assert {"jobs/complete_jobs", "jobs/heartbeat_job"} <= marked
