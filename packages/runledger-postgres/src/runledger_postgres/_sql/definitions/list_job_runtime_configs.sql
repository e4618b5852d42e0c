-- A page of the settings of job types, in the order of their names. Locks nothing.
SELECT job_type, schema_version, config, updated_by_user_id, created_at, updated_at
FROM job_runtime_configs
WHERE %(after_job_type)s::text IS NULL
   OR job_type > %(after_job_type)s::text
ORDER BY job_type
LIMIT %(limit)s
