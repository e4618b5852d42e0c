"""Refuse to work with a database whose schema is not the one we know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._operation import operation
from ..errors import SchemaCompatibilityError
from ._inspect import (
    bundled_migrations,
    check_history,
    check_missing_snapshots,
    inspect_schema,
)

if TYPE_CHECKING:
    from .._steps import Steps


@operation
def ensure_schema_compatible_after_idempotency_cutover() -> Steps[None]:
    """
    Check, without writing anything, that this code can work with the database.

    For start-up. A newer schema passes unless its fence names a version that this
    code does not know.

    Raises:
        SchemaCompatibilityError: ``schema.history_missing``,
            ``schema.foreign_objects``, ``schema.objects_missing``,
            ``schema.version_missing``, ``schema.version_unknown``,
            ``schema.history_gap``, ``schema.name_mismatch``,
            ``schema.checksum_mismatch``,
            ``schema.legacy_idempotency_snapshots_missing``, ``db.server_too_old``,
            ``db.encoding_unsupported``; they name what they found.
    """
    bundled = bundled_migrations()
    state = yield from inspect_schema()
    missing = yield from check_history(state, bundled, error=SchemaCompatibilityError)
    if not state.has_history:
        raise SchemaCompatibilityError(
            "schema.history_missing", f"first of {len(missing)}: {missing[0].version}"
        )
    if missing:
        raise SchemaCompatibilityError(
            "schema.version_missing",
            ", ".join(str(migration.version) for migration in missing),
        )
    yield from check_missing_snapshots()
