"""Run PostgreSQL in a container, through testcontainers."""

from __future__ import annotations

import gc
import os
import secrets
import time
import warnings
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg

from ._dsn import connection_url
from ._errors import SERVER_START_FAILED, TestSupportError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testcontainers.core.container import DockerContainer

PORT: Final = 5432
SUPERUSER: Final = "postgres"
PROBE_SECONDS: Final = 5
READY_SECONDS: Final = 120.0
POLL_SECONDS: Final = 0.1
SETTINGS: Final = (
    "fsync=off",
    "full_page_writes=off",
    "max_connections=300",
    "timezone=UTC",
)


def is_docker_reachable() -> bool:
    """
    Whether a Docker engine answers.

    Where nothing hints at one, the answer is no at once: importing the client
    takes longer than most test runs of one file.
    """
    if not _is_docker_likely():
        return False
    # An engine that is installed but stopped, a broken context, an old client
    # library: whatever goes wrong here, there is no engine for us.
    with _without_warnings(), suppress(Exception):
        from testcontainers.core.docker_client import DockerClient  # noqa: PLC0415

        client = DockerClient(timeout=PROBE_SECONDS).client
        try:
            return bool(client.ping())
        finally:
            client.close()
    return False


def start_container(image: str) -> tuple[str, Callable[[], None]]:
    """
    Start *image*; return the superuser's URL and what stops the container.

    testcontainers' companion container removes ours when the process dies.

    Raises:
        TestSupportError: ``test_support.server_start_failed``; no container is left.
    """
    password = secrets.token_urlsafe(16)
    with _without_warnings(), ExitStack() as cleanup:
        try:
            container = _describe_container(image, password)
            cleanup.callback(container.stop)
            container.start()
            dsn = _address(container, password)
            _wait_until_ready(dsn)
        except Exception as error:  # noqa: BLE001  three libraries' errors
            reason = str(error)
        else:
            return dsn, cleanup.pop_all().close
    # Out here without a cause: its traceback would keep the client's sockets.
    raise TestSupportError(
        SERVER_START_FAILED, f"cannot run a container of {image}: {reason}"
    )


def _describe_container(image: str, password: str) -> DockerContainer:
    # Imported here: most runs need no container, and the client is slow to import.
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415

    options = " ".join(f"-c {setting}" for setting in SETTINGS)
    return (
        DockerContainer(image)
        .with_env("POSTGRES_USER", SUPERUSER)
        .with_env("POSTGRES_PASSWORD", password)
        .with_env("POSTGRES_INITDB_ARGS", "--encoding=UTF8 --locale=C.UTF-8")
        .with_command(f"postgres {options}")
        .with_exposed_ports(PORT)
    )


def _address(container: DockerContainer, password: str) -> str:
    return connection_url(
        {
            "user": SUPERUSER,
            "password": password,
            "host": container.get_container_host_ip(),
            "port": container.get_exposed_port(PORT),
            "dbname": "postgres",
        }
    )


def _wait_until_ready(dsn: str) -> None:
    """Connect until it works: the image's set-up server does not listen on TCP."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            psycopg.connect(dsn, connect_timeout=PROBE_SECONDS).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)
        else:
            return


def _is_docker_likely() -> bool:
    if os.name == "nt" or os.environ.get("DOCKER_HOST"):
        return True
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    candidates = [Path("/var/run/docker.sock")]
    if runtime:
        candidates.append(Path(runtime, "docker.sock"))
    with suppress(RuntimeError):  # no home directory
        home = Path.home()
        candidates += [
            home / ".docker/run/docker.sock",
            home / ".docker/desktop/docker.sock",
            home / ".docker/contexts",
            home / ".testcontainers.properties",
        ]
    return any(_exists(path) for path in candidates)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return False


@contextmanager
def _without_warnings() -> Iterator[None]:
    """
    Keep the client's warnings from failing a run that takes warnings as errors.

    Beside deprecations that is the socket that it leaves open when nobody answers: it
    has to be collected in here.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            gc.collect()
