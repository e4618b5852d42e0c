"""Migrate a database, or check that it fits."""

from ._ensure import ensure_schema_compatible_after_idempotency_cutover
from ._inspect import bundled_migrations
from ._migrate import MigrationReport, migrate_after_idempotency_cutover

__all__ = [
    "MigrationReport",
    "bundled_migrations",
    "ensure_schema_compatible_after_idempotency_cutover",
    "migrate_after_idempotency_cutover",
]
