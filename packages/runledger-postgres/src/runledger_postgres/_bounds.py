"""Bound every wait for a lock, so that no operation hangs on somebody else's."""

from __future__ import annotations

from typing import Final

BOUND_MARK: Final = "/*bounded*/"
"""Where the file of a statement that waits for locks wants `BOUND_CTE`, after WITH."""

# Five seconds, unless the host's setting is stricter. Only until the transaction ends,
# so it belongs into statements of operations that own theirs. As part of the statement
# it costs no round trip. PostgreSQL looks the setting up when a wait begins; whoever
# joins `bound` below the lock has changed it by then.
BOUND_CTE: Final = """bound AS MATERIALIZED (
    SELECT set_config(
        'lock_timeout',
        CASE
            WHEN current_setting('lock_timeout')::interval
                BETWEEN interval '1 millisecond' AND interval '5 seconds'
                THEN current_setting('lock_timeout')
            ELSE '5s'
        END,
        TRUE
    )
),"""
