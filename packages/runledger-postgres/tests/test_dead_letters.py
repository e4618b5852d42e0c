"""Dead letters: read one, page through them, also after a requeue."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from runledger_core import EVERYTHING, GLOBAL, JobFailure, JobStatus, Organization
from runledger_postgres import (
    SettleFailure,
    claim_jobs,
    complete_jobs,
    get_dead_letter,
    list_dead_letters,
    requeue_job,
)

pytestmark = pytest.mark.db

ORGANIZATION = Organization(UUID("0198c0de-0000-7000-8000-000000000001"))
BURIAL = JobFailure.terminal("mail.no_such_box", "there is no such mailbox")


@pytest.fixture
def bury(connection):
    """Let every job that waits die, all at one time."""

    def bury():
        claimed = claim_jobs(connection, worker_id="w1", lease_seconds=60, limit=100)
        failures = [SettleFailure(job.lease, BURIAL) for job in claimed]
        assert all(complete_jobs(connection, failures))

    return bury


def test_a_dead_letter_has_what_the_job_had(run, enqueue, bury):
    job_id = enqueue(payload={"to": "nobody"})
    bury()

    letter = run(get_dead_letter, job_id, scope=EVERYTHING)

    assert (letter.job_id, letter.job_type) == (job_id, "mail.send")
    assert (letter.run_number, letter.attempt) == (1, 1)
    assert (letter.error_code, letter.error_message) == (BURIAL.code, BURIAL.message)
    assert (letter.payload_snapshot, letter.checkpoint_snapshot) == (
        {"to": "nobody"},
        None,
    )
    assert (letter.job_status, letter.is_current) == (JobStatus.DEAD_LETTERED, True)


def test_a_dead_letter_outlives_a_requeue(run, enqueue, bury):
    job_id = enqueue()
    bury()
    run(
        requeue_job,
        job_id,
        scope=EVERYTHING,
        expected_status=JobStatus.DEAD_LETTERED,
        expected_run_number=1,
    )

    letter = run(get_dead_letter, job_id, scope=EVERYTHING)
    [listed] = run(list_dead_letters, scope=EVERYTHING).items

    assert (letter.job_status, letter.job_run_number) == (JobStatus.PENDING, 2)
    assert (letter.is_current, listed.is_current) == (False, False)


def test_what_is_not_dead_or_not_in_scope_has_no_letter(run, enqueue, bury):
    job_id = enqueue(organization_id=ORGANIZATION.id)
    assert run(get_dead_letter, job_id, scope=EVERYTHING) is None
    bury()

    assert run(get_dead_letter, job_id, scope=ORGANIZATION) is not None
    assert run(get_dead_letter, job_id, scope=GLOBAL) is None
    assert run(get_dead_letter, uuid4(), scope=EVERYTHING) is None


def test_dead_letters_of_one_moment_are_paged_without_gaps(run, enqueue, bury):
    older = [enqueue() for _ in range(2)]
    bury()
    newer = [enqueue() for _ in range(3)]
    bury()

    first = run(list_dead_letters, scope=EVERYTHING, limit=2)
    second = run(list_dead_letters, scope=EVERYTHING, limit=2, cursor=first.next_cursor)
    third = run(list_dead_letters, scope=EVERYTHING, limit=2, cursor=second.next_cursor)

    pages = [first, second, third]
    listed = [letter.job_id for page in pages for letter in page.items]
    assert [len(page.items) for page in pages] == [2, 2, 1]
    assert set(listed[:3]) == set(newer)
    assert set(listed[3:]) == set(older)
    assert third.next_cursor is None


def test_dead_letters_are_listed_by_scope_and_type(run, enqueue, define, bury):
    define("mail.print")
    ours = enqueue(organization_id=ORGANIZATION.id)
    printed = enqueue("mail.print")
    bury()

    def listed(**filters):
        page = run(list_dead_letters, **{"scope": EVERYTHING, **filters})
        return {letter.job_id for letter in page.items}

    assert listed() == {ours, printed}
    assert listed(scope=ORGANIZATION) == {ours}
    assert listed(scope=GLOBAL) == {printed}
    assert listed(job_type="mail.print") == {printed}
    assert listed(job_type="mail.print", scope=ORGANIZATION) == set()


@pytest.mark.parametrize("limit", [0, 1001])
def test_a_page_of_dead_letters_has_a_bounded_length(run, raises_code, limit):
    with raises_code("job.invalid_pagination"):
        run(list_dead_letters, scope=EVERYTHING, limit=limit)
