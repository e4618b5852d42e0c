"""Job types: the defaults of their jobs, and the application's settings for them."""

from ._definitions import (
    get_job_definition_by_type,
    insert_job_definition_if_missing,
    list_job_definitions,
    pause_job_type,
    resume_job_type,
    update_job_definition,
    upsert_job_definition,
)
from ._runtime_configs import (
    get_job_runtime_config_by_type,
    get_required_job_runtime_config_by_type,
    insert_job_runtime_config_if_missing,
    list_job_runtime_configs,
    upsert_job_runtime_config,
)
from ._sync import (
    DefinitionSyncReport,
    sync_job_definitions,
    sync_job_definitions_exact,
)

__all__ = [
    "DefinitionSyncReport",
    "get_job_definition_by_type",
    "get_job_runtime_config_by_type",
    "get_required_job_runtime_config_by_type",
    "insert_job_definition_if_missing",
    "insert_job_runtime_config_if_missing",
    "list_job_definitions",
    "list_job_runtime_configs",
    "pause_job_type",
    "resume_job_type",
    "sync_job_definitions",
    "sync_job_definitions_exact",
    "update_job_definition",
    "upsert_job_definition",
    "upsert_job_runtime_config",
]
