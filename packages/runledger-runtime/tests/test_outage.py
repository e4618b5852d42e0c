"""PostgreSQL goes away under a supervisor and comes back: nothing is lost."""

from __future__ import annotations

import logging
import threading
import time

import psycopg
import pytest
import trio
from psycopg_pool import ConnectionPool

from runledger_core import EVERYTHING, JobStatus
from runledger_postgres import (
    audit_ledger,
    count_jobs_by_status,
    enqueue_jobs,
    migrate_after_idempotency_cutover,
)
from runledger_runtime import ExitCode, JobCatalog, Supervisor
from runledger_test_support import _programs as programs_module
from runledger_test_support import start_embedded_server

pytestmark = [
    pytest.mark.db,
    pytest.mark.skipif(
        not programs_module.is_wheel_installed(),
        reason="needs a server that can be stopped",
    ),
]
JOBS_COUNT = 400
LEASE_SECONDS = 4
PATIENCE_SECONDS = 60


class SignalOn(logging.Handler):
    """Set an event when the runtime logs a sentence."""

    def __init__(self, sentence):
        super().__init__()
        self._sentence = sentence
        self.heard = threading.Event()

    def emit(self, record):
        if self._sentence in record.getMessage():
            self.heard.set()


@pytest.fixture
def listen():
    """Listen for a sentence in the runtime's log."""
    logger = logging.getLogger("runledger_runtime")
    level = logger.level
    logger.setLevel(logging.INFO)
    handlers = []

    def listen(sentence):
        handlers.append(SignalOn(sentence))
        logger.addHandler(handlers[-1])
        return handlers[-1].heard

    yield listen
    for handler in handlers:
        logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.fixture
def server():
    with start_embedded_server(durable=True) as server:
        with ConnectionPool(server.dsn, min_size=1, open=True) as pool:
            migrate_after_idempotency_cutover(pool)
        yield server


def pool_of(server):
    return ConnectionPool(
        server.dsn, min_size=4, max_size=4, open=False, reconnect_timeout=1
    )


class Running:
    """A supervisor in a thread, and when its jobs began."""

    def __init__(self, server, config):
        self.catalog = JobCatalog()
        self.began_at = []
        self.is_half_done = threading.Event()
        self.catalog.job("test.job")(self._handler())
        self.supervisor = Supervisor(pool_of(server), config, catalog=self.catalog)
        self.exit_codes = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _handler(self):
        async def work(context, payload):
            self.began_at.append(time.monotonic())
            if len(self.began_at) == JOBS_COUNT // 2:
                self.is_half_done.set()
            await trio.sleep(0.02)

        return work

    def _run(self):
        self.exit_codes.append(self.supervisor.run())

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self.supervisor.request_shutdown()
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()


def wait_for_successes(server, running, count):
    """Ask now and then, at most once for every beginning of a job."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        while True:
            counts = count_jobs_by_status(connection, scope=EVERYTHING)
            if counts[JobStatus.SUCCEEDED].count == count:
                return
            assert time.monotonic() < deadline, (counts, running.supervisor.health())
            connection.execute("SELECT pg_sleep(0.05)")


def test_work_goes_on_when_the_database_is_back(
    server, make_config, listen, record_property
):
    config = make_config(
        claim_batch_size=8,
        max_global_concurrency=8,
        poll_interval_ms=50,
        lease_ttl_seconds=LEASE_SECONDS,
        reaper_interval_seconds=1,
        reaper_retry_delay_ms=1,
        database_timeout_seconds=5,
    )
    is_away = listen("no jobs were claimed")
    with Running(server, config) as running:
        with ConnectionPool(server.dsn, min_size=1, open=True) as pool:
            running.catalog.sync_definitions(pool)
            requests = [running.catalog.job_enqueue("test.job")] * JOBS_COUNT
            enqueue_jobs(pool, requests)
        assert running.is_half_done.wait(PATIENCE_SECONDS)
        server.crash()
        assert is_away.wait(PATIENCE_SECONDS)
        away = running.supervisor.health()
        server.start()
        back_at = time.monotonic()
        wait_for_successes(server, running, JOBS_COUNT)
        back = running.supervisor.health()

    first = min(at for at in running.began_at if at > back_at)
    record_property("recovery_seconds", round(first - back_at, 2))
    assert (True, False) == (away.is_live, away.is_ready)
    assert (True, True) == (back.is_live, back.is_ready)
    assert [ExitCode.OK] == running.exit_codes
    # Back-off of the pool and of the claimer; a batch whose claim was not answered
    # waits for its leases.
    assert first - back_at < LEASE_SECONDS + config.reaper_interval_seconds + 10
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        assert [] == audit_ledger(connection)


def test_a_start_waits_for_a_database_that_is_not_there_yet(
    server, make_config, listen
):
    server.crash()
    waits = listen("cannot start yet")
    config = make_config(startup_wait_seconds=PATIENCE_SECONDS)
    with Running(server, config) as running:
        runs = listen("runs worker")
        assert waits.wait(PATIENCE_SECONDS)
        server.start()
        assert runs.wait(PATIENCE_SECONDS)

    assert [ExitCode.OK] == running.exit_codes
