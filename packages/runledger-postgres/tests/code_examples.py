"""One way to raise each code of the storage layer, the schema's aside."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import psycopg
from psycopg_pool import ConnectionPool

from runledger_core import (
    EVERYTHING,
    JobDefinition,
    JobEnqueue,
    JobStatus,
)
from runledger_postgres import (
    SettleSuccess,
    cancel_job,
    claim_jobs,
    complete_job_success,
    complete_jobs,
    copy_jobs,
    count_jobs_by_status,
    enqueue_job,
    get_job_payload_by_idempotency_key,
    get_required_job_runtime_config_by_type,
    heartbeat_job,
    insert_job_log,
    job_handle,
    list_job_events,
    migrate_after_idempotency_cutover,
    pause_job_type,
    reap_expired_leases,
    release_unstarted_claims,
    requeue_job,
    sync_job_definitions_exact,
    sync_job_schedules_exact,
    update_job_progress,
    upsert_job_definition,
    upsert_job_runtime_config,
)
from runledger_postgres._operation import Operation, operation
from runledger_postgres._statements import Statement
from runledger_postgres._steps import one, script
from runledger_postgres.schema._inspect import inspect_schema

MAIL = "mail.send"
REQUEST = JobEnqueue(MAIL)
KEYED = JobEnqueue(MAIL, idempotency_key="k")
DISABLED = JobDefinition(MAIL, is_enabled=False)


def business_rule_violation(host: Any) -> None:
    host.sql("ALTER TABLE job_queue ADD CONSTRAINT small CHECK (priority < 10)")
    host.enqueue()


def connection_failed(host: Any) -> None:
    pool = ConnectionPool(host.dsn, min_size=1, open=True)
    pool.close()
    enqueue_job(pool, REQUEST)


def encoding_unsupported(host: Any) -> None:
    name = f"latin_{uuid4().hex}"
    host.sql(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    try:
        with psycopg.connect(host.dsn, dbname=name, autocommit=True) as latin:
            migrate_after_idempotency_cutover(latin)
    finally:
        host.sql(f"DROP DATABASE {name} WITH (FORCE)")


def permission_denied(host: Any) -> None:
    host.sql("SET ROLE pg_monitor")
    host(count_jobs_by_status, scope=EVERYTHING)


def query_failed(host: Any) -> None:
    host.raising_trigger("P0001")
    host.enqueue()


def related_resource_missing(host: Any) -> None:
    host.sql(
        "CREATE TABLE mailboxes (id integer PRIMARY KEY);"
        " ALTER TABLE job_queue ADD FOREIGN KEY (priority) REFERENCES mailboxes"
    )
    host.enqueue()


def related_resource_still_referenced(host: Any) -> None:
    # Which constraints answer so depends on the server's version.
    host.raising_trigger("23001")
    host.enqueue()


def required_field_missing(host: Any) -> None:
    host.sql("ALTER TABLE job_queue ALTER organization_id SET NOT NULL")
    host.enqueue()


def schema_missing(host: Any) -> None:
    host.sql("SET search_path TO pg_catalog")
    host(enqueue_job, REQUEST)


def server_too_old(host: Any) -> None:
    host(Operation(inspect_schema), oldest_server=990000)


def transaction_aborted(host: Any) -> None:
    with host.transaction():
        try:
            host.sql("SELECT 1 / 0")
        except psycopg.errors.DivisionByZero:
            host(count_jobs_by_status, scope=EVERYTHING)


def transaction_commit_unconfirmed(host: Any) -> None:
    host.sql(
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;"
        " CREATE CONSTRAINT TRIGGER die AFTER INSERT ON job_queue"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()"
    )
    host.enqueue()


def transaction_not_owned(host: Any) -> None:
    with host.transaction():
        host(claim_jobs, worker_id="w1", lease_seconds=60, limit=1)


def unexpected_row_count(host: Any) -> None:
    @operation
    def impossible() -> Any:
        yield from one(Statement("test/nothing", "SELECT 1 WHERE FALSE"))

    host(impossible)


def unique_violation(host: Any) -> None:
    host.sql("CREATE UNIQUE INDEX one_version ON job_definitions (version)")
    host(upsert_job_definition, JobDefinition("mail.send"))
    host(upsert_job_definition, JobDefinition("mail.print"))


def already_enqueued(host: Any) -> None:
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


def keyed_in_repeatable_read(host: Any) -> None:
    host.define()
    with host.transaction("REPEATABLE READ"):
        host(enqueue_job, KEYED)


def idempotency_conflict(host: Any) -> None:
    host.enqueue(KEYED)
    host.enqueue(JobEnqueue(MAIL, [1], idempotency_key="k"))


def idempotency_conflict_missing_existing(host: Any) -> None:
    host.sql(
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RETURN NULL; END $$;"
        " CREATE TRIGGER swallow BEFORE INSERT ON job_queue"
        " FOR EACH ROW EXECUTE FUNCTION swallow()"
    )
    host.enqueue(KEYED)


def legacy_idempotency_snapshot_missing(host: Any) -> None:
    host.enqueue(KEYED)
    host.sql(
        "ALTER TABLE job_queue"
        " DROP CONSTRAINT ck_job_queue_idempotency_enqueue_request;"
        " UPDATE job_queue SET enqueue_request = NULL"
    )
    host.enqueue(KEYED)


def invalid_progress(host: Any) -> None:
    host(update_job_progress, host.leased(), progress_done=2, progress_total=1)


def invalid_state_transition(host: Any) -> None:
    job_id = host.enqueue()
    host(cancel_job, job_id, scope=EVERYTHING)
    host(cancel_job, job_id, scope=EVERYTHING)


def busy(host: Any) -> None:
    lease = host.leased()
    with psycopg.connect(host.dsn) as other:
        other.execute("SELECT FROM job_queue FOR UPDATE")
        [refused] = host(complete_jobs, [SettleSuccess(lease)], skip_locked=True)
    raise refused


def lease_owner_mismatch(host: Any) -> None:
    lease = host.leased()
    host(complete_job_success, lease)
    host(complete_job_success, lease)


def organization_not_found(host: Any) -> None:
    host.sql(
        "CREATE TABLE organizations (id uuid PRIMARY KEY);"
        " ALTER TABLE job_queue ADD CONSTRAINT fk_job_queue_organization"
        " FOREIGN KEY (organization_id) REFERENCES organizations"
    )
    host.enqueue(JobEnqueue(MAIL, organization_id=uuid4()))


def unstarted_claim_release_not_applicable(host: Any) -> None:
    lease = host.leased()
    host(heartbeat_job, lease, lease_seconds=60)
    [refused] = host(release_unstarted_claims, [lease], reason="full")
    raise refused


def workflow_requeue_not_supported(host: Any) -> None:
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


def active_schedule_exists(host: Any) -> None:
    host.define()
    host.schedule()
    host(upsert_job_definition, DISABLED)


def disable_unsupported_isolation(host: Any) -> None:
    host.define()
    with host.transaction("SERIALIZABLE"):
        host(upsert_job_definition, DISABLED)


def schedule_of_disabled_definition(host: Any) -> None:
    host(upsert_job_definition, DISABLED)
    host.schedule()


# What the storage layer refuses, and what it hears from the database.
def get_result(host: Any, job_id: Any = None, **values: Any) -> None:
    with ConnectionPool(host.dsn, min_size=1, open=True) as pool:
        handle = job_handle(pool, job_id or host.enqueue(), scope=EVERYTHING)
        handle.get_result(**values)


def result_unsuccessful_terminal(host: Any) -> None:
    job_id = host.enqueue()
    host(cancel_job, job_id, scope=EVERYTHING)
    get_result(host, job_id)


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
    "job.busy": busy,
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
    "job.invalid_result_wait": lambda host: get_result(host, timeout=-1),
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
    "job.result_unsuccessful_terminal": result_unsuccessful_terminal,
    "job.result_wait_timeout": lambda host: get_result(host, timeout=0),
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
    "job_schedule.empty_scope": lambda host: host(
        sync_job_schedules_exact, [], scope_job_types=[]
    ),
}
