"""Job definitions: the one place of defaults, and what they refuse."""

import pytest

from runledger_core import JobDefinition, ValidationError


def test_the_defaults_are_those_of_the_schema():
    definition = JobDefinition("mail.send")

    assert definition.version == 1
    assert definition.max_attempts == 8
    assert definition.timeout_seconds == 900
    assert definition.priority == 100
    assert definition.is_enabled is True


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("version", 0, "job_definition.invalid_version"),
        ("version", 2**31, "job_definition.invalid_version"),
        ("max_attempts", 0, "job_definition.invalid_max_attempts"),
        ("max_attempts", True, "job_definition.invalid_max_attempts"),
        ("timeout_seconds", -1, "job_definition.invalid_timeout"),
        ("timeout_seconds", 1.5, "job_definition.invalid_timeout"),
        ("timeout_seconds", "60", "job_definition.invalid_timeout"),
        ("priority", 2**31, "job_definition.invalid_priority"),
        ("priority", -(2**31) - 1, "job_definition.invalid_priority"),
        ("priority", None, "job_definition.invalid_priority"),
    ],
)
def test_a_number_outside_its_column_is_refused(field, value, code):
    with pytest.raises(ValidationError) as caught:
        JobDefinition("mail.send", **{field: value})

    assert code == caught.value.code


@pytest.mark.parametrize("priority", [-(2**31), -1, 0, 2**31 - 1])
def test_a_priority_may_be_any_32_bit_number(priority):
    assert JobDefinition("mail.send", priority=priority).priority == priority


def test_a_job_type_must_be_an_identifier():
    with pytest.raises(ValidationError) as caught:
        JobDefinition("\u00a0")

    assert caught.value.code == "identifier.blank"


def test_enabled_is_a_bool_and_nothing_like_it():
    with pytest.raises(TypeError):
        JobDefinition("mail.send", is_enabled="no")
