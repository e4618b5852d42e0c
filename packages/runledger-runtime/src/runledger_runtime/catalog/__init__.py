"""The catalog: handlers and definitions of job types in one place."""

from __future__ import annotations

from ._catalog import JobCatalog

__all__ = ["JobCatalog"]
