-- Find active schedules whose job type accepts nothing.
SELECT s.id
FROM job_schedules AS s
JOIN job_definitions AS d ON d.job_type = s.job_type
WHERE s.is_active
  AND NOT d.is_enabled
ORDER BY s.id
LIMIT %(limit)s
