"""One way to raise each code of the storage layer and of core's pure validation."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
from psycopg_pool import ConnectionPool

from runledger_core import (
    EVERYTHING,
    JobCompletion,
    JobDefinition,
    JobEnqueue,
    JobFailure,
    JobSchedule,
    JobStatus,
    Organization,
    RetryPolicy,
)
from runledger_core.migrations import load_migrations
from runledger_postgres import (
    cancel_job,
    claim_jobs,
    complete_job_success,
    copy_jobs,
    count_jobs_by_status,
    enqueue_job,
    ensure_schema_compatible_after_idempotency_cutover,
    get_job_payload_by_idempotency_key,
    get_required_job_runtime_config_by_type,
    heartbeat_job,
    insert_job_log,
    list_job_events,
    migrate_after_idempotency_cutover,
    pause_job_type,
    reap_expired_leases,
    release_unstarted_claims,
    requeue_job,
    sync_job_definitions_exact,
    update_job_progress,
    upsert_job_definition,
    upsert_job_runtime_config,
    upsert_job_schedule,
)
from runledger_postgres._operation import Operation, operation
from runledger_postgres._statements import Statement
from runledger_postgres._steps import one, script
from runledger_postgres.schema._inspect import inspect_schema

MAIL = "mail.send"
NAN = float("nan")
NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001  refused, that is the point
REQUEST = JobEnqueue(MAIL)
KEYED = JobEnqueue(MAIL, idempotency_key="k")
DISABLED = JobDefinition(MAIL, is_enabled=False)


# What a value of core refuses, before there is any database.
PURE: dict[str, Any] = {
    "identifier.blank": lambda: JobEnqueue(""),
    "identifier.invalid_text": lambda: JobEnqueue("mail\0"),
    "identifier.invalid_uuid": lambda: Organization("ada"),
    "identifier.padded": lambda: JobEnqueue(" mail"),
    "identifier.too_long": lambda: JobEnqueue("m" * 513),
    "job.checkpoint_not_json": lambda: JobCompletion().with_checkpoint(NAN),
    "job.invalid_completion_progress": lambda: JobCompletion().progress(2, 1),
    "job.invalid_failure_kind": lambda: JobFailure("SAD", "code", "message"),
    "job.invalid_max_attempts": lambda: JobEnqueue(MAIL, max_attempts=0),
    "job.invalid_next_run_at": lambda: JobEnqueue(MAIL, next_run_at=NAIVE),
    "job.invalid_priority": lambda: JobEnqueue(MAIL, priority=2**31),
    "job.invalid_retry_timing": lambda: JobFailure.retryable("c", "m").retry_not_before(
        timedelta(days=99)
    ),
    "job.invalid_timeout": lambda: JobEnqueue(MAIL, timeout_seconds=0),
    "job.output_not_json": lambda: JobCompletion.with_output(NAN),
    "job.payload_not_json": lambda: JobEnqueue(MAIL, NAN),
    "job_definition.invalid_max_attempts": lambda: JobDefinition(MAIL, max_attempts=0),
    "job_definition.invalid_priority": lambda: JobDefinition(MAIL, priority=2**31),
    "job_definition.invalid_timeout": lambda: JobDefinition(MAIL, timeout_seconds=0),
    "job_definition.invalid_version": lambda: JobDefinition(MAIL, version=0),
    "job_schedule.invalid_cron": lambda: JobSchedule("s", MAIL, "at noon"),
    "job_schedule.invalid_fire_time": lambda: JobSchedule(
        "s", MAIL, "* * * * *", next_fire_at=NAIVE
    ),
    "job_schedule.invalid_jitter": lambda: JobSchedule(
        "s", MAIL, "* * * * *", max_jitter_seconds=-1
    ),
    "job_schedule.invalid_name": lambda: JobSchedule(" s", MAIL, "* * * * *"),
    "retry.invalid_policy": lambda: RetryPolicy(base_seconds=-1),
    "schema.vendored_set_invalid": lambda: load_migrations("runledger_nothing"),
}

# Codes of other issues, and codes that nothing can raise.
UNRAISED = {
    "db.transaction_begin_failed": (
        "psycopg begins with the first statement: what fails there is the connection"
    ),
    "job.enqueue_request_snapshot_failed": (
        "a request is JSON since it was constructed, so its snapshot cannot fail"
    ),
    "job.invalid_retry_delay": "delays come from a RetryPolicy, which has checked them",
    "schema.layer_skew": "the runtime compares the layers when it starts",
}


class Host:
    """An application with a ledger of its own to misuse."""

    def __init__(self, dsn: str, connection: Any, define: Any, claim: Any) -> None:
        self.dsn, self.connection = dsn, connection
        self.define, self.claim = define, claim

    def __call__(self, operation: Any, *arguments: Any, **values: Any) -> Any:
        return operation(self.connection, *arguments, **values)

    def sql(self, text: str) -> None:
        self.connection.execute(text)

    def enqueue(self, request: JobEnqueue = REQUEST) -> Any:
        self.define()
        return self(enqueue_job, request).job_id

    def leased(self) -> Any:
        self.enqueue()
        return self.claim().lease

    def schedule(self) -> None:
        self(upsert_job_schedule, JobSchedule("nightly", MAIL, "0 0 * * *"))

    @contextmanager
    def transaction(self, isolation: str = "READ COMMITTED") -> Any:
        with self.connection.transaction(force_rollback=True):
            self.sql(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
            yield

    def raising_trigger(self, sqlstate: str) -> None:
        self.sql(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" RAISE 'no' USING ERRCODE = '{sqlstate}'; END $$;"
            " CREATE TRIGGER refuse BEFORE INSERT ON job_queue"
            " FOR EACH ROW EXECUTE FUNCTION refuse()"
        )


def business_rule_violation(host: Host) -> None:
    host.sql("ALTER TABLE job_queue ADD CONSTRAINT small CHECK (priority < 10)")
    host.enqueue()


def connection_failed(host: Host) -> None:
    pool = ConnectionPool(host.dsn, min_size=1, open=True)
    pool.close()
    enqueue_job(pool, REQUEST)


def encoding_unsupported(host: Host) -> None:
    name = f"latin_{uuid4().hex}"
    host.sql(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    try:
        with psycopg.connect(host.dsn, dbname=name, autocommit=True) as latin:
            migrate_after_idempotency_cutover(latin)
    finally:
        host.sql(f"DROP DATABASE {name} WITH (FORCE)")


def permission_denied(host: Host) -> None:
    host.sql("SET ROLE pg_monitor")
    host(count_jobs_by_status, scope=EVERYTHING)


def query_failed(host: Host) -> None:
    host.raising_trigger("P0001")
    host.enqueue()


def related_resource_missing(host: Host) -> None:
    host.sql(
        "CREATE TABLE mailboxes (id integer PRIMARY KEY);"
        " ALTER TABLE job_queue ADD FOREIGN KEY (priority) REFERENCES mailboxes"
    )
    host.enqueue()


def related_resource_still_referenced(host: Host) -> None:
    # Which constraints answer so depends on the server's version.
    host.raising_trigger("23001")
    host.enqueue()


def required_field_missing(host: Host) -> None:
    host.sql("ALTER TABLE job_queue ALTER organization_id SET NOT NULL")
    host.enqueue()


def schema_missing(host: Host) -> None:
    host.sql("SET search_path TO pg_catalog")
    host(enqueue_job, REQUEST)


def server_too_old(host: Host) -> None:
    host(Operation(inspect_schema), oldest_server=990000)


def transaction_aborted(host: Host) -> None:
    with host.transaction():
        try:
            host.sql("SELECT 1 / 0")
        except psycopg.errors.DivisionByZero:
            host(count_jobs_by_status, scope=EVERYTHING)


def transaction_commit_unconfirmed(host: Host) -> None:
    host.sql(
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;"
        " CREATE CONSTRAINT TRIGGER die AFTER INSERT ON job_queue"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()"
    )
    host.enqueue()


def transaction_not_owned(host: Host) -> None:
    with host.transaction():
        host(claim_jobs, worker_id="w1", lease_seconds=60, limit=1)


def unexpected_row_count(host: Host) -> None:
    @operation
    def impossible() -> Any:
        yield from one(Statement("test/nothing", "SELECT 1 WHERE FALSE"))

    host(impossible)


def unique_violation(host: Host) -> None:
    host.sql("CREATE UNIQUE INDEX one_version ON job_definitions (version)")
    host(upsert_job_definition, JobDefinition("mail.send"))
    host(upsert_job_definition, JobDefinition("mail.print"))


def already_enqueued(host: Host) -> None:
    # Ours meet a key with ON CONFLICT; an application's own INSERT may not.
    host.enqueue(KEYED)

    @operation
    def insert_again() -> Any:
        yield from script(
            Statement(
                "test/insert",
                "INSERT INTO job_queue (job_type, max_attempts, idempotency_key,"
                " enqueue_request) VALUES ('mail.send', 1, 'k', '{}')",
            )
        )

    host(insert_again)


def keyed_in_repeatable_read(host: Host) -> None:
    host.define()
    with host.transaction("REPEATABLE READ"):
        host(enqueue_job, KEYED)


def idempotency_conflict(host: Host) -> None:
    host.enqueue(KEYED)
    host.enqueue(JobEnqueue(MAIL, [1], idempotency_key="k"))


def idempotency_conflict_missing_existing(host: Host) -> None:
    host.sql(
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RETURN NULL; END $$;"
        " CREATE TRIGGER swallow BEFORE INSERT ON job_queue"
        " FOR EACH ROW EXECUTE FUNCTION swallow()"
    )
    host.enqueue(KEYED)


def legacy_idempotency_snapshot_missing(host: Host) -> None:
    host.enqueue(KEYED)
    host.sql(
        "ALTER TABLE job_queue"
        " DROP CONSTRAINT ck_job_queue_idempotency_enqueue_request;"
        " UPDATE job_queue SET enqueue_request = NULL"
    )
    host.enqueue(KEYED)


def invalid_progress(host: Host) -> None:
    host(update_job_progress, host.leased(), progress_done=2, progress_total=1)


def invalid_state_transition(host: Host) -> None:
    job_id = host.enqueue()
    host(cancel_job, job_id, scope=EVERYTHING)
    host(cancel_job, job_id, scope=EVERYTHING)


def lease_owner_mismatch(host: Host) -> None:
    lease = host.leased()
    host(complete_job_success, lease)
    host(complete_job_success, lease)


def organization_not_found(host: Host) -> None:
    host.sql(
        "CREATE TABLE organizations (id uuid PRIMARY KEY);"
        " ALTER TABLE job_queue ADD CONSTRAINT fk_job_queue_organization"
        " FOREIGN KEY (organization_id) REFERENCES organizations"
    )
    host.enqueue(JobEnqueue(MAIL, organization_id=uuid4()))


def unstarted_claim_release_not_applicable(host: Host) -> None:
    lease = host.leased()
    host(heartbeat_job, lease, lease_seconds=60)
    [refused] = host(release_unstarted_claims, [lease], reason="full")
    raise refused


def workflow_requeue_not_supported(host: Host) -> None:
    job_id = host.enqueue()
    host(cancel_job, job_id, scope=EVERYTHING)
    host.sql(
        "WITH run AS (INSERT INTO workflow_runs (workflow_type) VALUES ('w')"
        " RETURNING id) INSERT INTO workflow_steps (workflow_run_id, step_key,"
        " job_type, priority, max_attempts, timeout_seconds, stage, job_id)"
        " SELECT run.id, 's', 'mail.send', 1, 1, 1, 'queued', job_queue.id"
        " FROM run CROSS JOIN job_queue"
    )
    host(
        requeue_job,
        job_id,
        scope=EVERYTHING,
        expected_status=JobStatus.CANCELED,
        expected_run_number=1,
    )


def active_schedule_exists(host: Host) -> None:
    host.define()
    host.schedule()
    host(upsert_job_definition, DISABLED)


def disable_unsupported_isolation(host: Host) -> None:
    host.define()
    with host.transaction("SERIALIZABLE"):
        host(upsert_job_definition, DISABLED)


def schedule_of_disabled_definition(host: Host) -> None:
    host(upsert_job_definition, DISABLED)
    host.schedule()


def after(change: str) -> Any:
    """Check a schema that was changed by hand."""

    def check(host: Host) -> None:
        host.sql(change)
        host(ensure_schema_compatible_after_idempotency_cutover)

    return check


LEGACY_ROW = """
ALTER TABLE job_queue DROP CONSTRAINT ck_job_queue_idempotency_enqueue_request;
INSERT INTO job_definitions (job_type) VALUES ('mail.send');
INSERT INTO job_queue (job_type, max_attempts, idempotency_key)
VALUES ('mail.send', 1, 'old');
ALTER TABLE job_queue ADD CONSTRAINT ck_job_queue_idempotency_enqueue_request
    CHECK (idempotency_key IS NULL OR enqueue_request IS NOT NULL) NOT VALID
"""
FUTURE = """
INSERT INTO runledger_migration_history (version) VALUES (203001010001)
"""
OLDEST, NEWEST = "min(version)", "max(version)"
FORGET = "DELETE FROM runledger_migrations WHERE version = (SELECT {} FROM {})".format
HISTORY = "runledger_migrations"


# What the storage layer refuses, and what it hears from the database.
STORAGE: dict[str, Any] = {
    "db.business_rule_violation": business_rule_violation,
    "db.connection_failed": connection_failed,
    "db.encoding_unsupported": encoding_unsupported,
    "db.permission_denied": permission_denied,
    "db.query_failed": query_failed,
    "db.related_resource_missing": related_resource_missing,
    "db.related_resource_still_referenced": related_resource_still_referenced,
    "db.required_field_missing": required_field_missing,
    "db.schema_missing": schema_missing,
    "db.server_too_old": server_too_old,
    "db.transaction_aborted": transaction_aborted,
    "db.transaction_commit_unconfirmed": transaction_commit_unconfirmed,
    "db.transaction_not_owned": transaction_not_owned,
    "db.unexpected_row_count": unexpected_row_count,
    "db.unique_violation": unique_violation,
    "job.already_enqueued": already_enqueued,
    "job.copy_key_unsupported": lambda host: host(copy_jobs, [KEYED]),
    "job.definition_not_found": lambda host: host(pause_job_type, MAIL),
    "job.definition_not_found_or_disabled": lambda host: host(enqueue_job, REQUEST),
    "job.enqueue_idempotency_unsupported_isolation": keyed_in_repeatable_read,
    "job.idempotency_conflict": idempotency_conflict,
    "job.idempotency_conflict_missing_existing": idempotency_conflict_missing_existing,
    "job.invalid_claim_limit": lambda host: host.claim(limit=0),
    "job.invalid_count_limit": lambda host: host(
        count_jobs_by_status, scope=EVERYTHING, exact_up_to=-1
    ),
    "job.invalid_lease_duration": lambda host: host.claim(lease_seconds=0),
    "job.invalid_log": lambda host: host(
        insert_job_log, uuid4(), run_number=0, level="info", message="x"
    ),
    "job.invalid_pagination": lambda host: host(
        list_job_events, uuid4(), scope=EVERYTHING, limit=0
    ),
    "job.invalid_progress": invalid_progress,
    "job.invalid_reap_limit": lambda host: host(reap_expired_leases, limit=0),
    "job.invalid_reason": lambda host: host(
        cancel_job, uuid4(), scope=EVERYTHING, reason="\0"
    ),
    "job.invalid_release_delay": lambda host: host(
        release_unstarted_claims, [], reason="full", delay_seconds=-1
    ),
    "job.invalid_runtime_config": lambda host: host(
        upsert_job_runtime_config, MAIL, schema_version=1, config=[]
    ),
    "job.invalid_state_transition": invalid_state_transition,
    "job.key_scope_ambiguous": lambda host: host(
        get_job_payload_by_idempotency_key, MAIL, "k", scope=EVERYTHING
    ),
    "job.lease_owner_mismatch": lease_owner_mismatch,
    "job.legacy_idempotency_snapshot_missing": legacy_idempotency_snapshot_missing,
    "job.not_found": lambda host: host(cancel_job, uuid4(), scope=EVERYTHING),
    "job.organization_not_found": organization_not_found,
    "job.runtime_config_not_found": lambda host: host(
        get_required_job_runtime_config_by_type, MAIL
    ),
    "job.unstarted_claim_release_not_applicable": (
        unstarted_claim_release_not_applicable
    ),
    "job.workflow_requeue_not_supported": workflow_requeue_not_supported,
    "job_definition.active_schedule_exists": active_schedule_exists,
    "job_definition.disable_unsupported_isolation": disable_unsupported_isolation,
    "job_definition.empty_job_type_list": lambda host: host(
        sync_job_definitions_exact, [], scope_job_types=[MAIL]
    ),
    "job_schedule.definition_not_found_or_disabled": schedule_of_disabled_definition,
    "schema.checksum_mismatch": after("UPDATE runledger_migrations SET checksum = 'x'"),
    "schema.foreign_objects": after("DELETE FROM runledger_migrations"),
    "schema.history_gap": after(FORGET(OLDEST, HISTORY)),
    "schema.history_missing": after("DROP SCHEMA public CASCADE; CREATE SCHEMA public"),
    "schema.legacy_idempotency_snapshots_missing": after(LEGACY_ROW),
    "schema.name_mismatch": after("UPDATE runledger_migrations SET name = 'x'"),
    "schema.objects_missing": after("DROP TABLE job_attempts"),
    "schema.search_path_empty": after("SET search_path TO nowhere"),
    "schema.version_missing": after(FORGET(NEWEST, HISTORY)),
    "schema.version_unknown": after(FUTURE),
}
