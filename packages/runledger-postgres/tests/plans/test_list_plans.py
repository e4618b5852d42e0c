"""What lists and counts of jobs read in a large ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs
import pytest

from runledger_core import JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping


pytestmark = [pytest.mark.db, pytest.mark.slow]

CACHE_MODES = ("force_custom_plan", "force_generic_plan")
ALL = [status.value for status in JobStatus]
LAST_ID = UUID(int=2**128 - 1)
LARGE_ORGANIZATION = UUID("00000000-0000-7000-8000-000000000005")
SMALL_ORGANIZATION = UUID("00000000-0000-7000-8000-00000000ffff")
EVERYTHING, GLOBAL = {"globalities": [True, False]}, {"globalities": [True]}
LEASED_JOBS = 1000


@attrs.frozen
class Case:
    """A statement with its parameters, and what it may use and touch."""

    name: str
    statement: str
    params: Mapping[str, Any]
    indexes: frozenset[str]
    rows: int
    buffers: int


def check(ledger: Any, case: Case, cache_mode: str) -> None:
    plan = ledger.plan(case.statement, case.params, cache_mode=cache_mode)

    assert plan.walked == set(), plan
    assert plan.indexes <= case.indexes, plan
    assert plan.rows <= case.rows, plan
    assert plan.buffers <= case.buffers, plan


def listing(
    name: str, indexes: set[str], rows: int = 4000, buffers: int = 4000, **params: Any
) -> Case:
    organization = "organization_id" in params
    shared = {"idx_job_queue_leased", "pk_job_queue", "pk_job_definitions"}
    return Case(
        name,
        "jobs/list_organization_jobs" if organization else "jobs/list_jobs",
        {
            "statuses": ALL,
            "job_type": None,
            "job_type_prefix": None,
            "before_id": LAST_ID,
            "limit": 101,
            **params,
        },
        frozenset(indexes | shared),
        rows + LEASED_JOBS,
        buffers,
    )


LISTED = {"idx_job_queue_pending_listed", "idx_job_queue_ended_listed"}
OWNED = {
    "idx_job_queue_organization_pending_listed",
    "idx_job_queue_organization_ended_listed",
}
# Twelve types and two owners give at most a page each.
EVERY_TYPE = 12 * 2 * 101 * 2
LISTS = [
    listing(
        "of everything by prefix",
        LISTED,
        EVERY_TYPE,
        job_type_prefix="type.",
        **EVERYTHING,
    ),
    listing("of the global ones", LISTED, **GLOBAL),
    listing("pending", LISTED, EVERY_TYPE, statuses=["PENDING"], **EVERYTHING),
    listing(
        "pending of a rare type",
        LISTED,
        500,
        statuses=["PENDING"],
        job_type="rare.type",
        **EVERYTHING,
    ),
    listing("global of a rare type", LISTED, 500, job_type="rare.type", **GLOBAL),
    listing("leased", LISTED, statuses=["LEASED"], **EVERYTHING),
    listing("succeeded", LISTED, EVERY_TYPE, statuses=["SUCCEEDED"], **EVERYTHING),
    listing("dead", LISTED, 500, statuses=["DEAD_LETTERED"], **EVERYTHING),
    listing("canceled and global", LISTED, 500, statuses=["CANCELED"], **GLOBAL),
    listing("of a large organization", OWNED, organization_id=LARGE_ORGANIZATION),
    listing("of a small organization", OWNED, 500, organization_id=SMALL_ORGANIZATION),
    listing(
        "of an organization by type",
        OWNED,
        1000,
        job_type="type.3",
        organization_id=LARGE_ORGANIZATION,
    ),
    listing(
        "of an organization dead",
        OWNED,
        500,
        statuses=["DEAD_LETTERED"],
        organization_id=LARGE_ORGANIZATION,
    ),
    listing(
        "of an organization of no such type",
        OWNED,
        500,
        job_type="rare.type",
        organization_id=LARGE_ORGANIZATION,
    ),
]


@pytest.mark.parametrize("cache_mode", CACHE_MODES)
@pytest.mark.parametrize("case", LISTS, ids=lambda case: case.name)
def test_a_list_reads_its_page(ledger, case, cache_mode):
    check(ledger, case, cache_mode)


@pytest.mark.parametrize("cache_mode", CACHE_MODES)
@pytest.mark.parametrize("case", LISTS, ids=lambda case: case.name)
def test_a_page_far_down_costs_no_more_than_the_first(ledger, case, cache_mode):
    [[middle]] = ledger.fetch(
        "SELECT id FROM job_queue ORDER BY id OFFSET 9999 LIMIT 1"
    )

    check(
        ledger,
        attrs.evolve(case, params={**case.params, "before_id": middle}),
        cache_mode,
    )


def counting(name: str, rows: int, cap: int, indexes: set[str], **params: Any) -> Case:
    organization = "organization_id" in params
    statement = (
        "count_organization_jobs_by_status" if organization else "count_jobs_by_status"
    )
    return Case(
        name,
        f"jobs/{statement}",
        {"job_type": None, "cap": cap, **params},
        frozenset(indexes | {"idx_job_queue_leased", "pk_job_definitions"}),
        rows,
        # About 1,300, and more where vacuum has not marked pages as all-visible yet. A
        # walk through the table reads many times that.
        4000,
    )


COUNTS = [
    counting("everything to 100", 2000, 100, LISTED, **EVERYTHING),
    counting("everything to 10,000", 25_000, 10_000, LISTED, **EVERYTHING),
    counting("global to 1,000", 5000, 1000, LISTED, **GLOBAL),
    counting("a rare type", 1500, 10_000, LISTED, job_type="rare.type", **EVERYTHING),
    counting(
        "a large organization", 4000, 10_000, OWNED, organization_id=LARGE_ORGANIZATION
    ),
    counting(
        "a small organization", 1500, 10_000, OWNED, organization_id=SMALL_ORGANIZATION
    ),
]


@pytest.mark.parametrize("cache_mode", CACHE_MODES)
@pytest.mark.parametrize("case", COUNTS, ids=lambda case: case.name)
def test_a_count_stops_at_its_cap(ledger, case, cache_mode):
    check(ledger, case, cache_mode)
