"""Handlers that were written for asyncio: where they run, and how they end."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import attrs
import pytest
import trio

from runledger_core import (
    EVERYTHING,
    FailureKind,
    JobFailure,
    RetryPolicy,
    RunledgerError,
)
from runledger_postgres import enqueue_job, get_job_by_id, list_job_logs
from runledger_runtime import (
    ExitCode,
    JobCatalog,
    JobContext,
    Supervisor,
    asyncio_handler,
)

flavour = contextvars.ContextVar("flavour")


@attrs.frozen
class Mail:
    to: str


@pytest.fixture
def catalog():
    return JobCatalog()


@pytest.fixture
def work(ledger, make_config, catalog):
    """Run a handler for the ledger's one job, in a process without asyncio."""

    def work(handler, **settings):
        catalog.job("test.job")(handler)
        if not ledger.due:
            ledger.add()
        config = make_config(**settings)
        supervisor = Supervisor(ledger, config, catalog=catalog)
        assert ExitCode.OK is supervisor.run(stop_when_idle=True)
        (outcome,) = ledger.outcomes.values()
        return getattr(outcome, "failure", None) or outcome.completion.output

    return work


@pytest.fixture
def serve(ledger, make_config, catalog):
    """Run the ledger's jobs beside an asyncio program, until *body* returns."""

    def serve(body, **settings):
        async def main():
            config = make_config(**settings)
            supervisor = Supervisor(ledger, config, catalog=catalog)
            async with supervisor.in_asyncio():
                return await body()

        return asyncio.run(main())

    return serve


def test_it_runs_in_the_loop_of_the_host(serve, ledger, catalog):
    loops = []
    has_run = asyncio.Event()

    @catalog.job("test.job")
    @asyncio_handler
    async def note_loop(context, payload):
        await asyncio.sleep(0)
        loops.append(asyncio.get_running_loop())
        has_run.set()
        return threading.current_thread().name

    async def body():
        await has_run.wait()
        return asyncio.get_running_loop()

    ledger.add()

    assert [serve(body)] == loops
    (outcome,) = ledger.outcomes.values()
    assert threading.main_thread().name == outcome.completion.output


def test_without_a_host_it_runs_in_a_loop_of_the_workers_own(work, ledger):
    loops = set()

    @asyncio_handler
    async def note_loop(context, payload):
        loops.add(asyncio.get_running_loop())
        await asyncio.sleep(0)
        return threading.current_thread().name

    ledger.add()

    assert "runledger asyncio" == work(note_loop)
    (loop,) = loops
    assert loop.is_closed()
    assert not [t for t in threading.enumerate() if t.name == "runledger asyncio"]


def test_all_jobs_share_the_loop_and_run_at_once(ledger, make_config, catalog):
    loops = set()
    barrier = asyncio.Barrier(3)

    @catalog.job("test.job")
    @asyncio_handler
    async def meet(context, payload):
        await barrier.wait()
        loops.add(asyncio.get_running_loop())

    for _ in range(3):
        ledger.add()
    supervisor = Supervisor(ledger, make_config(), catalog=catalog)
    supervisor.run(stop_when_idle=True)

    assert 3 == len(ledger.outcomes)
    assert 1 == len(loops)


def test_a_guest_of_asyncio_uses_the_loop_it_is_a_guest_of(
    ledger, make_config, catalog
):
    @catalog.job("test.job")
    @asyncio_handler
    async def note_loop(context, payload):
        loops.append(asyncio.get_running_loop())

    async def main():
        ended = asyncio.get_running_loop().create_future()
        supervisor = Supervisor(ledger, make_config(), catalog=catalog)

        async def supervise():
            await supervisor.run_async(stop_when_idle=True)

        trio.lowlevel.start_guest_run(
            supervise,
            run_sync_soon_threadsafe=asyncio.get_running_loop().call_soon_threadsafe,
            done_callback=ended.set_result,
        )
        (await ended).unwrap()
        return asyncio.get_running_loop()

    loops = []
    ledger.add()

    assert [asyncio.run(main())] == loops


def test_its_time_out_cancels_it_and_waits_for_its_end(work, ledger):
    endings = []

    @asyncio_handler
    async def stall(context, payload):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            endings.append((context.is_cancelled, context.remaining_seconds()))
            raise

    ledger.add(timeout_seconds=0.1)

    assert FailureKind.TIMEOUT is work(stall).kind
    assert [(True, 0)] == endings


def test_a_shutdown_cancels_it_and_its_result_counts_if_it_made_it(
    ledger, make_config, catalog
):
    config = make_config(shutdown_grace_seconds=0)
    supervisor = Supervisor(ledger, config, catalog=catalog)

    @catalog.job("test.job")
    @asyncio_handler
    async def hurry(context, payload):
        supervisor.request_shutdown()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "in time"

    ledger.add()
    supervisor.run()

    (outcome,) = ledger.outcomes.values()
    assert "in time" == outcome.completion.output


def test_a_shutdown_leaves_what_was_cancelled_to_its_lease(
    ledger, make_config, catalog
):
    config = make_config(shutdown_grace_seconds=0)
    supervisor = Supervisor(ledger, config, catalog=catalog)

    @catalog.job("test.job")
    @asyncio_handler
    async def stall(context, payload):
        supervisor.request_shutdown()
        await asyncio.Event().wait()

    ledger.add()

    assert ExitCode.INTERRUPTED is supervisor.run()
    assert {} == ledger.outcomes


def test_its_exception_is_the_attempts(work):
    @asyncio_handler
    async def fail(context, payload):
        await asyncio.sleep(0)
        raise ConnectionError("no route")

    failure = work(fail)

    assert "job.handler_exception" == failure.code
    assert "ConnectionError: no route" in failure.message


def test_its_job_failure_says_what_it_says(work):
    @asyncio_handler
    async def refuse(context, payload):
        raise JobFailure.terminal("mail.refused", "no such mailbox")

    assert "mail.refused" == work(refuse).code


def test_a_task_that_the_application_cancels_is_retried(work):
    @asyncio_handler
    async def end_all(context, payload):
        asyncio.current_task().cancel()
        await asyncio.sleep(0)

    failure = work(end_all)

    assert FailureKind.RETRYABLE is failure.kind
    assert "its asyncio task was cancelled" == failure.message


def test_an_exit_is_a_panic_and_the_application_goes_on(serve, ledger, catalog):
    @catalog.job("test.job")
    @asyncio_handler
    async def leave(context, payload):
        asyncio.get_running_loop().call_later(0.05, has_run.set)
        raise SystemExit(1)

    async def body():
        await has_run.wait()
        return "still here"

    has_run = asyncio.Event()
    ledger.add()

    assert "still here" == serve(body)
    (outcome,) = ledger.outcomes.values()
    assert FailureKind.PANICKED is outcome.failure.kind


def test_its_payload_is_made_of_its_class(work, ledger):
    @asyncio_handler
    async def send(context: JobContext, payload: Mail) -> str:
        return payload.to

    ledger.add(payload={"to": "ada"})

    assert "ada" == work(send)


def test_it_may_be_the_method_of_a_class(work, ledger):
    class Send:
        @asyncio_handler
        async def execute(self, context: JobContext, payload: Mail) -> str:
            await asyncio.sleep(0)
            return f"{type(self).__name__}: {payload.to}, {context.attempt}"

    ledger.add(payload={"to": "ada"})

    assert "Send: ada, 1" == work(Send)


def test_it_sees_the_context_variables_of_the_program(serve, ledger, catalog):
    seen = []
    has_run = asyncio.Event()

    @catalog.job("test.job")
    @asyncio_handler
    async def look(context, payload):
        seen.append(flavour.get())
        flavour.set("its own")
        has_run.set()

    async def body():
        await has_run.wait()
        return flavour.get()

    ledger.add()
    variables = contextvars.copy_context()
    variables.run(flavour.set, "the host's")

    assert "the host's" == variables.run(serve, body)
    assert ["the host's"] == seen


@pytest.mark.db
def test_what_it_says_is_written_and_its_checkpoint_is_waited_for(
    runledger_pool, catalog, make_config
):
    @catalog.job("files.import", retry=RetryPolicy(base_seconds=0))
    @asyncio_handler
    async def import_files(context, payload):
        context.set_progress(1, 2, stage="importing")
        context.log("half of it", number=1)
        if context.attempt == 1:
            await asyncio.gather(context.save_checkpoint(7), asyncio.sleep(0))
            raise OSError("locked")
        with pytest.raises(RuntimeError, match=r"await save_checkpoint"):
            context.save_checkpoint_from_thread(8)
        return context.checkpoint

    catalog.sync_definitions(runledger_pool)
    job_id = enqueue_job(runledger_pool, catalog.job_enqueue("files.import")).job_id
    config = make_config(poll_interval_ms=5)
    supervisor = Supervisor(runledger_pool, config, catalog=catalog)

    assert ExitCode.OK is supervisor.run(stop_when_idle=True)

    job = get_job_by_id(runledger_pool, job_id, scope=EVERYTHING)
    lines = list_job_logs(runledger_pool, job_id, scope=EVERYTHING)
    assert 7 == job.output
    assert (1, 2) == (job.progress_done, job.progress_total)
    assert ["half of it"] * 2 == [line.message for line in lines]


def test_a_checkpoint_that_cannot_be_saved_is_its_to_know(work, ledger):
    @asyncio_handler
    async def save(context, payload):
        await context.save_checkpoint(7)

    refusal = RunledgerError("job.checkpoint_not_json")
    job_id = ledger.add()
    ledger.refused[job_id] = refusal

    assert FailureKind.RETRYABLE is work(save).kind
    assert "report" in ledger.calls


def test_one_that_is_cancelled_may_save_a_last_checkpoint(ledger, make_config, catalog):
    config = make_config(shutdown_grace_seconds=0)
    supervisor = Supervisor(ledger, config, catalog=catalog)

    @catalog.job("test.job")
    @asyncio_handler
    async def hurry(context, payload):
        supervisor.request_shutdown()
        try:
            await asyncio.Event().wait()
        finally:
            await context.save_checkpoint(7)

    ledger.add()
    supervisor.run()

    (reports,) = ledger.calls["report"]
    assert [7] == [report.checkpoint.value for report in reports]


def test_called_from_asyncio_it_is_the_function_itself():
    @asyncio_handler
    async def send(context, payload):
        await asyncio.sleep(0)
        return payload

    assert "ada" == asyncio.run(send(None, "ada"))


def test_only_an_async_function_can_be_one():
    def plain(context, payload):
        pass

    with pytest.raises(TypeError, match="async def"):
        asyncio_handler(plain)
