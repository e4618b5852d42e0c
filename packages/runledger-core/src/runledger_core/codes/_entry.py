"""Describe one error code: what it means, who raises it, what to do."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable


class ErrorCategory(StrEnum):
    """Say what kind of fault an error is, so that a host can map it to an answer."""

    CONFLICT = "CONFLICT"
    """The request is sound but contradicts what is stored; repeating it won't help."""
    VALIDATION = "VALIDATION"
    """The request, or the state it asks to change, does not allow the operation."""
    FORBIDDEN = "FORBIDDEN"
    """The caller does not hold what the operation needs: a lease or a privilege."""
    INTERNAL = "INTERNAL"
    """Something broke that the caller did not cause and cannot mend by itself."""


class Layer(StrEnum):
    """Name the distribution that raises or stores a code first."""

    CORE = "core"
    """Pure validation, before anything touches the database."""
    POSTGRES = "postgres"
    """The storage layer and what it hears from PostgreSQL."""
    RUNTIME = "runtime"
    """The supervisor, its loops, the catalog and the configuration."""


class CodeKind(StrEnum):
    """Say where a code is met: in an exception, in the ledger, or in both."""

    RAISED = "RAISED"
    """Carried by an exception that the caller sees."""
    STORED = "STORED"
    """Written to attempts, jobs or steps as the reason of a failure; never raised."""
    BOTH = "BOTH"
    """Raised to whoever calls directly, and stored when a worker meets it."""


@attrs.frozen(kw_only=True)
class CodeEntry:
    """Hold what is fixed about one code."""

    code: str
    category: ErrorCategory
    problem: str
    remedy: str | None = None
    layer: Layer
    kind: CodeKind = CodeKind.RAISED

    @property
    def message(self) -> str:
        """Return the fixed sentence that is safe to show to anybody."""
        return self.problem if self.remedy is None else f"{self.problem}; {self.remedy}"


def entry_maker(
    layer: Layer, category: ErrorCategory, *, kind: CodeKind = CodeKind.RAISED
) -> Callable[..., CodeEntry]:
    """Return a short constructor for the rows of one part of the table."""

    def make(code: str, problem: str, remedy: str | None = None) -> CodeEntry:
        return CodeEntry(
            code=code,
            category=category,
            problem=problem,
            remedy=remedy,
            layer=layer,
            kind=kind,
        )

    return make
