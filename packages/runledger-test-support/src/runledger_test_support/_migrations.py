"""Load the migrations that this distribution vendors."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Final

from ._errors import MIGRATIONS_INVALID, TestSupportError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

PACKAGE: Final = "runledger_test_support.migrations"
HISTORY_FILE: Final = "history.sql"
CHECKSUMS_FILE: Final = "SHA256SUMS"
FILE_NAME: Final = re.compile(r"(\d{12})_([a-z0-9_]+)\.sql", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Migration:
    """One versioned file: ``<version>_<name>.sql``."""

    version: int
    name: str
    checksum: str
    """SHA-256 of the file's bytes, lower-case hexadecimal."""
    sql: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class MigrationSet:
    """The whole history, oldest first, and the table that records it."""

    history_sql: str = field(repr=False)
    migrations: tuple[Migration, ...]

    @property
    def checksum(self) -> str:
        """One checksum for everything that shapes a migrated database."""
        digest = hashlib.sha256(self.history_sql.encode())
        for migration in self.migrations:
            digest.update(f"\0{migration.version} {migration.name} ".encode())
            digest.update(migration.checksum.encode())
        return digest.hexdigest()


def load_vendored_migrations() -> MigrationSet:
    """
    Load and check the files below ``migrations/``.

    Raises:
        TestSupportError: ``test_support.migrations_invalid`` if a file is missing,
            has another name than the convention's, or differs from its checksum.
    """
    return load_migrations(resources.files(PACKAGE))


def load_migrations(folder: Traversable) -> MigrationSet:
    """Load *folder*; see :func:`load_vendored_migrations`."""
    contents = {
        entry.name: entry.read_bytes()
        for entry in folder.iterdir()
        if entry.name.endswith(".sql") or entry.name == CHECKSUMS_FILE
    }
    recorded = contents.pop(CHECKSUMS_FILE, None)
    if recorded is not None:
        _compare_checksums(contents, recorded.decode())
    history = contents.pop(HISTORY_FILE, None)
    if history is None or not contents:
        raise _invalid("the distribution holds no migrations; install it again")
    migrations = [_read(name, content) for name, content in sorted(contents.items())]
    if len({migration.version for migration in migrations}) < len(migrations):
        raise _invalid("two files have the same version")
    return MigrationSet(
        history_sql=history.decode("utf-8"), migrations=tuple(migrations)
    )


def _read(name: str, content: bytes) -> Migration:
    match = FILE_NAME.fullmatch(name)
    if match is None:
        raise _invalid(f"{name} is not named <12 digits>_<name>.sql")
    return Migration(
        version=int(match[1]),
        name=match[2],
        checksum=hashlib.sha256(content).hexdigest(),
        sql=content.decode("utf-8"),
    )


def _compare_checksums(contents: dict[str, bytes], recorded: str) -> None:
    expected = {}
    for line in recorded.splitlines():
        checksum, _, name = line.partition("  ")
        expected[name] = checksum
    actual = {
        name: hashlib.sha256(content).hexdigest() for name, content in contents.items()
    }
    differing = sorted(
        name
        for name in expected.keys() | actual.keys()
        if expected.get(name) != actual.get(name)
    )
    if differing:
        raise _invalid(
            f"{', '.join(differing)} and {CHECKSUMS_FILE} disagree; "
            "install the distribution again"
        )


def _invalid(what: str) -> TestSupportError:
    return TestSupportError(MIGRATIONS_INVALID, f"vendored migrations: {what}")
