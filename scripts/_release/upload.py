"""Upload one file, and wait until an installer can have what was uploaded."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from .errors import ReleaseError, last_lines

if TYPE_CHECKING:
    from .index import Index

PUBLIC = ("https://pypi.org/simple/", "https://upload.pypi.org/legacy/")
TEST = ("https://test.pypi.org/simple/", "https://test.pypi.org/legacy/")
# Seconds between two questions to an index that does not have it yet; the last repeats.
PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0)
# What may say where pip looks beside the index that is asked, or keep an old answer.
PIP_PLACES = (
    "PIP_CONSTRAINT",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_INDEX_URL",
    "PIP_NO_INDEX",
)


class UploadError(ReleaseError):
    """An upload failed; it may have arrived unless the index has refused it."""

    def __init__(self, message: str, *, is_refused: bool) -> None:
        super().__init__(message)
        self.is_refused = is_refused


@attrs.frozen
class Uploader:
    """Uploads to an index, and asks it for what has arrived."""

    index: Index
    upload_url: str
    # For one file, and until it can be installed.
    upload_timeout_seconds: float
    patience_seconds: float

    def upload(self, file: Path) -> None:
        """Hand a file to twine, which knows the credentials."""
        command = [sys.executable, "-m", "twine", "upload", "--non-interactive"]
        command += ["--disable-progress-bar", "--repository-url", self.upload_url]
        try:
            done = subprocess.run(
                [*command, str(file)],
                env=os.environ | {"NO_COLOR": "1", "TERM": "dumb"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=self.upload_timeout_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            limit = f"{self.upload_timeout_seconds:.0f} s"
            message = f"the upload of {file.name} was not answered within {limit}"
            raise UploadError(message, is_refused=False) from None
        if done.returncode:
            said = _reason(done.stdout)
            raise UploadError(
                f"the index did not take {file.name}:\n{said}",
                is_refused="HTTPError" in done.stdout,
            )

    def wait_until_installable(self, name: str, version: str, sha256: str) -> None:
        """Return when pip can download the wheel of that digest from the index."""
        deadline = time.monotonic() + self.patience_seconds
        with tempfile.TemporaryDirectory() as place:
            wanted = Path(place) / "requirements.txt"
            wanted.write_text(f"{name}=={version} --hash=sha256:{sha256}\n")
            for number in range(sys.maxsize):
                left = max(deadline - time.monotonic(), 1.0)
                said = self._download(wanted, timeout_seconds=left)
                if said is None:
                    return
                pause = PAUSES[min(number, len(PAUSES) - 1)]
                if time.monotonic() + pause > deadline:
                    break
                time.sleep(pause)
        raise ReleaseError(
            f"{name} {version} is uploaded, and cannot be installed after"
            f" {self.patience_seconds:.0f} s:\n{said}"
        )

    def _download(self, wanted: Path, *, timeout_seconds: float) -> str | None:
        """Have pip download a wheel; return None, or what it says instead."""
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        command += ["download", "--quiet", "--no-deps", "--no-cache-dir", "--retries=0"]
        command += ["--require-hashes", "--only-binary=:all:"]
        command += ["--index-url", self.index.url, "--dest", str(wanted.parent)]
        command += ["--requirement", str(wanted)]
        environment = dict(os.environ)
        for variable in PIP_PLACES:
            environment.pop(variable, None)
        # Neither do files say where to look.
        environment["PIP_CONFIG_FILE"] = os.devnull
        try:
            done = subprocess.run(
                command,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=timeout_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"    pip was not answered within {timeout_seconds:.0f} s"
        return last_lines(done.stdout, 4) if done.returncode else None


def _reason(output: str) -> str:
    """Return what is meant for people of what twine has said."""
    if "Traceback" in output:
        return last_lines(output, 1)
    noise = ("Uploading ", "WARNING ")
    lines = [line for line in output.splitlines() if not line.startswith(noise)]
    return last_lines("\n".join(lines), 6)


def addresses(index_url: str | None, upload_url: str | None) -> tuple[str, str]:
    """
    Return where an index is read and where it takes uploads.

    Of the public ones either tells the other. Everywhere else both must be named, so
    that nobody asks one index and uploads to another.
    """
    if index_url is None and upload_url is None:
        return PUBLIC
    if "" in {index_url, upload_url}:
        # To twine it would mean the public index.
        raise ReleaseError("an empty --index-url or --upload-url names no index")
    for known in (PUBLIC, TEST):
        reading, uploading = (url.rstrip("/") for url in known)
        if index_url in (None, *_forms(reading)) and upload_url in (
            None,
            *_forms(uploading),
        ):
            return known
    if index_url is None:
        raise ReleaseError(f"--index-url is missing: where can {upload_url} be read?")
    if upload_url is None:
        raise ReleaseError(
            f"--upload-url (or TWINE_REPOSITORY_URL) is missing: where does {index_url}"
            " take uploads?"
        )
    return index_url, upload_url


def _forms(url: str) -> tuple[str, str]:
    return url, f"{url}/"
