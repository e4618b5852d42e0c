"""
Serve a folder as a package index on this machine, for as long as a block runs.

pypiserver answers, in a process of its own on a free port: pip installs from it and
twine uploads to it as from and to the public index. What is there already is never
overwritten, and what it does not have is not there: it refers nobody elsewhere.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "127.0.0.1"
# Seconds for a server to end by itself after its standard input was closed.
PATIENCE = 5.0


@contextlib.contextmanager
def local_index(
    folder: Path, *, username: str | None = None, password: str | None = None
) -> Iterator[str]:
    """
    Yield the URL of an index over a folder, which answers already.

    Uploads go to that URL, installers read ``simple_url`` of it. With a username and a
    password only who gives both may upload; without them everybody may. The server ends
    with the block, and also when this process is killed.
    """
    settings = {"folder": str(folder.absolute())}
    if username is not None and password is not None:
        settings |= {"username": username, "password": password}
    server = subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    # Leaving closes both pipes and waits.
    with server:
        assert server.stdin is not None  # noqa: S101 - for the type checker
        assert server.stdout is not None  # noqa: S101 - for the type checker
        try:
            # Not on the command line, where everybody could read the password.
            server.stdin.write(json.dumps(settings) + "\n")
            server.stdin.flush()
            port = server.stdout.readline().strip()
            if not port:
                message = f"the local index over {folder} did not start: see above"
                raise RuntimeError(message)
            yield f"http://{HOST}:{port}/"
        finally:
            _end(server)


def simple_url(index: str) -> str:
    """Return the address for pip's --index-url."""
    return f"{index}simple/"


def _end(server: subprocess.Popen[str]) -> None:
    """Close the input, at which the server stops; kill it when it does not."""
    assert server.stdin is not None  # noqa: S101 - for the type checker
    with contextlib.suppress(OSError):
        server.stdin.close()
    try:
        server.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        server.kill()


class _ThreadingServer(ThreadingMixIn, WSGIServer):
    """Answers while an upload is still under way."""

    daemon_threads = True


class _QuietHandler(WSGIRequestHandler):
    """Says nothing about what goes well."""

    def log_message(self, *_: object) -> None:
        """Drop a line of the access log."""


def serve() -> None:
    """Be the server: settings come by standard input, the port goes to the output."""
    # Here, because those who only start a server need none. It brings no types.
    import pypiserver  # type: ignore[import-untyped]  # noqa: PLC0415

    settings: dict[str, str] = json.loads(sys.stdin.readline())
    wanted = (settings.get("username"), settings.get("password"))
    is_open = wanted == (None, None)
    app = pypiserver.app(
        roots=[Path(settings["folder"])],
        authenticate=[] if is_open else ["update"],
        password_file="." if is_open else None,
        auther=None if is_open else lambda *given: given == wanted,
        disable_fallback=True,
        overwrite=False,
        hash_algo="sha256",
        # Its cache would miss files that appear by other ways than an upload.
        backend_arg="simple-dir",
    )
    server = make_server(HOST, 0, app, _ThreadingServer, _QuietHandler)
    print(server.server_port, flush=True)
    threading.Thread(target=_end_with_input, daemon=True).start()
    server.serve_forever()


def _end_with_input() -> None:
    """End this process when the block has ended, or the process that held it."""
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    serve()
