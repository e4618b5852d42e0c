"""Build workflows whose steps are jobs of a catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runledger_core.workflows import (
    WorkflowDagBuilder,
    WorkflowDagError,
    WorkflowFault,
)

from .._payloads import payload_json
from ._job_types import JobTypes, shown

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self
    from uuid import UUID

    from runledger_core import JsonInput
    from runledger_core.workflows import WorkflowRunEnqueue, WorkflowStep


class CatalogWorkflowDagBuilder(WorkflowDagBuilder):
    """
    Build a workflow run in one chain of calls, and hold its steps against a catalog.

    It is a `WorkflowDagBuilder` that takes attrs instances as payloads, and whose
    `build` also refuses job types that the catalog does not have, or has disabled.
    """

    def __init__(
        self, catalog: JobTypes, workflow_type: str, metadata: JsonInput
    ) -> None:
        super().__init__(workflow_type, metadata)
        self._catalog = catalog
        self._job_types_by_key: dict[str, str] = {}

    def job(
        self,
        step_key: str,
        job_type: str,
        payload: Any = None,
        *,
        organization_id: UUID | None = None,
        priority: int | None = None,
        max_attempts: int | None = None,
        timeout_seconds: int | None = None,
        stage: str | None = None,
        inputs: str | Iterable[str] = (),
    ) -> Self:
        """
        Add a step that a worker carries out; see `WorkflowStep` for the settings.

        Args:
            step_key: unique within the run.
            job_type: a type of the catalog.
            payload: an instance of the type's attrs class, or a JSON value; None is an
                empty object.
            organization_id: this and what follows are `WorkflowStep`'s.
            priority: see there.
            max_attempts: see there.
            timeout_seconds: see there.
            stage: see there.
            inputs: see there.

        Raises:
            WorkflowDagError: as in `WorkflowDagBuilder.job`.
            ValidationError: as in `WorkflowStep`.
        """
        return super().job(
            step_key,
            job_type,
            {} if payload is None else payload_json(payload),
            organization_id=organization_id,
            priority=priority,
            max_attempts=max_attempts,
            timeout_seconds=timeout_seconds,
            stage=stage,
            inputs=inputs,
        )

    def step(self, step: WorkflowStep) -> Self:
        """
        Add a step that is described already, with the dependencies that it has.

        Raises:
            WorkflowDagError: as in `WorkflowDagBuilder.job`.
        """
        super().step(step)
        if step.job_type is not None:
            self._job_types_by_key[step.step_key] = step.job_type
        return self

    def build(self) -> WorkflowRunEnqueue:
        """
        Return the request; the builder can go on.

        Raises:
            WorkflowDagError: with every fault, ``catalog.unknown_job_type`` and
                ``catalog.disabled_job_type`` among them.
            ValidationError: as in `WorkflowRunEnqueue`.
        """
        faults = list(self._catalog_faults())
        try:
            request = super().build()
        except WorkflowDagError as error:
            raise WorkflowDagError((*error.faults, *faults)) from None
        if faults:
            raise WorkflowDagError(faults)
        return request

    def _catalog_faults(self) -> Iterable[WorkflowFault]:
        enabled = {
            each.job_type: each.is_enabled for each in self._catalog.definitions()
        }
        for step_key, job_type in self._job_types_by_key.items():
            if not enabled.get(job_type):
                code = "disabled" if job_type in enabled else "unknown"
                detail = f"step {shown(step_key)}: {shown(job_type)}"
                yield WorkflowFault(f"catalog.{code}_job_type", step_key, detail)
