"""ScopedEnv."""

from __future__ import annotations

import os

import pytest

from runledger_test_support import ScopedEnv

NAME = "RUNLEDGER_SCOPED_ENV_TEST"
OTHER = "RUNLEDGER_SCOPED_ENV_OTHER"


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    monkeypatch.delenv(NAME, raising=False)
    monkeypatch.delenv(OTHER, raising=False)


def test_a_variable_is_set_inside_and_absent_outside():
    with ScopedEnv({NAME: "inside"}):
        assert os.environ[NAME] == "inside"

    assert NAME not in os.environ


def test_keywords_and_mapping_go_together():
    with ScopedEnv({NAME: "a"}, RUNLEDGER_SCOPED_ENV_OTHER="b"):
        assert (os.environ[NAME], os.environ[OTHER]) == ("a", "b")


@pytest.mark.parametrize("before", ["outside", "", None])
@pytest.mark.parametrize("inside", ["inside", "", None])
def test_the_value_from_before_comes_back_exactly(before, inside, monkeypatch):
    if before is not None:
        monkeypatch.setenv(NAME, before)

    with ScopedEnv({NAME: inside}):
        assert inside == os.environ.get(NAME)

    assert before == os.environ.get(NAME)


def test_what_is_set_inside_the_block_is_undone_too():
    os.environ[NAME] = "outside"

    with ScopedEnv() as env:
        env.set(NAME, "one")
        env.set(NAME, "two")
        env.unset(NAME)
        env.set(OTHER, "three")
        assert NAME not in os.environ

    assert os.environ[NAME] == "outside"
    assert OTHER not in os.environ


def test_an_exception_passes_and_the_environment_is_restored():
    with pytest.raises(ZeroDivisionError), ScopedEnv({NAME: "inside"}):
        _ = 1 / 0

    assert NAME not in os.environ


def test_one_object_may_be_entered_inside_itself():
    env = ScopedEnv({NAME: "inside"})

    with env:
        os.environ[NAME] = "changed"
        with env:
            assert os.environ[NAME] == "inside"
        assert os.environ[NAME] == "changed"

    assert NAME not in os.environ


def test_nested_scopes_restore_in_order():
    with ScopedEnv({NAME: "outer"}):
        with ScopedEnv({NAME: "inner"}):
            assert os.environ[NAME] == "inner"
        assert os.environ[NAME] == "outer"


def test_a_value_that_the_system_refuses_undoes_the_others():
    with (
        pytest.raises(ValueError, match="null byte"),
        ScopedEnv({NAME: "fine", OTHER: "not\0fine"}),
    ):
        pytest.fail("entered")

    assert NAME not in os.environ


def test_setting_outside_of_a_block_is_refused():
    with pytest.raises(RuntimeError, match="with"):
        ScopedEnv().set(NAME, "x")

    assert NAME not in os.environ


def test_the_fixture_undoes_when_the_test_ends(runledger_env):
    runledger_env.set(NAME, "x")

    assert os.environ[NAME] == "x"
