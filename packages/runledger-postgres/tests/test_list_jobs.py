"""Lists of jobs: every filter, scope and page gives what a plain filter would."""

from __future__ import annotations

import itertools
from uuid import UUID

import pytest

from runledger_core import EVERYTHING, GLOBAL, JobStatus, Organization
from runledger_postgres import get_job_payload_by_idempotency_key, list_jobs

pytestmark = [pytest.mark.db, pytest.mark.unaudited("statuses are written by hand")]

ADA = UUID("0198c0de-0000-7000-8000-000000000001")
BOB = UUID("0198c0de-0000-7000-8000-000000000002")
TYPES = ("mail.print", "mail.send", "report.build")
SCOPES = (EVERYTHING, GLOBAL, Organization(ADA), Organization(BOB))

ENDED = "UPDATE job_queue SET status = %s::text::job_status, finished_at = now()"


@pytest.fixture
def ledger(connection, define, enqueue, claim):
    """Two jobs of each type, owner and status; the second of each pair is keyed."""
    for job_type in TYPES:
        define(job_type)
    combinations = list(itertools.product(range(2), TYPES, (None, ADA), JobStatus))
    for turn, job_type, owner, status in combinations:
        key = f"{job_type}-{status}" if turn else None
        job_id = enqueue(job_type, organization_id=owner, idempotency_key=key)
        if status is JobStatus.LEASED:
            connection.execute(
                "UPDATE job_queue SET status = 'LEASED', worker_id = 'w', "
                "lease_expires_at = now() + interval '1 minute' WHERE id = %s",
                [job_id],
            )
        elif status.is_terminal:
            connection.execute(f"{ENDED} WHERE id = %s", [status.value, job_id])
    return connection.execute(
        "SELECT id, job_type, organization_id, status::text, idempotency_key "
        "FROM job_queue ORDER BY id DESC"
    ).fetchall()


def owned(scope, organization_id):
    match scope:
        case Organization(id=wanted):
            return organization_id == wanted
        case _:
            return scope == EVERYTHING or organization_id is None


def test_a_list_is_what_a_plain_filter_gives(run, ledger):
    types = (None, "mail.send", "mail.nothing")
    prefixes = (None, "mail.", "report", "x")
    statuses = (None, *JobStatus)
    keys = (None, "mail.send-PENDING", "mail.send-SUCCEEDED")
    for scope, job_type, prefix, status, key in itertools.product(
        SCOPES, types, prefixes, statuses, keys
    ):
        expected = [
            row[0]
            for row in ledger
            if owned(scope, row[2])
            and job_type in (None, row[1])
            and row[1].startswith(prefix or "")
            and status in (None, row[3])
            and key in (None, row[4])
        ]

        page = run(
            list_jobs,
            scope=scope,
            job_type=job_type,
            job_type_prefix=prefix,
            status=status,
            idempotency_key=key,
        )

        assert expected == [job.id for job in page.items]
        assert page.next_cursor is None


@pytest.mark.parametrize("scope", SCOPES, ids=str)
@pytest.mark.parametrize(
    "filters", [{}, {"status": JobStatus.SUCCEEDED}, {"job_type_prefix": "mail."}]
)
def test_pages_join_without_gap_or_repeat(run, ledger, scope, filters):
    whole = run(list_jobs, scope=scope, limit=1000, **filters)
    seen, cursor = [], None
    while True:
        page = run(list_jobs, scope=scope, limit=3, cursor=cursor, **filters)
        seen += page.items
        cursor = page.next_cursor
        if cursor is None:
            break

    assert list(whole.items) == seen
    assert all(len(job.stage) > 0 for job in seen)


@pytest.mark.parametrize("cursor", ["", "next", 7, "0198c0de"])
def test_a_cursor_that_no_page_gave_is_refused(run, raises_code, cursor):
    with raises_code("job.invalid_pagination"):
        run(list_jobs, scope=EVERYTHING, cursor=cursor)


def test_what_is_no_scope_is_refused(run):
    with pytest.raises(TypeError, match="a scope is"):
        run(list_jobs, scope=None)


def test_the_payload_of_a_key_is_read_within_its_organization(run, enqueue):
    request = {"payload": {"to": "ada"}, "idempotency_key": "k"}
    of_ada = enqueue(organization_id=ADA, **request)
    shared = enqueue(idempotency_key="k", payload=[1])

    found = run(
        get_job_payload_by_idempotency_key, "mail.send", "k", scope=Organization(ADA)
    )
    of_all = run(get_job_payload_by_idempotency_key, "mail.send", "k", scope=GLOBAL)
    of_bob = run(
        get_job_payload_by_idempotency_key, "mail.send", "k", scope=Organization(BOB)
    )

    assert (found.job_id, found.payload) == (of_ada, {"to": "ada"})
    assert (of_all.job_id, of_all.payload) == (shared, [1])
    assert (found.status, found.run_number) == (JobStatus.PENDING, 1)
    assert of_bob is None


def test_a_key_needs_to_know_whose_it_is(run, raises_code):
    with raises_code("job.key_scope_ambiguous"):
        run(get_job_payload_by_idempotency_key, "a", "k", scope=EVERYTHING)
    with raises_code("identifier.blank"):
        run(get_job_payload_by_idempotency_key, "", "k", scope=GLOBAL)
