"""
Document public names, each in the form that fits what it is.

    .. api:: runledger_postgres

       enqueue_job
       JobEnqueueOutcome

stands for one entry a name: operations in both of their forms, values with their
fields, everything else as autodoc shows it. Constants and type aliases carry no
docstring that can be read at run time, so their pages spell them as ``py:data``.
"""

from __future__ import annotations

import importlib
from enum import Enum
from typing import TYPE_CHECKING, Any

import operations
import values
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective
from sphinx.util.parsing import nested_parse_to_nodes

from runledger_postgres import Operation

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx


class ApiDirective(SphinxDirective):
    """Expand a list of names."""

    has_content = True
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        module_name = self.arguments[0]
        module = importlib.import_module(module_name)
        lines = StringList()
        for line, (source, offset) in zip(
            self.content, self.content.items, strict=True
        ):
            if name := line.strip():
                directive = directive_for(getattr(module, name))
                entry = f".. {directive}:: {module_name}.{name}"
                lines.append(entry, source, offset)
                if directive == "autoexception":
                    lines.append("   :show-inheritance:", source, offset)
                lines.append("", source, offset)
        return nested_parse_to_nodes(self.state, lines)


def directive_for(value: object) -> str:
    """Return what documents a value of this kind."""
    if isinstance(value, Operation):
        return "operation"
    if isinstance(value, type):
        return "autoexception" if issubclass(value, BaseException) else "autoclass"
    if callable(value) and hasattr(value, "__code__"):
        return "autofunction"
    raise TypeError(f"spell {value!r:.60} on the page, as py:data or py:type")


def show_signature(
    app: Sphinx,
    what: str,
    name: str,
    value: object,
    options: object,
    signature: str | None,
    returns: str | None,
) -> tuple[str, str] | None:
    """Leave out constructors that no user calls, and names that only attrs knows."""
    if what in ("class", "exception") and isinstance(value, type):
        values.enter(value)
        if signature is None:
            return None
        is_plain = issubclass(value, Enum) or values.is_handed_out(value)
        if issubclass(value, BaseException):
            # Users catch most errors, and raise few.
            is_plain = "Args:" not in (value.__doc__ or "")
        if is_plain or not values.is_made_by_users(value):
            return "", ""
    if signature is None:
        return None
    if what in ("function", "method") and callable(value):
        signature = values.without_private(value, signature)
    # How attrs says that a default is made anew for each value.
    shown = values.spelled_out(signature).replace("NOTHING", "...")
    return shown, values.spelled_out(returns or "")


def keep_attribute_text(
    app: Sphinx,
    what: str,
    name: str,
    value: object,
    options: object,
    lines: list[str],
) -> None:
    """Keep napoleon from taking "It is so: for this reason" for a type and a text."""
    if what in ("attribute", "property", "data"):
        if name in _kept:
            lines[:] = _kept.pop(name)
        else:
            _kept[name] = list(lines)
            lines.clear()


_kept: dict[str, list[str]] = {}


def add_fields(
    app: Sphinx,
    what: str,
    name: str,
    value: Any,
    options: object,
    lines: list[str],
) -> None:
    """Show the fields of values once, below their description."""
    if what in ("class", "exception") and isinstance(value, type):
        lines += values.field_lines(value)


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx what is here."""
    app.setup_extension("sphinx.ext.autodoc")
    app.add_directive("api", ApiDirective)
    app.add_directive("operation", operations.OperationDirective)
    values.add_field_type()
    app.connect("autodoc-process-signature", show_signature)
    # Before napoleon and after it.
    app.connect("autodoc-process-docstring", keep_attribute_text, priority=100)
    app.connect("autodoc-process-docstring", keep_attribute_text, priority=800)
    # After napoleon, which knows only the sections that it knows.
    app.connect("autodoc-process-docstring", add_fields, priority=900)
    app.connect("autodoc-skip-member", values.skip_member)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
