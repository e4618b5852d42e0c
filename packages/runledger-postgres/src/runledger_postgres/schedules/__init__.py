"""Schedules: jobs at the times of a cron expression."""

from ._due import claim_due_schedules, mark_schedule_fired
from ._records import DueSchedule, JobScheduleRecord
from ._schedules import (
    get_job_schedule_by_name,
    list_job_schedules,
    set_job_schedule_active,
    set_job_schedule_next_fire_at,
    upsert_job_schedule,
)

__all__ = [
    "DueSchedule",
    "JobScheduleRecord",
    "claim_due_schedules",
    "get_job_schedule_by_name",
    "list_job_schedules",
    "mark_schedule_fired",
    "set_job_schedule_active",
    "set_job_schedule_next_fire_at",
    "upsert_job_schedule",
]
