"""Run async tests in trio, and offer a ledger in memory for the logic of the loops."""

from __future__ import annotations

import inspect
import math
from collections import defaultdict, deque
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import attrs
import psycopg
import pytest
import trio
import trio.testing

from runledger_core import JobDefinition, JobStatus, Lease, RunledgerError
from runledger_postgres import audit_ledger
from runledger_runtime import JobRegistry, JobsConfig, Succeeded
from runledger_runtime._lifecycle import Lifecycle

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine function under trio, by the clock among its fixtures if any."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    clocks = [each for each in arguments.values() if isinstance(each, trio.abc.Clock)]
    trio.run(partial(pyfuncitem.obj, **arguments), clock=clocks[0] if clocks else None)
    return True


@pytest.fixture(autouse=True)
def audited(request: pytest.FixtureRequest) -> Iterator[None]:
    """Audit the test's database, when it has one, after everything else is closed."""
    if "runledger_database" not in request.fixturenames:
        yield
        return
    dsn = request.getfixturevalue("runledger_database")
    yield
    if request.node.get_closest_marker("unaudited") is None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            broken = audit_ledger(connection)
        assert not broken, "\n".join(str(invariant) for invariant in broken)


@pytest.fixture
def clock() -> trio.testing.MockClock:
    """A clock that jumps to the next deadline whenever all tasks wait."""
    return trio.testing.MockClock(autojump_threshold=0)


@attrs.frozen(kw_only=True)
class FakeJob:
    """A claimed job as the loops see it."""

    lease: Lease
    job_type: str = "test.job"
    organization_id: UUID | None = None
    payload: Any = attrs.field(factory=dict)
    checkpoint: Any = None
    max_attempts: int = 8
    timeout_seconds: int = 900
    waited_seconds: float = 0.0
    trace_context: Any = None
    step: Any = None


@attrs.frozen
class FakeLeaseReport:
    """What a heartbeat said."""

    renewed: set[Lease]
    canceled: set[Lease]
    busy: set[Lease]


@attrs.frozen(kw_only=True)
class FakeReapReport:
    """What a pass of the reaper said."""

    retried_count: int = 0
    dead_lettered_count: int = 0
    deferred_count: int = 0
    reaped: Any = ()
    has_more: bool = False


@attrs.frozen(kw_only=True)
class FakeFireReport:
    """What a pass over the schedules said."""

    fired: tuple[Any, ...] = ()
    skipped_count: int = 0
    deferred: tuple[Any, ...] = ()
    has_more: bool = False
    next_due_in_seconds: float | None = None


@attrs.frozen(kw_only=True)
class FakePurgeReport:
    """What a batch of retention said."""

    deleted_jobs: int = 0
    deleted_runs: int = 0
    next_cursor: str | None = None


@attrs.frozen(kw_only=True)
class FakeGateReport:
    """What a pass over the gates said."""

    has_more: bool = False


@attrs.frozen
class FakeSettledJob:
    """What settling said."""

    status: JobStatus
    next_run_at: None = None
    dead_letter_reason: None = None


@attrs.frozen
class FakeRest:
    """How long a worker may sleep."""

    seconds: float
    was_asleep: bool


class FakeLedger:
    """
    Keep jobs in memory, fail when told to, and remember what was asked.

    It knows no retries and no dead letters: those are PostgreSQL's, and are tested
    there.
    """

    def __init__(self) -> None:
        self.due: deque[FakeJob] = deque()
        self.held: set[Lease] = set()
        self.canceled: set[Lease] = set()
        self.busy: set[Lease] = set()
        self.reap_reports: deque[FakeReapReport] = deque()
        self.fire_reports: deque[FakeFireReport] = deque()
        self.purge_reports: deque[FakePurgeReport] = deque()
        self.gate_reports: deque[FakeGateReport] = deque()
        self.schedules: list[Any] = []
        self.outcomes: dict[UUID, Any] = {}
        self.definitions: list[JobDefinition] = []
        self.calls: defaultdict[str, list[Any]] = defaultdict(list)
        self.failures: defaultdict[str, deque[RunledgerError]] = defaultdict(deque)
        self.delays_seconds: defaultdict[str, float] = defaultdict(float)
        self.refused: dict[UUID, RunledgerError] = {}
        self.is_notifying = False
        self.is_asleep = False
        self.next_due_seconds = math.inf
        self.is_closed = False
        self.are_calls_abandoned = False

    def add(
        self, job_type: str = "test.job", payload: Any = None, **values: Any
    ) -> UUID:
        job_id = UUID(int=len(self.due) + len(self.held) + len(self.outcomes) + 1)
        lease = Lease(job_id, 1, 1, "worker-1")
        payload = {} if payload is None else payload
        self.due.append(
            FakeJob(lease=lease, job_type=job_type, payload=payload, **values)
        )
        return job_id

    async def check(self, *, timeout_seconds: float) -> None:
        await self._pass("check", timeout_seconds)

    async def sync_definitions(
        self, definitions: Any, *, timeout_seconds: float
    ) -> None:
        await self._pass("sync_definitions", timeout_seconds)
        self.definitions.extend(definitions)

    async def claim(
        self, *, limit: int, job_types: Any, type_limits: Any, **_: Any
    ) -> list[FakeJob]:
        await self._pass("claim", limit)
        rooms = dict(type_limits)
        chosen: list[FakeJob] = []
        for job in list(self.due):
            room = rooms.get(job.job_type, limit)
            if job.job_type in job_types and room and len(chosen) < limit:
                rooms[job.job_type] = room - 1
                chosen.append(job)
                self.due.remove(job)
                self.held.add(job.lease)
        return chosen

    async def survey(self, **_: Any) -> float:
        await self._pass("survey", trio.current_time())
        return 10.0

    async def release(self, leases: Any, **_: Any) -> int:
        await self._pass("release", list(leases))
        self.held -= set(leases)
        return len(leases)

    async def fall_asleep(
        self, *, job_types: Any, longest_seconds: float, **_: Any
    ) -> FakeRest:
        await self._pass("fall_asleep", longest_seconds)
        was_asleep, self.is_asleep = self.is_asleep, True
        is_due = any(job.job_type in job_types for job in self.due)
        seconds = 0 if is_due else min(longest_seconds, self.next_due_seconds)
        return FakeRest(seconds, was_asleep)

    async def awake(self, worker_id: str, **_: Any) -> None:
        await self._pass("awake", worker_id)
        self.is_asleep = False

    async def wake_another(self, *, job_types: Any, **_: Any) -> None:
        await self._pass("wake_another", list(job_types))

    async def listen(self, worker_id: str, *, on_ready: Any, on_wake: Any) -> None:
        await self._pass("listen", worker_id)
        self.wake = on_wake
        if self.is_notifying:
            on_ready()
        self.cut = trio.Event()
        await self.cut.wait()
        raise RunledgerError("db.connection_failed")

    async def heartbeat(self, leases: Any, **_: Any) -> FakeLeaseReport:
        await self._pass("heartbeat", list(leases))
        return self._report(leases)

    def renew_from_thread(self, leases: Any, **_: Any) -> FakeLeaseReport:
        self.calls["renew_from_thread"].append(list(leases))
        return self._report(leases)

    def _report(self, leases: Any) -> FakeLeaseReport:
        busy = self.busy & set(leases)
        return FakeLeaseReport(
            renewed=(self.held & set(leases)) - busy,
            canceled=self.canceled & set(leases),
            busy=busy,
        )

    async def settle(self, outcomes: Any, *, skip_locked: bool, **_: Any) -> list[Any]:
        await self._pass("settle", [outcome.lease.job_id for outcome in outcomes])
        if not skip_locked and any(each.lease in self.busy for each in outcomes):
            raise RunledgerError("job.busy")
        return [self._settle(outcome) for outcome in outcomes]

    def _settle(self, outcome: Any) -> FakeSettledJob | RunledgerError:
        if outcome.lease in self.busy:
            return RunledgerError("job.busy")
        if outcome.lease not in self.held:
            return RunledgerError("job.lease_owner_mismatch")
        if outcome.lease.job_id in self.refused:
            return self.refused.pop(outcome.lease.job_id)
        self.held.remove(outcome.lease)
        self.outcomes[outcome.lease.job_id] = outcome
        is_success = isinstance(outcome, Succeeded)
        return FakeSettledJob(JobStatus.SUCCEEDED if is_success else JobStatus.PENDING)

    async def report(self, reports: Any, **_: Any) -> list[RunledgerError | None]:
        await self._pass("report", list(reports))
        return [self._answer(each) for each in reports]

    def _answer(self, report: Any) -> RunledgerError | None:
        if report.lease not in self.held:
            return RunledgerError("job.lease_owner_mismatch")
        return self.refused.pop(report.lease.job_id, None)

    async def write_log(self, lines: Any, **_: Any) -> None:
        await self._pass("write_log", list(lines))

    async def reap(self, *, retry: Any, **_: Any) -> FakeReapReport:
        await self._pass("reap", retry)
        return self.reap_reports.popleft() if self.reap_reports else FakeReapReport()

    async def sync_schedules(self, schedules: Any, **_: Any) -> None:
        await self._pass("sync_schedules", None)
        self.schedules.extend(schedules)

    async def fire_due_schedules(self, **_: Any) -> FakeFireReport:
        await self._pass("fire_due_schedules", trio.current_time())
        return self.fire_reports.popleft() if self.fire_reports else FakeFireReport()

    async def purge_ended(self, **asked: Any) -> FakePurgeReport:
        await self._pass("purge_ended", asked)
        return self.purge_reports.popleft() if self.purge_reports else FakePurgeReport()

    async def expire_gate_deadlines(self, **_: Any) -> FakeGateReport:
        await self._pass("expire_gate_deadlines", trio.current_time())
        return self.gate_reports.popleft() if self.gate_reports else FakeGateReport()

    async def announce(self, *, job_types: Any, **_: Any) -> None:
        await self._pass("announce", list(job_types))

    async def withdraw(self, worker_id: str, **_: Any) -> None:
        await self._pass("withdraw", worker_id)

    def is_transient(self, error: RunledgerError) -> bool:
        return error.code in {"db.connection_failed", "job.busy"}

    def is_lock_timeout(self, error: RunledgerError) -> bool:
        return error.code == "job.busy"

    def abandon_calls(self) -> None:
        self.are_calls_abandoned = True

    async def aclose(self) -> None:
        self.is_closed = True

    async def _pass(self, name: str, asked: Any) -> None:
        """Take the time it takes, deaf to cancellation like the real one."""
        self.calls[name].append(asked)
        with trio.CancelScope(shield=True):
            await trio.sleep(self.delays_seconds[name])
        if self.failures[name]:
            raise self.failures[name].popleft()


@pytest.fixture
def ledger() -> FakeLedger:
    """A ledger in memory."""
    return FakeLedger()


@pytest.fixture
def lifecycle() -> Lifecycle:
    """A lifecycle that has nobody to tell, and so needs no nursery."""
    return Lifecycle(cast("trio.Nursery", None), JobRegistry())


@pytest.fixture
def make_config() -> Any:
    """Make settings with a fixed worker id."""
    return partial(JobsConfig, worker_id="worker-1")


@pytest.fixture
def raises_code() -> Any:
    """Expect an error with this code, whatever its sentence says."""

    @contextmanager
    def raises_code(code: str) -> Iterator[Any]:
        with pytest.raises(RunledgerError) as caught:
            yield caught
        assert code == caught.value.code, caught.value.internal_message()

    return raises_code


@pytest.fixture
def reap_report() -> type[FakeReapReport]:
    """Make what a pass of the reaper says."""
    return FakeReapReport


@pytest.fixture
def fire_report() -> type[FakeFireReport]:
    """Make what a pass over the schedules says."""
    return FakeFireReport


@pytest.fixture
def purge_report() -> type[FakePurgeReport]:
    """Make what a batch of retention says."""
    return FakePurgeReport


@pytest.fixture
def gate_report() -> type[FakeGateReport]:
    """Make what a pass over the gates says."""
    return FakeGateReport
