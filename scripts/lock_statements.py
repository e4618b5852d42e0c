"""
Write down what types every SQL statement takes and returns.

The types come from a migrated database that is asked to prepare each statement, so a
statement that does not fit the schema cannot be locked. Needs the dev environment:

    nox -s lock                        write statements.lock.json
    nox -s lock -- --check             compare it with a database
    nox -s lock -- --check-offline     compare only the digests of the statements
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.pq import ExecStatus

from runledger_postgres import migrate_after_idempotency_cutover
from runledger_postgres._statements import all_statements
from runledger_test_support import start_embedded_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runledger_postgres._statements import Statement

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "packages/runledger-postgres/src/runledger_postgres/statements.lock.json"
MENDING = "run `nox -s lock` and commit the result"


class StatementError(Exception):
    """The database refuses statements: one line for each."""


def main() -> int:
    """Write or check the lock file."""
    parser = argparse.ArgumentParser(description=__doc__)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="compare with a database")
    mode.add_argument(
        "--check-offline", action="store_true", help="compare the digests only"
    )
    arguments = parser.parse_args()
    statements = all_statements()
    if arguments.check_offline:
        digests = {statement.name: digest(statement) for statement in statements}
        locked = {name: entry.get("sha256") for name, entry in read_lock().items()}
        return report(locked, digests)
    try:
        described = describe_all(statements)
    except StatementError as error:
        print(f"lock_statements.py: the database refuses\n{error}", file=sys.stderr)
        return 1
    if arguments.check:
        return report(read_lock(), described)
    LOCK.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    print(f"locked {len(described)} statements")
    return 0


def read_lock() -> dict[str, Any]:
    """Read what was locked; nothing, when nothing was."""
    if not LOCK.is_file():
        return {}
    locked: dict[str, Any] = json.loads(LOCK.read_text(encoding="utf-8"))
    return locked


def report(locked: Mapping[str, object], found: Mapping[str, object]) -> int:
    """Name the statements whose entry is not what it should be."""
    differing = sorted(
        name
        for name in locked.keys() | found.keys()
        if locked.get(name) != found.get(name)
    )
    for name in differing:
        if name not in locked:
            state = "is not locked"
        elif name not in found:
            state = "is locked, but there is no such statement"
        else:
            state = "has changed since it was locked"
        print(f"{name} {state}", file=sys.stderr)
    if differing:
        print(f"lock_statements.py: {MENDING}", file=sys.stderr)
        return 1
    return 0


def describe_all(statements: list[Statement]) -> dict[str, Any]:
    """Ask a new database about every statement."""
    described: dict[str, Any] = {}
    refused: list[str] = []
    with (
        start_embedded_server() as server,
        psycopg.connect(server.dsn, autocommit=True) as connection,
    ):
        migrate_after_idempotency_cutover(connection)
        for statement in statements:
            if statement.sql.startswith("CREATE TEMPORARY TABLE"):
                connection.execute(statement.query)  # others want the table
        for statement in sorted(statements, key=lambda found: found.name):
            try:
                described[statement.name] = describe(connection, statement)
            except StatementError as error:
                refused.append(f"  {statement.name}: {error}")
    if refused:
        raise StatementError("\n".join(refused))
    return described


def describe(
    connection: psycopg.Connection[Any], statement: Statement
) -> dict[str, Any]:
    """Return the entry of one statement."""
    prepared = connection.pgconn.prepare(b"", statement.query)
    if prepared.status != ExecStatus.COMMAND_OK:
        message = prepared.error_message.decode(errors="replace")
        raise StatementError(message.partition("\n")[0])
    found = connection.pgconn.describe_prepared(b"")
    parameters = [found.param_type(index) for index in range(found.nparams)]
    columns = [
        ((found.fname(index) or b"").decode(), found.ftype(index))
        for index in range(found.nfields)
    ]
    type_names = name_types(connection, [*parameters, *(oid for _, oid in columns)])
    return {
        "sha256": digest(statement),
        "parameters": dict(
            zip(
                statement.parameters,
                (type_names[oid] for oid in parameters),
                strict=True,
            )
        ),
        # A list: names may repeat, and their order is what a row has.
        "columns": [f"{name} {type_names[oid]}" for name, oid in columns],
    }


def name_types(connection: psycopg.Connection[Any], oids: list[int]) -> dict[int, str]:
    """Return the server's names for types."""
    query = "SELECT oid, format_type(oid, NULL) FROM unnest(%s::oid[]) AS oid"
    rows: Iterator[tuple[int, str]] = iter(connection.execute(query, [oids]).fetchall())
    return dict(rows)


def digest(statement: Statement) -> str:
    """Return the digest of a statement, which its comments are no part of."""
    return hashlib.sha256(statement.sql.encode()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
