"""List the codes of the database: connections, transactions and refused statements."""

from __future__ import annotations

from ._entry import ErrorCategory, Layer, entry_maker

_invalid = entry_maker(Layer.POSTGRES, ErrorCategory.VALIDATION)
_conflict = entry_maker(Layer.POSTGRES, ErrorCategory.CONFLICT)
_forbidden = entry_maker(Layer.POSTGRES, ErrorCategory.FORBIDDEN)
_internal = entry_maker(Layer.POSTGRES, ErrorCategory.INTERNAL)

DATABASE_CODES = (
    _invalid(
        "db.business_rule_violation",
        "a value breaks a rule of the database",
    ),
    _internal(
        "db.connection_failed",
        "the database cannot be reached",
        "check its address and credentials, and that it is running",
    ),
    _internal(
        "db.encoding_unsupported",
        "the database does not use UTF-8",
        "create it with ENCODING 'UTF8'",
    ),
    _forbidden(
        "db.permission_denied",
        "the database role may not do this",
        "grant it the privileges that the schema needs",
    ),
    _internal(
        "db.query_failed",
        "the database could not carry out the operation",
        "look in the server's log",
    ),
    _invalid(
        "db.related_resource_missing",
        "something that the request refers to does not exist",
    ),
    _invalid(
        "db.related_resource_still_referenced",
        "something else still refers to what the request would remove",
    ),
    _invalid(
        "db.required_field_missing",
        "a required value is missing",
    ),
    _internal(
        "db.schema_missing",
        "the Runledger tables are not where the connection looks for them",
        "migrate the database or correct the search_path",
    ),
    _internal(
        "db.server_too_old",
        "the PostgreSQL server is older than version 15",
        "use PostgreSQL 15 or newer",
    ),
    _invalid(
        "db.transaction_aborted",
        "the caller's transaction has already failed",
        "roll it back before you go on",
    ),
    _internal(
        "db.transaction_begin_failed",
        "the transaction could not be started and nothing was done",
        "try again",
    ),
    _internal(
        "db.transaction_commit_unconfirmed",
        "the transaction was sent but its outcome is unknown",
        "repeat the operation only if repeating it is safe",
    ),
    _invalid(
        "db.transaction_not_owned",
        "the operation must own its transaction but the connection is inside one",
        "pass a pool or a connection outside a transaction",
    ),
    _internal(
        "db.unexpected_row_count",
        "a statement answered with another number of rows than it must",
    ),
    _conflict(
        "db.unique_violation",
        "a value that must be unique exists already",
    ),
)
