"""Read and check the RUNLEDGER_TEST_* environment variables."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import conninfo

from ._errors import INVALID_SETTING, TestSupportError

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVER_KIND: Final = "RUNLEDGER_TEST_PG"
DATABASE_URL: Final = "RUNLEDGER_TEST_DATABASE_URL"
IMAGE: Final = "RUNLEDGER_TEST_PG_IMAGE"
BIN_DIRECTORY: Final = "RUNLEDGER_TEST_PG_BIN_DIR"
CONNECTION_BUDGET: Final = "RUNLEDGER_TEST_DB_CONNECTION_BUDGET"

DEFAULT_IMAGE: Final = "postgres:18"
DEFAULT_CONNECTION_BUDGET: Final = 64


class ServerKind(StrEnum):
    """Where a test server can come from."""

    URL = "url"
    """A server that somebody else runs."""
    CONTAINER = "container"
    """A container started through testcontainers."""
    EMBEDDED = "embedded"
    """PostgreSQL programs run from a temporary directory."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the environment says; an empty variable counts as absent."""

    forced_kind: ServerKind | None = None
    # Out of the repr: the URL may hold a password.
    database_url: str | None = field(default=None, repr=False)
    image: str = DEFAULT_IMAGE
    bin_directory: Path | None = None
    connection_budget: int = DEFAULT_CONNECTION_BUDGET


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """
    Read the settings from *environment*, by default the process's own.

    Raises:
        TestSupportError: ``test_support.invalid_setting`` names the variable.
    """
    variables = os.environ if environment is None else environment
    forced_kind = _read_kind(variables)
    database_url = _read_url(variables)
    if forced_kind is ServerKind.URL and database_url is None:
        raise _invalid(SERVER_KIND, f"is 'url', so {DATABASE_URL} must be set")
    return Settings(
        forced_kind=forced_kind,
        database_url=database_url,
        image=variables.get(IMAGE) or DEFAULT_IMAGE,
        bin_directory=_read_bin_directory(variables),
        connection_budget=_read_budget(variables),
    )


def _read_kind(variables: Mapping[str, str]) -> ServerKind | None:
    value = variables.get(SERVER_KIND)
    if not value:
        return None
    try:
        return ServerKind(value)
    except ValueError:
        allowed = ", ".join(ServerKind)
        raise _invalid(SERVER_KIND, f"is {value!r}; use one of {allowed}") from None


def _read_url(variables: Mapping[str, str]) -> str | None:
    value = variables.get(DATABASE_URL)
    if not value:
        return None
    try:
        conninfo.conninfo_to_dict(value)
    except psycopg.Error:
        # libpq quotes the string in its message, and that may hold a password.
        raise _invalid(
            DATABASE_URL,
            "is not a PostgreSQL connection string; write it as "
            "postgresql://user:password@host:port/database",
        ) from None
    return value


def _read_bin_directory(variables: Mapping[str, str]) -> Path | None:
    value = variables.get(BIN_DIRECTORY)
    if not value:
        return None
    directory = Path(value)
    for program in ("initdb", "postgres"):
        if not os.access(directory / program, os.X_OK):
            raise _invalid(
                BIN_DIRECTORY, f"is {value!r}, where no program {program} can be run"
            )
    return directory.absolute()


def _read_budget(variables: Mapping[str, str]) -> int:
    value = variables.get(CONNECTION_BUDGET)
    if not value:
        return DEFAULT_CONNECTION_BUDGET
    # isdecimal alone would let other scripts' digits through to int().
    if not (value.isascii() and value.isdecimal() and int(value) > 0):
        raise _invalid(CONNECTION_BUDGET, f"is {value!r}; use a whole number above 0")
    return int(value)


def _invalid(variable: str, what: str) -> TestSupportError:
    return TestSupportError(INVALID_SETTING, f"{variable} {what}")
