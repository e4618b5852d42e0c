"""
Which server is chosen, and how a missing one is reported.

No Docker engine is needed: what is asked about one is a function that tests replace.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from runledger_test_support import TestSupportError
from runledger_test_support._container import is_docker_reachable, start_container
from runledger_test_support._server import plan_server, start_server
from runledger_test_support._settings import ServerKind, Settings

URL = "postgresql://somebody:hunter2@db.example:5433/ledger"


def yes():
    return True


def no():
    return False


@pytest.mark.parametrize(
    ("settings", "has_docker", "has_wheel", "expected"),
    [
        (Settings(database_url=URL), yes, yes, ServerKind.URL),
        (Settings(), yes, yes, ServerKind.CONTAINER),
        (Settings(), no, yes, ServerKind.EMBEDDED),
        (Settings(bin_directory=Path("/pg/bin")), yes, no, ServerKind.EMBEDDED),
        (
            Settings(bin_directory=Path("/pg/bin"), database_url=URL),
            yes,
            no,
            ServerKind.URL,
        ),
        (
            Settings(forced_kind=ServerKind.EMBEDDED, database_url=URL),
            yes,
            yes,
            ServerKind.EMBEDDED,
        ),
        (
            Settings(forced_kind=ServerKind.CONTAINER, database_url=URL),
            yes,
            yes,
            ServerKind.CONTAINER,
        ),
        (
            Settings(forced_kind=ServerKind.URL, database_url=URL),
            no,
            no,
            ServerKind.URL,
        ),
    ],
)
def test_the_first_available_or_the_forced_kind_is_chosen(
    settings, has_docker, has_wheel, expected
):
    plan = plan_server(settings, has_docker=has_docker, has_wheel=has_wheel)

    assert expected is plan.kind


def test_docker_is_not_asked_when_something_else_is_certain():
    def asked():
        raise AssertionError("asked")

    for settings in (
        Settings(database_url=URL),
        Settings(forced_kind=ServerKind.EMBEDDED),
        Settings(bin_directory=Path("/pg/bin")),
    ):
        plan = plan_server(settings, has_docker=asked, has_wheel=yes)

        assert plan.kind is not ServerKind.CONTAINER


@pytest.mark.parametrize(
    ("settings", "remedy"),
    [
        (Settings(), "RUNLEDGER_TEST_DATABASE_URL"),
        (Settings(forced_kind=ServerKind.EMBEDDED), "[embedded]"),
        (Settings(forced_kind=ServerKind.CONTAINER), "Docker"),
    ],
    ids=["nothing", "no wheel", "no engine"],
)
def test_no_server_is_one_error_that_says_what_to_do(settings, remedy):
    with pytest.raises(TestSupportError) as caught:
        plan_server(settings, has_docker=no, has_wheel=no)

    assert caught.value.code == "test_support.server_unavailable"
    assert remedy in str(caught.value)


def test_the_description_of_a_url_names_the_place_and_no_secret():
    text = plan_server(Settings(database_url=URL)).describe()

    assert "db.example:5433" in text
    assert "ledger" in text
    assert "hunter2" not in text
    assert "somebody" not in text


def test_the_description_of_a_container_names_the_image():
    settings = Settings(image="postgres:16")

    assert "postgres:16" in plan_server(settings, has_docker=yes).describe()


def test_a_url_that_does_not_answer_is_unavailable():
    plan = plan_server(Settings(database_url="postgresql://u:hunter2@127.0.0.1:1/db"))

    with pytest.raises(TestSupportError) as caught:
        start_server(plan)

    assert caught.value.code == "test_support.server_unavailable"
    assert "127.0.0.1:1" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.db
def test_a_server_that_answers_is_described_with_its_version(runledger_admin_dsn):
    plan = plan_server(Settings(database_url=runledger_admin_dsn))

    server = start_server(plan)
    server.stop()

    assert server.admin_dsn == runledger_admin_dsn
    assert server.description.startswith("PostgreSQL 1")


@pytest.mark.skipif(is_docker_reachable(), reason="a Docker engine runs here")
def test_a_container_without_an_engine_is_a_failed_start():
    with pytest.raises(TestSupportError) as caught:
        start_container("postgres:18")

    assert caught.value.code == "test_support.server_start_failed"
    assert "postgres:18" in str(caught.value)
