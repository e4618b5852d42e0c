"""Look after a ledger: find what is broken in it."""

from ._audit import BrokenInvariant, audit_ledger
from ._invariants import INVARIANTS, Invariant

__all__ = ["INVARIANTS", "BrokenInvariant", "Invariant", "audit_ledger"]
