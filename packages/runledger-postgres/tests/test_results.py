"""Handles for results on a real database, blocking and asyncio."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from runledger_core import (
    EVERYTHING,
    GLOBAL,
    JobCompletion,
    JobEnqueue,
    JobFailure,
    JobStatus,
    Organization,
    WorkflowRunStatus,
)
from runledger_core.workflows import WorkflowDagBuilder
from runledger_postgres import (
    GateFailed,
    GateSucceeded,
    ResultTimeoutError,
    ResultUnsuccessfulError,
    SettleFailure,
    SettleSuccess,
    cancel_job,
    cancel_workflow_run,
    claim_jobs,
    complete_external_workflow_step,
    complete_job_success,
    complete_jobs,
    enqueue_jobs,
    enqueue_workflow_run,
    get_workflow_step,
    job_handle,
    reap_expired_leases,
    workflow_run_handle,
)
from runledger_postgres.results import _listener_task, _listener_thread, _wait, _watch

pytestmark = pytest.mark.db

DONE = JobCompletion(output={"sent": 3})
LISTENERS = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'runledger results'
"""


def blocking_wait(dsn, open_handle, target_id, *, scope, listens, **values):
    with ConnectionPool(dsn, min_size=1, max_size=2, open=True) as pool:
        handle = open_handle(pool, target_id, scope=scope, listens=listens)
        return handle.get_result(**values)


def asyncio_wait(dsn, open_handle, target_id, *, scope, listens, **values):
    async def main():
        async with AsyncConnectionPool(dsn, min_size=1, max_size=2, open=False) as pool:
            handle = open_handle(pool, target_id, scope=scope, listens=listens)
            return await handle.get_result(**values)

    return asyncio.run(main())


in_both_forms = pytest.mark.parametrize(
    "form", [blocking_wait, asyncio_wait], ids=["blocking", "asyncio"]
)


@pytest.fixture
def form():
    return blocking_wait


@pytest.fixture
def wait(form, runledger_database):
    """Wait for a result, in a thread of its own."""
    with ThreadPoolExecutor(4) as threads:

        def wait(
            target_id,
            open_handle=job_handle,
            *,
            scope=EVERYTHING,
            listens=True,
            dsn=runledger_database,
            timeout=20,
            **values,
        ):
            return threads.submit(
                form,
                dsn,
                open_handle,
                target_id,
                scope=scope,
                listens=listens,
                timeout=timeout,
                **values,
            )

        yield wait


@pytest.fixture
def until(runledger_database):
    """Ask another connection until it says yes."""
    with psycopg.connect(runledger_database, autocommit=True) as observer:

        def until(query, *params):
            deadline = time.monotonic() + 20
            while not (row := observer.execute(query, params).fetchone()):
                assert time.monotonic() < deadline, query
            return row

        yield until


@pytest.fixture
def until_waiting(until):
    """Wait until a target is waited for, and a connection listens for it."""

    def until_waiting(target_id):
        until("SELECT 1 FROM result_waiters WHERE target_id = %s", target_id)
        return until(LISTENERS)[0]

    return until_waiting


@pytest.fixture
def told_or_never(monkeypatch):
    """Let no poll come before a test's patience ends."""
    monkeypatch.setattr(_wait, "FIRST_GAP_SECONDS", 600)
    return {"poll_interval": 600}


@pytest.fixture
def gate_run(connection):
    """A run that is over as soon as somebody completes its gate."""

    def gate_run(*, result_step="gate"):
        dag = WorkflowDagBuilder("w").external("gate").result_step(result_step)
        return enqueue_workflow_run(connection, dag.build()).run.id

    return gate_run


@pytest.fixture
def complete_gate(connection):
    def complete_gate(run_id, outcome):
        complete_external_workflow_step(
            connection, run_id, "gate", outcome, scope=EVERYTHING
        )

    return complete_gate


@in_both_forms
def test_what_ended_before_is_returned_at_once(wait, connection, enqueue, claim):
    job_id = enqueue()
    complete_job_success(connection, claim().lease, DONE)

    assert wait(job_id, timeout=0).result() == {"sent": 3}
    assert not connection.execute("SELECT 1 FROM result_waiters").fetchone()


@in_both_forms
def test_what_ends_while_somebody_waits_is_told(
    wait, until_waiting, told_or_never, connection, enqueue, claim
):
    job_id = enqueue()
    waiting = wait(job_id, **told_or_never)
    until_waiting(job_id)

    complete_job_success(connection, claim().lease, DONE)

    assert waiting.result() == {"sent": 3}


@in_both_forms
def test_without_notifications_it_is_found_by_looking(
    wait, until, connection, enqueue, claim
):
    job_id = enqueue()
    waiting = wait(job_id, listens=False, poll_interval=0.1)
    lease = claim().lease

    complete_job_success(connection, lease, DONE)

    assert waiting.result() == {"sent": 3}
    assert not connection.execute("SELECT 1 FROM result_waiters").fetchone()


def test_a_success_without_output_is_none(wait, connection, enqueue, claim):
    job_id = enqueue()
    complete_job_success(connection, claim().lease)

    assert wait(job_id).result() is None


@in_both_forms
def test_a_job_that_does_not_end_in_time_goes_on(wait, connection, enqueue, claim):
    job_id = enqueue()
    lease = claim().lease

    with pytest.raises(ResultTimeoutError):
        wait(job_id, timeout=0.1).result()

    complete_job_success(connection, lease, DONE)
    assert wait(job_id).result() == {"sent": 3}


def die(connection, lease):
    failure = JobFailure.terminal("mail.no_such", "gone")
    complete_jobs(connection, [SettleFailure(lease, failure)])


def cancel(connection, lease):
    cancel_job(connection, lease.job_id, scope=EVERYTHING, reason="enough")


def expire(connection, lease):
    connection.execute(
        "UPDATE job_queue SET lease_expires_at = now(), max_attempts = 1 WHERE id = %s",
        [lease.job_id],
    )
    reap_expired_leases(connection, limit=10)


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (die, ("DEAD_LETTERED", "TERMINAL", "mail.no_such", "gone")),
        (cancel, ("CANCELED", "enough", None, None)),
        (expire, ("DEAD_LETTERED", "LEASE_EXPIRED", "job.lease_expired")),
    ],
)
def test_a_job_that_ends_badly_says_how(
    wait, until_waiting, told_or_never, connection, enqueue, claim, end, told
):
    job_id = enqueue()
    lease = claim().lease
    waiting = wait(job_id, **told_or_never)
    until_waiting(job_id)

    end(connection, lease)
    with pytest.raises(ResultUnsuccessfulError) as caught:
        waiting.result()

    error = caught.value
    assert error.code == "job.result_unsuccessful_terminal"
    found = (error.status, error.reason, error.error_code, error.error_message)
    assert found[: len(told)] == told
    assert "gone" not in str(error)
    assert str(error.status) in str(error)


def test_a_retry_is_no_end(
    wait, until_waiting, told_or_never, connection, enqueue, claim
):
    job_id = enqueue()
    waiting = wait(job_id, **told_or_never)
    until_waiting(job_id)
    failure = JobFailure.retryable("mail.refused", "busy")
    complete_jobs(connection, [SettleFailure(claim().lease, failure)])
    connection.execute("UPDATE job_queue SET next_run_at = now()")

    complete_job_success(connection, claim().lease, DONE)

    assert waiting.result() == {"sent": 3}


def test_a_job_outside_the_scope_is_not_there(wait, enqueue, raises_code):
    job_id = enqueue()

    with raises_code("job.not_found"):
        wait(job_id, scope=Organization(uuid4())).result()
    with raises_code("job.not_found"):
        wait(uuid4(), scope=GLOBAL).result()


@in_both_forms
def test_a_read_only_waiter_polls(
    wait, connection, enqueue, claim, runledger_database, until
):
    job_id = enqueue()
    read_only = psycopg.conninfo.make_conninfo(
        runledger_database, options="-c default_transaction_read_only=on"
    )
    waiting = wait(job_id, dsn=read_only, poll_interval=0.1)
    until(LISTENERS)

    complete_job_success(connection, claim().lease, DONE)

    assert waiting.result() == {"sent": 3}


@in_both_forms
def test_polling_goes_on_when_the_listener_is_gone(
    wait, until_waiting, connection, enqueue, claim, monkeypatch
):
    for listener in (_listener_task, _listener_thread):
        monkeypatch.setattr(listener, "FIRST_RETRY_SECONDS", 600)
    job_id = enqueue()
    waiting = wait(job_id, poll_interval=0.1)
    connection.execute("SELECT pg_terminate_backend(%s)", [until_waiting(job_id)])

    complete_job_success(connection, claim().lease, DONE)

    assert waiting.result() == {"sent": 3}


@in_both_forms
def test_a_lost_listener_comes_back(
    wait, until, until_waiting, told_or_never, connection, enqueue, claim, monkeypatch
):
    for listener in (_listener_task, _listener_thread):
        monkeypatch.setattr(listener, "FIRST_RETRY_SECONDS", 0.01)
    job_id = enqueue()
    waiting = wait(job_id, **told_or_never)
    lost = until_waiting(job_id)
    connection.execute("SELECT pg_terminate_backend(%s)", [lost])
    until(f"{LISTENERS} AND pid <> %s AND state = 'idle'", lost)

    complete_job_success(connection, claim().lease, DONE)

    assert waiting.result() == {"sent": 3}


@in_both_forms
def test_the_listener_ends_some_time_after_the_last_waiter(
    form, until, connection, enqueue, claim, runledger_database, monkeypatch
):
    for module in (_listener_task, _listener_thread):
        monkeypatch.setattr(module, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(_watch, "LINGER_SECONDS", 0.1)
    job_id = enqueue()

    async def main():
        async with AsyncConnectionPool(runledger_database, open=False) as pool:
            with pytest.raises(ResultTimeoutError):
                await job_handle(pool, job_id, scope=EVERYTHING).get_result(timeout=0.5)
            await asyncio.to_thread(until, f"SELECT 1 WHERE NOT EXISTS ({LISTENERS})")

    if form is asyncio_wait:
        asyncio.run(main())
        return
    with ConnectionPool(runledger_database, open=True) as pool:
        with pytest.raises(ResultTimeoutError):
            job_handle(pool, job_id, scope=EVERYTHING).get_result(timeout=0.5)
        until(f"SELECT 1 WHERE NOT EXISTS ({LISTENERS})")


def test_nobody_is_notified_of_what_nobody_waits_for(
    connection, enqueue, claim, runledger_database
):
    enqueue()
    with psycopg.connect(runledger_database, autocommit=True) as listener:
        listener.execute("LISTEN runledger_job_terminal")

        complete_job_success(connection, claim().lease)

        connection.execute("NOTIFY runledger_job_terminal, 'the end'")
        [told] = listener.notifies(timeout=20, stop_after=1)
    assert told.payload == "the end"


def test_registrations_that_expired_are_swept_by_the_next(wait, connection, enqueue):
    connection.execute(
        "INSERT INTO result_waiters SELECT uuidv7(), now() - interval '1 second'"
        " FROM generate_series(1, 50)"
    )
    job_id = enqueue()

    with pytest.raises(ResultTimeoutError):
        wait(job_id, timeout=0.1).result()

    found = connection.execute("SELECT target_id FROM result_waiters").fetchall()
    assert found == [(job_id,)]


def test_a_thousand_waiters_listen_over_one_connection(
    connection, define, runledger_database, told_or_never, until
):
    define()

    outcomes = enqueue_jobs(connection, [JobEnqueue("mail.send")] * 1000)
    found = claim_jobs(connection, worker_id="w", lease_seconds=600, limit=1000)

    async def main():
        async with AsyncConnectionPool(
            runledger_database, min_size=1, max_size=4, open=False
        ) as pool:
            handles = [
                job_handle(pool, one.job_id, scope=EVERYTHING) for one in outcomes
            ]
            waiting = [
                asyncio.create_task(handle.get_result(timeout=60, **told_or_never))
                for handle in handles
            ]
            await asyncio.to_thread(
                until,
                "SELECT 1 FROM (SELECT count(*) AS n FROM result_waiters)"
                " WHERE n = 1000",
            )
            [connections] = await asyncio.to_thread(
                until,
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database()"
                " AND pid <> ALL (%s)",
                [connection.info.backend_pid],
            )
            await asyncio.to_thread(
                complete_jobs,
                connection,
                [SettleSuccess(job.lease, DONE) for job in found],
            )
            return connections, await asyncio.gather(*waiting)

    connections, results = asyncio.run(main())

    assert results == [DONE.output] * 1000
    # The pool's four, the listener, and the one that counts.
    assert connections <= 6


@in_both_forms
def test_a_runs_result_is_the_output_of_its_result_step(
    wait, until_waiting, told_or_never, gate_run, complete_gate
):
    run_id = gate_run()
    waiting = wait(run_id, workflow_run_handle, **told_or_never)
    until_waiting(run_id)

    complete_gate(run_id, GateSucceeded({"n": 1}))

    assert waiting.result() == {"n": 1}
    assert wait(run_id, workflow_run_handle, timeout=0).result() == {"n": 1}


def test_a_run_that_ends_badly_says_so(
    wait, until_waiting, told_or_never, gate_run, complete_gate
):
    run_id = gate_run()
    waiting = wait(run_id, workflow_run_handle, **told_or_never)
    until_waiting(run_id)

    complete_gate(run_id, GateFailed("no"))
    with pytest.raises(ResultUnsuccessfulError) as caught:
        waiting.result()

    assert caught.value.code == "workflow.result_unsuccessful_terminal"
    assert caught.value.status is WorkflowRunStatus.COMPLETED_WITH_ERRORS
    assert caught.value.reason == 'step "gate" failed'


def test_canceling_a_run_tells_who_waits_for_it_and_for_its_jobs(
    wait, until_waiting, told_or_never, connection, define
):
    define()
    dag = WorkflowDagBuilder("w").job("mail", "mail.send").result_step("mail")
    run_id = enqueue_workflow_run(connection, dag.build()).run.id
    step = get_workflow_step(connection, run_id, "mail", scope=EVERYTHING)
    waiting = [
        wait(run_id, workflow_run_handle, **told_or_never),
        wait(step.job_id, **told_or_never),
    ]
    until_waiting(run_id)
    until_waiting(step.job_id)

    cancel_workflow_run(connection, run_id, scope=EVERYTHING, reason="enough")

    for each in waiting:
        with pytest.raises(ResultUnsuccessfulError) as caught:
            each.result()
        assert (caught.value.status, caught.value.reason) == ("CANCELED", "enough")


def test_a_workers_completion_ends_the_run_for_who_waits(
    wait, until_waiting, told_or_never, connection, define, claim
):
    define()
    dag = WorkflowDagBuilder("w").job("mail", "mail.send").result_step("mail")
    run_id = enqueue_workflow_run(connection, dag.build()).run.id
    waiting = wait(run_id, workflow_run_handle, **told_or_never)
    until_waiting(run_id)

    complete_job_success(connection, claim().lease, DONE)

    assert waiting.result() == {"sent": 3}


def test_a_run_without_a_result_says_why(wait, gate_run, complete_gate, raises_code):
    undeclared, missing = gate_run(result_step=None), gate_run()
    complete_gate(missing, GateSucceeded())

    with raises_code("workflow.result_not_declared"):
        wait(undeclared, workflow_run_handle).result()
    with raises_code("workflow.result_missing"):
        wait(missing, workflow_run_handle).result()
    with raises_code("workflow.run_not_found"):
        wait(uuid4(), workflow_run_handle).result()
    with raises_code("workflow.result_wait_timeout"):
        wait(gate_run(), workflow_run_handle, timeout=0).result()


def test_a_handle_reads_status_and_record(runledger_database, enqueue, gate_run):
    job_id, run_id = enqueue(), gate_run()

    async def read():
        async with AsyncConnectionPool(runledger_database, open=False) as pool:
            job = job_handle(pool, job_id, scope=EVERYTHING)
            one_run = workflow_run_handle(pool, run_id, scope=EVERYTHING)
            return (
                await job.get_status(),
                (await job.get_job()).id,
                await one_run.get_status(),
                (await one_run.get_run()).id,
            )

    with ConnectionPool(runledger_database, open=True) as pool:
        job = job_handle(pool, job_id, scope=EVERYTHING)
        one_run = workflow_run_handle(pool, run_id, scope=EVERYTHING)
        found = (
            job.get_status(),
            job.get_job().id,
            one_run.get_status(),
            one_run.get_run().id,
        )

    assert found == (
        JobStatus.PENDING,
        job_id,
        WorkflowRunStatus.WAITING_FOR_EXTERNAL,
        run_id,
    )
    assert asyncio.run(read()) == found


def test_a_handle_needs_a_pool(connection):
    with pytest.raises(TypeError, match="job_handle"):
        job_handle(connection, uuid4(), scope=EVERYTHING)
    with pytest.raises(TypeError, match="workflow_run_handle"):
        workflow_run_handle(connection, uuid4(), scope=EVERYTHING)


def test_a_notification_that_says_nothing_wakes_nobody():
    watch, woken, target_id = _watch.Watch(), [], uuid4()
    watch.add(target_id, lambda: woken.append(1))

    for payload in ("", "{}", "[]", "null", '{"job_id": 7}', '{"job_id": "x"}'):
        watch.wake(payload)
    watch.wake(f'{{"job_id": "{uuid4()}"}}')
    assert woken == []

    watch.wake(f'{{"job_id": "{target_id}"}}')
    assert woken == [1]
