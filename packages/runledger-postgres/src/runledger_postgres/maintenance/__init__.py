"""Look after a ledger: find what is broken in it, purge what has ended."""

from ._audit import BrokenInvariant, audit_ledger
from ._invariants import INVARIANTS, Invariant
from ._purge import PurgeReport, purge_ended

__all__ = [
    "INVARIANTS",
    "BrokenInvariant",
    "Invariant",
    "PurgeReport",
    "audit_ledger",
    "purge_ended",
]
