"""Bring a database to the schema of this distribution."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import attrs

from .._operation import operation
from .._statements import Statement, statement
from .._steps import Call, batch, one, script
from ..errors import MigrationError
from ._inspect import (
    bundled_migrations,
    check_history,
    check_missing_snapshots,
    inspect_schema,
)

if TYPE_CHECKING:
    from .._steps import Steps

LOCK_MIGRATIONS = statement("schema/lock_migrations")
RECORD_MIGRATION = statement("schema/record_migration")
VALIDATE_JOB_SNAPSHOTS = statement("schema/validate_job_snapshots")
VALIDATE_WORKFLOW_RUN_SNAPSHOTS = statement("schema/validate_workflow_run_snapshots")


@attrs.frozen
class MigrationReport:
    """What a migration run did."""

    applied_versions: tuple[int, ...]
    already_applied_count: int


@operation(owns_transaction=True)
def migrate_after_idempotency_cutover() -> Steps[MigrationReport]:
    """
    Apply the migrations this database lacks, all in one transaction.

    Unqualified: they go to the first schema of the search path. Migrators of one
    schema wait for each other; a run that fails or is killed leaves nothing behind;
    a repeat finds nothing to do. Afterwards the database refuses keyed jobs and runs
    that lack their request: stop every writer older than that rule first.

    Raises:
        MigrationError: ``db.server_too_old`` (15 is the oldest),
            ``db.encoding_unsupported``, ``schema.search_path_empty``,
            ``schema.foreign_objects``, ``schema.objects_missing``,
            ``schema.history_gap``, ``schema.name_mismatch``,
            ``schema.checksum_mismatch``, ``schema.version_unknown``; they name what
            they found.
        SchemaCompatibilityError: ``schema.legacy_idempotency_snapshots_missing``.
        QueryError: ``db.permission_denied``, ``db.transaction_not_owned``.
    """
    yield from one(LOCK_MIGRATIONS)
    bundled = bundled_migrations()
    state = yield from inspect_schema()
    missing = yield from check_history(state, bundled, error=MigrationError)
    if not state.has_history:
        yield from script(Statement("migrations/history", bundled.history_sql))
    for migration in missing:
        yield from script(Statement(f"migrations/{migration.version}", migration.sql))
        yield Call(
            RECORD_MIGRATION,
            {
                "version": migration.version,
                "name": migration.name,
                "checksum": migration.checksum,
                "applied_by": f"runledger-postgres {version('runledger-postgres')}",
            },
        )
    if (yield from check_missing_snapshots()):
        yield from batch(
            Call(VALIDATE_JOB_SNAPSHOTS), Call(VALIDATE_WORKFLOW_RUN_SNAPSHOTS)
        )
    return MigrationReport(
        applied_versions=tuple(migration.version for migration in missing),
        already_applied_count=len(bundled.migrations) - len(missing),
    )
