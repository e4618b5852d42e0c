"""The RUNLEDGER_TEST_* variables."""

from __future__ import annotations

import pytest

from runledger_test_support import TestSupportError
from runledger_test_support._settings import ServerKind, Settings, read_settings


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {
            "RUNLEDGER_TEST_PG": "",
            "RUNLEDGER_TEST_DATABASE_URL": "",
            "RUNLEDGER_TEST_PG_IMAGE": "",
            "RUNLEDGER_TEST_PG_BIN_DIR": "",
            "RUNLEDGER_TEST_DB_CONNECTION_BUDGET": "",
        },
    ],
    ids=["absent", "empty"],
)
def test_absent_and_empty_variables_give_the_defaults(environment):
    settings = read_settings(environment)

    assert Settings() == settings
    assert settings.image == "postgres:18"
    assert settings.connection_budget == 64


def test_variables_are_read():
    settings = read_settings(
        {
            "RUNLEDGER_TEST_PG": "container",
            "RUNLEDGER_TEST_DATABASE_URL": "postgresql://localhost/test",
            "RUNLEDGER_TEST_PG_IMAGE": "postgres:15",
            "RUNLEDGER_TEST_DB_CONNECTION_BUDGET": "9",
        }
    )

    assert ServerKind.CONTAINER is settings.forced_kind
    assert settings.database_url == "postgresql://localhost/test"
    assert settings.image == "postgres:15"
    assert settings.connection_budget == 9


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("RUNLEDGER_TEST_PG", "docker"),
        ("RUNLEDGER_TEST_PG", "URL"),
        ("RUNLEDGER_TEST_PG_BIN_DIR", "/nowhere"),
        ("RUNLEDGER_TEST_DB_CONNECTION_BUDGET", "0"),
        ("RUNLEDGER_TEST_DB_CONNECTION_BUDGET", "-1"),
        ("RUNLEDGER_TEST_DB_CONNECTION_BUDGET", "many"),
        ("RUNLEDGER_TEST_DB_CONNECTION_BUDGET", "٤"),
    ],
)
def test_a_bad_value_is_refused_with_the_variable_and_the_value(variable, value):
    with pytest.raises(TestSupportError) as caught:
        read_settings({variable: value})

    assert caught.value.code == "test_support.invalid_setting"
    assert variable in str(caught.value)
    assert value in str(caught.value)


def test_a_bad_url_is_refused_without_showing_its_password():
    with pytest.raises(TestSupportError) as caught:
        read_settings({"RUNLEDGER_TEST_DATABASE_URL": "password=hunter2 nonsense"})

    assert caught.value.code == "test_support.invalid_setting"
    assert "RUNLEDGER_TEST_DATABASE_URL" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_forcing_the_url_needs_one():
    with pytest.raises(TestSupportError) as caught:
        read_settings({"RUNLEDGER_TEST_PG": "url"})

    assert caught.value.code == "test_support.invalid_setting"
    assert "RUNLEDGER_TEST_DATABASE_URL" in str(caught.value)


def test_the_password_is_not_in_the_repr():
    settings = read_settings({"RUNLEDGER_TEST_DATABASE_URL": "postgresql://u:pw@h/d"})

    assert "pw" not in repr(settings)
