"""SQL statements, read once from the packaged files and known by their names."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import attrs

from runledger_core import EverythingScope, GlobalScope, Organization

from ._bounds import BOUND_CTE, BOUND_MARK, UNBOUND_CTE
from ._levels import LEVELS_CTES, LEVELS_MARK, SPANNED_LEVELS_CTES
from ._parameters import number_parameters, parameter_names
from ._wakes import JOINED_WAKE_CTES, WAKE_CTES, WAKE_MARK

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable

    from runledger_core import Scope

SCOPE_MARK: Final = "/*scope*/"
"""Where a scoped statement's file wants the predicate on ``organization_id``."""

SKIP_MARK: Final = "/*or skip*/"
"""After a lock: where the skipping variant of a file has ``SKIP LOCKED``."""

_SCOPE_PREDICATES: Final = {
    "everything": "TRUE",
    "global": "organization_id IS NULL",
    "organization": "organization_id = %(organization_id)s",
}


@attrs.frozen
class Statement:
    """
    One SQL statement.

    The name goes to the server as a leading comment, so that ``pg_stat_activity``
    shows it: a trailing one would be cut off with all that lies beyond
    ``track_activity_query_size``.

    ``query`` is for a transaction of the operation's own, and bounds its waits where
    the file says so; ``joined_query`` leaves the caller's transaction as it is, and
    locks no sleeper for as long as that takes. Both number the ``parameters``.
    """

    name: str
    sql: str
    parameters: tuple[str, ...] = attrs.field(init=False, repr=False, eq=False)
    query: bytes = attrs.field(init=False, repr=False, eq=False)
    joined_query: bytes = attrs.field(init=False, repr=False, eq=False)

    @parameters.default
    def _named_in_the_text(self) -> tuple[str, ...]:
        return parameter_names(self.sql)

    @query.default
    def _named(self) -> bytes:
        # Bytes, because psycopg accepts a text only when a type checker can see that
        # it is a literal; ours comes from a file.
        sql = number_parameters(self.sql, self.parameters)
        return f"/* runledger:{self.name} */\n{sql}".encode()

    @joined_query.default
    def _named_for_callers(self) -> bytes:
        unbound = self.query.replace(BOUND_CTE.encode(), UNBOUND_CTE.encode())
        return unbound.replace(WAKE_CTES.encode(), JOINED_WAKE_CTES.encode())


@attrs.frozen
class ScopedStatement:
    """
    A statement in three variants, one a scope.

    One text with ``%(organization_id)s IS NULL OR ...`` would be shorter, and its
    generic plan would ignore the index on the organization.
    """

    variants: Mapping[str, Statement]

    def within(self, scope: Scope) -> tuple[Statement, dict[str, Any]]:
        """Choose the variant for *scope*, and the parameters it adds."""
        match scope:
            case Organization(id=organization_id):
                found = self.variants["organization"]
                return found, {"organization_id": organization_id}
            case GlobalScope():
                return self.variants["global"], {}
            case EverythingScope():
                return self.variants["everything"], {}
        message = f"a scope is GLOBAL, EVERYTHING or Organization(id), not {scope!r}"
        raise TypeError(message)


def statement(name: str) -> Statement:
    """Load ``_sql/<name>.sql``."""
    return Statement(name, _plain(_text(name)))


def scoped_statement(name: str) -> ScopedStatement:
    """Load ``_sql/<name>.sql`` once for every kind of scope."""
    return ScopedStatement(
        {
            scope: _variant(name, scope, SCOPE_MARK, predicate)
            for scope, predicate in _SCOPE_PREDICATES.items()
        }
    )


def skipping_statement(name: str) -> Statement:
    """Load ``_sql/<name>.sql`` as the variant that steps over what others hold."""
    return _variant(name, "skip locked", SKIP_MARK, "SKIP LOCKED")


def spanned_statement(name: str) -> Statement:
    """Load ``_sql/<name>.sql`` as the variant that is told where jobs stand."""
    return _variant(name, "spanned", LEVELS_MARK, SPANNED_LEVELS_CTES)


def all_statements() -> list[Statement]:
    """Every packaged statement, in each of its variants, by name."""
    found: list[Statement] = []
    for area in sorted(_root().iterdir(), key=lambda entry: entry.name):
        for entry in sorted(area.iterdir(), key=lambda entry: entry.name):
            name = f"{area.name}/{entry.name.removesuffix('.sql')}"
            text = _text(name)
            if SCOPE_MARK in text:
                found.extend(scoped_statement(name).variants.values())
            else:
                found.append(statement(name))
            if SKIP_MARK in text:
                found.append(skipping_statement(name))
            if LEVELS_MARK in text:
                found.append(spanned_statement(name))
    return found


def _variant(name: str, kind: str, mark: str, text: str) -> Statement:
    """Load the variant that has *text* at a mark of the file."""
    source = _text(name)
    if mark not in source:
        message = f"{name} has no {mark}"
        raise LookupError(message)
    return Statement(f"{name}[{kind}]", _plain(source.replace(mark, text)))


def _plain(source: str) -> str:
    """Fill the marks that are left: wait for locks, and look for all levels."""
    return source.replace(f" {SKIP_MARK}", "").replace(LEVELS_MARK, LEVELS_CTES)


def _text(name: str) -> str:
    """Return the statement without its comment lines, which are for the reader."""
    text = (_root() / f"{name}.sql").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("--"))
    sql = "\n".join(line for line in lines if line.strip())
    return sql.replace(BOUND_MARK, BOUND_CTE).replace(WAKE_MARK, WAKE_CTES)


@cache
def _root() -> Traversable:
    # Asked for once: finding the package anew for each of two hundred files took half
    # of the time in which they are read.
    return files("runledger_postgres") / "_sql"
