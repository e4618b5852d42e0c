"""Workers that say that they are there, and those that sleep until they are woken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from runledger_core import (
    EVERYTHING,
    Jitter,
    JobEnqueue,
    JobFailure,
    JobStatus,
    RetryPolicy,
)
from runledger_core.workflows import WorkflowDagBuilder
from runledger_postgres import (
    WorkerRest,
    announce_worker,
    awake,
    cancel_job,
    claim_jobs,
    complete_job_failure,
    complete_job_success,
    copy_jobs,
    enqueue_job,
    enqueue_jobs,
    enqueue_workflow_run,
    explain_job,
    fall_asleep,
    notify_worker,
    pause_job_type,
    reap_expired_leases,
    release_unstarted_claims,
    requeue_job,
    wake_channel,
    wake_worker,
    withdraw_worker,
)

pytestmark = pytest.mark.db


def live_count(run, job_id):
    return run(explain_job, job_id, scope=EVERYTHING).live_worker_count


def test_a_worker_counts_while_it_is_announced(run, enqueue):
    job_id = enqueue()
    assert live_count(run, job_id) == 0

    run(announce_worker, worker_id="w1", job_types=["mail.send"], ttl_seconds=60)
    run(announce_worker, worker_id="w1", job_types=["mail.send"], ttl_seconds=60)
    run(announce_worker, worker_id="w2", job_types=["other"], ttl_seconds=60)
    assert live_count(run, job_id) == 1

    run(withdraw_worker, "w1")
    run(withdraw_worker, "w1")
    assert live_count(run, job_id) == 0


def test_a_worker_that_says_nothing_more_is_forgotten(run, enqueue, connection):
    job_id = enqueue()
    run(announce_worker, worker_id="w1", job_types=["mail.send"], ttl_seconds=60)
    connection.execute(
        "UPDATE job_workers SET seen_at = now() - interval '3 days',"
        " expires_at = now() - interval '2 days'"
    )

    assert live_count(run, job_id) == 0
    run(announce_worker, worker_id="w2", job_types=["other"], ttl_seconds=60)

    left = connection.execute("SELECT worker_id FROM job_workers").fetchall()
    assert left == [("w2",)]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"worker_id": " "}, "identifier.blank"),
        ({"ttl_seconds": 0}, "job.invalid_lease_duration"),
    ],
    ids=str,
)
def test_an_announcement_that_makes_no_sense_is_refused(run, raises_code, change, code):
    values = {"worker_id": "w1", "job_types": ["mail.send"], "ttl_seconds": 60}

    with raises_code(code):
        run(announce_worker, **{**values, **change})


@pytest.fixture
def listener(runledger_database):
    """Hear the workers w1 to w3, as workers do."""
    with psycopg.connect(runledger_database, autocommit=True) as listener:
        for worker_id in ("w1", "w2", "w3"):
            listener.execute(f'LISTEN "{wake_channel(worker_id)}"')
        yield listener


@pytest.fixture
def heard(listener):
    """Say who was notified since it was last asked, in order."""

    def heard():
        # What was sent before the answer to a statement arrives no later than that.
        return [n.payload for n in listener.notifies(timeout=0.05)]

    return heard


@pytest.fixture
def sleep(connection, define):
    """Let workers sleep for a minute, one after the other."""
    define()
    define("other")

    def sleep(*worker_ids, job_types=("mail.send",), seconds=60.0):
        for worker_id in worker_ids:
            announce_worker(
                connection, worker_id=worker_id, job_types=job_types, ttl_seconds=60
            )
            rest = fall_asleep(
                connection,
                worker_id=worker_id,
                job_types=job_types,
                longest_seconds=seconds,
            )
        return rest

    return sleep


def in_seconds(seconds):
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_an_enqueue_wakes_one_sleeper_and_the_next_enqueue_another(run, sleep, heard):
    sleep("w1", "w2")

    for _ in range(3):
        run(enqueue_job, JobEnqueue("mail.send"))

    assert heard() == ["w1", "w2"]


def test_as_many_are_woken_as_there_are_jobs_for_them(connection, sleep, heard):
    sleep("w1", job_types=["mail.send", "other"])
    sleep("w2")
    sleep("w3", job_types=["other"])

    enqueue_jobs(connection, [JobEnqueue("mail.send"), JobEnqueue("other")])
    first = heard()
    enqueue_jobs(connection, [JobEnqueue("mail.send")] * 5)

    assert first == ["w1"]
    assert heard() == ["w2"]


def test_nobody_is_woken_for_another_type(connection, sleep, heard):
    sleep("w1", job_types=["other"])

    enqueue_job(connection, JobEnqueue("mail.send"))

    assert heard() == []


def test_a_worker_that_woke_by_itself_is_left_alone(connection, sleep, heard):
    sleep("w1")
    awake(connection, "w1")
    awake(connection, "w1")

    enqueue_job(connection, JobEnqueue("mail.send"))

    assert heard() == []


def test_a_sleeper_that_should_have_looked_is_taken_for_gone(connection, sleep, heard):
    sleep("w1", seconds=0)
    connection.execute(
        "UPDATE job_workers SET wakes_at = wakes_at - interval '2 seconds'"
    )

    enqueue_job(connection, JobEnqueue("mail.send"))

    assert heard() == []


def test_a_delayed_job_wakes_who_would_look_too_late(connection, sleep, heard):
    sleep("w1", "w2")

    enqueue_job(connection, JobEnqueue("mail.send", next_run_at=in_seconds(3600)))
    nobody = heard()
    enqueue_jobs(connection, [JobEnqueue("mail.send", next_run_at=in_seconds(20))] * 2)

    assert nobody == []
    assert heard() == ["w1"]


def test_a_load_by_copy_wakes_sleepers(connection, sleep, heard):
    sleep("w1", "w2", "w3")

    copy_jobs(connection, [JobEnqueue("mail.send")] * 2)

    assert heard() == ["w1", "w2"]


def test_a_requeue_wakes_a_sleeper(connection, sleep, heard):
    job_id = enqueue_job(connection, JobEnqueue("mail.send")).job_id
    cancel_job(connection, job_id, scope=EVERYTHING)
    sleep("w1")

    requeue_job(
        connection,
        job_id,
        scope=EVERYTHING,
        expected_status=JobStatus.CANCELED,
        expected_run_number=1,
    )

    assert heard() == ["w1"]


def test_who_waits_for_the_callers_commit_is_woken_by_it(
    connection, sleep, heard, runledger_database
):
    sleep("w1")

    with psycopg.connect(runledger_database) as host:
        enqueue_job(host, JobEnqueue("mail.send"))
        before = heard()
        # Its row is not locked by the transaction that stays open.
        awake(connection, "w1")
        sleep("w1")
        host.commit()
        after = heard()
        enqueue_job(host, JobEnqueue("mail.send"))
        host.rollback()

    assert before == []
    assert after == ["w1"]
    assert heard() == []


def test_sleepers_that_somebody_else_is_waking_are_stepped_over(
    connection, sleep, heard, race
):
    sleep("w1", "w2")
    race.hold(enqueue_job.steps(JobEnqueue("mail.send")))

    enqueue_job(connection, JobEnqueue("mail.send"))
    first = heard()
    race.commit()

    assert first == ["w2"]
    assert heard() == ["w1"]


def test_a_sleeper_that_is_just_looking_is_woken_all_the_same(
    connection, sleep, heard, runledger_database
):
    sleep("w1")

    with psycopg.connect(runledger_database) as looking:
        # As its look does, which has not seen what is enqueued now.
        looking.execute("SELECT FROM job_workers FOR NO KEY UPDATE")
        enqueue_job(connection, JobEnqueue("mail.send"))
        first = heard()

    assert first == ["w1"]


def test_stricter_isolation_wakes_without_locking(
    connection, sleep, heard, runledger_database
):
    sleep("w1")

    with psycopg.connect(runledger_database) as host:
        host.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        host.execute("SELECT 1")
        awake(connection, "w1")
        sleep("w1")
        enqueue_job(host, JobEnqueue("mail.send"))

    assert heard() == ["w1"]


def test_falling_asleep_tells_whether_to_look_again(run, sleep):
    sleep("w1")
    awake_before = {"worker_id": "w2", "job_types": ["x"], "longest_seconds": 5.0}
    sleep("w2")
    run(awake, "w2")

    assert run(fall_asleep, **awake_before) == WorkerRest(5, was_asleep=False)
    assert run(fall_asleep, **awake_before) == WorkerRest(5, was_asleep=True)
    assert run(fall_asleep, **{**awake_before, "worker_id": "w9"}) == WorkerRest(
        5, was_asleep=None
    )


def test_a_sleeper_is_told_when_its_next_job_is_due(connection, sleep):
    enqueue_job(connection, JobEnqueue("other"))
    enqueue_job(connection, JobEnqueue("mail.send", next_run_at=in_seconds(900)))
    enqueue_job(
        connection, JobEnqueue("mail.send", priority=5, next_run_at=in_seconds(20))
    )

    later = sleep("w1")
    enqueue_job(connection, JobEnqueue("mail.send"))

    assert 15 < later.seconds <= 20
    assert sleep("w1").seconds == 0


def test_one_sleeper_looks_for_a_delayed_job_and_the_others_sleep_on(connection, sleep):
    enqueue_job(connection, JobEnqueue("mail.send", next_run_at=in_seconds(20)))

    assert sleep("w1").seconds < 21
    assert sleep("w2").seconds == 60

    awake(connection, "w1")
    assert sleep("w2").seconds < 21


def test_jobs_of_a_paused_type_keep_nobody_awake(connection, sleep):
    enqueue_job(connection, JobEnqueue("mail.send"))
    pause_job_type(connection, "mail.send")

    assert sleep("w1").seconds == 60


def test_a_wake_up_is_passed_on_to_another_worker(connection, sleep, heard):
    sleep("w1", "w2")
    sleep("w3", job_types=["other"])
    wanted = {"worker_id": "w1", "job_types": ["mail.send"]}

    assert wake_worker(connection, **wanted) == "w2"
    assert wake_worker(connection, **wanted) is None
    assert heard() == ["w2"]


def test_a_worker_can_be_tried(connection, heard):
    notify_worker(connection, "w1", payload="can you hear me")

    assert heard() == ["can you hear me"]


def test_a_channel_fits_whatever_the_workers_name():
    assert len(wake_channel("w" * 512)) == 42
    assert wake_channel("w1") != wake_channel("w2")


def test_what_comes_back_to_the_queue_wakes_a_sleeper(
    connection, sleep, enqueue, heard
):
    """A claim given back, a retry that is due at once, a lease that expired."""
    for _ in range(3):
        enqueue()
    wanted = {"worker_id": "busy", "lease_seconds": 60, "limit": 3}
    unstarted, failed, lost = (job.lease for job in claim_jobs(connection, **wanted))
    at_once = RetryPolicy(base_seconds=0, cap_seconds=0, jitter=Jitter.NONE)

    sleep("w1")
    release_unstarted_claims(connection, [unstarted], reason="shutdown")
    after_release = heard()
    sleep("w1")
    complete_job_failure(
        connection, failed, JobFailure.retryable("a.b", "no"), retry=at_once
    )
    after_failure = heard()
    sleep("w1")
    connection.execute(
        "UPDATE job_queue SET lease_expires_at = clock_timestamp() WHERE id = %s",
        [lost.job_id],
    )
    reap_expired_leases(connection, limit=1, default_retry=at_once)

    assert after_release == after_failure == heard() == ["w1"]


def test_a_step_that_is_released_wakes_a_sleeper(connection, sleep, heard):
    run = WorkflowDagBuilder("report").job("first", "mail.send").job("second", "other")
    run.after_success("second", "first")
    sleep("w1")
    sleep("w2", job_types=["other"])

    enqueue_workflow_run(connection, run.build())
    first = heard()
    (job,) = claim_jobs(connection, worker_id="w1", lease_seconds=60, limit=1)
    complete_job_success(connection, job.lease)

    assert first == ["w1"]
    assert heard() == ["w2"]
