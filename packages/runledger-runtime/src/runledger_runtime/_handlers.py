"""Look at a handler once, when it is registered, so that no job has to."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import (
    Any,
    Final,
    Protocol,
    TypeAlias,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import attrs

from runledger_core import (
    JobCompletion,
    JobDeadLetterInfo,
    JobFailure,
    JsonInput,
    JsonValue,
    RetryDelay,
    check_identifier,
)

from ._context import JobContext
from ._payloads import read_payload_with
from .errors import CatalogError

JobResult: TypeAlias = JobCompletion | JobFailure | JsonInput
"""What a handler returns; None is success without output."""

JobFunction: TypeAlias = Callable[[JobContext, Any], Awaitable[JobResult] | JobResult]
"""A handler: ``async def`` runs in trio, plain ``def`` in a thread."""


DeadLetterHook: TypeAlias = Callable[
    [JobContext, Any, JobDeadLetterInfo], Awaitable[None] | None
]
"""Learns that a job is a dead letter: its context, its payload, and what ended it."""


class JobHandler(Protocol):
    """
    A handler in the form of a class; ``execute`` is async or plain.

    It may also have a method ``on_dead_letter``, which is a `DeadLetterHook`.
    """

    def execute(
        self, context: JobContext, payload: Any
    ) -> Awaitable[JobResult] | JobResult:
        """Do the work of one attempt."""
        ...


_RAW_TYPES: Final = (
    object,
    bool,
    int,
    float,
    str,
    dict,
    list,
    Mapping,
    Sequence,
    type(None),
)

# Linters move what only annotations need under TYPE_CHECKING, where it cannot be
# looked up. For these names nothing has to be.
_KNOWN_NAMES: Final = {
    "Any": Any,
    "JsonInput": JsonInput,
    "JsonValue": JsonValue,
    "Mapping": Mapping,
    "Sequence": Sequence,
}


@attrs.frozen(kw_only=True)
class HandlerEntry:
    """
    Be all that running a job of one type needs.

    Args:
        job_type: which jobs.
        call: takes the context and the payload.
        is_async: whether *call* returns an awaitable.
        payload_type: the attrs class of the payload; None if it is raw JSON.
        read_payload: makes the payload out of JSON; None if it is raw.
        retry: how long failed jobs wait.
        panic_on: exceptions that are never retried.
        on_dead_letter: what learns of dead letters; None if nothing does.
        is_hook_async: whether that returns an awaitable.
        max_concurrency: the most jobs of the type that this process runs at once; None
            leaves it to the process's own limit.
    """

    job_type: str
    call: Callable[[JobContext, Any], Any]
    is_async: bool
    payload_type: type | None
    read_payload: Callable[[Any], Any] | None
    retry: RetryDelay
    panic_on: tuple[type[BaseException], ...]
    on_dead_letter: Callable[[JobContext, Any, JobDeadLetterInfo], Any] | None = None
    is_hook_async: bool = False
    max_concurrency: int | None = None

    def with_hook(self, hook: DeadLetterHook) -> HandlerEntry:
        """
        Return the entry with a dead-letter hook.

        Raises:
            CatalogError: ``catalog.invalid_handler``.
        """
        _check_hook(self.job_type, hook)
        return attrs.evolve(self, on_dead_letter=hook, is_hook_async=_is_async(hook))


def make_entry(
    job_type: str,
    handler: JobFunction | JobHandler | type[JobHandler],
    *,
    retry: RetryDelay,
    panic_on: Collection[type[BaseException]],
    payload_type: type | None,
    max_concurrency: int | None = None,
) -> HandlerEntry:
    """
    Return the entry of a handler.

    Raises:
        ValidationError: ``identifier.*`` for the job type.
        CatalogError: ``catalog.invalid_handler``, ``catalog.invalid_payload_type``,
            ``catalog.invalid_concurrency``.
    """
    checked_type = check_identifier(job_type, "job_type")
    instance = _instance_of(checked_type, handler)
    call = _callable_of(checked_type, instance)
    parameter = _payload_parameter(checked_type, call)
    found_type = payload_type or _payload_type(checked_type, call, parameter)
    entry = HandlerEntry(
        job_type=checked_type,
        call=call,
        is_async=_is_async(call),
        payload_type=found_type,
        read_payload=_reader(checked_type, found_type),
        retry=retry,
        panic_on=_checked_classes(checked_type, panic_on),
        max_concurrency=_checked_concurrency(checked_type, max_concurrency),
    )
    hook = getattr(instance, "on_dead_letter", None)
    return entry if hook is None else entry.with_hook(hook)


def _instance_of(job_type: str, handler: Any) -> Any:
    """Return the handler, and of a class an instance."""
    if not isinstance(handler, type):
        return handler
    if not hasattr(handler, "execute"):
        raise _invalid_handler(job_type, f"{handler.__name__} has no execute()")
    try:
        return handler()
    except TypeError as error:
        detail = "its class cannot be made without arguments; pass an instance"
        raise _invalid_handler(job_type, detail) from error


def check_payload_type(job_type: str, payload_type: type | None) -> None:
    """
    Refuse a payload type that JSON cannot fill.

    Raises:
        CatalogError: ``catalog.invalid_payload_type``.
    """
    _reader(job_type, payload_type)


def _callable_of(job_type: str, handler: Any) -> Callable[[JobContext, Any], Any]:
    """Return what is called: the handler itself, or its ``execute``."""
    call = getattr(handler, "execute", handler)
    if not callable(call):
        raise _invalid_handler(job_type, f"it is of type {type(handler).__name__}")
    return call  # type: ignore[no-any-return]  # the signature is looked at next


def _is_async(call: Any) -> bool:
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(
        getattr(call, "__call__", None)  # noqa: B004 - asks how, not whether
    )


def _check_hook(job_type: str, hook: Any) -> None:
    try:
        inspect.signature(hook).bind(None, None, None)
    except (TypeError, ValueError) as error:
        detail = "its on_dead_letter does not take context, payload and info"
        raise _invalid_handler(job_type, detail) from error


def _payload_parameter(
    job_type: str, call: Callable[..., Any]
) -> inspect.Parameter | None:
    """Return the parameter that takes the payload; None behind a ``*args``."""
    if inspect.isgeneratorfunction(call) or inspect.isasyncgenfunction(call):
        raise _invalid_handler(job_type, "it is a generator")
    try:
        signature = inspect.signature(call)
        signature.bind(None, None)
    except (TypeError, ValueError) as error:
        detail = "it does not take the context and the payload, both by position"
        raise _invalid_handler(job_type, detail) from error
    positional = [
        parameter
        for parameter in signature.parameters.values()
        if parameter.kind
        in {parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD}
    ]
    return positional[1] if len(positional) > 1 else None


def _payload_type(
    job_type: str, call: Callable[..., Any], parameter: inspect.Parameter | None
) -> type | None:
    """Return the attrs class that the payload is annotated with, None for raw JSON."""
    if parameter is None or parameter.annotation is parameter.empty:
        return None
    annotation = _resolved(job_type, call, parameter)
    if attrs.has(get_origin(annotation) or annotation):
        return annotation  # type: ignore[no-any-return]  # attrs.has() saw a class
    if not _is_raw(annotation):
        detail = f"{job_type}: {annotation} is neither an attrs class nor plain JSON"
        raise CatalogError("catalog.invalid_payload_type", detail)
    return None


def _resolved(job_type: str, call: Any, parameter: inspect.Parameter) -> Any:
    """Evaluate this one annotation; the others may name what is not imported."""
    names = {**_KNOWN_NAMES, **_globals_of(call)}
    holder = types.SimpleNamespace(__annotations__={"payload": parameter.annotation})
    try:
        return get_type_hints(holder, names, names)["payload"]
    except Exception as error:
        detail = (
            f"{job_type}: {parameter.annotation} is not known where the handler is "
            "defined; import it for real or pass payload_type"
        )
        raise CatalogError("catalog.invalid_payload_type", detail) from error


def _globals_of(call: Any) -> Mapping[str, Any]:
    """Return the names of the module where a handler was written."""
    while isinstance(call, functools.partial):
        call = call.func
    if not inspect.isroutine(call):
        call = type(call).__call__
    function = inspect.unwrap(getattr(call, "__func__", call))
    return getattr(function, "__globals__", {})


def _is_raw(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin in {Union, types.UnionType}:
        return all(_is_raw(member) for member in get_args(annotation))
    if annotation is Any:
        return True
    kind = origin or annotation
    return kind in _RAW_TYPES


def _reader(job_type: str, payload_type: type | None) -> Callable[[Any], Any] | None:
    if payload_type is None:
        return None
    if not attrs.has(get_origin(payload_type) or payload_type):
        detail = f"{job_type}: {payload_type} is no attrs class"
        raise CatalogError("catalog.invalid_payload_type", detail)
    try:
        return read_payload_with(payload_type)
    except Exception as error:
        detail = (
            f"{job_type}: {payload_type.__name__} has a field that JSON cannot hold"
        )
        raise CatalogError(
            "catalog.invalid_payload_type", detail, internal=str(error)
        ) from error


def _checked_classes(
    job_type: str, classes: Collection[type[BaseException]]
) -> tuple[type[BaseException], ...]:
    checked: tuple[Any, ...] = tuple(classes)
    if not all(
        isinstance(one, type) and issubclass(one, BaseException) for one in checked
    ):
        raise _invalid_handler(job_type, "panic_on may only name exception classes")
    return checked


def _checked_concurrency(job_type: str, value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        detail = f"{job_type}: max_concurrency must be a whole number from 1 on"
        raise CatalogError("catalog.invalid_concurrency", detail)
    return value


def _invalid_handler(job_type: str, detail: str) -> CatalogError:
    return CatalogError("catalog.invalid_handler", f"{job_type}: {detail}")
