"""Load and verify the migrations that a distribution carries."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import attrs

from .errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable

CHECKSUM_FILE = "SHA256SUMS"
HISTORY_FILE = "history.sql"

_FILE_NAME = re.compile(r"(?P<version>[0-9]{12})_(?P<name>[a-z0-9_]+)\.sql")
_CHECKSUM_LINE = re.compile(r"(?P<checksum>[0-9a-f]{64}) [ *](?P<file>\S+)")


@attrs.frozen
class Migration:
    """
    Be one step of the schema's history. Its file never changes after a release.

    Args:
        version: twelve digits, the order in which migrations are applied.
        name: what the file is called after the version, such as
            ``runledger_baseline``.
        checksum: SHA-256 of the file's bytes in hexadecimal digits.
        sql: the text of the file; it may hold many statements.
    """

    version: int
    name: str
    checksum: str
    sql: str = attrs.field(repr=False)

    @property
    def file_name(self) -> str:
        """The name of its file."""
        return f"{self.version:012d}_{self.name}.sql"


@attrs.frozen
class MigrationSet:
    """
    Be all migrations of one distribution, oldest first.

    Args:
        package: the package that was read.
        migrations: ascending by version, no version twice.
        history_sql: creates the migrator's own history table where there is none.
    """

    package: str
    migrations: tuple[Migration, ...]
    history_sql: str = attrs.field(repr=False)

    @property
    def latest_version(self) -> int:
        """The version of the newest migration."""
        return self.migrations[-1].version


def load_migrations(package: str) -> MigrationSet:
    """
    Return the migrations inside an installed package, verified.

    Every file is held against the checksums that stand beside it, so a set that was
    edited, cut short or mixed with another one is refused.

    Args:
        package: the import name of a distribution's package, such as
            ``runledger_core``, whose ``migrations`` folder is read, or of the package
            that holds the files itself.

    Raises:
        ValidationError: ``schema.vendored_set_invalid``; its detail names the
            package and the file.
    """
    # Costs a tenth of the import budget and is needed once in a process, if at all.
    from importlib.resources import files  # noqa: PLC0415

    try:
        root = files(package)
    except ModuleNotFoundError:
        raise _invalid(package, "the package cannot be imported") from None
    inner = root / "migrations"
    return _read_set(inner if inner.is_dir() else root, package)


def _read_set(root: Traversable, package: str) -> MigrationSet:
    contents = {
        entry.name: entry.read_bytes()
        for entry in root.iterdir()
        if entry.name.endswith(".sql") or entry.name == CHECKSUM_FILE
    }
    checksums = _read_checksums(contents.pop(CHECKSUM_FILE, None), package)
    _compare_names(set(contents), set(checksums), package)
    texts = {
        file: _verified_text(contents[file], file, checksums[file], package)
        for file in sorted(contents)
    }
    history_sql = texts.pop(HISTORY_FILE)
    migrations = tuple(
        _migration(file, sql, checksums[file], package) for file, sql in texts.items()
    )
    _refuse_repeated_versions(migrations, package)
    return MigrationSet(package, migrations, history_sql)


def _read_checksums(content: bytes | None, package: str) -> Mapping[str, str]:
    """Return the checksum of each file that the list of checksums names."""
    if content is None:
        raise _invalid(package, f"{CHECKSUM_FILE} is missing")
    checksums: dict[str, str] = {}
    lines = content.decode(errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        match = _CHECKSUM_LINE.fullmatch(line)
        if match is None:
            raise _invalid(package, f"{CHECKSUM_FILE} cannot be read in line {number}")
        if match["file"] in checksums:
            raise _invalid(package, f"{CHECKSUM_FILE} lists {match['file']} twice")
        checksums[match["file"]] = match["checksum"]
    return checksums


def _compare_names(present: set[str], listed: set[str], package: str) -> None:
    for file in sorted(listed - present):
        raise _invalid(package, f"{file} is missing")
    for file in sorted(present - listed):
        raise _invalid(package, f"{file} is not listed in {CHECKSUM_FILE}")
    if HISTORY_FILE not in present:
        raise _invalid(package, f"{HISTORY_FILE} is missing")
    if present == {HISTORY_FILE}:
        raise _invalid(package, "there are no migrations")


def _verified_text(content: bytes, file: str, checksum: str, package: str) -> str:
    # Costs as much as importlib.resources and is needed as seldom.
    from hashlib import sha256  # noqa: PLC0415

    if sha256(content).hexdigest() != checksum:
        raise _invalid(package, f"{file} differs from its checksum")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise _invalid(package, f"{file} is not UTF-8") from None


def _migration(file: str, sql: str, checksum: str, package: str) -> Migration:
    match = _FILE_NAME.fullmatch(file)
    if match is None:
        raise _invalid(package, f"{file} is not named <12 digits>_<name>.sql")
    return Migration(int(match["version"]), match["name"], checksum, sql)


def _refuse_repeated_versions(migrations: tuple[Migration, ...], package: str) -> None:
    for earlier, later in pairwise(migrations):
        if earlier.version == later.version:
            files = f"{earlier.file_name} and {later.file_name}"
            raise _invalid(package, f"{files} have the same version")


def _invalid(package: str, reason: str) -> ValidationError:
    return ValidationError("schema.vendored_set_invalid", f"{package}: {reason}")
