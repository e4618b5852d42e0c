-- Find jobs whose status is not the one that their last event leads to.
-- Where an event leads is worked out from the table of transitions.
WITH last_event AS (
    SELECT DISTINCT ON (job_id) job_id, event_type::text AS event_type
    FROM job_events
    ORDER BY job_id, id DESC
)
SELECT q.id
FROM job_queue AS q
JOIN last_event AS e ON e.job_id = q.id
WHERE NOT EXISTS (
    SELECT
    FROM unnest(%(event_types)s::text[], %(statuses)s::text[])
        AS leads (event_type, status)
    WHERE leads.event_type = e.event_type
      AND leads.status = q.status::text
)
ORDER BY q.id
LIMIT %(limit)s
