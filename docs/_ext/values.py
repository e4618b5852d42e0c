"""Show the fields of attrs classes and dataclasses, each once."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import attrs
from sphinx.domains.python import PyObject, PyTypedField
from sphinx.pycode import ModuleAnalyzer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sphinx.application import Sphinx

# autodoc says which class it is at, and then asks about members without naming it.
_current: list[type] = []


def enter(value: type) -> None:
    """Remember which class's members come next."""
    _current[:] = [value]


def fields_of(value: type) -> Mapping[str, Any]:
    """Return the public fields with the text of their types."""
    if attrs.has(value):
        found = [(each.name, each.type) for each in attrs.fields(value)]
    elif dataclasses.is_dataclass(value):
        found = [(each.name, each.type) for each in dataclasses.fields(value)]
    else:
        return {}
    return {
        name: kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))
        for name, kind in found
        if not name.startswith("_")
    }


def is_handed_out(value: type) -> bool:
    """
    Tell whether users get such values rather than make them.

    A class that is made by users describes the arguments it takes.
    """
    return bool(fields_of(value)) and "Args:" not in (value.__doc__ or "")


def field_lines(value: type) -> list[str]:
    """Return the list of fields, for a class that does not describe them itself."""
    if not is_handed_out(value):
        return []
    described = _comments(value)
    lines = [""]
    for name, kind in fields_of(value).items():
        lines += [f":field {name}: {described.get(name, '')}", f":fieldtype {name}: {kind}"]
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


def skip_member(
    app: Sphinx,  # noqa: ARG001 - the signature is Sphinx's
    what: str,
    name: str,
    member: object,  # noqa: ARG001
    skip: bool,
    options: object,  # noqa: ARG001
) -> bool | None:
    """Leave out fields, which the class has shown, and what is no one's business."""
    if what not in ("class", "exception") or not _current:
        return None
    if name.startswith("_") or name in fields_of(_current[0]):
        return True
    return skip


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
