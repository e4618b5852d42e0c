"""The migrations this distribution was built against, and how to read any such set."""

from __future__ import annotations

from runledger_core._migration_difference import (
    MigrationDifference,
    MigrationDifferenceKind,
    compare_migrations,
)
from runledger_core._migration_set import Migration, MigrationSet, load_migrations

__all__ = [
    "Migration",
    "MigrationDifference",
    "MigrationDifferenceKind",
    "MigrationSet",
    "compare_migrations",
    "load_migrations",
]
