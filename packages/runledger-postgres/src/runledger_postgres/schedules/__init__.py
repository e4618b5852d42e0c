"""Schedules: jobs at the times of a cron expression."""

from ._due import claim_due_schedules, mark_schedule_fired
from ._fire import fire_due_schedules
from ._records import (
    DeferredSchedule,
    DueSchedule,
    FiredSlot,
    FireReport,
    JobScheduleRecord,
)
from ._schedules import (
    get_job_schedule_by_name,
    list_job_schedules,
    set_job_schedule_active,
    set_job_schedule_next_fire_at,
    upsert_job_schedule,
)
from ._sync import ScheduleSyncReport, sync_job_schedules, sync_job_schedules_exact

__all__ = [
    "DeferredSchedule",
    "DueSchedule",
    "FireReport",
    "FiredSlot",
    "JobScheduleRecord",
    "ScheduleSyncReport",
    "claim_due_schedules",
    "fire_due_schedules",
    "get_job_schedule_by_name",
    "list_job_schedules",
    "mark_schedule_fired",
    "set_job_schedule_active",
    "set_job_schedule_next_fire_at",
    "sync_job_schedules",
    "sync_job_schedules_exact",
    "upsert_job_schedule",
]
