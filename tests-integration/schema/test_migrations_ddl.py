"""What the migrations build: names, labels, checks, and where everything goes."""

from __future__ import annotations

import re

import psycopg
import pytest

from runledger_core import (
    AttemptOutcome,
    DependencyReleaseMode,
    JobEventType,
    JobStatus,
    StepExecutionKind,
    WorkflowRunStatus,
    WorkflowStepStatus,
)

pytestmark = pytest.mark.db

SCHEMA = "ledger"

ENUMS = {
    "job_status": JobStatus,
    "job_event_type": JobEventType,
    "job_failure_kind": AttemptOutcome,
    "workflow_run_status": WorkflowRunStatus,
    "workflow_step_status": WorkflowStepStatus,
    "workflow_dependency_release_mode": DependencyReleaseMode,
    "workflow_step_execution_kind": StepExecutionKind,
}
# What other programs know by name: errors are translated by constraint, and operators
# write about indexes in their run books.
NAMED_CHECKS = {
    "chk_job_definitions_max_attempts_positive",
    "chk_job_definitions_timeout_positive",
    "chk_job_definitions_type_not_blank",
    "chk_job_definitions_version_positive",
    "chk_job_queue_progress_nonnegative",
    "chk_workflow_steps_execution_shape",
    "ck_job_queue_idempotency_enqueue_request",
    "ck_workflow_runs_idempotency_enqueue_request",
}
NAMED_KEYS = {
    "fk_job_runtime_configs_job_type",
    "fk_workflow_runs_result_step",
    "uq_job_attempts_job_run_attempt",
    "uq_workflow_steps_job_id",
    "uq_workflow_steps_run_step_id",
    "uq_workflow_steps_run_step_key",
}
NAMED_UNIQUE_INDEXES = {
    "uq_job_queue_type_idempotency_global",
    "uq_job_queue_type_idempotency_org",
    "uq_workflow_run_mutations_run_mutation_key",
    "uq_workflow_runs_type_idempotency_global",
    "uq_workflow_runs_type_idempotency_org",
}
TOUCHED_TABLES = [
    "job_definitions",
    "job_queue",
    "job_runtime_configs",
    "job_schedules",
    "workflow_run_mutations",
    "workflow_runs",
    "workflow_steps",
]
FENCED_VERSIONS = [
    202603280001,
    202604100001,
    202605180001,
    202605220001,
    202606030001,
]


def column(connection: psycopg.Connection, query: str, *parameters: object) -> list:
    return [row[0] for row in connection.execute(query, parameters).fetchall()]


def constraints(connection: psycopg.Connection, *kinds: str) -> set[str]:
    return set(
        column(
            connection,
            "SELECT conname FROM pg_constraint"
            " WHERE connamespace = %s::regnamespace AND contype = ANY (%s)",
            SCHEMA,
            list(kinds),
        )
    )


def test_nothing_goes_into_public(shared_connection):
    strays = column(
        shared_connection,
        "SELECT oid::regclass::text FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace"
        " UNION ALL SELECT oid::regprocedure::text FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace"
        " UNION ALL SELECT oid::regtype::text FROM pg_type"
        " WHERE typnamespace = 'public'::regnamespace",
    )

    assert strays == []


@pytest.mark.parametrize("sql_type", ENUMS)
def test_labels_are_those_of_core_in_order(shared_connection, sql_type):
    labels = column(
        shared_connection,
        "SELECT enumlabel FROM pg_enum WHERE enumtypid = %s::regtype"
        " ORDER BY enumsortorder",
        sql_type,
    )

    assert labels == [member.value for member in ENUMS[sql_type]]


def test_known_names_exist(shared_connection):
    indexes = column(
        shared_connection,
        "SELECT relname FROM pg_class JOIN pg_index ON indexrelid = pg_class.oid"
        " WHERE relnamespace = %s::regnamespace AND indisunique",
        SCHEMA,
    )

    assert constraints(shared_connection, "c") >= NAMED_CHECKS
    assert constraints(shared_connection, "f", "u") >= NAMED_KEYS
    assert set(indexes) >= NAMED_UNIQUE_INDEXES


def test_every_constraint_says_its_kind_and_its_table(shared_connection):
    prefixes = {"c": "chk|ck", "f": "fk", "p": "pk", "u": "uq"}
    rows = shared_connection.execute(
        "SELECT contype::text, relname, conname FROM pg_constraint"
        " JOIN pg_class ON pg_class.oid = conrelid"
        " WHERE connamespace = %s::regnamespace AND contype <> 'n'",
        [SCHEMA],
    ).fetchall()

    unconventional = [
        name
        for kind, table, name in rows
        if not re.match(rf"({prefixes[kind]})_{table}(_|$)", name)
    ]
    assert unconventional == []


def test_a_table_whose_rows_change_keeps_updated_at(shared_connection):
    triggers = column(
        shared_connection,
        "SELECT tgname FROM pg_trigger"
        " WHERE NOT tgisinternal AND right(tgname, 15) = '_set_updated_at'"
        " ORDER BY tgname",
    )
    with_column = column(
        shared_connection,
        "SELECT relname FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid"
        " WHERE relnamespace = %s::regnamespace AND relkind = 'r'"
        " AND attname = 'updated_at' ORDER BY relname",
        SCHEMA,
    )

    assert triggers == sorted(f"trg_{t}_set_updated_at" for t in TOUCHED_TABLES)
    assert with_column == TOUCHED_TABLES


def test_the_fence_lists_what_an_older_binary_must_know(shared_connection):
    fenced = column(
        shared_connection,
        "SELECT version FROM runledger_migration_history ORDER BY version",
    )

    assert fenced == FENCED_VERSIONS


def test_the_snapshot_checks_wait_for_the_application(shared_connection):
    unvalidated = column(
        shared_connection, "SELECT conname FROM pg_constraint WHERE NOT convalidated"
    )

    assert sorted(unvalidated) == [
        "ck_job_queue_idempotency_enqueue_request",
        "ck_workflow_runs_idempotency_enqueue_request",
    ]


def test_the_history_table_may_be_asked_for_again(connection, migration_files):
    connection.execute(migration_files[0].read_text("utf-8"))

    assert column(connection, "SELECT count(*) FROM runledger_migrations") == [0]


def test_each_file_begins_with_its_purpose_and_names_its_locks(migration_files):
    silent = [
        file.name
        for file in migration_files
        if not re.match(r"(--.*\n)*-- Locks: .*\n(--.*\n)*\n", file.read_text("utf-8"))
    ]

    assert silent == []


def test_rows_of_the_baseline_survive_what_follows(
    runledger_empty_database, make_ledger, migration_files
):
    ledger = make_ledger(runledger_empty_database, up_to="202604")
    with ledger.connect() as connection:
        connection.execute(
            "INSERT INTO job_definitions (job_type) VALUES ('mail.send');"
            "INSERT INTO job_queue (job_type, max_attempts, idempotency_key)"
            " VALUES ('mail.send', 3, 'old');"
            "INSERT INTO job_queue (job_type, max_attempts, status, attempt, worker_id,"
            " lease_expires_at) VALUES ('mail.send', 3, 'LEASED', 1, 'w1', now());"
            "INSERT INTO job_queue (job_type, max_attempts, status, finished_at)"
            " VALUES ('mail.send', 3, 'SUCCEEDED', now());"
            "INSERT INTO workflow_runs (workflow_type, idempotency_key)"
            " VALUES ('checkout', 'old')"
        )

    ledger.apply([file for file in migration_files[1:] if file.name >= "202604"])

    with ledger.connect() as connection:
        rows = connection.execute(
            "SELECT status::text, idempotency_key, enqueue_request FROM job_queue"
            " ORDER BY job_queue.status"
        ).fetchall()
    assert rows == [
        ("PENDING", "old", None),
        ("LEASED", None, None),
        ("SUCCEEDED", None, None),
    ]


@pytest.mark.parametrize("search_path", ["''", "shadow, pg_catalog"])
def test_functions_do_the_same_whatever_the_search_path(connection, search_path):
    connection.execute(
        "CREATE SCHEMA shadow;"
        "CREATE FUNCTION shadow.now() RETURNS timestamptz LANGUAGE sql"
        " RETURN '-infinity'::timestamptz;"
        "CREATE FUNCTION shadow.btrim(text, text) RETURNS text LANGUAGE sql RETURN $1;"
        "CREATE FUNCTION shadow.octet_length(text) RETURNS integer LANGUAGE sql"
        " RETURN 1"
    )
    connection.execute(f"SET search_path TO {search_path}")

    made_at = column(
        connection,
        "INSERT INTO ledger.job_definitions (job_type, updated_at)"
        " VALUES ('mail.send', 'epoch') RETURNING updated_at",
    )
    changed_at = column(
        connection,
        "UPDATE ledger.job_definitions SET version = 2 RETURNING updated_at",
    )

    assert changed_at > made_at
    with pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(
            "INSERT INTO ledger.job_definitions (job_type) VALUES (' padded')"
        )


def test_updated_at_is_the_trigger_s_or_the_statement_s(connection, insert):
    job = insert("job_queue", updated_at="epoch")

    (by_trigger,) = column(
        connection,
        "UPDATE job_queue SET priority = 1 WHERE id = %s RETURNING updated_at = now()",
        job,
    )
    (by_statement,) = column(
        connection,
        "UPDATE job_queue SET updated_at = 'infinity' WHERE id = %s"
        " RETURNING updated_at = 'infinity'",
        job,
    )

    assert (True, True) == (by_trigger, by_statement)
