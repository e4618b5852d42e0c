-- Let dead letters be paged by the time of death: all of them, an organization's, or a
-- job type's. The cursor needs the job as well as the time, since one transaction can
-- bury many jobs at one time. Deaths are rare, so three indexes cost little.
-- Locks: ACCESS EXCLUSIVE on job_dead_letters until the end of the transaction; each
-- index built here reads the table once. No row is rewritten.

DROP INDEX idx_job_dead_letters_failed_at;

CREATE INDEX idx_job_dead_letters_failed_at
    ON job_dead_letters (failed_at, job_id);

CREATE INDEX idx_job_dead_letters_organization_failed_at
    ON job_dead_letters (organization_id, failed_at, job_id);

CREATE INDEX idx_job_dead_letters_type_failed_at
    ON job_dead_letters (job_type, failed_at, job_id);
