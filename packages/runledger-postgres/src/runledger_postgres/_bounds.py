"""
Bound the waits for locks within the statement that may wait.

A file that has ``/*bounded*/`` after WITH joins ``bound`` below its locks. In a
transaction of the operation's own that sets ``lock_timeout``, until the transaction
ends and unless the host's setting is stricter. PostgreSQL looks it up when a wait
begins, so setting it in the statement is early enough and costs no round trip. In the
caller's transaction ``bound`` does nothing: how long to wait there is the caller's say.
"""

from __future__ import annotations

from typing import Final

BOUND_MARK: Final = "/*bounded*/"

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

UNBOUND_CTE: Final = "bound AS (SELECT),"
