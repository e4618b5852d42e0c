"""List the codes of retention."""

from __future__ import annotations

from ._entry import ErrorCategory, Layer, entry_maker

_invalid = entry_maker(Layer.POSTGRES, ErrorCategory.VALIDATION)

RETENTION_CODES = (
    _invalid(
        "retention.invalid_age",
        "older_than is negative",
        "pass how long ago a job must have ended",
    ),
    _invalid(
        "retention.invalid_cursor",
        "the cursor does not come from a report of a purge",
        "pass the next_cursor of the last report or begin anew without one",
    ),
    _invalid(
        "retention.invalid_limit",
        "the limit of a purge is not a whole number from 1 to 10000",
    ),
)
