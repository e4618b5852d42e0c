"""Keep the ledger small and sound."""

from ._purge import PurgeReport, purge_ended

__all__ = [
    "PurgeReport",
    "purge_ended",
]
