"""Describe a job type: what holds for its jobs unless a request says otherwise."""

from __future__ import annotations

import attrs

from ._identifiers import check_identifier
from ._numbers import MIN_INT32, check_whole_number


def _job_type(value: str) -> str:
    return check_identifier(value, "job_type")


def _version(value: int) -> int:
    return check_whole_number(value, "job_definition.invalid_version", minimum=1)


def _max_attempts(value: int) -> int:
    return check_whole_number(value, "job_definition.invalid_max_attempts", minimum=1)


def _timeout_seconds(value: int) -> int:
    return check_whole_number(value, "job_definition.invalid_timeout", minimum=1)


def _priority(value: int) -> int:
    return check_whole_number(
        value, "job_definition.invalid_priority", minimum=MIN_INT32
    )


@attrs.frozen
class JobDefinition:
    """
    Define a job type. These defaults are the only ones there are.

    Args:
        job_type: the identifier of the type.
        version: which version of the type this is; it is stored, not interpreted.
        max_attempts: attempts of one run before a job is dead-lettered.
        timeout_seconds: how long one attempt may take.
        priority: which jobs are claimed first, higher before lower.
        is_enabled: whether jobs of this type can be enqueued. Jobs that are already
            in the queue run in any case.

    Raises:
        ValidationError: ``identifier.*``, ``job_definition.invalid_version``,
            ``job_definition.invalid_max_attempts``,
            ``job_definition.invalid_timeout``,
            ``job_definition.invalid_priority``.
        TypeError: *is_enabled* is not a bool.
    """

    job_type: str = attrs.field(converter=_job_type)
    version: int = attrs.field(default=1, converter=_version, kw_only=True)
    max_attempts: int = attrs.field(default=8, converter=_max_attempts, kw_only=True)
    timeout_seconds: int = attrs.field(
        default=900, converter=_timeout_seconds, kw_only=True
    )
    priority: int = attrs.field(default=100, converter=_priority, kw_only=True)
    is_enabled: bool = attrs.field(
        default=True, validator=attrs.validators.instance_of(bool), kw_only=True
    )
