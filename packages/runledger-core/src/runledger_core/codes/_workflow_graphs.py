"""List the codes of workflow graphs that cannot be accepted."""

from __future__ import annotations

from ._entry import ErrorCategory, Layer, entry_maker

_invalid = entry_maker(Layer.CORE, ErrorCategory.VALIDATION)

WORKFLOW_GRAPH_CODES = (
    _invalid("workflow.invalid_dag", "the workflow graph is not valid"),
    _invalid(
        "workflow.invalid_dag_cycle",
        "steps of the workflow depend on each other in a circle",
        "remove one of the dependencies on the circle",
    ),
    _invalid(
        "workflow.invalid_dag_dependency_count_overflow",
        "a step of the workflow has more dependencies than can be counted",
    ),
    _invalid(
        "workflow.invalid_dag_dependency_step_key_blank",
        "a dependency names a blank step key",
    ),
    _invalid(
        "workflow.invalid_dag_duplicate_dependency",
        "a step of the workflow names the same prerequisite twice",
    ),
    _invalid(
        "workflow.invalid_dag_duplicate_input",
        "a step of the workflow names the same input twice",
    ),
    _invalid(
        "workflow.invalid_dag_duplicate_step_key",
        "two steps of the workflow have the same key",
    ),
    _invalid(
        "workflow.invalid_dag_empty",
        "the workflow has no steps",
        "add at least one step",
    ),
    _invalid(
        "workflow.invalid_dag_external_step_deadline_invalid",
        "the deadline of an external gate is not valid",
        "give it 1 to 2147483647 seconds and SUCCEEDED, FAILED or CANCELED",
    ),
    _invalid(
        "workflow.invalid_dag_external_step_inputs_not_allowed",
        "an external gate names inputs, which nobody would read",
        "name them in the steps after it",
    ),
    _invalid(
        "workflow.invalid_dag_external_step_job_type_not_allowed",
        "an external gate has a job type",
        "leave the job type out or make it a job step",
    ),
    _invalid(
        "workflow.invalid_dag_external_step_queue_settings_not_allowed",
        "an external gate has queue settings",
        "leave priority, attempts, timeout and stage out",
    ),
    _invalid(
        "workflow.invalid_dag_idempotency_key_blank",
        "the idempotency key of the workflow is blank",
    ),
    _invalid(
        "workflow.invalid_dag_input_not_prerequisite",
        "a step of the workflow wants the output of a step that it does not need",
        "make that step its prerequisite or leave the input out",
    ),
    _invalid(
        "workflow.invalid_dag_job_step_deadline_not_allowed",
        "a job step has the deadline of an external gate",
        "use timeout_seconds or make it a gate",
    ),
    _invalid(
        "workflow.invalid_dag_job_type_blank",
        "a job step of the workflow has no job type",
    ),
    _invalid(
        "workflow.invalid_dag_missing_dependency",
        "a step of the workflow needs a step that is not there",
    ),
    _invalid(
        "workflow.invalid_dag_result_step_key_blank",
        "the key of the result step is blank",
    ),
    _invalid(
        "workflow.invalid_dag_self_dependency",
        "a step of the workflow depends on itself",
    ),
    _invalid(
        "workflow.invalid_dag_step_key_blank",
        "a step of the workflow has a blank key",
    ),
    _invalid(
        "workflow.invalid_dag_step_max_attempts_non_positive",
        "max_attempts of a step is not positive",
    ),
    _invalid(
        "workflow.invalid_dag_step_timeout_seconds_non_positive",
        "timeout_seconds of a step is not positive",
    ),
    _invalid(
        "workflow.invalid_dag_unknown_result_step",
        "the workflow has no step with the key of its result step",
    ),
    _invalid(
        "workflow.invalid_dag_unknown_step_key",
        "dependencies are added to a step that is not there",
        "add the step first",
    ),
    _invalid(
        "workflow.invalid_dag_workflow_type_blank",
        "the workflow type is blank",
    ),
    _invalid(
        "workflow.invalid_picture_format",
        "there is no picture of this format",
        "ask for svg, mermaid or dot",
    ),
    _invalid(
        "workflow.metadata_not_json",
        "the metadata of the workflow is not storable JSON",
    ),
)
