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

In a transaction of the operation's own whoever is woken is marked as awake, so that
the next enqueue wakes another or nobody; sleepers whose row is held are stepped over.
In the caller's transaction nothing is locked, since nobody knows how long that stays
open: a sleeper is drawn at random, and marks itself as awake when it has found work.

That is also how one is woken where none could be marked. Mostly somebody else is just
waking all there are, but a sleeper holds its row while it looks, too, and may not see
what is being queued. Nor is anything locked where the isolation might refuse it.
"""

from __future__ import annotations

from typing import Final

WAKE_MARK: Final = "/*wake*/"

# What sleepers are sought for, and who they are; how they are drawn and held follows.
_SOUGHT: Final = """sought AS MATERIALIZED (
    SELECT
        job_type,
        min(next_run_at) AS first_run_at,
        count(*) FILTER (WHERE next_run_at <= clock_timestamp()) AS due_count
    FROM queued
    GROUP BY job_type
),
"""

_SLEEPERS: Final = """\
    SELECT DISTINCT t.job_type, s.worker_id
    FROM sought AS t
    CROSS JOIN LATERAL (
        SELECT w.worker_id
        FROM job_workers AS w
        WHERE w.asleep_since IS NOT NULL
          AND t.job_type = ANY (w.wakes_for)
          AND w.wakes_at > clock_timestamp() - interval '1 second'
          AND (t.due_count > 0 OR t.first_run_at < w.wakes_at)
"""

_NOTIFY: Final = """\
    SELECT pg_notify(w.wake_channel, w.worker_id) AS notified
    FROM job_workers AS w
    WHERE w.worker_id IN (SELECT d.worker_id FROM drawn AS d)
"""

WAKE_CTES: Final = f"""\
{_SOUGHT}\
locked AS MATERIALIZED (
{_SLEEPERS}\
        ORDER BY w.asleep_since
        LIMIT GREATEST(t.due_count, 1)
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS s
    WHERE current_setting('transaction_isolation')
        IN ('read committed', 'read uncommitted')
),
marked AS (
    UPDATE job_workers AS w
    SET asleep_since = NULL
    WHERE w.worker_id IN (SELECT l.worker_id FROM locked AS l)
    RETURNING pg_notify(w.wake_channel, w.worker_id) AS notified
),
drawn AS MATERIALIZED (
{_SLEEPERS}\
        ORDER BY random()
        LIMIT 1
    ) AS s
    WHERE NOT EXISTS (SELECT FROM locked AS l WHERE l.job_type = t.job_type)
),
woken AS MATERIALIZED (
    SELECT notified
    FROM marked
    UNION ALL
{_NOTIFY}\
)"""  # noqa: S608 - all of it is text of this file

JOINED_WAKE_CTES: Final = f"""\
{_SOUGHT}\
drawn AS MATERIALIZED (
{_SLEEPERS}\
        ORDER BY random()
        LIMIT GREATEST(t.due_count, 1)
    ) AS s
),
woken AS MATERIALIZED (
{_NOTIFY}\
)"""
