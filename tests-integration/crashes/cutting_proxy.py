"""A proxy before PostgreSQL that cuts one connection at the COMMIT of a statement."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any

from psycopg import conninfo

QUERY, PARSE, BIND, SYNC = b"Q", b"P", b"B", b"S"
BYTES = 65536


class CuttingProxy:
    """
    Pass bytes on between clients and a server, and break one connection on purpose.

    After ``cut_commit_of("jobs/claim_jobs", is_late=False)`` the first transaction with
    that statement loses its COMMIT, or the Sync that commits a statement which is a
    transaction by itself: the server rolls back, and then the client loses its
    connection. With *is_late* the server gets the COMMIT, and the client loses its
    connection instead of the answer. ``has_cut`` is set when the server is through.
    """

    def __init__(self, dsn: str) -> None:
        self._target = conninfo.conninfo_to_dict(dsn)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._mark: bytes | None = None
        self.is_late = False
        self._links: list[_Link] = []
        self.has_cut = threading.Event()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def dsn(self) -> str:
        """The same database through this proxy, in the open."""
        host, port = self._listener.getsockname()
        own: dict[str, Any] = {
            **self._target,
            "host": host,
            "port": port,
            "sslmode": "disable",
            "gssencmode": "disable",
        }
        return conninfo.make_conninfo("", **own)

    def cut_commit_of(self, statement: str, *, is_late: bool) -> None:
        """Cut one connection, once, at the next COMMIT after *statement*."""
        with self._lock:
            self.is_late = is_late
            self._mark = f"/* runledger:{statement} */".encode()

    def names_mark(self, query: bytes) -> bool:
        """Whether *query* is the statement that is waited for."""
        with self._lock:
            return self._mark is not None and query.startswith(self._mark)

    def take_cut(self) -> bool:
        """Whether the connection that asks is the one to be cut."""
        with self._lock:
            is_first = self._mark is not None
            self._mark = None
            return is_first

    def close(self) -> None:
        """Break what is left."""
        # To close it alone would leave the thread in accept().
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for link in self._links:
            link.cut()
            link.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._links.append(_Link(self, client, self._connect()))

    def _connect(self) -> socket.socket:
        host, port = str(self._target["host"]), int(self._target.get("port") or 5432)
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server


class _Link:
    """One client's connection, and what it is in the middle of."""

    def __init__(
        self, proxy: CuttingProxy, client: socket.socket, server: socket.socket
    ) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._prepared: dict[bytes, bytes] = {}
        self._is_marked = False
        self._is_in_transaction = False
        self._is_lost = False
        self._swallowed_tag: bytes | None = None
        self._threads = [
            threading.Thread(target=self._pump, args=[pump], daemon=True)
            for pump in (self._forward, self._backward)
        ]
        for thread in self._threads:
            thread.start()

    def cut(self) -> None:
        for end in (self._client, self._server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def join(self) -> None:
        for thread in self._threads:
            thread.join()
        self._client.close()
        self._server.close()

    def _pump(self, pump: Any) -> None:
        try:
            with suppress(OSError):
                pump()
        finally:
            self.cut()

    def _forward(self) -> None:
        """Pass on whole messages of the client, each after a look at it."""
        buffer = b""
        kind_bytes = 0  # the first message has a length and no kind
        while data := self._client.recv(BYTES):
            buffer += data
            while len(buffer) >= kind_bytes + 4:
                size = int.from_bytes(buffer[kind_bytes : kind_bytes + 4]) + kind_bytes
                if len(buffer) < size:
                    break
                message, buffer = buffer[:size], buffer[size:]
                if kind_bytes and self._is_fatal(message[:1], message[5:]):
                    if not self._proxy.is_late:
                        self._is_lost = True
                        self._server.shutdown(socket.SHUT_WR)
                        self._threads[1].join()
                        return
                    is_alone = message[:1] == SYNC
                    self._swallowed_tag = b"SELECT" if is_alone else b"COMMIT"
                self._server.sendall(message)
                kind_bytes = 1

    def _is_fatal(self, kind: bytes, body: bytes) -> bool:
        """Whether this is the commit that must not succeed, or not be known to."""
        query = b""
        if kind == QUERY:
            query = body.rstrip(b"\0")
        elif kind == PARSE:
            name, text, *_ = body.split(b"\0")
            self._prepared[name] = text
        elif kind == BIND:
            _, name, *_ = body.split(b"\0")
            query = self._prepared.get(name, b"")
        if self._proxy.names_mark(query):
            self._is_marked = True
        if query.startswith(b"BEGIN"):
            self._is_in_transaction = True
        commits = query == b"COMMIT" or (kind == SYNC and not self._is_in_transaction)
        if not (commits or query == b"ROLLBACK"):
            return False
        was_marked, self._is_marked = self._is_marked, False
        if query:
            self._is_in_transaction = False
        return was_marked and commits and self._proxy.take_cut()

    def _backward(self) -> None:
        while data := self._server.recv(BYTES):
            if self._swallowed_tag is not None:
                # The client sent nothing since, so this is the answer to its commit.
                assert self._swallowed_tag in data
                self._proxy.has_cut.set()
                return
            self._client.sendall(data)
        if self._is_lost:
            # The server's process has ended, and has rolled back before that.
            self._proxy.has_cut.set()
