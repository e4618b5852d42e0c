-- Find jobs that do not have exactly one ENQUEUED event, their first, in run 1.
SELECT q.id
FROM job_queue AS q
LEFT JOIN job_events AS e ON e.job_id = q.id
GROUP BY q.id
HAVING count(*) FILTER (WHERE e.event_type = 'ENQUEUED' AND e.run_number = 1) <> 1
    OR min(e.id) FILTER (WHERE e.event_type = 'ENQUEUED') <> min(e.id)
    OR count(*) FILTER (WHERE e.event_type = 'ENQUEUED') <> 1
ORDER BY q.id
LIMIT %(limit)s
