"""
The record of a release: what was done for which commit, and what may be published.

It lies beside the checkout in which the release is made, and is written whole after
every step. Whoever loses it loses time only: preparing again makes it again.
"""

from __future__ import annotations

import contextlib
import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import attrs

from .errors import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from packaging.version import Version

    from .repository import Repository


@attrs.define
class Record:
    """What is known of one release."""

    file: Path
    version: str
    # The commit on which the release commit stands, and the release commit.
    base: str = ""
    commit: str = ""
    steps: dict[str, dict[str, Any]] = attrs.Factory(dict)
    # SHA-256 of every artifact, once they have passed everything.
    files: dict[str, str] = attrs.Factory(dict)

    def save(self) -> None:
        """Write it, so that it is there whole or as it was."""
        content = attrs.asdict(self, filter=lambda field, _: field.name != "file")
        self.file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        fresh.replace(self.file)


def read_record(repository: Repository, version: Version) -> Record:
    """Return the record of a release, an empty one where there is none."""
    file = repository.workshop / f"{version}.json"
    if not file.is_file():
        return Record(file, str(version))
    try:
        return Record(file, **json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        raise ReleaseError(f"{file} cannot be read: remove it, and prepare") from None


@attrs.define
class Steps:
    """Runs the steps of a preparation: named, timed, and once for each commit."""

    record: Record
    count: int
    number: int = 0

    def run(
        self, name: str, action: Callable[[], object], *, of: str | None = None
    ) -> None:
        """
        Run a step, unless it has been done for the same commit.

        An action may return a note for the record. A step that is of nothing costs
        nothing, and is run every time.
        """
        self.number += 1
        place = f"[{self.number}/{self.count}] {name}"
        before = self.record.steps.get(name)
        if of is not None and before is not None and before["of"] == of:
            note = f", {before['note']}" if before["note"] else ""
            print(f"{place}: done {before['ended_at']}{note}", flush=True)
            return
        print(f"{place} ...", flush=True)
        started = time.monotonic()
        said = action()
        seconds = round(time.monotonic() - started, 1)
        note = said if isinstance(said, str) else ""
        print(f"      {seconds} s{f', {note}' if note else ''}", flush=True)
        if of is not None:
            self.record.steps[name] = {
                "of": of,
                "seconds": seconds,
                "ended_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "note": note,
            }
            self.record.save()


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    """Refuse to run beside another release in the same checkout."""
    try:
        import fcntl  # noqa: PLC0415 - POSIX only
    except ImportError:
        yield
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ReleaseError("a release is being made here just now") from None
        yield
