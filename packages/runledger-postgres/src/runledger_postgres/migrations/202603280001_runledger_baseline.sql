-- Create the ledger: jobs with their attempts, events, logs and dead letters; schedules;
-- workflow runs with their steps, edges and mutations; the metrics view.
-- Locks: only objects that it creates itself, plus what CREATE TYPE and CREATE FUNCTION
-- take on the current schema. Nothing of the host waits.
--
-- No name is qualified: everything goes into the first schema of search_path. Defaults,
-- checks, partial indexes and the view are bound to their functions and types here and
-- now; function bodies name nothing outside pg_catalog, so no session's search_path can
-- change what they do later.

-- ---------------------------------------------------------------------------
-- Functions
-- ---------------------------------------------------------------------------

-- uuidv7() is native from PostgreSQL 18 on. Older servers get this one: RFC 9562 method 3,
-- 48 bits of milliseconds and 12 bits for the fraction of the millisecond, so ids made
-- by one server sort by time down to the microsecond of its clock. Sixty bits of time
-- are fifteen hexadecimal digits; the version digit goes between the twelfth and the
-- thirteenth, and the tail of a version 4 id brings the variant and 62 random bits.
-- It reads the clock once and is a single expression, which the planner inlines: 1.3 us
-- more than gen_random_uuid(), and no id out of order in 200,000 made by one statement.
DO $install$
BEGIN
    IF NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_proc
        WHERE proname = 'uuidv7'
          AND pronargs = 0
          AND pronamespace IN (
              'pg_catalog'::pg_catalog.regnamespace,
              pg_catalog.current_schema()::pg_catalog.regnamespace
          )
    ) THEN
        CREATE FUNCTION uuidv7() RETURNS uuid
        LANGUAGE sql
        VOLATILE
        PARALLEL SAFE
        RETURN (
            pg_catalog.overlay(
                pg_catalog.lpad(
                    pg_catalog.to_hex(
                        (
                            pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())
                            * 1000000
                        )::bigint * 512 / 125
                    ),
                    15,
                    '0'
                ),
                '7',
                13,
                0
            )
            || pg_catalog.substr(pg_catalog.gen_random_uuid()::text, 20)
        )::uuid;
    END IF;
END
$install$;

-- The rule for every identifier, the same as runledger_core's: 1 to 512 bytes, and
-- neither the first nor the last character is white space. The list is spelled out and
-- compared bytewise, because what a locale calls space differs from host to host.
-- NULL in, NULL out: a check on a nullable column passes, and STRICT spends nothing on it.
--
-- plpgsql on purpose. A check is prepared anew by every statement that writes its table;
-- inlining an SQL function costs 20 us of that, entering this one 4 us, against 0.3 and
-- 0.7 us per value. With five checks in the statement that enqueues a job, that is a
-- third of its CPU time; in batches of 200 the two are level.
CREATE FUNCTION runledger_is_identifier(value text) RETURNS boolean
LANGUAGE plpgsql
IMMUTABLE
STRICT
PARALLEL SAFE
AS $body$
BEGIN
    RETURN pg_catalog.octet_length(value) BETWEEN 1 AND 512
        AND pg_catalog.btrim(
            value,
            E' \t\n\u000B\f\r\u0085\u00A0\u1680'
            '\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200A'
            '\u2028\u2029\u202F\u205F\u3000'
        ) = value COLLATE "C";
END
$body$;

CREATE FUNCTION set_updated_at_timestamp() RETURNS trigger
LANGUAGE plpgsql
AS $body$
BEGIN
    NEW.updated_at := pg_catalog.now();
    RETURN NEW;
END
$body$;

-- ---------------------------------------------------------------------------
-- Enum types
-- ---------------------------------------------------------------------------

CREATE TYPE job_status AS ENUM (
    'PENDING',
    'LEASED',
    'SUCCEEDED',
    'DEAD_LETTERED',
    'CANCELED'
);

CREATE TYPE job_event_type AS ENUM (
    'ENQUEUED',
    'LEASED',
    'HEARTBEAT',
    'STAGE_CHANGED',
    'PROGRESS',
    'RETRY_SCHEDULED',
    'SUCCEEDED',
    'FAILED',
    'DEAD_LETTERED',
    'CANCELED',
    'REQUEUED'
);

-- How an attempt ended. The first five are failures; the name is older than the rest.
CREATE TYPE job_failure_kind AS ENUM (
    'RETRYABLE',
    'TERMINAL',
    'PANICKED',
    'TIMEOUT',
    'LEASE_EXPIRED',
    'SUCCEEDED',
    'CANCELED',
    'CONTINUED',
    'RELEASED'
);

CREATE TYPE workflow_run_status AS ENUM (
    'RUNNING',
    'WAITING_FOR_EXTERNAL',
    'SUCCEEDED',
    'COMPLETED_WITH_ERRORS',
    'CANCELED'
);

CREATE TYPE workflow_step_status AS ENUM (
    'BLOCKED',
    'WAITING_FOR_EXTERNAL',
    'ENQUEUED',
    'RUNNING',
    'SUCCEEDED',
    'FAILED',
    'CANCELED'
);

CREATE TYPE workflow_dependency_release_mode AS ENUM (
    'ON_TERMINAL',
    'ON_SUCCESS'
);

CREATE TYPE workflow_step_execution_kind AS ENUM (
    'JOB',
    'EXTERNAL'
);

-- ---------------------------------------------------------------------------
-- Jobs
-- ---------------------------------------------------------------------------

CREATE TABLE job_definitions (
    job_type text NOT NULL,
    version integer NOT NULL DEFAULT 1,
    max_attempts integer NOT NULL DEFAULT 8,
    default_timeout_seconds integer NOT NULL DEFAULT 900,
    default_priority integer NOT NULL DEFAULT 100,
    is_enabled boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_job_definitions PRIMARY KEY (job_type),
    CONSTRAINT chk_job_definitions_type_not_blank
        CHECK (runledger_is_identifier(job_type)),
    CONSTRAINT chk_job_definitions_version_positive CHECK (version > 0),
    CONSTRAINT chk_job_definitions_max_attempts_positive CHECK (max_attempts > 0),
    CONSTRAINT chk_job_definitions_timeout_positive CHECK (default_timeout_seconds > 0)
);

-- One row per logical job; a requeue starts its next run in the same row. job_type needs
-- no check of its own: the foreign key admits only what job_definitions has admitted.
-- Naming the library's stages, here and in job_events, admits nothing that the function
-- would not: it spares the calls, 7 % of a bulk enqueue and 3 % of claim and completion.
CREATE TABLE job_queue (
    id uuid NOT NULL DEFAULT uuidv7(),
    job_type text NOT NULL,
    organization_id uuid,
    payload jsonb NOT NULL DEFAULT '{}',
    status job_status NOT NULL DEFAULT 'PENDING',
    priority integer NOT NULL DEFAULT 100,
    run_number integer NOT NULL DEFAULT 1,
    attempt integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL,
    timeout_seconds integer NOT NULL DEFAULT 900,
    next_run_at timestamptz NOT NULL DEFAULT now(),
    lease_expires_at timestamptz,
    last_heartbeat_at timestamptz,
    worker_id text,
    started_at timestamptz,
    finished_at timestamptz,
    stage text NOT NULL DEFAULT 'queued',
    progress_done bigint,
    progress_total bigint,
    progress_pct numeric GENERATED ALWAYS AS (
        CASE
            WHEN progress_total > 0
            THEN round(progress_done * 100.0 / progress_total, 2)
        END
    ) STORED,
    checkpoint jsonb,
    idempotency_key text,
    status_reason text,
    last_error_code text,
    last_error_message text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_job_queue PRIMARY KEY (id),
    CONSTRAINT fk_job_queue_job_type FOREIGN KEY (job_type)
        REFERENCES job_definitions (job_type) ON DELETE RESTRICT,
    CONSTRAINT chk_job_queue_attempt_nonnegative CHECK (attempt >= 0),
    CONSTRAINT chk_job_queue_max_attempts_positive CHECK (max_attempts > 0),
    CONSTRAINT chk_job_queue_run_number_positive CHECK (run_number > 0),
    CONSTRAINT chk_job_queue_timeout_positive CHECK (timeout_seconds > 0),
    CONSTRAINT chk_job_queue_progress_nonnegative CHECK (
        progress_done >= 0
        AND progress_total >= 0
        AND progress_done <= progress_total
    ),
    CONSTRAINT chk_job_queue_stage_not_blank CHECK (
        stage IN ('queued', 'scheduled', 'running', 'completed')
        OR runledger_is_identifier(stage)
    ),
    CONSTRAINT chk_job_queue_worker_id_not_blank
        CHECK (runledger_is_identifier(worker_id)),
    CONSTRAINT chk_job_queue_idempotency_key_not_blank
        CHECK (runledger_is_identifier(idempotency_key))
);

CREATE UNIQUE INDEX uq_job_queue_type_idempotency_org
    ON job_queue (job_type, organization_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL AND organization_id IS NOT NULL;

CREATE UNIQUE INDEX uq_job_queue_type_idempotency_global
    ON job_queue (job_type, idempotency_key)
    WHERE idempotency_key IS NOT NULL AND organization_id IS NULL;

CREATE INDEX idx_job_queue_claim
    ON job_queue (status, priority DESC, next_run_at, created_at)
    WHERE status = 'PENDING';

CREATE INDEX idx_job_queue_leased_expiry
    ON job_queue (lease_expires_at)
    WHERE status = 'LEASED';

CREATE INDEX idx_job_queue_org_status_created
    ON job_queue (organization_id, status, created_at DESC);

CREATE INDEX idx_job_queue_type_status_created
    ON job_queue (job_type, status, created_at DESC);

-- One row per lease that was granted. It is finished exactly when it has an outcome.
CREATE TABLE job_attempts (
    id uuid NOT NULL DEFAULT uuidv7(),
    job_id uuid NOT NULL,
    run_number integer NOT NULL DEFAULT 1,
    attempt integer NOT NULL,
    worker_id text NOT NULL,
    leased_at timestamptz NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    outcome job_failure_kind,
    error_code text,
    error_message text,
    retry_delay_ms integer,
    claim_origin text NOT NULL DEFAULT 'DIRECT',
    execution_started_persisted_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_job_attempts PRIMARY KEY (id),
    CONSTRAINT fk_job_attempts_job FOREIGN KEY (job_id)
        REFERENCES job_queue (id) ON DELETE CASCADE,
    CONSTRAINT uq_job_attempts_job_run_attempt UNIQUE (job_id, run_number, attempt),
    CONSTRAINT chk_job_attempts_attempt_positive CHECK (attempt > 0),
    CONSTRAINT chk_job_attempts_run_number_positive CHECK (run_number > 0),
    CONSTRAINT chk_job_attempts_worker_id_not_blank
        CHECK (runledger_is_identifier(worker_id)),
    CONSTRAINT chk_job_attempts_retry_delay_nonnegative CHECK (retry_delay_ms >= 0),
    CONSTRAINT chk_job_attempts_claim_origin
        CHECK (claim_origin IN ('DIRECT', 'WORKER_PRESTART')),
    CONSTRAINT chk_job_attempts_outcome_shape
        CHECK ((finished_at IS NULL) = (outcome IS NULL))
);

CREATE INDEX idx_job_attempts_job_run_created
    ON job_attempts (job_id, run_number, created_at DESC);

-- The history: rows are only ever added, and leave with their job.
CREATE TABLE job_events (
    id bigint GENERATED ALWAYS AS IDENTITY,
    job_id uuid NOT NULL,
    run_number integer NOT NULL DEFAULT 1,
    attempt integer,
    event_type job_event_type NOT NULL,
    stage text,
    progress_done bigint,
    progress_total bigint,
    payload jsonb NOT NULL DEFAULT '{}',
    occurred_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_job_events PRIMARY KEY (id),
    CONSTRAINT fk_job_events_job FOREIGN KEY (job_id)
        REFERENCES job_queue (id) ON DELETE CASCADE,
    CONSTRAINT chk_job_events_run_number_positive CHECK (run_number > 0),
    CONSTRAINT chk_job_events_attempt_positive CHECK (attempt > 0),
    CONSTRAINT chk_job_events_stage_not_blank CHECK (
        stage IN ('queued', 'scheduled', 'running', 'completed')
        OR runledger_is_identifier(stage)
    ),
    CONSTRAINT chk_job_events_progress_nonnegative CHECK (
        progress_done >= 0
        AND progress_total >= 0
        AND progress_done <= progress_total
    )
);

CREATE INDEX idx_job_events_job_run_id ON job_events (job_id, run_number, id);

CREATE INDEX idx_job_events_type_time ON job_events (event_type, occurred_at DESC);

-- At most one row per job: a later run that dies overwrites it.
CREATE TABLE job_dead_letters (
    job_id uuid NOT NULL,
    job_type text NOT NULL,
    organization_id uuid,
    run_number integer NOT NULL DEFAULT 1,
    attempt integer NOT NULL,
    error_code text,
    error_message text,
    payload_snapshot jsonb NOT NULL,
    checkpoint_snapshot jsonb,
    failed_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_job_dead_letters PRIMARY KEY (job_id),
    CONSTRAINT fk_job_dead_letters_job FOREIGN KEY (job_id)
        REFERENCES job_queue (id) ON DELETE CASCADE,
    CONSTRAINT fk_job_dead_letters_job_type FOREIGN KEY (job_type)
        REFERENCES job_definitions (job_type) ON DELETE RESTRICT,
    CONSTRAINT chk_job_dead_letters_run_number_positive CHECK (run_number > 0),
    CONSTRAINT chk_job_dead_letters_attempt_positive CHECK (attempt > 0)
);

CREATE INDEX idx_job_dead_letters_failed_at ON job_dead_letters (failed_at DESC);

-- What the application says about a job; the library only stores it.
CREATE TABLE job_logs (
    id bigint GENERATED ALWAYS AS IDENTITY,
    job_id uuid NOT NULL,
    run_number integer NOT NULL DEFAULT 1,
    attempt integer,
    level text NOT NULL,
    message text NOT NULL,
    payload jsonb NOT NULL DEFAULT '{}',
    occurred_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_job_logs PRIMARY KEY (id),
    CONSTRAINT fk_job_logs_job FOREIGN KEY (job_id)
        REFERENCES job_queue (id) ON DELETE CASCADE,
    CONSTRAINT chk_job_logs_run_number_positive CHECK (run_number > 0),
    CONSTRAINT chk_job_logs_attempt_nonnegative CHECK (attempt >= 0),
    CONSTRAINT chk_job_logs_level_not_blank CHECK (btrim(level) <> ''),
    CONSTRAINT chk_job_logs_message_not_blank CHECK (btrim(message) <> '')
);

CREATE INDEX idx_job_logs_job_run_id ON job_logs (job_id, run_number, id);

CREATE INDEX idx_job_logs_level_time ON job_logs (level, occurred_at DESC);

-- Settings per job type that the application keeps here; nothing in the runtime reads them.
CREATE TABLE job_runtime_configs (
    job_type text NOT NULL,
    schema_version integer NOT NULL,
    config jsonb NOT NULL,
    updated_by_user_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_job_runtime_configs PRIMARY KEY (job_type),
    CONSTRAINT fk_job_runtime_configs_job_type FOREIGN KEY (job_type)
        REFERENCES job_definitions (job_type) ON DELETE CASCADE,
    CONSTRAINT chk_job_runtime_configs_schema_version_positive
        CHECK (schema_version > 0),
    CONSTRAINT chk_job_runtime_configs_config_object
        CHECK (jsonb_typeof(config) = 'object')
);

CREATE TABLE job_schedules (
    id uuid NOT NULL DEFAULT uuidv7(),
    name text NOT NULL,
    job_type text NOT NULL,
    organization_id uuid,
    payload_template jsonb NOT NULL DEFAULT '{}',
    cron_expr text NOT NULL,
    timezone text NOT NULL DEFAULT 'UTC',
    is_active boolean NOT NULL DEFAULT true,
    next_fire_at timestamptz NOT NULL,
    last_fired_at timestamptz,
    max_jitter_seconds integer NOT NULL DEFAULT 0,
    created_by_user_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_job_schedules PRIMARY KEY (id),
    CONSTRAINT uq_job_schedules_name UNIQUE (name),
    CONSTRAINT fk_job_schedules_job_type FOREIGN KEY (job_type)
        REFERENCES job_definitions (job_type) ON DELETE RESTRICT,
    CONSTRAINT chk_job_schedules_name_not_blank CHECK (runledger_is_identifier(name)),
    CONSTRAINT chk_job_schedules_cron_expr_not_blank CHECK (btrim(cron_expr) <> ''),
    CONSTRAINT chk_job_schedules_timezone_not_blank CHECK (btrim(timezone) <> ''),
    CONSTRAINT chk_job_schedules_timezone_utc CHECK (timezone = 'UTC'),
    CONSTRAINT chk_job_schedules_max_jitter_nonnegative CHECK (max_jitter_seconds >= 0)
);

CREATE INDEX idx_job_schedules_next_fire ON job_schedules (next_fire_at)
    WHERE is_active;

-- ---------------------------------------------------------------------------
-- Workflows
-- ---------------------------------------------------------------------------

CREATE TABLE workflow_runs (
    id uuid NOT NULL DEFAULT uuidv7(),
    workflow_type text NOT NULL,
    organization_id uuid,
    status workflow_run_status NOT NULL DEFAULT 'RUNNING',
    idempotency_key text,
    metadata jsonb NOT NULL DEFAULT '{}',
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_workflow_runs PRIMARY KEY (id),
    CONSTRAINT chk_workflow_runs_type_not_blank
        CHECK (runledger_is_identifier(workflow_type)),
    CONSTRAINT chk_workflow_runs_idempotency_key_not_blank
        CHECK (runledger_is_identifier(idempotency_key))
);

CREATE UNIQUE INDEX uq_workflow_runs_type_idempotency_org
    ON workflow_runs (workflow_type, organization_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL AND organization_id IS NOT NULL;

CREATE UNIQUE INDEX uq_workflow_runs_type_idempotency_global
    ON workflow_runs (workflow_type, idempotency_key)
    WHERE idempotency_key IS NOT NULL AND organization_id IS NULL;

CREATE INDEX idx_workflow_runs_status_created
    ON workflow_runs (status, created_at DESC);

-- job_id is the one link between a step and its job; the job has no column for it, and
-- the unique key finds the step of a job.
CREATE TABLE workflow_steps (
    id uuid NOT NULL DEFAULT uuidv7(),
    workflow_run_id uuid NOT NULL,
    step_key text NOT NULL,
    job_type text,
    organization_id uuid,
    payload jsonb NOT NULL DEFAULT '{}',
    priority integer,
    max_attempts integer,
    timeout_seconds integer,
    stage text,
    execution_kind workflow_step_execution_kind NOT NULL DEFAULT 'JOB',
    status workflow_step_status NOT NULL DEFAULT 'BLOCKED',
    job_id uuid,
    released_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    dependency_count_total integer NOT NULL DEFAULT 0,
    dependency_count_pending integer NOT NULL DEFAULT 0,
    dependency_count_unsatisfied integer NOT NULL DEFAULT 0,
    status_reason text,
    last_error_code text,
    last_error_message text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_workflow_steps PRIMARY KEY (id),
    CONSTRAINT uq_workflow_steps_run_step_key UNIQUE (workflow_run_id, step_key),
    CONSTRAINT uq_workflow_steps_run_step_id UNIQUE (workflow_run_id, id),
    CONSTRAINT uq_workflow_steps_job_id UNIQUE (job_id),
    CONSTRAINT fk_workflow_steps_run FOREIGN KEY (workflow_run_id)
        REFERENCES workflow_runs (id) ON DELETE CASCADE,
    CONSTRAINT fk_workflow_steps_job_type FOREIGN KEY (job_type)
        REFERENCES job_definitions (job_type) ON DELETE RESTRICT,
    CONSTRAINT fk_workflow_steps_job FOREIGN KEY (job_id)
        REFERENCES job_queue (id) ON DELETE SET NULL,
    CONSTRAINT chk_workflow_steps_step_key_not_blank
        CHECK (runledger_is_identifier(step_key)),
    CONSTRAINT chk_workflow_steps_job_type_not_blank
        CHECK (runledger_is_identifier(job_type)),
    CONSTRAINT chk_workflow_steps_stage_not_blank CHECK (runledger_is_identifier(stage)),
    CONSTRAINT chk_workflow_steps_max_attempts_positive CHECK (max_attempts > 0),
    CONSTRAINT chk_workflow_steps_timeout_positive CHECK (timeout_seconds > 0),
    CONSTRAINT chk_workflow_steps_dependency_counts CHECK (
        dependency_count_total >= 0
        AND dependency_count_pending BETWEEN 0 AND dependency_count_total
        AND dependency_count_unsatisfied BETWEEN 0 AND dependency_count_total
    ),
    CONSTRAINT chk_workflow_steps_execution_shape CHECK (
        CASE execution_kind
            WHEN 'JOB' THEN
                num_nulls(job_type, priority, max_attempts, timeout_seconds, stage) = 0
            WHEN 'EXTERNAL' THEN
                num_nonnulls(
                    job_type, priority, max_attempts, timeout_seconds, stage, job_id
                ) = 0
        END
    )
);

CREATE INDEX idx_workflow_steps_run_status_created
    ON workflow_steps (workflow_run_id, status, created_at);

-- Edges carry the run in both keys, so none can lead from one run into another.
CREATE TABLE workflow_step_dependencies (
    workflow_run_id uuid NOT NULL,
    prerequisite_step_id uuid NOT NULL,
    dependent_step_id uuid NOT NULL,
    release_mode workflow_dependency_release_mode NOT NULL DEFAULT 'ON_TERMINAL',
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_workflow_step_dependencies
        PRIMARY KEY (workflow_run_id, prerequisite_step_id, dependent_step_id),
    CONSTRAINT fk_workflow_step_dependencies_run FOREIGN KEY (workflow_run_id)
        REFERENCES workflow_runs (id) ON DELETE CASCADE,
    CONSTRAINT fk_workflow_step_dependencies_prerequisite
        FOREIGN KEY (workflow_run_id, prerequisite_step_id)
        REFERENCES workflow_steps (workflow_run_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_workflow_step_dependencies_dependent
        FOREIGN KEY (workflow_run_id, dependent_step_id)
        REFERENCES workflow_steps (workflow_run_id, id) ON DELETE CASCADE,
    CONSTRAINT chk_workflow_step_dependencies_not_self
        CHECK (prerequisite_step_id <> dependent_step_id)
);

CREATE INDEX idx_workflow_step_dependencies_prerequisite
    ON workflow_step_dependencies (prerequisite_step_id);

CREATE INDEX idx_workflow_step_dependencies_dependent
    ON workflow_step_dependencies (dependent_step_id);

-- One row per request that appended steps to a run: what makes a repeat harmless.
CREATE TABLE workflow_run_mutations (
    id uuid NOT NULL DEFAULT uuidv7(),
    workflow_run_id uuid NOT NULL,
    mutation_key text NOT NULL,
    metadata jsonb NOT NULL DEFAULT '{}',
    request jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_workflow_run_mutations PRIMARY KEY (id),
    CONSTRAINT fk_workflow_run_mutations_run FOREIGN KEY (workflow_run_id)
        REFERENCES workflow_runs (id) ON DELETE CASCADE,
    CONSTRAINT chk_workflow_run_mutations_mutation_key_not_blank
        CHECK (runledger_is_identifier(mutation_key))
);

CREATE UNIQUE INDEX uq_workflow_run_mutations_run_mutation_key
    ON workflow_run_mutations (workflow_run_id, mutation_key);

-- ---------------------------------------------------------------------------
-- Triggers
-- ---------------------------------------------------------------------------

CREATE TRIGGER trg_job_definitions_set_updated_at
    BEFORE UPDATE ON job_definitions
    FOR EACH ROW EXECUTE FUNCTION set_updated_at_timestamp();

CREATE TRIGGER trg_job_queue_set_updated_at
    BEFORE UPDATE ON job_queue
    FOR EACH ROW EXECUTE FUNCTION set_updated_at_timestamp();

CREATE TRIGGER trg_job_runtime_configs_set_updated_at
    BEFORE UPDATE ON job_runtime_configs
    FOR EACH ROW EXECUTE FUNCTION set_updated_at_timestamp();

CREATE TRIGGER trg_job_schedules_set_updated_at
    BEFORE UPDATE ON job_schedules
    FOR EACH ROW EXECUTE FUNCTION set_updated_at_timestamp();

CREATE TRIGGER trg_workflow_runs_set_updated_at
    BEFORE UPDATE ON workflow_runs
    FOR EACH ROW EXECUTE FUNCTION set_updated_at_timestamp();

CREATE TRIGGER trg_workflow_steps_set_updated_at
    BEFORE UPDATE ON workflow_steps
    FOR EACH ROW EXECUTE FUNCTION set_updated_at_timestamp();

CREATE TRIGGER trg_workflow_run_mutations_set_updated_at
    BEFORE UPDATE ON workflow_run_mutations
    FOR EACH ROW EXECUTE FUNCTION set_updated_at_timestamp();

-- ---------------------------------------------------------------------------
-- Metrics
-- ---------------------------------------------------------------------------

-- One row per organization and job type that has work in the queue or has had any in
-- the last 24 hours. Each source is one branch of the UNION with zeros for the other
-- sources' counts, so a single grouping joins them, and NULL organizations are one group.
-- The queue branch asks for the two unfinished statuses apart, because each has a
-- partial index: the finished rows, which are nearly all of the table, are not read.
-- Released attempts never ran and have no duration.
CREATE VIEW job_metrics_rollup AS
WITH measured AS (
    SELECT
        organization_id,
        job_type,
        count(*) AS pending_count,
        0::bigint AS leased_count,
        0::bigint AS stale_leases,
        0::bigint AS succeeded_24h,
        0::bigint AS dead_lettered_24h
    FROM job_queue
    WHERE status = 'PENDING'
    GROUP BY organization_id, job_type
    UNION ALL
    SELECT
        organization_id,
        job_type,
        0,
        count(*),
        count(*) FILTER (WHERE lease_expires_at < now()),
        0,
        0
    FROM job_queue
    WHERE status = 'LEASED'
    GROUP BY organization_id, job_type
    UNION ALL
    SELECT
        job.organization_id,
        job.job_type,
        0,
        0,
        0,
        count(*),
        0
    FROM job_events AS event
    INNER JOIN job_queue AS job ON job.id = event.job_id
    WHERE event.event_type = 'SUCCEEDED'
      AND event.occurred_at >= now() - INTERVAL '24 hours'
    GROUP BY job.organization_id, job.job_type
    UNION ALL
    SELECT
        organization_id,
        job_type,
        0,
        0,
        0,
        0,
        count(*)
    FROM job_dead_letters
    WHERE failed_at >= now() - INTERVAL '24 hours'
    GROUP BY organization_id, job_type
),
attempts AS (
    SELECT
        job.organization_id,
        job.job_type,
        count(*) FILTER (WHERE attempt.outcome = 'RETRYABLE') AS retryable_24h,
        count(*) FILTER (WHERE attempt.outcome = 'TERMINAL') AS terminal_24h,
        count(*) FILTER (WHERE attempt.outcome = 'PANICKED') AS panicked_24h,
        count(*) FILTER (WHERE attempt.outcome = 'TIMEOUT') AS timeout_24h,
        count(*) FILTER (WHERE attempt.outcome = 'LEASE_EXPIRED') AS lease_expired_24h,
        percentile_cont('{0.5, 0.95}'::double precision[]) WITHIN GROUP (
            ORDER BY
                extract(EPOCH FROM attempt.finished_at - attempt.started_at)::double precision
                * 1000
        ) FILTER (WHERE attempt.outcome <> 'RELEASED') AS duration_ms_24h
    FROM job_attempts AS attempt
    INNER JOIN job_queue AS job ON job.id = attempt.job_id
    WHERE attempt.created_at >= now() - INTERVAL '24 hours'
    GROUP BY job.organization_id, job.job_type
),
combined AS (
    SELECT
        organization_id,
        job_type,
        pending_count,
        leased_count,
        stale_leases,
        succeeded_24h,
        dead_lettered_24h,
        0::bigint AS retryable_24h,
        0::bigint AS terminal_24h,
        0::bigint AS panicked_24h,
        0::bigint AS timeout_24h,
        0::bigint AS lease_expired_24h,
        NULL::double precision AS p50_duration_ms_24h,
        NULL::double precision AS p95_duration_ms_24h
    FROM measured
    UNION ALL
    SELECT
        organization_id,
        job_type,
        0,
        0,
        0,
        0,
        0,
        retryable_24h,
        terminal_24h,
        panicked_24h,
        timeout_24h,
        lease_expired_24h,
        duration_ms_24h[1],
        duration_ms_24h[2]
    FROM attempts
)
SELECT
    organization_id,
    job_type,
    sum(pending_count)::bigint AS pending_count,
    sum(leased_count)::bigint AS leased_count,
    sum(stale_leases)::bigint AS stale_leases,
    sum(succeeded_24h)::bigint AS succeeded_24h,
    sum(dead_lettered_24h)::bigint AS dead_lettered_24h,
    sum(retryable_24h)::bigint AS retryable_24h,
    sum(terminal_24h)::bigint AS terminal_24h,
    sum(panicked_24h)::bigint AS panicked_24h,
    sum(timeout_24h)::bigint AS timeout_24h,
    sum(lease_expired_24h)::bigint AS lease_expired_24h,
    max(p50_duration_ms_24h) AS p50_duration_ms_24h,
    max(p95_duration_ms_24h) AS p95_duration_ms_24h
FROM combined
GROUP BY organization_id, job_type;
