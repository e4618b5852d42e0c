"""
Find the levels of priority that a statement has to look at.

A file that has ``/*levels*/`` after a set named ``asked`` (job_types) gets ``level``
(job_type, priority, first_run_at): where jobs are pending, and when the first of each
level is due. Types that are paused have none.

The levels are found by skipping through idx_job_queue_claim, whatever stands in them.
To find the first job of a level is to read the index entries of all that was claimed
before it, for as long as an open transaction keeps those from being removed. So each
such file has a variant for somebody who knows where jobs stand, and gives spans of
priorities instead, with the due time from which on each is read. A span of one priority
is read by equality, since only PostgreSQL 18 goes straight to a due time in a range.
"""

from __future__ import annotations

from typing import Final

LEVELS_MARK: Final = "/*levels*/"

LEVELS_CTES: Final = """\
level AS (
    SELECT d.job_type, f.priority, f.next_run_at AS first_run_at
    FROM asked AS a
    JOIN job_definitions AS d ON a.job_types IS NULL OR d.job_type = ANY (a.job_types)
    CROSS JOIN LATERAL (
        SELECT q.priority, q.next_run_at
        FROM job_queue AS q
        WHERE q.status = 'PENDING'
          AND q.job_type = d.job_type
        ORDER BY q.priority, q.next_run_at
        LIMIT 1
    ) AS f
    WHERE d.paused_at IS NULL
    UNION ALL
    SELECT l.job_type, f.priority, f.next_run_at
    FROM level AS l
    CROSS JOIN LATERAL (
        SELECT q.priority, q.next_run_at
        FROM job_queue AS q
        WHERE q.status = 'PENDING'
          AND q.job_type = l.job_type
          AND q.priority > l.priority
        ORDER BY q.priority, q.next_run_at
        LIMIT 1
    ) AS f
)"""

# The spans stand in a row of their own for the planner's sake, as claim_jobs explains.
SPANNED_LEVELS_CTES: Final = """\
spans AS MATERIALIZED (
    SELECT
        %(span_types)s::text[] AS types,
        %(span_lowest)s::integer[] AS lowest,
        %(span_highest)s::integer[] AS highest,
        %(span_starts_at)s::timestamptz[] AS starts_at
),
span AS MATERIALIZED (
    SELECT s.job_type, s.lowest, s.highest, s.starts_at
    FROM spans AS a
    CROSS JOIN LATERAL unnest(a.types, a.lowest, a.highest, a.starts_at)
        AS s (job_type, lowest, highest, starts_at)
    JOIN job_definitions AS d ON d.job_type = s.job_type
    WHERE d.paused_at IS NULL
),
skipped AS (
    SELECT s.job_type, s.highest, s.starts_at, f.priority, f.next_run_at AS first_run_at
    FROM span AS s
    CROSS JOIN LATERAL (
        SELECT q.priority, q.next_run_at
        FROM job_queue AS q
        WHERE q.status = 'PENDING'
          AND q.job_type = s.job_type
          AND q.priority BETWEEN s.lowest AND s.highest
          AND q.next_run_at >= s.starts_at
        ORDER BY q.priority, q.next_run_at
        LIMIT 1
    ) AS f
    WHERE s.lowest < s.highest
    UNION ALL
    SELECT s.job_type, s.highest, s.starts_at, f.priority, f.next_run_at
    FROM skipped AS s
    CROSS JOIN LATERAL (
        SELECT q.priority, q.next_run_at
        FROM job_queue AS q
        WHERE q.status = 'PENDING'
          AND q.job_type = s.job_type
          AND q.priority > s.priority
          AND q.priority <= s.highest
          AND q.next_run_at >= s.starts_at
        ORDER BY q.priority, q.next_run_at
        LIMIT 1
    ) AS f
),
level AS (
    SELECT job_type, priority, first_run_at
    FROM skipped
    UNION ALL
    SELECT s.job_type, s.lowest, f.next_run_at
    FROM span AS s
    CROSS JOIN LATERAL (
        SELECT q.next_run_at
        FROM job_queue AS q
        WHERE q.status = 'PENDING'
          AND q.job_type = s.job_type
          AND q.priority = s.lowest
          AND q.next_run_at >= s.starts_at
        ORDER BY q.next_run_at
        LIMIT 1
    ) AS f
    WHERE s.lowest = s.highest
)"""
