-- How many jobs there are in each status as the planner knows it: the rows a page had
-- at the last VACUUM or ANALYZE, times the pages there are now, times the share of
-- each status. Reads no job. Locks nothing.
SELECT share.status, round(rows.job_count * share.fraction)::bigint AS job_count
FROM (
    SELECT
        n.nspname, c.relname,
        c.reltuples / c.relpages
            * (pg_relation_size(c.oid) / current_setting('block_size')::bigint)
            AS job_count
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = to_regclass('job_queue')
      AND c.reltuples > 0
      AND c.relpages > 0
) AS rows
JOIN pg_catalog.pg_stats AS s
    ON s.schemaname = rows.nspname
    AND s.tablename = rows.relname
    AND s.attname = 'status'
CROSS JOIN LATERAL unnest(
    s.most_common_vals::text::text[], s.most_common_freqs
) AS share (status, fraction)
