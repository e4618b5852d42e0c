"""Show an operation as what it is to its callers: two functions of one name."""

from __future__ import annotations

import importlib
import inspect
from enum import Enum
from typing import TYPE_CHECKING

import attrs
from docutils.statemachine import StringList
from sphinx.domains.python import PyFunction
from sphinx.ext.napoleon import GoogleDocstring
from sphinx.util.docstrings import prepare_docstring

if TYPE_CHECKING:
    from docutils import nodes

    from runledger_postgres import Operation

OWN_TRANSACTION = (
    ":Transaction: Its own: takes a pool, or a connection outside of any transaction."
)


class OperationDirective(PyFunction):
    """Document ``module.name`` with its blocking and its asyncio form."""

    def run(self) -> list[nodes.Node]:
        module_name, _, name = self.arguments[0].rpartition(".")
        operation = getattr(importlib.import_module(module_name), name)
        self.options["module"] = module_name
        self.signatures = signatures(name, operation)
        self.env.note_dependency(inspect.getfile(operation.steps))
        lines = docstring_lines(self.config, operation)
        source = f"docstring of {module_name}.{name}"
        self.content = StringList(lines, source=source)
        # Whoever registered the directive, what it describes is a Python function.
        self.name = "py:function"
        return super().run()

    def get_signatures(self) -> list[str]:
        return self.signatures


def signatures(name: str, operation: Operation[..., object]) -> list[str]:
    """Return both forms, as their types are written in the source."""
    own = inspect.signature(operation.steps)
    result = str(own.return_annotation).removeprefix("Steps[").removesuffix("]")
    forms = (("Blocking", result), ("Asyncio", f"Awaitable[{result}]"))
    return [
        f"{name}{_with_database(own, database)} -> {returned}"
        for database, returned in forms
    ]


def _with_database(own: inspect.Signature, database: str) -> str:
    parameters = []
    is_keyword_only = False
    for each in own.parameters.values():
        if each.kind is each.KEYWORD_ONLY and not is_keyword_only:
            is_keyword_only = True
            parameters.append("*")
        parameters.append(f"{each.name}: {each.annotation}{_default(each)}")
    return f"({', '.join([f'db: {database}', *parameters])})"


def _default(parameter: inspect.Parameter) -> str:
    value = parameter.default
    if value is parameter.empty:
        return ""
    if isinstance(value, Enum):
        return f" = {type(value).__name__}.{value.name}"
    if attrs.has(type(value)):
        # The ones that we have are made without arguments.
        return f" = {type(value).__name__}()"
    return f" = {value!r}"


def docstring_lines(config: object, operation: Operation[..., object]) -> list[str]:
    """Return the docstring as reStructuredText."""
    text = GoogleDocstring(
        prepare_docstring(operation.__doc__ or ""), config, what="function"
    )
    lines = list(text.lines())
    if operation.owns_transaction:
        lines += ["", OWN_TRANSACTION]
    return [*lines, ""]
