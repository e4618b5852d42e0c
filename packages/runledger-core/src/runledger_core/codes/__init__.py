"""Hold the one table of stable error codes, sorted by code."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from ._database import DATABASE_CODES
from ._definitions import DEFINITION_CODES
from ._entry import CodeEntry, CodeKind, ErrorCategory, Layer
from ._failures import FAILURE_CODES
from ._jobs import JOB_CODES
from ._retention import RETENTION_CODES
from ._runtime import RUNTIME_CODES
from ._schema import SCHEMA_CODES
from ._values import VALUE_CODES
from ._workflow_graphs import WORKFLOW_GRAPH_CODES
from ._workflows import WORKFLOW_CODES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["CODES", "CodeEntry", "CodeKind", "ErrorCategory", "Layer"]


def _merge(*parts: Iterable[CodeEntry]) -> Mapping[str, CodeEntry]:
    """Merge the parts into one read-only table and refuse a code listed twice."""
    entries = sorted((entry for part in parts for entry in part), key=_by_code)
    table = {entry.code: entry for entry in entries}
    if len(table) != len(entries):
        codes = [entry.code for entry in entries]
        twice = sorted({code for code in codes if codes.count(code) > 1})
        raise AssertionError(f"listed twice in the table of codes: {twice}")
    return MappingProxyType(table)


def _by_code(entry: CodeEntry) -> str:
    return entry.code


# A code is never renamed: hosts compare codes, dashboards count them.
CODES: Mapping[str, CodeEntry] = _merge(
    DATABASE_CODES,
    DEFINITION_CODES,
    FAILURE_CODES,
    JOB_CODES,
    RETENTION_CODES,
    RUNTIME_CODES,
    SCHEMA_CODES,
    VALUE_CODES,
    WORKFLOW_CODES,
    WORKFLOW_GRAPH_CODES,
)
