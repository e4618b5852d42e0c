"""List the codes of job definitions and job schedules."""

from __future__ import annotations

from ._entry import ErrorCategory, Layer, entry_maker

_malformed = entry_maker(Layer.CORE, ErrorCategory.VALIDATION)
_invalid = entry_maker(Layer.POSTGRES, ErrorCategory.VALIDATION)

DEFINITION_CODES = (
    _invalid(
        "job_definition.active_schedule_exists",
        "an active schedule still refers to the job definition",
        "deactivate the schedule before you disable the definition",
    ),
    _invalid(
        "job_definition.disable_unsupported_isolation",
        "disabling a job definition needs READ COMMITTED isolation",
        "use a READ COMMITTED transaction",
    ),
    _invalid(
        "job_definition.empty_job_type_list",
        "an exact synchronisation of definitions names no job type",
        "name at least one job type in the catalog and in the scope",
    ),
    _malformed(
        "job_definition.invalid_max_attempts",
        "max_attempts of the definition is not a whole number from 1 to 2147483647",
    ),
    _malformed(
        "job_definition.invalid_priority",
        "the priority of the definition is not a whole number "
        "from -2147483648 to 2147483647",
    ),
    _malformed(
        "job_definition.invalid_timeout",
        "timeout_seconds of the definition is not a whole number from 1 to 2147483647",
    ),
    _malformed(
        "job_definition.invalid_version",
        "the version of the definition is not a whole number from 1 to 2147483647",
    ),
    _invalid(
        "job_schedule.definition_not_found_or_disabled",
        "an active schedule needs an enabled job definition",
        "upsert or enable the definition, or store the schedule inactive",
    ),
    _invalid(
        "job_schedule.empty_scope",
        "an exact synchronisation of schedules names no job type in its scope",
        "name the job types whose schedules the catalog speaks for",
    ),
    _malformed(
        "job_schedule.invalid_cron",
        "the cron expression cannot be read",
        "use five fields, or six with the seconds first",
    ),
    _malformed(
        "job_schedule.invalid_fire_time",
        "the time of the schedule is not a point in time",
        "pass a datetime with a time zone, within years 1 to 9999 in UTC",
    ),
    _malformed(
        "job_schedule.invalid_jitter",
        "the jitter of the schedule is not from 0 to 86400 seconds",
    ),
    _malformed(
        "job_schedule.invalid_misfire_limit",
        "the misfire limit of the schedule is not from 1 to 1000 jobs",
    ),
    _malformed(
        "job_schedule.invalid_name",
        "the schedule's name is blank or padded with whitespace",
    ),
    _malformed(
        "job_schedule.invalid_policy",
        "the schedule has no such policy",
        "use a member of MisfirePolicy or of OverlapPolicy",
    ),
    _malformed(
        "job_schedule.invalid_preview_count",
        "a preview shows 1 to 1000 times",
    ),
)
