"""Dead-letter hooks: told after the commit, once, in bounds, and harmless."""

from __future__ import annotations

import threading

import attrs
import pytest
import trio

from runledger_core import (
    DeadLetterReason,
    FailureKind,
    JobFailure,
    JobStatus,
    RetryPolicy,
)
from runledger_postgres import claim_jobs, enqueue_job
from runledger_runtime import (
    CatalogError,
    JobCatalog,
    JobRegistry,
    Stop,
    Supervisor,
    run_reaper_loop,
)
from runledger_runtime._dead_letter_hooks import DeadLetterHooks

SOON = RetryPolicy(base_seconds=0)


@attrs.frozen
class Mail:
    to: str


async def nothing(context, payload):
    pass


@pytest.fixture
def tell(ledger):
    """Tell the hook of a job type of one dead letter, or of more, and wait for it."""

    async def tell(registry, *, count=1, payload=None, **values):
        async with trio.open_nursery() as nursery:
            hooks = DeadLetterHooks(nursery, registry, **values)
            for _ in range(count):
                ledger.add(payload={"to": "ada"} if payload is None else payload)
                job = ledger.due.popleft()
                hooks.start(
                    lease=job.lease,
                    job_type=job.job_type,
                    organization_id=None,
                    max_attempts=3,
                    payload=job.payload,
                    checkpoint={"page": 3},
                    failure=JobFailure.terminal("mail.bad", "no"),
                    reason=DeadLetterReason.FAILURE_KIND_NON_RETRYABLE,
                )
            await hooks.wait_done()
            nursery.cancel_scope.cancel()

    return tell


def registry_with(hook, handler=nothing):
    registry = JobRegistry()
    registry.register("test.job", handler)
    registry.on_dead_letter("test.job", hook)
    return registry


async def test_a_hook_is_told_of_the_job_and_its_end(tell):
    told = []

    async def handle(context, payload: Mail):
        pass

    async def bury(context, payload, info):
        told.append((context, payload, info))

    await tell(registry_with(bury, handle))

    ((context, payload, info),) = told
    assert Mail("ada") == payload
    assert ("test.job", 3, {"page": 3}) == (
        context.job_type,
        context.max_attempts,
        context.checkpoint,
    )
    assert ("mail.bad", DeadLetterReason.FAILURE_KIND_NON_RETRYABLE, 3) == (
        info.failure.code,
        info.reason,
        info.max_attempts,
    )


async def test_a_plain_hook_runs_in_a_thread(tell):
    threads = []

    await tell(registry_with(lambda *_: threads.append(threading.current_thread())))

    assert [threading.current_thread()] != threads


async def test_a_payload_that_does_not_fit_is_handed_over_as_it_is(tell):
    told = []

    async def handle(context, payload: Mail):
        pass

    await tell(
        registry_with(lambda *given: told.append(given[1]), handle),
        payload=[1],
    )

    assert [[1]] == told


@pytest.mark.parametrize(
    "error",
    [ValueError("sad"), SystemExit(3), ExceptionGroup("g", [KeyError("k")])],
    ids=repr,
)
async def test_what_a_hook_raises_is_logged(tell, caplog, error):
    async def fail(context, payload, info):
        raise error

    await tell(registry_with(fail))

    (record,) = caplog.records
    assert ("dead_letter_hook.failed", "test.job") == (record.event, record.job_type)
    assert error is record.exc_info[1]


async def test_a_hook_has_ten_seconds(tell, clock, caplog):
    async def sleep(context, payload, info):
        await trio.sleep_forever()

    await tell(registry_with(sleep))

    assert 10 == trio.current_time()
    assert "took too long" in caplog.text


async def test_few_hooks_run_at_once(tell, clock):
    running = []
    most = []

    async def work(context, payload, info):
        running.append(1)
        most.append(len(running))
        await trio.sleep(1)
        running.pop()

    await tell(registry_with(work), count=40)

    assert 40 == len(most)
    assert 16 == max(most)


async def test_types_without_a_hook_cost_nothing(tell):
    registry = JobRegistry()
    registry.register("test.job", nothing)

    await tell(registry)
    await tell(JobRegistry())


def test_a_class_handler_may_have_a_hook():
    class Send:
        async def execute(self, context, payload):
            pass

        def on_dead_letter(self, context, payload, info):
            pass

    registry = JobRegistry()
    registry.register("test.job", Send)

    assert registry.get("test.job").on_dead_letter is not None
    assert not registry.get("test.job").is_hook_async


def test_a_hook_belongs_to_a_type_that_is_there(raises_code):
    catalog = JobCatalog()
    catalog.job("test.job")(nothing)

    with raises_code("catalog.unknown_job_type"):
        catalog.on_dead_letter("other.job")(nothing)
    with pytest.raises(CatalogError) as caught:
        catalog.on_dead_letter("test.job")(nothing)
    assert "catalog.invalid_handler" == caught.value.code


async def test_a_stop_of_the_reaper_ends_a_hook(
    ledger, reap_report, make_config, reaped_job, clock, caplog
):
    async def sleep(context, payload, info):
        await trio.sleep_forever()

    ledger.reap_reports.append(reap_report(reaped=[reaped_job()]))
    stop = Stop()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(
            run_reaper_loop, ledger, registry_with(sleep), make_config(), stop
        )
        await trio.sleep(2)
        stop.request()

    assert 3 == trio.current_time()
    assert "cut short" in caplog.text


@pytest.mark.db
def test_a_worker_tells_the_hook_of_what_it_buried(runledger_pool, make_config):
    catalog = JobCatalog()
    told = []

    @catalog.job("test.job")
    async def fail(context, payload):
        await context.save_checkpoint({"page": 9})
        raise JobFailure.terminal("mail.bad", "no")

    @catalog.on_dead_letter("test.job")
    async def bury(context, payload, info):
        told.append((context.checkpoint, payload, info.failure.code, info.reason))

    catalog.sync_definitions(runledger_pool)
    enqueue_job(runledger_pool, catalog.job_enqueue("test.job", {"to": "ada"}))
    config = make_config(poll_interval_ms=5)
    Supervisor(runledger_pool, config, catalog=catalog).run(stop_when_idle=True)

    reason = DeadLetterReason.FAILURE_KIND_NON_RETRYABLE
    assert [({"page": 9}, {"to": "ada"}, "mail.bad", reason)] == told


@pytest.mark.db
def test_a_reaper_tells_the_hook_of_a_job_that_took_its_worker_down(
    runledger_pool, make_config
):
    catalog = JobCatalog()
    told = []

    @catalog.job("test.job", max_attempts=1, retry=SOON)
    async def handle(context, payload):
        pass

    @catalog.on_dead_letter("test.job")
    def bury(context, payload, info):
        told.append((context.worker_id, payload, info.failure.kind, info.reason))
        supervisor.request_shutdown()

    catalog.sync_definitions(runledger_pool)
    enqueue_job(runledger_pool, catalog.job_enqueue("test.job", {"to": "ada"}))
    claim_jobs(runledger_pool, worker_id="killed", lease_seconds=1, limit=1)
    config = make_config(poll_interval_ms=5, reaper_interval_seconds=1)
    supervisor = Supervisor(runledger_pool, config, catalog=catalog)
    supervisor.run()

    assert [
        (
            "killed",
            {"to": "ada"},
            FailureKind.LEASE_EXPIRED,
            DeadLetterReason.LEASE_EXPIRED,
        )
    ] == told


@pytest.fixture
def reaped_job(ledger):
    """Make a job that a pass of the reaper found dead."""

    def reaped_job():
        ledger.add()
        job = ledger.due.popleft()
        return Reaped(lease=job.lease)

    return reaped_job


@attrs.frozen(kw_only=True)
class Reaped:
    lease: object
    job_type: str = "test.job"
    organization_id: object = None
    max_attempts: int = 1
    status: JobStatus = JobStatus.DEAD_LETTERED
    next_run_at: object = None
    dead_letter_reason: DeadLetterReason | None = DeadLetterReason.LEASE_EXPIRED
    started_without_renewal_heartbeat: bool = True
    payload: object = None
    checkpoint: object = None
