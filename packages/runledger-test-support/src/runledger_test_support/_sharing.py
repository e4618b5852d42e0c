"""
Let the workers of a parallel run use the controller's server.

pytest-xdist runs tests in worker processes. Each would start a server of its own;
instead they ask the controller, which starts one when the first asks and stops it
at the end.
"""

from __future__ import annotations

import secrets
import threading
from contextlib import suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener
from typing import TYPE_CHECKING, Final

from ._errors import TestSupportError
from ._process_server import start_chosen_server, use_server
from ._server import RunningServer

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

# No file that a killed controller would leave behind; strangers lack the key.
ADDRESS: Final = ("127.0.0.1", 0)
STOP: Final = "stop"
ASK: Final = "server"


class ServerDesk:
    """The controller's side: answers workers until it is closed."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._listener = Listener(ADDRESS, authkey=self._key)
        self._thread = threading.Thread(
            target=self._answer_all, name="runledger-server-desk", daemon=True
        )
        self._thread.start()

    @property
    def address(self) -> str:
        """What a worker needs in order to ask, as one string."""
        _, port = self._listener.address
        return f"{port} {self._key.hex()}"

    def close(self) -> None:
        """Stop answering; the server itself is not touched."""
        if self._thread.is_alive():  # nobody else would answer the call
            with _call(self.address) as connection:
                connection.send(STOP)
            self._thread.join()
        self._listener.close()

    def _answer_all(self) -> None:
        is_open = True
        while is_open:
            # A stranger without the key, or a worker that died while it asked.
            with (
                suppress(AuthenticationError, EOFError, OSError),
                self._listener.accept() as connection,
            ):
                is_open = connection.recv() != STOP
                if is_open:
                    connection.send(_answer())


def ask_for_server(address: str) -> RunningServer:
    """
    Ask the desk at *address*; start a server of our own when it cannot be reached.

    That is the case for workers on other machines.

    Raises:
        TestSupportError: what the controller met when it started the server.
    """
    try:
        with _call(address) as connection:
            connection.send(ASK)
            answer = connection.recv()
    except (AuthenticationError, EOFError, OSError):
        return start_chosen_server()
    match answer:
        case {"admin_dsn": str(admin_dsn), "description": str(description)}:
            return RunningServer(
                admin_dsn=admin_dsn, description=description, stop=_leave_running
            )
        case {"code": str(code), "message": str(message)}:
            raise TestSupportError(code, message)
        case _:
            raise AssertionError(answer)


def _answer() -> dict[str, str]:
    try:
        server = use_server()
    except TestSupportError as error:
        return {"code": error.code, "message": error.message}
    return {"admin_dsn": server.admin_dsn, "description": server.description}


def _call(address: str) -> Connection:
    port, key = address.split()
    return Client((ADDRESS[0], int(port)), authkey=bytes.fromhex(key))


def _leave_running() -> None:
    """Only the controller stops the server."""
