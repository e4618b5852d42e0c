"""Show the fields of attrs classes and dataclasses, each once."""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import TYPE_CHECKING

import attrs
from elsewhere import ADDRESSES
from public_names import by_own_address, by_short_name
from sphinx.domains.python import PyObject, PyTypedField
from sphinx.pycode import ModuleAnalyzer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sphinx.application import Sphinx

# Aliases and type variables that only the source has, and what they stand for.
STAND_FOR = {
    "AsyncPool": "AsyncConnectionPool",
    "BlockingPool": "ConnectionPool",
    "Database": "str | Connection | ConnectionPool",
    "GateReport": "DeadlineReport",
    "JobTypes": "JobRegistry",
    "LeaseReport": "HeartbeatReport",
    "Pool": "ConnectionPool",
    "RowId": "UUID | int",
    "ScheduleLedger": "Ledger",
    "_Handler": "JobFunction | JobHandler",
    "_Hook": "DeadLetterHook",
}
# Types that were resolved on the way, and the public aliases that they had been.
ALIASES = {
    "bool | int | float | str | list[Any] | tuple[Any, ...] | dict[str, Any] | None": (
        "JsonInput"
    ),
    "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None": (
        "JsonValue"
    ),
}
_STAND_FOR = re.compile(rf"\b({'|'.join(STAND_FOR)})\b")
_TYPE_NAME = re.compile(r"\b_?[A-Z]\w*")
_TYPE_VARIABLE = re.compile(r"[A-Z]|[A-Z]\w*T")

# autodoc says which class it is at, and then asks about members without naming it.
_current: list[type] = []


def enter(value: type) -> None:
    """Remember which class's members come next."""
    _current[:] = [value]


def all_fields(value: type) -> Mapping[str, str]:
    """Return every field with the text of its type."""
    if attrs.has(value):
        found = [(each.name, each.type) for each in attrs.fields(value)]
    elif dataclasses.is_dataclass(value):
        found = [(each.name, each.type) for each in dataclasses.fields(value)]
    else:
        return {}
    return {
        name: spelled_out(
            kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))
        )
        for name, kind in found
    }


def fields_of(value: type) -> Mapping[str, str]:
    """Return the fields that are for users."""
    return {
        name: kind
        for name, kind in all_fields(value).items()
        if not (name.startswith("_") or names_private(kind))
    }


def spelled_out(text: str) -> str:
    """Return a signature or a type without the names that only the source has."""
    for spelling, alias in ALIASES.items():
        text = text.replace(spelling, alias)
    return _STAND_FOR.sub(lambda match: STAND_FOR[match[0]], text)


def names_private(text: str) -> bool:
    """Tell whether a type names anything that no page documents."""
    return any(
        name not in by_short_name()
        and name not in ADDRESSES
        and not _TYPE_VARIABLE.fullmatch(name)
        for name in _TYPE_NAME.findall(text)
    )


def is_made_by_users(value: type) -> bool:
    """Tell whether a constructor asks only for what users can have."""
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return False
    return not any(
        names_private(spelled_out(str(each.annotation)))
        for each in parameters
        if each.annotation is not each.empty
    )


def is_handed_out(value: type) -> bool:
    """
    Tell whether users get such values rather than make them.

    A class that is made by users describes the arguments it takes, or what it refuses.
    """
    text = value.__doc__ or ""
    is_described = "Args:" in text or "Raises:" in text
    return bool(fields_of(value)) and not is_described


def field_lines(value: type) -> list[str]:
    """Return the list of fields, for a class that does not describe them itself."""
    if not is_handed_out(value):
        return []
    described = _comments(value)
    lines = [""]
    for name, kind in fields_of(value).items():
        lines += [
            f":field {name}: {described.get(name, '')}",
            f":fieldtype {name}: {kind}",
        ]
    return [*lines, ""]


def _comments(value: type) -> Mapping[str, str]:
    """Return what the source says below or beside a field."""
    found: dict[str, str] = {}
    for each in reversed(value.__mro__):
        if each.__module__.startswith("runledger_"):
            analyzer = ModuleAnalyzer.for_module(each.__module__)
            for (owner, name), lines in analyzer.find_attr_docs().items():
                if owner == each.__qualname__:
                    found[name] = " ".join(lines).strip()
    return found


def without_private(value: Callable[..., object], signature: str) -> str:
    """Return a signature without arguments that only our own code can give."""
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return signature
    for each in parameters:
        kind = str(each.annotation)
        if each.annotation is not each.empty and names_private(spelled_out(kind)):
            pattern = rf", {each.name}: {re.escape(kind)}( = [^,)]*)?"
            signature = re.sub(pattern, "", signature)
    return signature


def skip_member(
    app: Sphinx,
    what: str,
    name: str,
    member: object,
    skip: bool,
    options: object,
) -> bool | None:
    """Leave out fields, which the class has shown, and what is no one's business."""
    if what not in ("class", "exception") or not _current:
        return None
    value = _current[0]
    if name.startswith("_") or name in all_fields(value):
        return True
    described = value.__doc__ or ""
    if "Attributes:" in described and f"    {name}: " in described:
        return True
    return skip or not _is_of(value, name)


def _is_of(value: type, name: str) -> bool:
    """Tell whether a class has a member itself, or from a part that nobody sees."""
    for each in value.__mro__:
        if name in vars(each) or name in vars(each).get("__annotations__", {}):
            address = f"{each.__module__}.{each.__qualname__}"
            is_ours = each.__module__.startswith("runledger_")
            return each is value or (is_ours and address not in by_own_address())
    return True


def add_field_type() -> None:
    """Teach the Python domain a list of fields, beside its parameters."""
    fields = PyTypedField(
        "field",
        label="Fields",
        names=("field",),
        typerolename="class",
        typenames=("fieldtype",),
        can_collapse=True,
    )
    PyObject.doc_field_types.append(fields)
