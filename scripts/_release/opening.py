"""Put together what publishing a release needs, and refuse what is missing."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from .errors import ReleaseError
from .index import Index
from .projects import prepared_projects
from .publication import Publication
from .record import locked, read_record
from .remote import Remote
from .repository import Repository
from .upload import Uploader, addresses
from .versions import parse_release, tag_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# An upload is large, and the index looks into it before it answers.
UPLOAD_TIMEOUTS = 5


@contextlib.contextmanager
def open_publication(
    root: Path,
    wanted: str,
    *,
    remote_name: str,
    index_url: str | None,
    upload_url: str | None,
    timeout_seconds: float,
    patience_seconds: float,
) -> Iterator[Publication]:
    """Yield the publication of a prepared release, beside which no other one runs."""
    repository = Repository(root)
    version = parse_release(wanted)
    if not remote_name:
        known = ", ".join(repository.git("remote").splitlines()) or "none"
        raise ReleaseError(
            "PUBLISH_REMOTE is not set: it names the git repository to push to"
            f" (remotes here: {known})"
        )
    reading, uploading = addresses(index_url, upload_url)
    with locked(repository.workshop / "lock"):
        record = read_record(repository, version)
        projects = prepared_projects(repository, record)
        yield Publication(
            repository=repository,
            version=version,
            commit=record.commit,
            projects=projects,
            remote=Remote(repository, remote_name, record.commit, tag_of(version)),
            uploader=Uploader(
                Index(reading, timeout_seconds),
                uploading,
                upload_timeout_seconds=UPLOAD_TIMEOUTS * timeout_seconds,
                patience_seconds=patience_seconds,
            ),
        )
