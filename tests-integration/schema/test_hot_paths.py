"""What the busiest statements rely on: updates within the page, and indexes."""

from __future__ import annotations

import psycopg
import pytest

from runledger_core import JobDefinition, JobEnqueue
from runledger_postgres import (
    claim_jobs,
    enqueue_jobs,
    heartbeat_jobs,
    upsert_job_definition,
)

pytestmark = pytest.mark.db

RENEWED = {"lease_expires_at", "last_heartbeat_at", "updated_at"}
# Whatever changes between claim and completion must stand in no index, too.
CHANGING = RENEWED | {
    "worker_id",
    "stage",
    "progress_done",
    "progress_total",
    "progress_pct",
    "checkpoint",
}


def updates(connection, table):
    """Return how many updates this transaction made, and how many were HOT."""
    return connection.execute(
        "SELECT pg_stat_get_xact_tuples_updated(%(table)s::regclass),"
        " pg_stat_get_xact_tuples_hot_updated(%(table)s::regclass)",
        {"table": table},
    ).fetchone()


def test_no_index_knows_what_changes_while_a_job_runs(shared_connection):
    indexed = shared_connection.execute(
        "SELECT attname FROM pg_index JOIN pg_attribute"
        " ON attrelid = indrelid AND attnum = ANY (indkey)"
        " WHERE indrelid = 'job_queue'::regclass"
        # Predicates and expressions count as much as keys.
        " UNION SELECT attname FROM pg_depend"
        " JOIN pg_index ON indexrelid = objid AND classid = 'pg_class'::regclass"
        " JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid"
        " WHERE indrelid = 'job_queue'::regclass"
        " AND refobjid = 'job_queue'::regclass"
    ).fetchall()
    columns = {row[0] for row in indexed}

    assert "status" in columns
    assert columns & CHANGING == set()


def test_a_renewed_lease_stays_in_its_page(connection, insert):
    for number in range(5):
        insert(
            "job_queue",
            status="LEASED",
            attempt=1,
            worker_id=f"w{number}",
            lease_expires_at="tomorrow",
        )

    connection.execute(
        "UPDATE job_queue SET lease_expires_at = now() + interval '2 days',"
        " last_heartbeat_at = now(), updated_at = now()"
    )

    assert (5, 5) == updates(connection, "job_queue")


def test_most_attempts_of_a_batch_end_in_their_page(connection, insert):
    job = insert("job_queue")
    connection.execute(
        "INSERT INTO job_attempts (job_id, attempt, worker_id, leased_at, started_at)"
        " SELECT %s, attempt, 'w1', now(), now()"
        " FROM generate_series(1, 500) AS attempt",
        [job],
    )

    connection.execute(
        "UPDATE job_attempts SET finished_at = now(), outcome = 'SUCCEEDED'"
    )

    made, hot = updates(connection, "job_attempts")
    assert made == 500
    assert hot > 400


def test_the_storage_layer_s_heartbeat_stays_in_its_page(runledger_database):
    with psycopg.connect(runledger_database, autocommit=True) as connection:
        upsert_job_definition(connection, JobDefinition("mail.send"))
        enqueue_jobs(connection, [JobEnqueue("mail.send")] * 3)
        jobs = claim_jobs(connection, worker_id="w1", lease_seconds=60, limit=3)
        leases = [job.lease for job in jobs]
        before = flushed_hot_updates(connection)

        for _ in range(4):
            heartbeat_jobs(connection, leases, lease_seconds=60)

        assert before + 12 == flushed_hot_updates(connection)


def flushed_hot_updates(connection):
    connection.execute("SELECT pg_stat_force_next_flush()")
    return connection.execute(
        "SELECT n_tup_hot_upd FROM pg_stat_user_tables"
        " WHERE relid = 'job_queue'::regclass"
    ).fetchone()[0]


def test_the_hot_tables_leave_room_and_are_vacuumed_early(shared_connection):
    options = dict(
        shared_connection.execute(
            "SELECT relname, reloptions FROM pg_class WHERE relname = ANY (%s)",
            [["job_queue", "job_attempts", "job_events"]],
        ).fetchall()
    )

    assert "fillfactor=70" in options["job_queue"]
    assert "fillfactor=50" in options["job_attempts"]
    assert all(
        any(option.startswith("autovacuum_vacuum_") for option in of_table)
        for of_table in options.values()
    )


@pytest.mark.parametrize(
    "table",
    ["job_queue", "job_attempts", "workflow_steps", "workflow_step_dependencies"],
)
def test_no_plan_is_made_for_a_small_table(shared_connection, table):
    """Nothing is analyzed while it has few pages, and none has few again."""
    [options] = shared_connection.execute(
        "SELECT reloptions FROM pg_class WHERE oid = %s::regclass", [table]
    ).fetchone()

    assert "autovacuum_analyze_threshold=2000" in options
    assert "vacuum_truncate=off" in options
