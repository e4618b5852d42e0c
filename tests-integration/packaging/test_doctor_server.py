"""scripts/dev.py doctor: which PostgreSQL it says that the tests would use."""

from __future__ import annotations

import contextlib
import http.server
import importlib
import os
import socket
import sys
import threading
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
PASSWORD = "hunter2"  # noqa: S105 - must not be shown


@pytest.fixture
def check_server(monkeypatch):
    """Look with these variables, and none of those that the tests run with."""
    monkeypatch.syspath_prepend(SCRIPTS)
    module = importlib.import_module("doctor_server")
    for name in os.environ:
        if name.startswith(("RUNLEDGER_", "DOCKER_", "PG")):
            monkeypatch.delenv(name)

    def check(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return module.check_server()

    yield check
    for name in [each for each in sys.modules if each.startswith("doctor_")]:
        del sys.modules[name]
    del sys.modules["dev"]


@pytest.fixture
def closed_port():
    """A port on which nobody listens: bound, so that nobody else gets it."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield unused.getsockname()[1]


@contextlib.contextmanager
def answering(status):
    """Stand in for a Docker engine, of which only the ping is asked."""

    class Ping(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ping) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "level", "words"),
    [
        (200, "ok", "a container of postgres:15"),
        (500, "missing", "RUNLEDGER_TEST_PG is 'container'"),
    ],
    ids=["answers", "refuses"],
)
def test_a_docker_engine_is_asked_whether_it_is_there(
    check_server, status, level, words
):
    with answering(status) as address:
        finding = check_server(
            DOCKER_HOST=f"tcp://{address}",
            RUNLEDGER_TEST_PG="container",
            RUNLEDGER_TEST_PG_IMAGE="postgres:15",
        )

    assert level == finding.level
    assert words in finding.said


def test_a_docker_engine_that_is_not_there_is_missed_when_it_is_demanded(
    check_server, tmp_path
):
    finding = check_server(
        DOCKER_HOST=f"unix://{tmp_path}/docker.sock", RUNLEDGER_TEST_PG="container"
    )

    assert "missing" == finding.level
    assert f"no Docker engine at {tmp_path}/docker.sock" in finding.said


@pytest.mark.db
def test_a_server_that_a_variable_names_is_found(check_server, runledger_database):
    finding = check_server(RUNLEDGER_TEST_DATABASE_URL=runledger_database)

    assert "ok" == finding.level, finding.said
    assert "the tests use the server of" in finding.said


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:{password}@127.0.0.1:{port}/shop",
        "postgresql://ada:{password}@/shop?host=127.0.0.1&port={port}",
        "host=127.0.0.1 port={port} user=ada password={password}",
    ],
    ids=["authority", "query", "words"],
)
def test_a_server_that_does_not_answer_is_named_without_its_password(
    check_server, closed_port, url
):
    url = url.format(password=PASSWORD, port=closed_port)

    finding = check_server(RUNLEDGER_TEST_DATABASE_URL=url)

    assert "missing" == finding.level
    assert f"(127.0.0.1, port {closed_port}): Connection refused" in finding.said
    assert PASSWORD not in finding.text()


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"RUNLEDGER_TEST_PG": "sqlite"}, "use url, container or embedded"),
        ({"RUNLEDGER_TEST_PG": "url"}, "set RUNLEDGER_TEST_DATABASE_URL"),
        ({"RUNLEDGER_TEST_DATABASE_URL": "postgresql://[a:b/c"}, "cannot be read"),
        ({"RUNLEDGER_TEST_PG_BIN_DIR": "/nowhere"}, "no program initdb"),
    ],
    ids=["kind", "no-url", "url", "programs"],
)
def test_a_variable_that_asks_for_the_impossible_is_named(
    check_server, variables, words
):
    finding = check_server(**variables)

    assert "missing" == finding.level
    assert words in finding.text()
