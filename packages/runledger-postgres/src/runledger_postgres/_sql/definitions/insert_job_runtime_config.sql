-- Store the settings of one job type unless it has some. Locks what it inserts, and the
-- definition FOR KEY SHARE by its key.
INSERT INTO job_runtime_configs (
    job_type, schema_version, config, updated_by_user_id
)
VALUES (
    %(job_type)s, %(schema_version)s, %(config)s::text::jsonb,
    %(updated_by_user_id)s::uuid
)
ON CONFLICT (job_type) DO NOTHING
RETURNING
    job_type, schema_version, config, updated_by_user_id, created_at, updated_at
