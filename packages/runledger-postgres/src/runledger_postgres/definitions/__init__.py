"""Job types and the defaults of their jobs."""

from ._definitions import get_job_definition_by_type, upsert_job_definition

__all__ = ["get_job_definition_by_type", "upsert_job_definition"]
