"""Compare a database's migration history with the set this code was built for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from runledger_core.migrations import Migration, MigrationSet, load_migrations

from .._statements import statement
from .._steps import one, rows
from ..errors import MigrationError, SchemaCompatibilityError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .._steps import Row, Steps

INSPECT_SCHEMA = statement("schema/inspect_schema")
LIST_APPLIED_MIGRATIONS = statement("schema/list_applied_migrations")
LIST_FENCED_VERSIONS = statement("schema/list_fenced_versions")
COUNT_MISSING_SNAPSHOTS = statement("schema/count_missing_snapshots")
LIST_UNVALIDATED_CHECKS = statement("schema/list_unvalidated_checks")

OLDEST_SERVER: Final = 150000
"""PostgreSQL 15, as ``server_version_num`` writes it."""

KEY_TABLES: Final = ("job_attempts", "job_definitions", "job_events", "job_queue")
"""Tables by which a ledger is known, with or without its history."""


def bundled_migrations() -> MigrationSet:
    """Return the migrations this distribution was built against."""
    return load_migrations("runledger_postgres")


@attrs.frozen
class SchemaState:
    """What one schema holds."""

    has_history: bool
    has_fence: bool
    present_tables: Sequence[str]
    applied: Mapping[int, Row]


def inspect_schema(*, oldest_server: int = OLDEST_SERVER) -> Steps[SchemaState]:
    """Read the state of the current schema; refuse servers that cannot hold it."""
    row = yield from one(INSPECT_SCHEMA, table_names=list(KEY_TABLES))
    if row["server_version_number"] < oldest_server:
        raise MigrationError(
            "db.server_too_old", f"this server is PostgreSQL {row['server_version']}"
        )
    if row["server_encoding"] != "UTF8":
        raise MigrationError(
            "db.encoding_unsupported",
            f"this database's encoding is {row['server_encoding']}",
        )
    if row["schema_name"] is None:
        raise MigrationError("schema.search_path_empty")
    applied = []
    if row["has_history"]:
        applied = list((yield from rows(LIST_APPLIED_MIGRATIONS)))
    return SchemaState(
        has_history=row["has_history"],
        has_fence=row["has_fence"],
        present_tables=row["present_tables"],
        applied={found["version"]: found for found in applied},
    )


def check_history(
    state: SchemaState, bundled: MigrationSet, *, error: type[SchemaCompatibilityError]
) -> Steps[list[Migration]]:
    """
    Refuse a history that is not a beginning of *bundled*, else return what is missing.

    Versions that only the database knows are newer than this code; they are fine
    unless the fence names them.
    """
    if not state.applied and state.present_tables:
        raise error("schema.foreign_objects", ", ".join(state.present_tables))
    if state.applied and len(state.present_tables) < len(KEY_TABLES):
        absent = sorted(set(KEY_TABLES) - set(state.present_tables))
        raise error("schema.objects_missing", ", ".join(absent))
    missing = [m for m in bundled.migrations if m.version not in state.applied]
    newest_known = max(
        (m.version for m in bundled.migrations if m.version in state.applied),
        default=0,
    )
    for migration in bundled.migrations:
        recorded = state.applied.get(migration.version)
        if recorded is None:
            if migration.version < newest_known:
                raise error("schema.history_gap", _described(migration))
        elif recorded["name"] != migration.name:
            raise error(
                "schema.name_mismatch",
                f"{_described(migration)}, there: {recorded['name']}",
            )
        elif recorded["checksum"] != migration.checksum:
            raise error("schema.checksum_mismatch", _described(migration))
    yield from _check_fence(state, bundled, error=error)
    return missing


def check_missing_snapshots() -> Steps[bool]:
    """
    Refuse keyed rows without their request; tell whether the checks need validating.

    Once both checks are validated the database guarantees it, and nothing is read.
    """
    unvalidated = yield from rows(LIST_UNVALIDATED_CHECKS)
    if not unvalidated:
        return False
    counts = yield from one(COUNT_MISSING_SNAPSHOTS)
    if counts["job_count"] or counts["workflow_count"]:
        raise SchemaCompatibilityError(
            "schema.legacy_idempotency_snapshots_missing",
            f"{counts['job_count']} jobs, {counts['workflow_count']} workflow runs",
        )
    return True


def _check_fence(
    state: SchemaState, bundled: MigrationSet, *, error: type[SchemaCompatibilityError]
) -> Steps[None]:
    if not state.has_fence:
        return
    known = {migration.version for migration in bundled.migrations}
    for row in (yield from rows(LIST_FENCED_VERSIONS)):
        if row["version"] not in known:
            raise error("schema.version_unknown", f"version {row['version']}")


def _described(migration: Migration) -> str:
    return f"version {migration.version} ({migration.name})"
