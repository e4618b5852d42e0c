"""Observers: told in order and after the commit, bounded, and never in the way."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from uuid import UUID

import pytest
import trio

from runledger_core import (
    EVERYTHING,
    DeadLetterReason,
    JobCompletion,
    JobFailure,
    RetryPolicy,
)
from runledger_postgres import cancel_job, claim_jobs, enqueue_job
from runledger_runtime import (
    DeadLettered,
    JobCatalog,
    JobLifecycleObserver,
    JobSucceeded,
    LeaseLoss,
    ObservedJob,
    RetryScheduled,
    Supervisor,
)
from runledger_runtime._log_events import LogEvent, level_of
from runledger_runtime._observer_feed import ObserverFeed

SOON = RetryPolicy(base_seconds=0)


class Recorder(JobLifecycleObserver):
    """Remember every event, in the order in which they came."""

    def __init__(self):
        self.events = []

    def on_job_running(self, event):
        self.events.append(("running", event))

    async def on_job_succeeded(self, event):
        await trio.lowlevel.checkpoint()
        self.events.append(("succeeded", event))

    def on_job_failed(self, event):
        self.events.append(("failed", event))

    def on_job_completion_persist_failed(self, event):
        self.events.append(("persist failed", event))

    def on_job_lease_lost(self, event):
        self.events.append(("lost", event))

    def on_job_lease_reaped(self, event):
        self.events.append(("reaped", event))

    @property
    def names(self):
        return [name for name, _ in self.events]

    def of(self, wanted):
        return [event for name, event in self.events if name == wanted]


def succeeded(number):
    job = ObservedJob(
        job_id=UUID(int=number),
        job_type="test.job",
        run_number=1,
        attempt=1,
        max_attempts=1,
        worker_id="w",
        organization_id=None,
    )
    return JobSucceeded(job=job, duration_seconds=1.0)


@pytest.fixture
def feed():
    """Feed an observer with ends of jobs, and wait until it has dealt with them."""

    async def feed(observer, numbers):
        async with trio.open_nursery() as nursery:
            feed = ObserverFeed(observer, nursery)
            for number in numbers:
                event = succeeded(number)
                feed.put("on_job_succeeded", event.job.job_id, event)
            await feed.wait_done()
            nursery.cancel_scope.cancel()

    return feed


async def test_the_events_of_a_job_come_one_after_the_other(feed, clock):
    running = []
    most = []

    class Slow(JobLifecycleObserver):
        async def on_job_succeeded(self, event):
            number = event.job.job_id.int
            assert number not in running
            running.append(number)
            most.append(len(running))
            await trio.sleep(1)
            running.remove(number)

    await feed(Slow(), [1, 1, 2, 2, 3, 3, 4, 4])

    assert 8 == len(most)
    assert 4 == max(most)


async def test_the_newest_are_dropped_and_counted(feed, clock, caplog):
    seen = []

    class Slow(JobLifecycleObserver):
        async def on_job_succeeded(self, event):
            await trio.sleep(1)
            seen.append(event.job.job_id.int)

    await feed(Slow(), range(1, 1501))

    assert list(range(1, 1001)) == sorted(seen)
    assert 500 == sum(
        record.count for record in caplog.records if record.event == "observer.missed"
    )


@pytest.mark.parametrize("is_async", [False, True])
async def test_an_observer_that_fails_harms_nothing(feed, caplog, is_async):
    class Failing(JobLifecycleObserver):
        def on_job_succeeded(self, _):
            if is_async:
                return self.fail()
            raise ValueError("sad")

        async def fail(self):
            raise ValueError("sad")

    await feed(Failing(), [1, 2])

    assert ["observer.failed"] * 2 == [record.event for record in caplog.records]
    assert "sad" in caplog.text


async def test_an_observer_that_never_comes_back_is_left_behind(feed, caplog, clock):
    class Stuck(JobLifecycleObserver):
        async def on_job_succeeded(self, _):
            await trio.sleep_forever()

    await feed(Stuck(), [1])

    assert 10 == trio.current_time()
    assert "took too long" in caplog.text


async def test_an_observer_that_overrides_nothing_is_told_nothing():
    async with trio.open_nursery() as nursery:
        feed = ObserverFeed(JobLifecycleObserver(), nursery)

        assert not feed.wants("on_job_succeeded")


@pytest.fixture
def catalog():
    return JobCatalog()


@pytest.fixture
def work(runledger_pool, catalog, make_config):
    """Enqueue jobs of these types, and work under the eyes of an observer."""

    def work(observer, *job_types, stop_when_idle=True, **settings):
        catalog.sync_definitions(runledger_pool)
        for job_type in job_types:
            enqueue_job(runledger_pool, catalog.job_enqueue(job_type))
        config = make_config(**{"poll_interval_ms": 5, **settings})
        supervisor = Supervisor(
            runledger_pool, config, catalog=catalog, observers=[observer]
        )
        observer.supervisor = supervisor
        supervisor.run(stop_when_idle=stop_when_idle)

    return work


@pytest.mark.db
def test_an_observer_learns_how_each_attempt_began_and_ended(catalog, work):
    @catalog.job("test.good")
    async def good(context, payload):
        await trio.sleep(0.01)

    @catalog.job("test.bad", retry=SOON, max_attempts=2)
    async def bad(context, payload):
        raise ValueError

    recorder = Recorder()
    work(recorder, "test.good", "test.bad")

    assert ["running", "succeeded"] == [
        name for name, event in recorder.events if event.job.job_type == "test.good"
    ]
    assert ["running", "failed"] * 2 == [
        name for name, event in recorder.events if event.job.job_type == "test.bad"
    ]
    retried, dead = recorder.of("failed")
    assert isinstance(retried.disposition, RetryScheduled)
    assert retried.disposition.next_run_at is not None
    assert DeadLettered(reason=DeadLetterReason.ATTEMPTS_EXHAUSTED) == dead.disposition
    assert "job.handler_exception" == dead.failure.code
    (succeeded,) = recorder.of("succeeded")
    assert 0.01 <= succeeded.duration_seconds < 5
    assert all(0 <= event.waited_seconds < 60 for event in recorder.of("running"))


@pytest.mark.db
def test_an_observer_learns_of_a_job_that_was_canceled(catalog, work, runledger_pool):
    @catalog.job("test.job")
    def cancel_itself(context, payload):
        cancel_job(runledger_pool, context.job_id, scope=EVERYTHING)
        context.save_checkpoint_from_thread([1])

    recorder = Recorder()
    work(recorder, "test.job")

    assert ["running", "lost"] == recorder.names
    assert LeaseLoss.GONE is recorder.of("lost")[0].loss


@pytest.mark.db
def test_an_observer_learns_of_an_end_that_came_too_late(catalog, work, runledger_pool):
    @catalog.job("test.job")
    def cancel_itself(context, payload):
        cancel_job(runledger_pool, context.job_id, scope=EVERYTHING)

    recorder = Recorder()
    work(recorder, "test.job")

    assert ["running", "persist failed"] == recorder.names
    (event,) = recorder.of("persist failed")
    assert (True, "job.lease_owner_mismatch") == (event.is_success, event.code)


@pytest.mark.db
def test_an_observer_learns_of_what_was_reaped(catalog, work, runledger_pool):
    class Stopping(Recorder):
        def on_job_lease_reaped(self, event):
            super().on_job_lease_reaped(event)
            self.supervisor.request_shutdown()

    @catalog.job("test.job", max_attempts=1)
    async def handle(context, payload):
        pass

    catalog.sync_definitions(runledger_pool)
    enqueue_job(runledger_pool, catalog.job_enqueue("test.job"))
    claim_jobs(runledger_pool, worker_id="killed", lease_seconds=1, limit=1)
    observer = Stopping()
    work(observer, stop_when_idle=False, reaper_interval_seconds=1)

    (event,) = observer.of("reaped")
    assert "killed" == event.job.worker_id
    assert DeadLettered(reason=DeadLetterReason.LEASE_EXPIRED) == event.disposition


@pytest.mark.db
def test_what_surrounds_a_handler_is_in_its_context_and_hears_how_it_ended(
    catalog, work
):
    tenant = ContextVar("tenant", default="none")
    seen = []
    ends = []

    class Surrounding(JobLifecycleObserver):
        def around_handler(self, event):
            token = tenant.set(event.job.job_type)

            def after(how):
                tenant.reset(token)
                ends.append(how)

            return after

    @catalog.job("test.async")
    async def look(context, payload):
        seen.append(tenant.get())
        return 7

    @catalog.job("test.plain")
    def look_in_thread(context, payload):
        seen.append(tenant.get())
        raise JobFailure.terminal("a.b", "no")

    work(Surrounding(), "test.async", "test.plain")

    assert ["test.async", "test.plain"] == sorted(seen)
    assert JobCompletion(output=7) in ends
    assert "a.b" in [getattr(how, "code", None) for how in ends]


@pytest.mark.db
def test_an_observer_that_fails_around_a_handler_harms_nothing(catalog, work, caplog):
    class Failing(Recorder):
        def around_handler(self, event):
            def after(how):
                raise ValueError("after")

            if event.job.job_type == "test.before":
                raise ValueError("before")
            return after

    for job_type in ("test.before", "test.after"):

        @catalog.job(job_type)
        async def handle(context, payload):
            pass

    recorder = Failing()
    work(recorder, "test.before", "test.after")

    assert 2 == len(recorder.of("succeeded"))
    assert "before" in caplog.text
    assert "after" in caplog.text


@pytest.mark.db
def test_the_log_has_events_and_ids(catalog, work, caplog):
    caplog.set_level(logging.DEBUG, "runledger_runtime")

    @catalog.job("test.job", max_attempts=1)
    async def fail(context, payload):
        raise ValueError

    work(Recorder(), "test.job")

    records = {
        getattr(record, "event", None): record
        for record in caplog.records
        if getattr(record, "job_type", None) == "test.job"
    }
    assert {"job.started", "job.handler_raised", "job.dead_lettered"} <= set(records)
    record = records["job.dead_lettered"]
    assert ("job.handler_exception", 1, 1, "worker-1") == (
        record.code,
        record.attempt,
        record.run_number,
        record.worker_id,
    )
    assert logging.WARNING == record.levelno == level_of(LogEvent.JOB_DEAD_LETTERED)
