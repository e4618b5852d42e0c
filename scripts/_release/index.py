"""Ask a package index what it has, by the simple API (PEP 503, 691)."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import time
import urllib.error
import urllib.request
from html.parser import HTMLParser
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit, urlunsplit

import attrs

from .errors import ReleaseError

JSON = "application/vnd.pypi.simple.v1+json"
ACCEPT = f"{JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
# Asking changes nothing, so it is repeated, after these seconds, when it may help.
PAUSES = (1.0, 3.0)
TRANSIENT = frozenset({429, 500, 502, 503, 504})


@attrs.frozen
class Index:
    """A package index: where it is read, and how long an answer may take."""

    url: str
    timeout_seconds: float

    def files(self, project: str) -> dict[str, str]:
        """Return the SHA-256 of every file that the index has of a project."""
        address = f"{self.url.rstrip('/')}/{project}/"
        answer = self._ask(address)
        if answer is None:
            return {}
        content_type, body = answer
        if content_type == JSON:
            listed = _files_of_json(body, address)
        else:
            listed = _files_of_html(body, address)
        return {
            name: digest or self._digest(link)
            for name, (link, digest) in listed.items()
        }

    def _digest(self, link: str) -> str:
        """Return the digest of a file whose index does not tell it."""
        answer = self._ask(link)
        if answer is None:
            raise ReleaseError(f"{_shown(link)} is listed, and not there")
        return hashlib.sha256(answer[1]).hexdigest()

    def _ask(self, address: str) -> tuple[str, bytes] | None:
        """Return the type and body of an answer, or None if there is no such page."""
        for pause in (*PAUSES, None):
            try:
                return self._ask_once(address)
            except urllib.error.HTTPError as error:
                if error.code == HTTPStatus.NOT_FOUND:
                    return None
                reason, is_transient = str(error), error.code in TRANSIENT
            except (OSError, http.client.HTTPException) as error:
                reason, is_transient = str(error) or repr(error), True
            if pause is None or not is_transient:
                break
            time.sleep(pause)
        raise ReleaseError(f"the index does not answer at {_shown(address)}: {reason}")

    def _ask_once(self, address: str) -> tuple[str, bytes]:
        parts = urlsplit(address)
        # A cache between us and the index must not answer with what was.
        headers = {"Accept": ACCEPT, "Cache-Control": "no-cache"}
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            token = base64.b64encode(pair.encode()).decode()
            headers["Authorization"] = f"Basic {token}"
        request = urllib.request.Request(_shown(address), headers=headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=self.timeout_seconds) as answer:  # noqa: S310
            return answer.headers.get_content_type(), answer.read()


def _files_of_json(body: bytes, address: str) -> dict[str, tuple[str, str]]:
    """Read a page of PEP 691: file name to link and digest, if it has one."""
    try:
        page: dict[str, Any] = json.loads(body)
        return {
            file["filename"]: (
                urljoin(address, file["url"]),
                file["hashes"].get("sha256", ""),
            )
            for file in page["files"]
        }
    except (ValueError, KeyError, TypeError):
        message = f"what {_shown(address)} answers is no page of an index"
        raise ReleaseError(message) from None


def _files_of_html(body: bytes, address: str) -> dict[str, tuple[str, str]]:
    """Read a page of PEP 503, in which the digest is the fragment of the link."""
    parser = _Links()
    parser.feed(body.decode("utf-8", errors="replace"))
    listed = {}
    for link in parser.links:
        target, fragment = urldefrag(urljoin(address, link))
        kind, _, digest = fragment.partition("=")
        name = unquote(urlsplit(target).path.rpartition("/")[2])
        listed[name] = (target, digest if kind == "sha256" else "")
    return listed


class _Links(HTMLParser):
    """Collects where the links of a page lead."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [
            value for name, value in attrs if tag == "a" and name == "href" and value
        ]


def _shown(address: str) -> str:
    """Return an address without the password that may be in it."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
