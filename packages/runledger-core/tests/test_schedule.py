"""The request for a schedule: checked when it is made."""

from __future__ import annotations

from datetime import datetime

import pytest

from runledger_core import (
    CronExpression,
    JobSchedule,
    MisfirePolicy,
    OverlapPolicy,
    ValidationError,
)

NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001


def test_a_schedule_takes_its_cron_as_text_or_as_an_expression():
    cron = CronExpression("0 4 * * *")

    assert JobSchedule("daily", "mail.send", "0 4 * * *") == JobSchedule(
        "daily", "mail.send", cron
    )


def test_a_schedule_is_active_and_exact_unless_it_says_otherwise():
    schedule = JobSchedule("daily", "mail.send", "0 4 * * *")

    assert (True, 0, {}, None) == (
        schedule.is_active,
        schedule.max_jitter_seconds,
        schedule.payload_template,
        schedule.next_fire_at,
    )


def test_missed_slots_give_one_job_and_jobs_may_overlap_unless_it_says_otherwise():
    schedule = JobSchedule("daily", "mail.send", "0 4 * * *", misfire_policy="SKIP")

    assert MisfirePolicy.SKIP is schedule.misfire_policy
    assert OverlapPolicy.ALLOW is schedule.overlap_policy
    assert (
        MisfirePolicy.ONCE
        is JobSchedule("daily", "mail.send", "0 4 * * *").misfire_policy
    )


def test_the_payload_template_is_copied_and_stays_out_of_the_repr():
    template = {"secret": [1]}
    schedule = JobSchedule("daily", "mail.send", "0 4 * * *", payload_template=template)
    template["secret"].append(2)

    assert {"secret": [1]} == schedule.payload_template
    assert "secret" not in repr(schedule)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": " "}, "job_schedule.invalid_name"),
        ({"name": "daily "}, "job_schedule.invalid_name"),
        ({"name": "d" * 513}, "job_schedule.invalid_name"),
        ({"name": None}, "job_schedule.invalid_name"),
        ({"job_type": ""}, "identifier.blank"),
        ({"cron": "never"}, "job_schedule.invalid_cron"),
        ({"max_jitter_seconds": 86401}, "job_schedule.invalid_jitter"),
        ({"misfire_limit": 0}, "job_schedule.invalid_misfire_limit"),
        ({"misfire_limit": 1001}, "job_schedule.invalid_misfire_limit"),
        ({"misfire_policy": "TWICE"}, "job_schedule.invalid_policy"),
        ({"overlap_policy": "ONCE"}, "job_schedule.invalid_policy"),
        ({"payload_template": object()}, "job.payload_not_json"),
        ({"organization_id": "x"}, "identifier.invalid_uuid"),
        ({"created_by_user_id": 1}, "identifier.invalid_uuid"),
        ({"next_fire_at": NAIVE}, "job_schedule.invalid_fire_time"),
        (
            {"next_fire_at": "2026-01-01"},
            "job_schedule.invalid_fire_time",
        ),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_a_schedule_that_makes_no_sense_is_refused(change, code):
    values = {"name": "daily", "job_type": "mail.send", "cron": "0 4 * * *", **change}

    with pytest.raises(ValidationError) as caught:
        JobSchedule(**values)

    assert code == caught.value.code


def test_whether_a_schedule_is_active_is_a_bool():
    with pytest.raises(TypeError):
        JobSchedule("daily", "mail.send", "0 4 * * *", is_active="yes")
