"""Store what a catalog says in the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from .._postgres import (
    sync_job_definitions,
    sync_job_definitions_exact,
    sync_job_schedules,
    sync_job_schedules_exact,
)
from ._schedules import CatalogSchedules

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine

    from .._postgres import (
        Asyncio,
        Blocking,
        DefinitionSyncReport,
        ScheduleSyncReport,
    )


class CatalogSyncs(CatalogSchedules):
    """
    Store definitions and schedules, in blocking and in asyncio code.

    With a blocking psycopg pool or connection a method does it; with an asyncio one it
    returns a coroutine. A pool means a transaction of its own, a connection joins the
    caller's. In trio, call it in a thread.
    """

    @overload
    def sync_definitions(self, db: Blocking) -> DefinitionSyncReport: ...

    @overload
    def sync_definitions(
        self, db: Asyncio
    ) -> Coroutine[Any, Any, DefinitionSyncReport]: ...

    def sync_definitions(
        self, db: Blocking | Asyncio
    ) -> DefinitionSyncReport | Coroutine[Any, Any, DefinitionSyncReport]:
        """
        Store the definitions, as a supervisor does when it starts.

        For producers that may be there before any worker. Types that are not in the
        catalog are left alone, and one that was disabled in the database stays
        disabled. A repeat writes nothing.

        Raises:
            QueryError: what ``sync_job_definitions`` raises.
        """
        return sync_job_definitions(db, self.definitions())

    @overload
    def sync_definitions_exact(
        self, db: Blocking, scope_job_types: Collection[str]
    ) -> DefinitionSyncReport: ...

    @overload
    def sync_definitions_exact(
        self, db: Asyncio, scope_job_types: Collection[str]
    ) -> Coroutine[Any, Any, DefinitionSyncReport]: ...

    def sync_definitions_exact(
        self, db: Blocking | Asyncio, scope_job_types: Collection[str]
    ) -> DefinitionSyncReport | Coroutine[Any, Any, DefinitionSyncReport]:
        """
        Store the definitions, and disable what is in scope but not in the catalog.

        The catalog's word on enabled and disabled is restored. For the step of a
        deployment that takes job types out of use, after `sync_schedules_exact`.

        Args:
            db: the pool or connection.
            scope_job_types: the types that this catalog speaks for.

        Raises:
            QueryError: what ``sync_job_definitions_exact`` raises:
                ``job_definition.empty_job_type_list``,
                ``job_definition.active_schedule_exists`` above all.
            ValidationError: ``identifier.*``.
        """
        return sync_job_definitions_exact(
            db, self.definitions(), scope_job_types=scope_job_types
        )

    @overload
    def sync_schedules(
        self, db: Blocking, *, restore_active: bool = True
    ) -> ScheduleSyncReport: ...

    @overload
    def sync_schedules(
        self, db: Asyncio, *, restore_active: bool = True
    ) -> Coroutine[Any, Any, ScheduleSyncReport]: ...

    def sync_schedules(
        self, db: Blocking | Asyncio, *, restore_active: bool = True
    ) -> ScheduleSyncReport | Coroutine[Any, Any, ScheduleSyncReport]:
        """
        Store the schedules; store their definitions before.

        Schedules that are not in the catalog are left alone. A repeat writes nothing.

        Args:
            db: the pool or connection.
            restore_active: whether schedules that were deactivated in the database are
                activated again. A supervisor, which does this whenever it starts,
                leaves them as they are.

        Raises:
            QueryError: what ``sync_job_schedules`` raises.
        """
        return sync_job_schedules(db, self.schedules(), restore_active=restore_active)

    @overload
    def sync_schedules_exact(
        self, db: Blocking, scope_job_types: Collection[str] | None = None
    ) -> ScheduleSyncReport: ...

    @overload
    def sync_schedules_exact(
        self, db: Asyncio, scope_job_types: Collection[str] | None = None
    ) -> Coroutine[Any, Any, ScheduleSyncReport]: ...

    def sync_schedules_exact(
        self, db: Blocking | Asyncio, scope_job_types: Collection[str] | None = None
    ) -> ScheduleSyncReport | Coroutine[Any, Any, ScheduleSyncReport]:
        """
        Store the schedules, and deactivate those in scope that the catalog lacks.

        Args:
            db: the pool or connection.
            scope_job_types: the types whose schedules this catalog speaks for; the
                default are its own. Name those too that it has no more.

        Raises:
            QueryError: what ``sync_job_schedules_exact`` raises.
            ValidationError: ``identifier.*``.
        """
        scope = self._job_types if scope_job_types is None else scope_job_types
        return sync_job_schedules_exact(
            db, self.schedules(), scope_job_types=list(scope)
        )
