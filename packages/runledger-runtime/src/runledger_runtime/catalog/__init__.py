"""The catalog: handlers, definitions and schedules of job types in one place."""

from __future__ import annotations

from ._catalog import JobCatalog
from ._defaults import JobCatalogDefaults
from ._workflows import CatalogWorkflowDagBuilder

__all__ = ["CatalogWorkflowDagBuilder", "JobCatalog", "JobCatalogDefaults"]
