-- Read the settings of one job type. Locks nothing.
SELECT job_type, schema_version, config, updated_by_user_id, created_at, updated_at
FROM job_runtime_configs
WHERE job_type = %(job_type)s
