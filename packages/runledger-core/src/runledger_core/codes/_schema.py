"""List the codes of migrations and of the database's schema."""

from __future__ import annotations

from ._entry import ErrorCategory, Layer, entry_maker

_vendored = entry_maker(Layer.CORE, ErrorCategory.INTERNAL)
_skewed = entry_maker(Layer.RUNTIME, ErrorCategory.INTERNAL)
_incompatible = entry_maker(Layer.POSTGRES, ErrorCategory.INTERNAL)

SCHEMA_CODES = (
    _incompatible(
        "schema.checksum_mismatch",
        "a migration was applied with other content than this version has",
        "install the version that migrated the database or restore the migration",
    ),
    _incompatible(
        "schema.foreign_objects",
        "the schema holds objects that Runledger's migrations would collide with",
        "choose another schema by search_path or remove the objects",
    ),
    _incompatible(
        "schema.history_gap",
        "a migration is missing from the middle of the history",
        "restore the database from a backup that is whole",
    ),
    _incompatible(
        "schema.history_missing",
        "the database has no migration history",
        "run migrate_after_idempotency_cutover",
    ),
    _skewed(
        "schema.layer_skew",
        "the installed distributions carry different migrations",
        "install the same version of all Runledger distributions",
    ),
    _incompatible(
        "schema.legacy_idempotency_snapshots_missing",
        "rows with idempotency keys have no request snapshot",
        "remove these rows or their keys before the cutover",
    ),
    _incompatible(
        "schema.name_mismatch",
        "a migration was applied under another name than this version gives it",
        "install the version that migrated the database",
    ),
    _vendored(
        "schema.vendored_set_invalid",
        "the migrations inside an installed distribution are damaged",
        "install the distribution again",
    ),
    _incompatible(
        "schema.objects_missing",
        "the history says that migrations were applied, but their tables are not there",
        "restore the database from a backup that is whole",
    ),
    _incompatible(
        "schema.search_path_empty",
        "no schema of the search path exists",
        "create the schema or set search_path to one that exists",
    ),
    _incompatible(
        "schema.version_missing",
        "a migration has not been applied to the database",
        "run migrate_after_idempotency_cutover",
    ),
    _incompatible(
        "schema.version_unknown",
        "the database is ahead of this version of Runledger",
        "install a version that knows its migrations",
    ),
)
