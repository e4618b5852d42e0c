"""An index in front of the index, which fails on purpose at chosen uploads."""

from __future__ import annotations

import re
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FILE_NAME = re.compile(rb'filename="([^"]+)"')
PASSED_ON = ("Authorization", "Content-Type", "Accept")


class RelayingIndex:
    """
    Pass requests on to an index, but not all.

    ``faults`` says what happens to an upload, by its number from 1: ``refuse`` answers
    403, ``drop`` closes the connection, ``hang`` never answers, and ``lose the answer``
    closes the connection when the file has arrived. ``stale_pages`` is how often a page
    is answered as it was at first, as by a cache, after ``stale_after`` uploads.
    """

    def __init__(self, url):
        self.target = url
        self.faults = {}
        self.stale_pages = 0
        self.stale_after = 1
        self.uploads = []
        self.pages = {}
        self.has_hung = threading.Event()
        self.is_closed = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/"

    def close(self):
        self.is_closed.set()
        self.server.shutdown()
        self.server.server_close()

    def take_upload(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.uploads.append(FILE_NAME.search(body).group(1).decode())
        fault = self.faults.get(len(self.uploads))
        if fault == "refuse":
            handler.send_error(403, "this project belongs to somebody else")
        elif fault == "hang":
            self.has_hung.set()
            self.is_closed.wait()
        elif fault != "drop":
            status, content_type, answer = self.pass_on(handler, body)
            if fault is None:
                respond(handler, status, content_type, answer)

    def give_page(self, handler):
        path = handler.path
        is_late = len(self.uploads) >= self.stale_after and self.stale_pages > 0
        if is_late and path in self.pages:
            self.stale_pages -= 1
            respond(handler, *self.pages[path])
            return
        page = self.pass_on(handler, None)
        self.pages.setdefault(path, page)
        respond(handler, *page)

    def pass_on(self, handler, body):
        headers = {
            name: handler.headers[name] for name in PASSED_ON if name in handler.headers
        }
        url = self.target.rstrip("/") + handler.path
        request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310
        try:
            with urllib.request.urlopen(request) as answer:  # noqa: S310
                return answer.status, answer.headers["Content-Type"], answer.read()
        except urllib.error.HTTPError as error:
            return error.code, "text/plain", error.read()

    def _handler(self):
        relay = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                relay.give_page(self)

            def do_POST(self):
                relay.take_upload(self)

            def log_message(self, *_):
                pass

        return Handler


def respond(handler, status, content_type, content):
    handler.send_response(status)
    handler.send_header("Content-Type", content_type)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)
