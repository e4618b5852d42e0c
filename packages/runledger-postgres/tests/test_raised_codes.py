"""Every code that the table promises can really be raised, or says why not."""

from __future__ import annotations

import importlib.util
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from runledger_core import (
    JobCompletion,
    JobDefinition,
    JobEnqueue,
    JobFailure,
    JobSchedule,
    Organization,
    RetryPolicy,
    preview_schedule,
)
from runledger_core.codes import CODES, CodeKind
from runledger_core.migrations import load_migrations
from runledger_postgres import (
    enqueue_job,
    ensure_schema_compatible_after_idempotency_cutover,
    upsert_job_schedule,
)

if TYPE_CHECKING:
    from types import ModuleType


def load_examples() -> ModuleType:
    """Import the file beside this one, which belongs to no package."""
    path = Path(__file__).with_name("code_examples.py")
    spec = importlib.util.spec_from_file_location("code_examples", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


STORAGE = load_examples().STORAGE
AREAS = {"db", "identifier", "job", "job_definition", "job_schedule", "retry", "schema"}
RAISED = {
    code
    for code, entry in CODES.items()
    if code.partition(".")[0] in AREAS and entry.kind is not CodeKind.STORED
}
MAIL = "mail.send"
NAN = float("nan")
NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001  refused, that is the point

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
    "job.invalid_trace_context": lambda: JobEnqueue(MAIL, trace_context={"a": 1}),
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
    "job_schedule.invalid_misfire_limit": lambda: JobSchedule(
        "s", MAIL, "* * * * *", misfire_limit=0
    ),
    "job_schedule.invalid_name": lambda: JobSchedule(" s", MAIL, "* * * * *"),
    "job_schedule.invalid_policy": lambda: JobSchedule(
        "s", MAIL, "* * * * *", misfire_policy="TWICE"
    ),
    "job_schedule.invalid_preview_count": lambda: preview_schedule("* * * * *", 0),
    "retry.invalid_policy": lambda: RetryPolicy(base_seconds=-1),
    "schema.vendored_set_invalid": lambda: load_migrations("runledger_nothing"),
}

# Codes of other issues, and codes that nothing can raise.
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
    shown = PURE.keys() | STORAGE.keys() | SCHEMA.keys()

    assert shown | UNRAISED.keys() == RAISED
    assert not shown & UNRAISED.keys()


@pytest.mark.parametrize("code", PURE)
def test_a_value_that_cannot_be_is_refused(code, raises_code):
    with raises_code(code):
        PURE[code]()


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
