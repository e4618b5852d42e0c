-- What lets schedules fire exactly once a slot and say why they do not: policies for
-- slots that were missed and for jobs that still run, the last job, and the last error.
-- A schedule that cannot fire keeps its slot in next_fire_at and is put off apart from
-- it, so the slot is not lost; what is due is found by the later of the two.
-- last_job_id is no foreign key: retention deletes jobs, and a job that is gone has
-- ended.
-- Locks: ACCESS EXCLUSIVE on job_schedules, which holds few rows. No row is rewritten.

ALTER TABLE job_schedules
    ADD COLUMN misfire_policy text NOT NULL DEFAULT 'ONCE',
    ADD COLUMN misfire_limit integer NOT NULL DEFAULT 100,
    ADD COLUMN overlap_policy text NOT NULL DEFAULT 'ALLOW',
    ADD COLUMN deferred_until timestamptz,
    ADD COLUMN last_skipped_at timestamptz,
    ADD COLUMN last_job_id uuid,
    ADD COLUMN last_error_code text,
    ADD COLUMN last_error_message text,
    ADD COLUMN last_error_at timestamptz,
    ADD CONSTRAINT chk_job_schedules_misfire_policy
        CHECK (misfire_policy IN ('SKIP', 'ONCE', 'ALL')),
    ADD CONSTRAINT chk_job_schedules_misfire_limit
        CHECK (misfire_limit BETWEEN 1 AND 1000),
    ADD CONSTRAINT chk_job_schedules_overlap_policy
        CHECK (overlap_policy IN ('ALLOW', 'SKIP')),
    ADD CONSTRAINT chk_job_schedules_last_error_shape CHECK (
        (last_error_code IS NULL) = (last_error_message IS NULL)
        AND (last_error_code IS NULL) = (last_error_at IS NULL)
    );

DROP INDEX idx_job_schedules_next_fire;

CREATE INDEX idx_job_schedules_due
    ON job_schedules ((GREATEST(next_fire_at, deferred_until)), id)
    WHERE is_active;
