-- Find events that may not come after the one before them.
-- What may follow what is worked out from the table of transitions; an empty text
-- stands for the beginning.
WITH event AS (
    SELECT
        id,
        event_type::text AS event_type,
        COALESCE(
            lag(event_type::text) OVER (PARTITION BY job_id ORDER BY id), ''
        ) AS previous_type
    FROM job_events
)
SELECT e.id
FROM event AS e
WHERE NOT EXISTS (
    SELECT
    FROM unnest(%(previous_types)s::text[], %(next_types)s::text[])
        AS legal (previous_type, next_type)
    WHERE legal.previous_type = e.previous_type
      AND legal.next_type = e.event_type
)
ORDER BY e.id
LIMIT %(limit)s
