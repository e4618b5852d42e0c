"""The ledger over a blocking psycopg pool, called in threads."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final, cast

from runledger_core import compare_migrations, fast_constructor, load_migrations
from runledger_postgres import (
    Asyncio,
    Blocking,
    CommitUnconfirmedError,
    DatabaseConnectionError,
    DefinitionSyncReport,
    QueryError,
    SchemaCompatibilityError,
    SettleFailure,
    SettleSuccess,
    announce_worker,
    bundled_migrations,
    complete_jobs,
    ensure_schema_compatible_after_idempotency_cutover,
    heartbeat_jobs,
    reap_expired_leases,
    sync_job_definitions,
    withdraw_worker,
)

from .._ledger import Succeeded
from ..errors import LedgerTimeoutError
from ._calls import Pool
from ._claim_calls import ClaimCalls
from ._connect import CONNECT_SECONDS, coded_connection_errors, connect_beside
from ._handler_calls import HandlerCalls
from ._schedule_calls import ScheduleCalls
from ._sleep_calls import SleepCalls

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from runledger_core import JobDefinition, Lease, RetryDelay, RunledgerError
    from runledger_postgres import (
        HeartbeatReport,
        JobSettlement,
        ReapReport,
        SettledJob,
    )

    from .._ledger import Ledger, Outcome
    from ._calls import Pool

# The rest of the package gets what it needs of the storage layer from here.
__all__ = [
    "Asyncio",
    "Blocking",
    "DefinitionSyncReport",
    "PostgresLedger",
    "ledger_over",
    "sync_job_definitions",
]

_LOCK_NOT_AVAILABLE: Final = "55P03"

_new_success: Final = fast_constructor(SettleSuccess)


class PostgresLedger(ClaimCalls, HandlerCalls, ScheduleCalls, SleepCalls):
    """
    Call the blocking storage operations from trio, one thread hop for each.

    A call is deaf to cancellation from outside, so that what a claim committed always
    comes back to who asked. It is bounded in time instead: beyond that its thread is
    left behind, and `LedgerTimeoutError` says that the outcome is not known. A claim
    that succeeds after that is given back at once; if that fails as well, its jobs
    return to the queue when their leases expire.

    Args:
        pool: with five connections no call waits for another; with fewer they do.
            A pool that was never opened is opened by `check`, and closed by `aclose`.
    """

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self._owns_pool = False

    async def check(self, *, timeout_seconds: float) -> None:
        """
        Refuse a database that does not answer, or that this code does not fit.

        Raises:
            DatabaseConnectionError: ``db.connection_failed``.
            SchemaCompatibilityError: ``schema.*``, ``db.server_too_old``,
                ``db.encoding_unsupported``.
        """
        _check_layers()
        await self._call(timeout_seconds, self._check)

    async def sync_definitions(
        self, definitions: Sequence[JobDefinition], *, timeout_seconds: float
    ) -> None:
        """Store the definitions; a type that was disabled there stays disabled."""
        await self._call(timeout_seconds, sync_job_definitions, self._pool, definitions)

    async def heartbeat(
        self, leases: Sequence[Lease], *, lease_seconds: int, timeout_seconds: float
    ) -> HeartbeatReport:
        """Renew leases, and say which are still held."""

        def heartbeat() -> HeartbeatReport:
            return self.renew_from_thread(leases, lease_seconds=lease_seconds)

        return await self._call(timeout_seconds, heartbeat)

    def renew_from_thread(
        self, leases: Sequence[Lease], *, lease_seconds: int
    ) -> HeartbeatReport:
        """Renew leases in the thread that calls."""
        return heartbeat_jobs(self._pool, leases, lease_seconds=lease_seconds)

    async def settle(
        self,
        outcomes: Sequence[Outcome],
        *,
        skip_locked: bool = False,
        timeout_seconds: float,
    ) -> Sequence[SettledJob | RunledgerError]:
        """Write outcomes down, all or none, with a result for each in order."""

        def settle() -> Sequence[SettledJob | RunledgerError]:
            settlements = [_settlement(outcome) for outcome in outcomes]
            return complete_jobs(self._pool, settlements, skip_locked=skip_locked)

        return await self._call(timeout_seconds, settle)

    async def reap(
        self,
        *,
        limit: int,
        retry: Mapping[str, RetryDelay],
        default_retry: RetryDelay,
        timeout_seconds: float,
    ) -> ReapReport:
        """Take up to *limit* jobs back whose leases have expired."""

        def reap() -> ReapReport:
            return reap_expired_leases(
                self._pool, limit=limit, retry=retry, default_retry=default_retry
            )

        return await self._call(timeout_seconds, reap)

    async def announce(
        self,
        *,
        worker_id: str,
        job_types: Collection[str],
        ttl_seconds: int,
        timeout_seconds: float,
    ) -> None:
        """Say that a worker is there and what it runs."""

        def announce() -> None:
            announce_worker(
                self._pool,
                worker_id=worker_id,
                job_types=job_types,
                ttl_seconds=ttl_seconds,
            )

        await self._call(timeout_seconds, announce)

    async def withdraw(self, worker_id: str, *, timeout_seconds: float) -> None:
        """Say that a worker has ended."""
        await self._call(timeout_seconds, withdraw_worker, self._pool, worker_id)

    def is_transient(self, error: RunledgerError) -> bool:
        """Tell whether the same call may succeed when it is made again."""
        if isinstance(error, QueryError):
            return error.is_transient
        return isinstance(
            error,
            (CommitUnconfirmedError, DatabaseConnectionError, LedgerTimeoutError),
        )

    def is_lock_timeout(self, error: RunledgerError) -> bool:
        """Tell whether it failed because somebody held a job for too long."""
        return isinstance(error, QueryError) and error.sqlstate == _LOCK_NOT_AVAILABLE

    async def aclose(self) -> None:
        """Close the pool if `check` had to open it."""
        if self._owns_pool:
            self._owns_pool = False
            await self._call(CONNECT_SECONDS, self._pool.close)

    def _check(self) -> None:
        # Before the pool is asked: it would try for half a minute, and hide why.
        with coded_connection_errors():
            connect_beside(self._pool).close()
            if self._pool.closed:
                self._pool.open()
                self._owns_pool = True
        ensure_schema_compatible_after_idempotency_cutover(self._pool)


def ledger_over(database: Pool | Ledger) -> Ledger:
    """Return the ledger of a pool; a ledger is one already."""
    if hasattr(database, "settle"):
        return cast("Ledger", database)
    return PostgresLedger(database)


def _settlement(outcome: Outcome) -> JobSettlement:
    if isinstance(outcome, Succeeded):
        return _new_success(outcome.lease, outcome.completion, is_step=outcome.is_step)
    return SettleFailure(outcome.lease, outcome.failure, outcome.retry)


def _check_layers() -> None:
    """Refuse an installation whose distributions carry different migrations."""
    differences = compare_migrations(
        load_migrations("runledger_runtime"), bundled_migrations()
    )
    if differences:
        raise SchemaCompatibilityError(
            "schema.layer_skew",
            f"first {_installed('runledger-runtime')}, "
            f"second {_installed('runledger-postgres')}: "
            + "; ".join(str(difference) for difference in differences),
        )


def _installed(distribution: str) -> str:
    try:
        return f"{distribution} {version(distribution)}"
    except PackageNotFoundError:
        return f"{distribution} of unknown version"
