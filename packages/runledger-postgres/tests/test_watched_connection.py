"""Operations over a connection that a loop of the test's own watches."""

from __future__ import annotations

import select

import psycopg
import pytest

from runledger_core import EVERYTHING, JobDefinition, JobEnqueue, RunledgerError
from runledger_postgres import (
    WatchedConnection,
    WorkerRest,
    announce_worker,
    awake,
    cancel_job,
    claim_jobs,
    enqueue_job,
    fall_asleep,
    upsert_job_definition,
    wake_worker,
)

pytestmark = pytest.mark.db

CLAIM = {
    "worker_id": "w1",
    "lease_seconds": 60,
    "limit": 2,
    "job_types": ["mail.send"],
}


class Loop:
    """The smallest event loop there is."""

    def __init__(self, dsn, **settings):
        self.connection = psycopg.connect(dsn, autocommit=True, **settings)
        self.connection.execute("LISTEN ears")
        self.heard = []
        self.watched = WatchedConnection(self.connection, self.heard.append)

    def turn(self, running=None, *, times=1):
        """Watch the socket until an operation ends, or so many times."""
        while not running.is_ended if running else times:
            assert select.select([self.watched], [], [], 20)[0]
            self.watched.receive()
            times -= 1

    def run(self, operation, *args, **kwargs):
        running = self.watched.start(operation, *args, **kwargs)
        self.turn(running)
        return running.result()


@pytest.fixture
def loop(runledger_database):
    made = Loop(runledger_database)
    yield made
    made.connection.close()


@pytest.fixture
def jobs(runledger_pool):
    upsert_job_definition(runledger_pool, JobDefinition("mail.send"))
    return [
        enqueue_job(
            runledger_pool, JobEnqueue("mail.send", payload={"to": number})
        ).job_id
        for number in range(5)
    ]


def prepared(connection):
    """Ask the server what it has ready; the watched connection is over after that."""
    connection.pgconn.exit_pipeline_mode()
    found = connection.execute("SELECT name, generic_plans FROM pg_prepared_statements")
    return [name for name, _ in found.fetchall() if name.startswith("runledger")]


def test_claims_are_what_they_are_elsewhere(loop, jobs):
    first = loop.run(claim_jobs, **CLAIM)
    second = loop.run(claim_jobs, **{**CLAIM, "limit": 10})

    assert jobs == [job.lease.job_id for job in [*first, *second]]
    assert [{"to": number} for number in range(5)] == [
        job.payload for job in [*first, *second]
    ]


def test_a_claim_is_committed_when_it_has_ended(loop, jobs, runledger_pool):
    claimed = loop.run(claim_jobs, **CLAIM)

    with runledger_pool.connection() as connection:
        found = connection.execute("SELECT id FROM job_queue WHERE status = 'LEASED'")
        assert {job.lease.job_id for job in claimed} == {row[0] for row in found}


def test_what_a_resting_worker_says(loop, runledger_pool):
    announce_worker(
        runledger_pool, worker_id="w1", job_types=["mail.send"], ttl_seconds=60
    )

    rests = [
        loop.run(
            fall_asleep, worker_id="w1", job_types=["mail.send"], longest_seconds=30
        )
        for _ in range(2)
    ]
    loop.run(awake, "w1")

    assert [WorkerRest(30.0, was_asleep=False), WorkerRest(30.0, was_asleep=True)] == (
        rests
    )
    assert loop.run(wake_worker, worker_id="w2", job_types=["mail.send"]) is None


def test_rows_come_by_name_where_that_is_asked_for(loop, runledger_pool):
    announce_worker(
        runledger_pool, worker_id="w1", job_types=["mail.send"], ttl_seconds=60
    )
    for _ in range(2):
        fall_asleep(
            runledger_pool, worker_id="w1", job_types=["mail.send"], longest_seconds=30
        )

    woken = loop.run(wake_worker, worker_id="w2", job_types=["mail.send"])

    assert "w1" == woken


def test_a_claim_of_no_types_asks_nobody(loop):
    running = loop.watched.start(claim_jobs, **{**CLAIM, "job_types": []})

    assert running.is_ended
    assert [] == running.result()
    assert loop.watched.is_free


def test_statements_are_prepared_once(loop, jobs):
    for _ in range(3):
        loop.run(claim_jobs, **CLAIM)

    assert 1 == len(prepared(loop.connection))


def test_nothing_is_prepared_where_that_is_not_wanted(runledger_database, jobs):
    loop = Loop(runledger_database, prepare_threshold=None)

    claimed = loop.run(claim_jobs, **CLAIM)

    assert jobs[:2] == [job.lease.job_id for job in claimed]
    assert [] == prepared(loop.connection)
    loop.connection.close()


def test_bad_arguments_are_refused_as_elsewhere(loop, raises_code):
    with raises_code("job.invalid_claim_limit"):
        loop.run(claim_jobs, **{**CLAIM, "limit": 0})

    assert loop.watched.is_free


def test_the_servers_errors_have_their_codes_and_the_next_call_works(
    loop, jobs, runledger_pool, raises_code
):
    """Also when what could not be prepared is prepared once more."""
    with runledger_pool.connection() as connection:
        connection.execute("ALTER TABLE job_events RENAME TO elsewhere")
    for _ in range(2):
        with raises_code("db.schema_missing"):
            loop.run(claim_jobs, **CLAIM)
    with runledger_pool.connection() as connection:
        connection.execute("ALTER TABLE elsewhere RENAME TO job_events")
    before = loop.run(claim_jobs, **CLAIM)
    with runledger_pool.connection() as connection:
        connection.execute("ALTER TABLE job_events RENAME TO elsewhere")
    with raises_code("db.schema_missing"):
        loop.run(claim_jobs, **CLAIM)
    with runledger_pool.connection() as connection:
        connection.execute("ALTER TABLE elsewhere RENAME TO job_events")

    after = loop.run(claim_jobs, **CLAIM)

    assert jobs[:4] == [job.lease.job_id for job in [*before, *after]]


def test_an_error_of_the_commit_is_an_error(loop, jobs, runledger_pool, raises_code):
    """The rows have come by then, and are no answer."""
    with runledger_pool.connection() as connection:
        connection.execute("""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'not today'; END $$
        """)
        connection.execute("""
            CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON job_queue
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()
        """)

    with raises_code("db.query_failed"):
        loop.run(claim_jobs, **CLAIM)

    with runledger_pool.connection() as connection:
        connection.execute("DROP TRIGGER refuse ON job_queue")
    assert jobs[:2] == [job.lease.job_id for job in loop.run(claim_jobs, **CLAIM)]


def test_one_operation_runs_at_a_time(loop, jobs, runledger_database):
    with psycopg.connect(runledger_database) as blocker:
        blocker.execute("LOCK TABLE job_queue")
        running = loop.watched.start(claim_jobs, **CLAIM)
        assert loop.watched.is_busy
        assert not loop.watched.is_free
        with pytest.raises(RuntimeError, match="awake"):
            loop.watched.start(awake, "w1")

    loop.turn(running)
    assert 2 == len(running.result())
    assert loop.watched.is_free


def test_notifications_come_between_answers_and_with_them(
    loop, jobs, runledger_pool, runledger_database
):
    with runledger_pool.connection() as connection:
        connection.execute("NOTIFY ears, 'first'")
    loop.turn()
    with psycopg.connect(runledger_database) as blocker:
        blocker.execute("LOCK TABLE job_queue")
        running = loop.watched.start(claim_jobs, **CLAIM)
        with runledger_pool.connection() as connection:
            connection.execute("NOTIFY ears, 'second'")
    loop.turn(running)
    while len(loop.heard) < 2:
        loop.turn()

    assert ["first", "second"] == loop.heard
    assert 2 == len(running.result())


def test_nobody_knows_what_became_of_a_claim_that_was_cut_off(
    loop, jobs, runledger_pool, runledger_database
):
    with psycopg.connect(runledger_database) as blocker:
        blocker.execute("LOCK TABLE job_queue")
        running = loop.watched.start(claim_jobs, **CLAIM)
        with runledger_pool.connection() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(%s)", [loop.connection.info.backend_pid]
            )
        with pytest.raises(RunledgerError) as lost:
            loop.turn(times=10)

    with pytest.raises(RunledgerError) as unknown:
        running.result()
    assert "db.connection_failed" == lost.value.code
    assert "db.transaction_commit_unconfirmed" == unknown.value.code


def test_who_gives_up_is_answered(loop, jobs, runledger_database, raises_code):
    called = []
    with psycopg.connect(runledger_database) as blocker:
        blocker.execute("LOCK TABLE job_queue")
        running = loop.watched.start(claim_jobs, **CLAIM)
        running.when_ended(lambda: called.append(running))

        loop.watched.give_up(psycopg.OperationalError("over"))

    assert [running] == called
    with raises_code("db.transaction_commit_unconfirmed"):
        running.result()


def test_what_needs_a_transaction_is_refused(loop, jobs, runledger_pool):
    running = loop.watched.start(cancel_job, jobs[0], scope=EVERYTHING)

    assert running.is_ended
    with pytest.raises(TypeError, match="commits by itself"):
        running.result()
    assert loop.watched.is_free


def test_a_connection_with_an_isolation_of_its_own_is_never_free(runledger_database):
    loop = Loop(runledger_database)
    loop.connection.isolation_level = psycopg.IsolationLevel.SERIALIZABLE

    assert not loop.watched.is_free
    loop.connection.close()


def test_an_old_libpq_hears_and_runs_nothing(
    runledger_database, runledger_pool, monkeypatch
):
    monkeypatch.setattr(psycopg.capabilities, "has_pipeline", lambda: False)
    loop = Loop(runledger_database)
    with runledger_pool.connection() as connection:
        connection.execute("NOTIFY ears, 'all the same'")

    loop.turn()

    assert not loop.watched.is_free
    assert ["all the same"] == loop.heard
    loop.connection.close()
