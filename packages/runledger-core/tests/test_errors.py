"""Errors: a code, a safe sentence, and an inside that only logs may see."""

import copy
import pickle

import pytest

from runledger_core import CODES, ErrorCategory, RunledgerError, ValidationError


def test_the_code_decides_the_category_and_the_sentence():
    error = RunledgerError("job.idempotency_conflict")

    assert error.code == "job.idempotency_conflict"
    assert error.category is ErrorCategory.CONFLICT
    assert CODES[error.code].message == error.client_message
    assert f"{error.code}: {error.client_message}" == str(error)


def test_a_detail_is_added_to_the_sentence():
    error = RunledgerError("job.not_found", "while requeueing")

    message = CODES["job.not_found"].message
    assert f"{message} (while requeueing)" == error.client_message


def test_an_unknown_code_is_a_programming_fault():
    with pytest.raises(KeyError):
        RunledgerError("job.no_such_code")


@pytest.mark.parametrize("error_type", [RunledgerError, ValidationError])
def test_the_internal_text_is_shown_only_to_the_log(error_type):
    error = error_type("db.query_failed", "while claiming", internal="key 'secret'")

    shown = f"{error} {error!r} {error.client_message} {error.args} {[error]}"
    assert "secret" not in shown
    assert "key 'secret'" in error.internal_message()
    assert str(error) in error.internal_message()


def test_without_an_internal_text_the_log_gets_what_clients_get():
    error = RunledgerError("db.query_failed")

    assert str(error) == error.internal_message()


def test_a_validation_error_is_a_value_error_too():
    with pytest.raises(ValueError, match=r"^identifier\.blank: "):
        raise ValidationError("identifier.blank", "stage")


@pytest.mark.parametrize("rebuild", [copy.copy, copy.deepcopy, None])
def test_an_error_survives_copying_and_pickling(rebuild):
    error = ValidationError("identifier.blank", "stage", internal="inside")

    twin = rebuild(error) if rebuild else pickle.loads(pickle.dumps(error))  # noqa: S301

    assert type(error) is type(twin)
    assert str(error) == str(twin)
    assert error.internal_message() == twin.internal_message()
