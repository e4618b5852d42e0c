"""Hold the schedules of a catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runledger_core import CronExpression, JobSchedule, MisfirePolicy, OverlapPolicy

from .._payloads import payload_json
from ..errors import CatalogError
from ._requests import CatalogRequests

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

_MISFIRE_LIMIT = 100


class CatalogSchedules(CatalogRequests):
    """Hold schedules by their names, each for a job type of the catalog."""

    def __init__(self) -> None:
        super().__init__()
        self._schedules: dict[str, JobSchedule] = {}

    def schedule(
        self,
        name: str,
        job_type: str,
        cron: str | CronExpression,
        payload: Any = None,
        *,
        organization_id: UUID | None = None,
        is_active: bool = True,
        max_jitter_seconds: int = 0,
        misfire_policy: MisfirePolicy = MisfirePolicy.ONCE,
        misfire_limit: int = _MISFIRE_LIMIT,
        overlap_policy: OverlapPolicy = OverlapPolicy.ALLOW,
    ) -> None:
        """
        Have jobs of a type at the times of a cron expression.

        A supervisor stores the schedules when it starts, and fires them.

        Args:
            name: what finds the schedule again.
            job_type: this and what follows are as in `job_schedule`.
            cron: see there.
            payload: see there.
            organization_id: see there.
            is_active: see there.
            max_jitter_seconds: see there.
            misfire_policy: see there.
            misfire_limit: see there.
            overlap_policy: see there.

        Raises:
            CatalogError: ``catalog.duplicate_schedule``; and as `job_schedule`.
            ValidationError: as `job_schedule`.
        """
        made = self.job_schedule(
            name,
            job_type,
            cron,
            payload,
            organization_id=organization_id,
            is_active=is_active,
            max_jitter_seconds=max_jitter_seconds,
            misfire_policy=misfire_policy,
            misfire_limit=misfire_limit,
            overlap_policy=overlap_policy,
        )
        if made.name in self._schedules:
            raise CatalogError("catalog.duplicate_schedule", made.name)
        self._schedules[made.name] = made

    def schedules(self) -> tuple[JobSchedule, ...]:
        """Return the schedules, sorted by name."""
        return tuple(self._schedules[name] for name in sorted(self._schedules))

    def job_schedule(
        self,
        name: str,
        job_type: str,
        cron: str | CronExpression,
        payload: Any = None,
        *,
        organization_id: UUID | None = None,
        is_active: bool = True,
        max_jitter_seconds: int = 0,
        misfire_policy: MisfirePolicy = MisfirePolicy.ONCE,
        misfire_limit: int = _MISFIRE_LIMIT,
        overlap_policy: OverlapPolicy = OverlapPolicy.ALLOW,
        next_fire_at: datetime | None = None,
        created_by_user_id: UUID | None = None,
    ) -> JobSchedule:
        """
        Return the request for a schedule, to be passed to ``upsert_job_schedule``.

        Args:
            name: what finds the schedule again.
            job_type: a type of this catalog, enabled in it if the schedule is active.
            cron: five fields, or six with the seconds first, in UTC.
            payload: of each job; an instance of the type's attrs class, or a JSON
                value. None is an empty object. Jobs get the key ``_schedule`` too.
            organization_id: this and what follows are `JobSchedule`'s.
            is_active: see there.
            max_jitter_seconds: see there.
            misfire_policy: see there.
            misfire_limit: see there.
            overlap_policy: see there.
            next_fire_at: see there.
            created_by_user_id: see there.

        Raises:
            CatalogError: ``catalog.unknown_job_type``, ``catalog.disabled_job_type``.
            ValidationError: what `JobSchedule` raises.
        """
        found = self._enabled(job_type) if is_active else self._known(job_type)
        return JobSchedule(
            name,
            found.definition.job_type,
            cron,
            organization_id=organization_id,
            payload_template={} if payload is None else payload_json(payload),
            is_active=is_active,
            max_jitter_seconds=max_jitter_seconds,
            misfire_policy=misfire_policy,
            misfire_limit=misfire_limit,
            overlap_policy=overlap_policy,
            next_fire_at=next_fire_at,
            created_by_user_id=created_by_user_id,
        )
