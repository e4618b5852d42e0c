"""Every code that the table promises can really be raised, or says why not."""

from __future__ import annotations

import importlib.util
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from runledger_core import (
    JobEnqueue,
    JobSchedule,
)
from runledger_core.codes import CODES, CodeKind
from runledger_postgres import (
    enqueue_job,
    ensure_schema_compatible_after_idempotency_cutover,
    upsert_job_schedule,
)

if TYPE_CHECKING:
    from types import ModuleType


def load_examples(name: str) -> ModuleType:
    """Import a file beside this one, which belongs to no package."""
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


VALUES = load_examples("value_code_examples").VALUES
STORAGE = load_examples("code_examples").STORAGE
STORAGE |= load_examples("workflow_code_examples").STORAGE
# The runtime's own are not raised from here.
AREAS = {code.partition(".")[0] for code in CODES} - {"catalog", "config", "runtime"}
RAISED = {
    code
    for code, entry in CODES.items()
    if code.partition(".")[0] in AREAS and entry.kind is not CodeKind.STORED
}
MAIL = "mail.send"

# Codes that nothing can raise, or not from here.
UNRAISED = {
    "db.transaction_begin_failed": (
        "psycopg begins with the first statement: what fails there is the connection"
    ),
    "job.handle_storage_error": (
        "the database must go away between two looks: test_result_wait.py"
    ),
    "job.enqueue_request_snapshot_failed": (
        "a request is JSON since it was constructed, so its snapshot cannot fail"
    ),
    "job.invalid_retry_delay": "delays come from a RetryPolicy, which has checked them",
    "schema.layer_skew": "the runtime compares the layers when it starts",
    "workflow.external_gate_downgrade_blocked": "migrations are never taken back",
    "workflow.external_step_invalid_terminal_status": (
        "GateSucceeded, GateFailed and GateCanceled have no other status"
    ),
    "workflow.external_step_output_invalid_status": "only GateSucceeded has an output",
    "workflow.handle_storage_error": (
        "the database must go away between two looks: test_result_wait.py"
    ),
    "workflow.invalid_dag_dependency_count_overflow": (
        "it takes 2**31 dependencies, and a step names each other step once"
    ),
    "workflow.linkage_symmetry_trigger_table_invalid": (
        "steps and jobs have one link, so there are no such triggers"
    ),
    "workflow.linkage_symmetry_violation": (
        "steps and jobs have one link, which cannot contradict itself"
    ),
}

LEGACY_ROW = """
ALTER TABLE job_queue DROP CONSTRAINT ck_job_queue_idempotency_enqueue_request;
INSERT INTO job_definitions (job_type) VALUES ('mail.send');
INSERT INTO job_queue (job_type, max_attempts, idempotency_key)
VALUES ('mail.send', 1, 'old');
ALTER TABLE job_queue ADD CONSTRAINT ck_job_queue_idempotency_enqueue_request
    CHECK (idempotency_key IS NULL OR enqueue_request IS NOT NULL) NOT VALID
"""
FORGET = (
    "DELETE FROM runledger_migrations"
    " WHERE version = (SELECT {}(version) FROM runledger_migrations)"
)

# What somebody may have done to the schema before it is checked.
SCHEMA = {
    "schema.checksum_mismatch": "UPDATE runledger_migrations SET checksum = 'x'",
    "schema.foreign_objects": "DELETE FROM runledger_migrations",
    "schema.history_gap": FORGET.format("min"),
    "schema.history_missing": "DROP SCHEMA public CASCADE; CREATE SCHEMA public",
    "schema.legacy_idempotency_snapshots_missing": LEGACY_ROW,
    "schema.name_mismatch": "UPDATE runledger_migrations SET name = 'x'",
    "schema.objects_missing": "DROP TABLE job_attempts CASCADE",
    "schema.search_path_empty": "SET search_path TO nowhere",
    "schema.version_missing": FORGET.format("max"),
    "schema.version_unknown": (
        "INSERT INTO runledger_migration_history (version) VALUES (203001010001)"
    ),
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

    def enqueue(self, request: JobEnqueue | None = None) -> Any:
        self.define()
        return self(enqueue_job, request or JobEnqueue(MAIL)).job_id

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


@pytest.fixture
def host(runledger_database, connection, define, claim) -> Any:
    return Host(runledger_database, connection, define, claim)


def test_each_code_has_an_example_or_a_reason():
    shown = VALUES.keys() | STORAGE.keys() | SCHEMA.keys()

    assert shown | UNRAISED.keys() == RAISED
    assert not shown & UNRAISED.keys()


@pytest.mark.parametrize("code", VALUES)
def test_a_value_that_cannot_be_is_refused(code, raises_code):
    with raises_code(code):
        VALUES[code]()


@pytest.mark.db
@pytest.mark.unaudited("the ledger is misused")
@pytest.mark.parametrize("code", STORAGE)
def test_a_misused_ledger_says_so(code, host, raises_code):
    with raises_code(code):
        STORAGE[code](host)


@pytest.mark.db
@pytest.mark.unaudited("the schema is damaged")
@pytest.mark.parametrize("code", SCHEMA)
def test_a_damaged_schema_says_so(code, host, raises_code):
    host.sql(SCHEMA[code])

    with raises_code(code):
        host(ensure_schema_compatible_after_idempotency_cutover)
