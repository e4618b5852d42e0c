"""A worker surveys the queue while it has jobs, beside its claims."""

from __future__ import annotations

import logging

import pytest
import trio

from runledger_core import RunledgerError
from runledger_runtime import JobRegistry, Stop, run_worker_loop


async def sleep(context, payload):
    await trio.sleep(payload["seconds"])


@pytest.fixture
def work(ledger, make_config):
    """Run a worker for so many seconds."""

    async def work(seconds, *, stop_when_idle=False):
        registry = JobRegistry()
        registry.register("test.job", sleep)
        stop = Stop()
        async with trio.open_nursery() as nursery:

            async def run():
                await run_worker_loop(
                    ledger, registry, make_config(), stop, stop_when_idle=stop_when_idle
                )

            nursery.start_soon(run)
            await trio.sleep(seconds)
            stop.request()

    return work


async def test_a_busy_worker_surveys_as_often_as_the_ledger_says(ledger, work, clock):
    ledger.add(payload={"seconds": 100})

    await work(100)

    first, *later = ledger.calls["survey"]
    assert 0.5 < first < 1.5
    pauses = [b - a for a, b in zip([first, *later], later, strict=False)]
    assert 7 <= len(pauses) <= 13
    assert all(7.5 <= pause <= 12.5 for pause in pauses)


async def test_an_idle_worker_does_not_survey(ledger, work, clock):
    ledger.add(payload={"seconds": 0.1})

    await work(1000)

    assert len(ledger.calls["survey"]) == 1


async def test_a_survey_that_fails_is_told_and_made_again(ledger, work, clock, caplog):
    ledger.add(payload={"seconds": 20})
    ledger.failures["survey"].append(RunledgerError("db.connection_failed"))

    await work(8)

    failed = [x for x in caplog.records if x.event == "survey.failed"]
    assert [logging.WARNING] == [record.levelno for record in failed]
    first, second, *_ = ledger.calls["survey"]
    assert 0.5 < second - first < 2


async def test_a_slow_survey_keeps_no_claim_waiting(ledger, work, clock):
    ledger.delays_seconds["survey"] = 50
    ledger.add(payload={"seconds": 60})

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work, 30)
        await trio.sleep(20)
        second = ledger.add(payload={"seconds": 1})

    assert second in ledger.outcomes


async def test_who_ends_when_nothing_is_left_looks_everywhere(ledger, work, clock):
    ledger.add(payload={"seconds": 60})

    await work(61, stop_when_idle=True)

    assert not ledger.calls["survey"]
