-- Store the settings of one job type; a row that already says the same is left alone and
-- not returned. Locks the settings' row, and the definition FOR KEY SHARE by its key.
INSERT INTO job_runtime_configs AS c (
    job_type, schema_version, config, updated_by_user_id
)
VALUES (
    %(job_type)s, %(schema_version)s, %(config)s::text::jsonb,
    %(updated_by_user_id)s::uuid
)
ON CONFLICT (job_type) DO UPDATE
SET schema_version = EXCLUDED.schema_version,
    config = EXCLUDED.config,
    updated_by_user_id = EXCLUDED.updated_by_user_id
WHERE (c.schema_version, c.config, c.updated_by_user_id)
    IS DISTINCT FROM (
        EXCLUDED.schema_version, EXCLUDED.config, EXCLUDED.updated_by_user_id
    )
RETURNING
    job_type, schema_version, config, updated_by_user_id, created_at, updated_at
