"""The application's settings per job type: stored, returned, never interpreted."""

from __future__ import annotations

from uuid import UUID

import pytest

from runledger_postgres import (
    get_job_runtime_config_by_type,
    get_required_job_runtime_config_by_type,
    insert_job_runtime_config_if_missing,
    list_job_runtime_configs,
    upsert_job_runtime_config,
)

pytestmark = pytest.mark.db

USER = UUID("0198c0de-0000-7000-8000-00000000000a")
SETTINGS = {"schema_version": 2, "config": {"rate": [1, None]}}


def test_settings_are_stored_and_replaced(run, define):
    define()
    run(upsert_job_runtime_config, "mail.send", schema_version=1, config={"a": 1})

    record = run(
        upsert_job_runtime_config, "mail.send", **SETTINGS, updated_by_user_id=USER
    )

    assert (record.schema_version, record.config) == (2, {"rate": [1, None]})
    assert record.updated_by_user_id == USER
    assert run(get_required_job_runtime_config_by_type, "mail.send") == record


def test_settings_that_say_the_same_are_not_written(run, define):
    define()
    record = run(upsert_job_runtime_config, "mail.send", **SETTINGS)

    assert run(upsert_job_runtime_config, "mail.send", **SETTINGS) == record


def test_settings_that_exist_are_not_overwritten_by_an_insert(run, define):
    define()
    first = run(insert_job_runtime_config_if_missing, "mail.send", **SETTINGS)

    second = run(
        insert_job_runtime_config_if_missing, "mail.send", schema_version=9, config={}
    )

    assert second == first


def test_settings_need_a_definition(run, raises_code):
    with raises_code("job.definition_not_found"):
        run(upsert_job_runtime_config, "never.seen", **SETTINGS)


def test_settings_that_are_missing_are_none_or_an_error(run, raises_code):
    assert run(get_job_runtime_config_by_type, "mail.send") is None
    with raises_code("job.runtime_config_not_found"):
        run(get_required_job_runtime_config_by_type, "mail.send")


@pytest.mark.parametrize(
    "change",
    [{"config": [1]}, {"config": {"a": object()}}, {"schema_version": 0}],
    ids=["list", "no JSON", "version"],
)
def test_settings_that_are_no_object_with_a_version_are_refused(
    run, raises_code, change
):
    with raises_code("job.invalid_runtime_config"):
        run(upsert_job_runtime_config, "mail.send", **{**SETTINGS, **change})


def test_settings_are_listed_page_by_page(run, define):
    for job_type in ("c", "a", "b"):
        define(job_type)
        run(upsert_job_runtime_config, job_type, **SETTINGS)

    first = run(list_job_runtime_configs, limit=2)
    rest = run(list_job_runtime_configs, limit=2, after_job_type=first[-1].job_type)

    assert [c.job_type for c in [*first, *rest]] == ["a", "b", "c"]
