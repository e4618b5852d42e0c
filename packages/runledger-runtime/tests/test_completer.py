"""Settling outcomes: batches, retries while leases live, and what is given up."""

from __future__ import annotations

import logging

import attrs
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from runledger_core import JobCompletion, RunledgerError
from runledger_runtime import Failed, Succeeded
from runledger_runtime._completer import Completer
from runledger_runtime._held_jobs import HeldJob, HeldJobs

PLAIN = JobCompletion()


def unreachable() -> RunledgerError:
    return RunledgerError("db.connection_failed", internal="the network is down")


def broken() -> RunledgerError:
    return RunledgerError("db.query_failed")


@pytest.fixture
def held():
    return HeldJobs(100, unsettled_limit=100)


@pytest.fixture
def told():
    """Gets an entry whenever jobs may have been put into the queue."""
    return []


@pytest.fixture
def completer(ledger, held, lifecycle, told):
    return Completer(
        ledger,
        held,
        lifecycle,
        on_queued=lambda: told.append("queued"),
        timeout_seconds=30,
    )


@pytest.fixture
def put(ledger, held, completer):
    """Hand in the success of a job that has just ended."""

    def put(lease_until=1e9, step=None, completion=PLAIN):
        ledger.add()
        fake = attrs.evolve(ledger.due.popleft(), step=step)
        ledger.held.add(fake.lease)
        job = HeldJob(fake, lease_until)
        held.add(job)
        held.end(job)
        completer.put(job, Succeeded(job.lease, completion))
        return job

    return put


async def test_a_step_that_ended_may_have_queued_the_next(completer, put, told):
    put()
    await completer.one_pass()
    before = list(told)
    put()
    put(step=object())
    put(step=object())
    await completer.one_pass()

    assert [] == before
    assert ["queued"] == told


async def test_all_that_waits_is_settled_together(completer, ledger, held, put):
    jobs = [put() for _ in range(5)]

    assert await completer.one_pass()

    assert [[job.lease.job_id for job in jobs]] == ledger.calls["settle"]
    assert 0 == len(held)


async def test_many_plain_successes_go_apart_from_the_rest(
    completer, ledger, held, put
):
    plain = [put(step=None if n % 2 else object()) for n in range(40)]
    reporting = [put(completion=JobCompletion(progress_done=1)) for _ in range(2)]

    assert await completer.one_pass()

    assert [
        [job.lease.job_id for job in plain],
        [job.lease.job_id for job in reporting],
    ] == ledger.calls["settle"]
    assert 0 == len(held)


async def test_a_batch_has_a_limit(completer, ledger, put):
    for _ in range(1100):
        put()

    await completer.one_pass()
    await completer.one_pass()

    assert [1000, 100] == [len(batch) for batch in ledger.calls["settle"]]


async def test_the_next_batch_gathers_while_the_last_is_under_way(
    completer, ledger, put, clock
):
    ledger.delays_seconds["settle"] = 1
    async with trio.open_nursery() as nursery:
        nursery.start_soon(completer.run)
        put()
        await trio.sleep(0.5)
        put()
        put()
        await trio.sleep(2)
        nursery.cancel_scope.cancel()

    assert [1, 2] == [len(batch) for batch in ledger.calls["settle"]]
    assert 3 == len(ledger.outcomes)


async def test_a_passing_error_is_tried_again_with_what_came_meanwhile(
    completer, ledger, held, put, clock
):
    ledger.failures["settle"].extend([unreachable(), unreachable()])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(completer.run)
        put()
        await wait_all_tasks_blocked()
        put()
        await held.wait_until(lambda: not held)
        nursery.cancel_scope.cancel()

    assert [1, 2, 2] == [len(batch) for batch in ledger.calls["settle"]]
    assert trio.current_time() < 1


async def test_what_waited_first_stays_first(completer, ledger, put, clock):
    ledger.failures["settle"].append(unreachable())
    ledger.delays_seconds["settle"] = 1
    jobs = [put(), put()]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(completer.one_pass)
        await trio.sleep(0.5)
        jobs.append(put())

    await completer.one_pass()

    assert [job.lease.job_id for job in jobs] == ledger.calls["settle"][1]


async def test_an_outcome_is_given_up_when_its_lease_ends(
    completer, ledger, held, put, caplog, clock
):
    ledger.failures["settle"].extend(unreachable() for _ in range(50))
    put(lease_until=trio.current_time() + 60)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(completer.run)
        await held.wait_until(lambda: not held)
        assert 60 <= trio.current_time() < 75
        tries_count = len(ledger.calls["settle"])
        await trio.sleep(100)
        nursery.cancel_scope.cancel()

    assert tries_count == len(ledger.calls["settle"])
    assert {} == ledger.outcomes
    assert "the network is down" in caplog.text


async def test_one_that_cannot_be_written_does_not_keep_the_others(
    completer, ledger, held, put
):
    jobs = [put() for _ in range(8)]
    culprit = jobs[5].lease.job_id
    settle = ledger.settle

    async def refuse_the_culprit(outcomes, **values):
        if any(outcome.lease.job_id == culprit for outcome in outcomes):
            raise broken()
        return await settle(outcomes, **values)

    ledger.settle = refuse_the_culprit

    assert await completer.one_pass()

    settled = {job.lease.job_id for job in jobs} - {culprit}
    assert settled == ledger.outcomes.keys()
    assert 0 == len(held)


async def test_a_lost_lease_is_logged_and_forgotten(
    completer, ledger, held, put, caplog
):
    lost, kept = put(), put()
    ledger.held.remove(lost.lease)

    await completer.one_pass()

    assert {kept.lease.job_id} == ledger.outcomes.keys()
    assert 0 == len(held)
    assert str(lost.lease.job_id) in caplog.text


async def test_progress_that_does_not_fit_the_stored_one_is_terminal(
    completer, ledger, put
):
    job = put()
    ledger.refused[job.lease.job_id] = RunledgerError("job.invalid_completion_progress")

    await completer.one_pass()
    await completer.one_pass()

    outcome = ledger.outcomes[job.lease.job_id]
    assert isinstance(outcome, Failed)
    assert "job.invalid_completion_progress" == outcome.failure.code


async def test_settling_is_not_worth_a_line_in_the_log(completer, put, caplog):
    caplog.set_level(logging.INFO)
    put()

    await completer.one_pass()

    assert "" == caplog.text


async def test_a_job_that_somebody_holds_is_settled_later_and_holds_up_nobody(
    completer, ledger, held, put, clock
):
    free, busy = put(), put()
    ledger.busy.add(busy.lease)

    with trio.move_on_after(30):
        await completer.run()
    settled_meanwhile = set(ledger.outcomes)
    tries = len(ledger.calls["settle"])
    ledger.busy.clear()
    with trio.move_on_after(2):
        await completer.run()

    assert {free.lease.job_id} == settled_meanwhile
    assert 20 < tries < 50
    assert {free.lease.job_id, busy.lease.job_id} == set(ledger.outcomes)
    assert 0 == len(held)


async def test_a_job_that_is_held_beyond_its_lease_is_given_up(
    completer, ledger, held, put, clock, caplog
):
    busy = put(lease_until=10)
    ledger.busy.add(busy.lease)

    with trio.move_on_after(30):
        await completer.run()

    assert 0 == len(held)
    assert "was not settled; job.busy" in caplog.text
