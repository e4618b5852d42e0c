"""The canonical migrations, applied to a schema that is not public."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import psycopg
import pytest
from psycopg import sql

from runledger_test_support import create_ephemeral_database, drop_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
SCHEMA = "ledger"


@attrs.frozen
class Ledger:
    """A database whose ledger stands in SCHEMA, made from the files of the root."""

    dsn: str

    @classmethod
    def create(cls, dsn: str, *, up_to: str = "~") -> Ledger:
        """Apply the files whose names sort before *up_to*, one transaction each."""
        ledger = cls(dsn)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        ledger.apply(file for file in ledger.files() if file.name < up_to)
        return ledger

    @staticmethod
    def files() -> list[Path]:
        """Every file in the order in which it is applied."""
        return [MIGRATIONS / "history.sql", *sorted(MIGRATIONS.glob("[0-9]*.sql"))]

    def apply(self, files: Iterable[Path]) -> None:
        with self.connect() as connection:
            for file in files:
                with connection.transaction():
                    connection.execute(file.read_text("utf-8"))

    def connect(self) -> psycopg.Connection[Any]:
        connection = psycopg.connect(self.dsn, autocommit=True)
        connection.execute(f"SET search_path TO {SCHEMA}")
        return connection


@pytest.fixture(scope="session")
def migration_files() -> list[Path]:
    """Every file in the order in which it is applied, history.sql first."""
    return Ledger.files()


@pytest.fixture(scope="session")
def make_ledger() -> Callable[..., Ledger]:
    """Migrate an empty database, all the way or not: Ledger.create."""
    return Ledger.create


@pytest.fixture(scope="session")
def shared_ledger() -> Iterator[Ledger]:
    """One migrated database for the tests that leave nothing behind."""
    database = create_ephemeral_database("ddl", migrated=False)
    yield Ledger.create(database.dsn)
    drop_database(database)


@pytest.fixture(scope="session")
def shared_connection(shared_ledger: Ledger) -> Iterator[psycopg.Connection[Any]]:
    """An autocommit connection for reading only."""
    with shared_ledger.connect() as connection:
        yield connection


@pytest.fixture
def connection(shared_ledger: Ledger) -> Iterator[psycopg.Connection[Any]]:
    """A connection inside a transaction that is rolled back."""
    with (
        shared_ledger.connect() as connection,
        connection.transaction(force_rollback=True),
    ):
        yield connection


@pytest.fixture
def insert(connection: psycopg.Connection[Any]) -> Any:
    """Insert a valid row, changed as the test wants it, and return its key."""
    connection.execute("INSERT INTO job_definitions (job_type) VALUES ('mail.send')")

    def insert(table: str, **values: Any) -> Any:
        row = {**VALID_ROWS[table], **values}
        for name, parent in PARENTS.get(table, {}).items():
            if name not in row:
                row[name] = insert(parent)
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING {}").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(map(sql.Placeholder, row)),
            sql.Identifier(KEYS.get(table, "id")),
        )
        return connection.execute(statement, row).fetchone()[0]

    return insert


KEYS = {
    "job_dead_letters": "job_id",
    "job_definitions": "job_type",
    "job_runtime_configs": "job_type",
    "job_workers": "worker_id",
    "workflow_step_dependencies": "dependent_step_id",
}
PARENTS = {
    "job_attempts": {"job_id": "job_queue"},
    "job_events": {"job_id": "job_queue"},
    "job_logs": {"job_id": "job_queue"},
    "job_dead_letters": {"job_id": "job_queue"},
    "workflow_steps": {"workflow_run_id": "workflow_runs"},
    "workflow_run_mutations": {"workflow_run_id": "workflow_runs"},
}
# The columns that have no default.
VALID_ROWS: dict[str, dict[str, Any]] = {
    "job_definitions": {"job_type": "report.build"},
    "job_queue": {"job_type": "mail.send", "max_attempts": 3},
    "job_attempts": {
        "attempt": 1,
        "worker_id": "w1",
        "leased_at": "now",
        "started_at": "now",
    },
    "job_events": {"event_type": "ENQUEUED"},
    "job_logs": {"level": "info", "message": "m"},
    "job_dead_letters": {
        "job_type": "mail.send",
        "attempt": 1,
        "payload_snapshot": "{}",
        "failed_at": "now",
    },
    "job_schedules": {
        "name": "nightly",
        "job_type": "mail.send",
        "cron_expr": "0 0 * * *",
        "next_fire_at": "now",
    },
    "job_runtime_configs": {
        "job_type": "mail.send",
        "schema_version": 1,
        "config": "{}",
    },
    "job_workers": {"worker_id": "w1", "job_types": [], "expires_at": "infinity"},
    "workflow_runs": {"workflow_type": "checkout"},
    "workflow_steps": {
        "step_key": "pay",
        "job_type": "mail.send",
        "priority": 100,
        "max_attempts": 3,
        "timeout_seconds": 60,
        "stage": "queued",
    },
    "workflow_step_dependencies": {},
    "workflow_run_mutations": {"mutation_key": "k", "request": "{}"},
}
