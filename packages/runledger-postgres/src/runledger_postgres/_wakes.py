"""
Wake sleeping workers from within the statement that gives them work.

A file that has ``/*wake*/`` after a set named ``queued`` (job_type, next_run_at) picks
sleepers for these jobs and notifies them when the transaction commits. Its main query
has to read ``woken``, else PostgreSQL leaves it out. Without a sleeper all of it is one
look at a table of a page; to prepare for more takes PostgreSQL 50 microseconds all the
same, which is nothing for a batch, but 6 % of an enqueue of one job. So an enqueue only
looks, and wakes by a statement of its own.

For the due jobs of a type as many are woken as there are jobs, those that have slept
longest first; for jobs that become due before a sleeper would look, one. Sleepers that
should have looked a second ago and did not are gone, or too busy to hear.

In a transaction of the operation's own whoever is woken is marked as awake, so that the
next enqueue wakes another or nobody; sleepers that somebody else is just waking are
stepped over. In the caller's transaction nothing is locked, since nobody knows how long
that stays open: a sleeper is drawn at random, and marks itself as awake when it has
found work. Nor is anything locked where the isolation might refuse it.
"""

from __future__ import annotations

from typing import Final

WAKE_MARK: Final = "/*wake*/"

# Those who sleep for what was queued; how they are chosen and held follows.
_SLEEPERS: Final = """sleeper AS MATERIALIZED (
    SELECT DISTINCT s.worker_id
    FROM (
        SELECT
            job_type,
            min(next_run_at) AS first_run_at,
            count(*) FILTER (WHERE next_run_at <= clock_timestamp()) AS due_count
        FROM queued
        GROUP BY job_type
    ) AS t
    CROSS JOIN LATERAL (
        SELECT w.worker_id
        FROM job_workers AS w
        WHERE w.asleep_since IS NOT NULL
          AND t.job_type = ANY (w.wakes_for)
          AND w.wakes_at > clock_timestamp() - interval '1 second'
          AND (t.due_count > 0 OR t.first_run_at < w.wakes_at)
"""

_WAKE: Final = """\
        ORDER BY w.asleep_since
        LIMIT GREATEST(t.due_count, 1)
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS s
    WHERE current_setting('transaction_isolation')
        IN ('read committed', 'read uncommitted')
),
woken AS (
    UPDATE job_workers AS w
    SET asleep_since = NULL
    FROM sleeper AS s
    WHERE w.worker_id = s.worker_id
    RETURNING pg_notify(w.wake_channel, w.worker_id)
)"""

_JOINED_WAKE: Final = """\
        ORDER BY random()
        LIMIT GREATEST(t.due_count, 1)
    ) AS s
),
woken AS MATERIALIZED (
    SELECT pg_notify(w.wake_channel, w.worker_id)
    FROM job_workers AS w
    JOIN sleeper AS s ON s.worker_id = w.worker_id
)"""

WAKE_CTES: Final = _SLEEPERS + _WAKE
JOINED_WAKE_CTES: Final = _SLEEPERS + _JOINED_WAKE
