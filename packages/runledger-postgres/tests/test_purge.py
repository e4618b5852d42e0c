"""Retention: what goes, what stays, and that nobody waits for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from runledger_core import (
    EVERYTHING,
    FailureKind,
    JobEnqueue,
    JobFailure,
    JobStatus,
)
from runledger_postgres import (
    claim_jobs,
    complete_job_failure,
    complete_job_success,
    enqueue_job,
    get_job_by_id,
    purge_ended,
)

# Jobs are made to have ended days ago, before they began.
pytestmark = [pytest.mark.db, pytest.mark.unaudited]

WORKFLOWS_BY_HAND = pytest.mark.unaudited("workflow rows are written by hand")
DAY = timedelta(days=1)
CHILDREN = ("job_events", "job_attempts", "job_logs", "job_dead_letters")


@pytest.fixture
def age(connection):
    """Let jobs have ended some days ago."""

    def age(*job_ids, days=2):
        connection.execute(
            "WITH aged AS ("
            " UPDATE job_queue"
            " SET started_at = now() - make_interval(days => %(days)s),"
            " finished_at = now() - make_interval(days => %(days)s)"
            " WHERE id = ANY (%(ids)s) RETURNING id, finished_at"
            ") UPDATE job_attempts AS a SET leased_at = j.finished_at,"
            " started_at = j.finished_at, finished_at = j.finished_at,"
            " execution_started_persisted_at = j.finished_at"
            " FROM aged AS j WHERE a.job_id = j.id",
            {"days": days, "ids": list(job_ids)},
        )

    return age


@pytest.fixture
def ended(connection, enqueue, claim, age):
    """A job that succeeded two days ago."""

    def ended(**values):
        job_id = enqueue(**values)
        complete_job_success(connection, claim().lease)
        age(job_id)
        return job_id

    return ended


@pytest.fixture
def workflow(connection, enqueue, claim, age):
    """A run that ended two days ago: two steps with jobs, one without, one edge."""

    def workflow(*, key=None, days=2):
        [run_id] = connection.execute(
            "INSERT INTO workflow_runs (workflow_type, status, idempotency_key, "
            "enqueue_request, step_count, ended_step_count, finished_at) "
            "VALUES ('w', 'SUCCEEDED', %s, '{}', 3, 3, "
            "now() - make_interval(days => %s)) RETURNING id",
            [key, days],
        ).fetchone()
        jobs, steps = [enqueue(), enqueue()], []
        for number, job_id in enumerate([*jobs, None]):
            if job_id:
                complete_job_success(connection, claim().lease)
            kind = "JOB" if job_id else "EXTERNAL"
            values = ["mail.send", 1, 1, 1, "queued"] if job_id else [None] * 5
            steps += connection.execute(
                "INSERT INTO workflow_steps (workflow_run_id, step_key, "
                "execution_kind, status, job_id, job_type, priority, max_attempts, "
                "timeout_seconds, stage) "
                "VALUES (%s, %s, %s, 'SUCCEEDED', %s, %s, %s, %s, %s, %s) RETURNING id",
                [run_id, f"step-{number}", kind, job_id, *values],
            ).fetchone()
        connection.execute(
            "INSERT INTO workflow_step_dependencies (workflow_run_id, "
            "prerequisite_step_id, dependent_step_id) VALUES (%s, %s, %s)",
            [run_id, *steps[:2]],
        )
        connection.execute(
            "INSERT INTO workflow_run_mutations (workflow_run_id, mutation_key, "
            "request) VALUES (%s, 'm', '{}')",
            [run_id],
        )
        age(*jobs)
        return run_id, jobs

    return workflow


def left(connection: psycopg.Connection[Any], table: str = "job_queue") -> set[Any]:
    column = "job_id" if table in CHILDREN else "id"
    found = connection.execute(f"SELECT {column} FROM {table}")  # noqa: S608 ours
    return {row[0] for row in found}


def test_an_old_ended_job_goes_with_all_that_hangs_on_it(
    run, ended, enqueue, claim, connection, age
):
    gone, dead, waiting = ended(), enqueue(), enqueue(priority=1)
    complete_job_failure(
        connection, claim().lease, JobFailure(FailureKind.TERMINAL, "a.b", "no")
    )
    connection.execute(
        "INSERT INTO job_logs (job_id, level, message) VALUES (%s, 'INFO', 'x')", [gone]
    )
    age(dead)

    report = run(purge_ended, older_than=DAY)

    assert (report.deleted_jobs, report.deleted_runs) == (2, 0)
    assert report.next_cursor is None
    assert left(connection) == {waiting}
    assert [left(connection, table) for table in CHILDREN] == [
        {waiting},
        set(),
        set(),
        set(),
    ]


def test_what_is_young_or_not_over_stays(run, ended, enqueue, claim, age, connection):
    old, young, leased, waiting = ended(), ended(), enqueue(), enqueue(priority=1)
    claim()
    age(young, days=0)

    assert run(purge_ended, older_than=DAY).deleted_jobs == 1
    assert left(connection) == {young, leased, waiting}
    assert old not in left(connection, "job_events")
    assert run(purge_ended, older_than=timedelta(0)).deleted_jobs == 1


def test_a_key_protects_its_job_unless_told_otherwise(run, ended, connection):
    keyed, plain = ended(idempotency_key="k"), ended()

    first = run(purge_ended, older_than=DAY)
    after_first = left(connection)
    second = run(purge_ended, older_than=DAY, keep_keyed=False)

    assert (first.deleted_jobs, after_first) == (1, {keyed})
    assert (second.deleted_jobs, left(connection)) == (1, set())
    again = enqueue_job(connection, JobEnqueue("mail.send", {}, idempotency_key="k"))
    assert again.job_id not in {keyed, plain}


def test_batches_go_on_where_the_last_one_stopped(run, ended, connection, age):
    keyed = {ended(idempotency_key=f"k{n}") for n in range(3)}
    age(*keyed, days=9)
    plain = [ended() for _ in range(4)]

    deleted, calls, cursor = 0, 0, None
    while True:
        report = run(purge_ended, older_than=DAY, limit=2, cursor=cursor)
        deleted, calls, cursor = (
            deleted + report.deleted_jobs,
            calls + 1,
            report.next_cursor,
        )
        if cursor is None:
            break

    # The keyed ones end first and fill batches that delete nothing.
    assert (deleted, calls) == (len(plain), 4)
    assert left(connection) == keyed


@WORKFLOWS_BY_HAND
def test_a_run_goes_whole_with_its_jobs(run, workflow, ended, connection):
    _, jobs = workflow()
    lone = ended()

    report = run(purge_ended, older_than=DAY)

    assert (report.deleted_jobs, report.deleted_runs) == (len(jobs) + 1, 1)
    assert lone not in left(connection)
    for table in ("workflow_runs", "workflow_steps", "workflow_run_mutations"):
        assert left(connection, table) == set()
    edges = connection.execute("SELECT FROM workflow_step_dependencies").fetchall()
    assert (edges, left(connection), left(connection, "job_events")) == (
        [],
        set(),
        set(),
    )


@WORKFLOWS_BY_HAND
def test_the_jobs_of_a_young_run_stay(run, workflow, connection):
    _, jobs = workflow(days=0)

    report = run(purge_ended, older_than=DAY)

    assert (report.deleted_jobs, report.deleted_runs) == (0, 0)
    assert left(connection) == set(jobs)


@WORKFLOWS_BY_HAND
def test_a_key_protects_its_run_unless_told_otherwise(run, workflow, connection):
    run_id, _ = workflow(key="k")

    first = run(purge_ended, older_than=DAY)
    assert (first.deleted_runs, left(connection, "workflow_runs")) == (0, {run_id})
    second = run(purge_ended, older_than=DAY, keep_keyed=False)
    assert (second.deleted_runs, left(connection)) == (1, set())


@WORKFLOWS_BY_HAND
def test_runs_are_taken_until_they_have_enough_steps(run, workflow, connection):
    for _ in range(3):
        workflow()

    first = run(purge_ended, older_than=DAY, limit=4)
    second = run(purge_ended, older_than=DAY, limit=4, cursor=first.next_cursor)

    assert (first.deleted_runs, second.deleted_runs) == (2, 1)
    assert left(connection) == set()


@WORKFLOWS_BY_HAND
def test_what_others_hold_is_stepped_over(run, workflow, ended, connection):
    run_id, jobs = workflow()
    held = ended()
    ended()
    with psycopg.connect(connection.info.dsn) as other:
        other.execute(
            "SELECT FROM job_queue WHERE id = ANY (%s) FOR KEY SHARE",
            [[held, jobs[0]]],
        )
        report = run(purge_ended, older_than=DAY)

    assert (report.deleted_jobs, report.deleted_runs) == (1, 0)
    assert left(connection) == {held, *jobs}
    assert left(connection, "workflow_runs") == {run_id}
    assert run(purge_ended, older_than=DAY).deleted_jobs == 1 + len(jobs)


@pytest.mark.race
def test_a_purge_blocks_no_claim(ended, enqueue, connection, runledger_database):
    gone, waiting = ended(), enqueue()
    with psycopg.connect(runledger_database) as purging:
        # In the middle of a purge: its statement has run, its COMMIT has not.
        steps = purge_ended.steps(older_than=DAY)
        for call in next(steps).calls:
            cursor = psycopg.RawCursor(purging)
            cursor.execute(call.statement.query, call.arguments)
        steps.close()
        connection.execute("SET lock_timeout = '1s'")
        [claimed] = claim_jobs(connection, worker_id="w", lease_seconds=9, limit=9)
        connection.execute("RESET lock_timeout")

    assert claimed.lease.job_id == waiting
    assert get_job_by_id(connection, gone, scope=EVERYTHING) is None
    job = get_job_by_id(connection, waiting, scope=EVERYTHING)
    assert job.status is JobStatus.LEASED


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"older_than": timedelta(seconds=-1)}, "retention.invalid_age"),
        ({"limit": 0}, "retention.invalid_limit"),
        ({"limit": 10_001}, "retention.invalid_limit"),
        ({"cursor": ""}, "retention.invalid_cursor"),
        ({"cursor": "a!b"}, "retention.invalid_cursor"),
        ({"cursor": 7}, "retention.invalid_cursor"),
        (
            {"cursor": "!".join(["2026-01-01T00:00:00~" + UUID(int=0).hex] * 2)},
            "retention.invalid_cursor",
        ),
    ],
)
def test_what_a_purge_cannot_do_is_refused(run, raises_code, values, code):
    with raises_code(code):
        run(purge_ended, **{"older_than": DAY, **values})


def test_a_purge_is_a_transaction_of_its_own(connection, raises_code):
    with connection.transaction(), raises_code("db.transaction_not_owned"):
        purge_ended(connection, older_than=DAY)
