"""Keeping leases: beats, retries, losses and the margin before the end."""

from __future__ import annotations

import pytest
import trio

from runledger_core import RunledgerError
from runledger_runtime._held_jobs import CancelReason, HeldJob, HeldJobs
from runledger_runtime._lease_keeper import LeaseKeeper

TTL_SECONDS = 60


@pytest.fixture
def held():
    return HeldJobs(100, unsettled_limit=100)


@pytest.fixture
def keeper(ledger, held, lifecycle):
    return LeaseKeeper(ledger, held, lifecycle, lease_ttl_seconds=TTL_SECONDS)


@pytest.fixture
def hold(ledger, held):
    """Hold a job that was claimed at second 0."""

    def hold():
        ledger.add()
        fake = ledger.due.popleft()
        ledger.held.add(fake.lease)
        job = HeldJob(fake, TTL_SECONDS)
        held.add(job)
        return job

    return hold


async def run_for(seconds, keeper):
    with trio.move_on_after(seconds):
        await keeper.run()


def unreachable() -> RunledgerError:
    return RunledgerError("db.connection_failed")


async def test_all_leases_are_renewed_in_one_call_at_every_third(
    keeper, ledger, hold, clock
):
    jobs = [hold() for _ in range(5)]

    await run_for(65, keeper)

    assert [5, 5, 5] == [len(leases) for leases in ledger.calls["heartbeat"]]
    assert [60 + TTL_SECONDS] * 5 == [job.lease_until for job in jobs]


async def test_without_leases_nothing_is_asked(keeper, ledger, clock):
    await run_for(100, keeper)

    assert [] == ledger.calls["heartbeat"]


async def test_a_failed_beat_is_tried_again(keeper, ledger, hold, clock):
    job = hold()
    ledger.failures["heartbeat"].extend(unreachable() for _ in range(3))

    await run_for(25, keeper)

    assert 4 == len(ledger.calls["heartbeat"])
    assert job.cancel_reason is None
    assert 80 < job.lease_until < 82


async def test_a_lease_that_is_gone_ends_its_job_at_once(keeper, ledger, hold, clock):
    gone, kept = hold(), hold()
    ledger.held.remove(gone.lease)

    await run_for(21, keeper)

    assert CancelReason.LEASE_LOST is gone.cancel_reason
    assert kept.cancel_reason is None


async def test_a_job_that_was_canceled_ends_at_once_and_the_log_says_so(
    keeper, ledger, hold, clock, caplog
):
    job = hold()
    ledger.held.remove(job.lease)
    ledger.canceled.add(job.lease)

    await run_for(21, keeper)

    assert CancelReason.LEASE_LOST is job.cancel_reason
    assert "it was canceled" in caplog.text


async def test_a_lease_that_is_gone_is_not_asked_for_again(keeper, ledger, hold, clock):
    gone, kept = hold(), hold()
    ledger.held.remove(gone.lease)

    await run_for(41, keeper)

    assert [kept.lease] == ledger.calls["heartbeat"][1]


async def test_the_job_ends_before_a_lease_that_cannot_be_renewed(
    keeper, ledger, hold, held, clock
):
    ledger.failures["heartbeat"].extend(unreachable() for _ in range(100))
    job = hold()
    ended_at = []

    class Scope:
        def cancel(self):
            ended_at.append(trio.current_time())

    job.scope = Scope()

    await run_for(70, keeper)

    assert [pytest.approx(55)] == ended_at
    assert CancelReason.LEASE_LOST is job.cancel_reason


async def test_an_outcome_that_waits_keeps_its_lease(keeper, hold, held, clock):
    job = hold()
    held.end(job)

    await run_for(21, keeper)

    assert 20 + TTL_SECONDS == job.lease_until


async def test_a_job_that_was_settled_during_the_beat_is_not_lost(
    keeper, ledger, hold, held, clock, caplog
):
    job = hold()
    ledger.delays_seconds["heartbeat"] = 1
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_for, 30, keeper)
        await trio.sleep(20.5)
        held.end(job)
        ledger.held.remove(job.lease)

    assert job.cancel_reason is None
    assert "" == caplog.text
