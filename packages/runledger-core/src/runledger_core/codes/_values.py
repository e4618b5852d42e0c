"""List the codes of single values: identifiers and retry policies."""

from __future__ import annotations

from ._entry import ErrorCategory, Layer, entry_maker

_invalid = entry_maker(Layer.CORE, ErrorCategory.VALIDATION)

VALUE_CODES = (
    _invalid(
        "identifier.blank",
        "an identifier is empty or only whitespace",
        "give it at least one visible character",
    ),
    _invalid(
        "identifier.invalid_text",
        "an identifier is not text that PostgreSQL can store",
        "pass a str without NUL characters and lone surrogates",
    ),
    _invalid(
        "identifier.invalid_uuid",
        "an id is not a UUID",
        "pass a uuid.UUID",
    ),
    _invalid(
        "identifier.padded",
        "an identifier begins or ends with whitespace",
        "strip it before you pass it",
    ),
    _invalid(
        "identifier.too_long",
        "an identifier is longer than 512 bytes in UTF-8",
        "shorten it or pass a digest of it",
    ),
    _invalid(
        "retry.invalid_policy",
        "the retry policy is impossible",
        "use finite positive delays of at most 24 days and a factor of at least 1",
    ),
)
