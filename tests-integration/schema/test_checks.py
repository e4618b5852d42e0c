"""What the database refuses, whoever writes, and under which name."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

pytestmark = pytest.mark.db

FAILED = {"status": "DEAD_LETTERED", "finished_at": "now"}

REFUSED = [
    ("job_definitions", {"version": 0}, "version_positive"),
    ("job_definitions", {"max_attempts": 0}, "max_attempts_positive"),
    ("job_definitions", {"default_timeout_seconds": 0}, "timeout_positive"),
    ("job_queue", {"attempt": -1}, "attempt_nonnegative"),
    ("job_queue", {"max_attempts": 0}, "max_attempts_positive"),
    ("job_queue", {"run_number": 0}, "run_number_positive"),
    ("job_queue", {"timeout_seconds": 0}, "timeout_positive"),
    ("job_queue", {"progress_done": -1}, "progress_nonnegative"),
    ("job_queue", {"progress_total": -1}, "progress_nonnegative"),
    (
        "job_queue",
        {"progress_done": 2, "progress_total": 1},
        "progress_nonnegative",
    ),
    ("job_attempts", {"attempt": 0}, "attempt_positive"),
    ("job_attempts", {"run_number": 0}, "run_number_positive"),
    ("job_attempts", {"retry_delay_ms": -1}, "retry_delay_nonnegative"),
    ("job_attempts", {"claim_origin": "ELSEWHERE"}, "claim_origin"),
    ("job_attempts", {"finished_at": "now"}, "outcome_shape"),
    ("job_attempts", {"outcome": "SUCCEEDED"}, "outcome_shape"),
    ("job_events", {"run_number": 0}, "run_number_positive"),
    ("job_events", {"attempt": 0}, "attempt_positive"),
    (
        "job_events",
        {"progress_done": 2, "progress_total": 1},
        "progress_nonnegative",
    ),
    ("job_logs", {"run_number": 0}, "run_number_positive"),
    ("job_logs", {"attempt": -1}, "attempt_nonnegative"),
    ("job_logs", {"level": " "}, "level_not_blank"),
    ("job_logs", {"message": ""}, "message_not_blank"),
    ("job_dead_letters", {"run_number": 0}, "run_number_positive"),
    ("job_dead_letters", {"attempt": 0}, "attempt_positive"),
    ("job_schedules", {"cron_expr": " "}, "cron_expr_not_blank"),
    ("job_schedules", {"timezone": "Europe/Berlin"}, "timezone_utc"),
    ("job_schedules", {"max_jitter_seconds": -1}, "max_jitter_nonnegative"),
    ("job_schedules", {"misfire_policy": "TWICE"}, "misfire_policy"),
    ("job_schedules", {"misfire_limit": 0}, "misfire_limit"),
    ("job_schedules", {"overlap_policy": "ONCE"}, "overlap_policy"),
    ("job_schedules", {"last_error_code": "x"}, "last_error_shape"),
    ("job_runtime_configs", {"schema_version": 0}, "schema_version_positive"),
    ("job_runtime_configs", {"config": "[]"}, "config_object"),
    ("workflow_steps", {"max_attempts": 0}, "max_attempts_positive"),
    ("workflow_steps", {"timeout_seconds": 0}, "timeout_positive"),
    ("workflow_steps", {"dependency_count_total": -1}, "dependency_counts"),
    ("workflow_steps", {"dependency_count_pending": 1}, "dependency_counts"),
    ("workflow_steps", {"dependency_count_unsatisfied": 1}, "dependency_counts"),
    ("workflow_steps", {"job_type": None}, "execution_shape"),
    ("workflow_steps", {"priority": None}, "execution_shape"),
    ("workflow_steps", {"max_attempts": None}, "execution_shape"),
    ("workflow_steps", {"timeout_seconds": None}, "execution_shape"),
    ("workflow_steps", {"stage": None}, "execution_shape"),
    ("workflow_steps", {"execution_kind": "EXTERNAL"}, "execution_shape"),
]
GATE = {
    "execution_kind": "EXTERNAL",
    "job_type": None,
    "priority": None,
    "max_attempts": None,
    "timeout_seconds": None,
    "stage": None,
}


def refused_by(write) -> str | None:
    with pytest.raises(psycopg.errors.IntegrityError) as caught:
        write()
    return caught.value.diag.constraint_name


@pytest.mark.parametrize(("table", "values", "check"), REFUSED, ids=str)
def test_a_value_out_of_range_is_refused_by_name(insert, table, values, check):
    constraint = refused_by(lambda: insert(table, **values))

    assert constraint == f"chk_{table}_{check}"


@pytest.mark.parametrize("table", ["job_queue", "job_events"])
@pytest.mark.parametrize(
    "progress",
    [
        {"progress_done": 3},
        {"progress_total": 3},
        {"progress_done": 3, "progress_total": 3},
    ],
    ids=str,
)
def test_progress_may_be_half_known_or_complete(insert, table, progress):
    assert insert(table, **progress)


@pytest.mark.parametrize(
    "outcome",
    [
        "RETRYABLE",
        "TERMINAL",
        "PANICKED",
        "TIMEOUT",
        "LEASE_EXPIRED",
        "SUCCEEDED",
        "CANCELED",
        "CONTINUED",
        "RELEASED",
    ],
)
def test_a_finished_attempt_has_any_outcome(insert, outcome):
    assert insert("job_attempts", finished_at="now", outcome=outcome)


def test_an_attempt_exists_once_in_a_run(insert):
    job = insert("job_queue")
    insert("job_attempts", job_id=job)
    insert("job_attempts", job_id=job, run_number=2)

    assert "uq_job_attempts_job_run_attempt" == refused_by(
        lambda: insert("job_attempts", job_id=job)
    )


def test_a_gate_has_nothing_of_a_job(connection, insert):
    gate = insert("workflow_steps", **GATE)
    job = insert("job_queue")

    constraint = refused_by(
        lambda: connection.execute(
            "UPDATE workflow_steps SET job_id = %s WHERE id = %s", [job, gate]
        )
    )

    assert constraint == "chk_workflow_steps_execution_shape"


def test_a_job_belongs_to_one_step_and_leaves_it_when_purged(connection, insert):
    run, job = insert("workflow_runs"), insert("job_queue")
    step = insert("workflow_steps", workflow_run_id=run, job_id=job)
    with connection.transaction(force_rollback=True):
        constraint = refused_by(
            lambda: insert(
                "workflow_steps", workflow_run_id=run, step_key="b", job_id=job
            )
        )
    assert constraint == "uq_workflow_steps_job_id"

    connection.execute("DELETE FROM job_queue WHERE id = %s", [job])

    link = connection.execute("SELECT job_id FROM workflow_steps WHERE id = %s", [step])
    assert link.fetchone() == (None,)


def test_an_edge_stays_within_its_run(insert):
    run, other = insert("workflow_runs"), insert("workflow_runs")
    here = insert("workflow_steps", workflow_run_id=run)
    there = insert("workflow_steps", workflow_run_id=other)

    constraint = refused_by(
        lambda: insert(
            "workflow_step_dependencies",
            workflow_run_id=run,
            prerequisite_step_id=here,
            dependent_step_id=there,
        )
    )

    assert constraint == "fk_workflow_step_dependencies_dependent"


def test_no_step_waits_for_itself(insert):
    run = insert("workflow_runs")
    step = insert("workflow_steps", workflow_run_id=run)

    constraint = refused_by(
        lambda: insert(
            "workflow_step_dependencies",
            workflow_run_id=run,
            prerequisite_step_id=step,
            dependent_step_id=step,
        )
    )

    assert constraint == "chk_workflow_step_dependencies_not_self"


@pytest.mark.parametrize(
    ("table", "subject"),
    [("job_queue", {}), ("workflow_runs", {"workflow_type": "checkout"})],
    ids=["job", "run"],
)
def test_a_key_needs_its_snapshot_and_is_taken_once(connection, insert, table, subject):
    with connection.transaction(force_rollback=True):
        constraint = refused_by(lambda: insert(table, idempotency_key="k", **subject))
    assert constraint == f"ck_{table}_idempotency_enqueue_request"

    keyed = {"idempotency_key": "k", "enqueue_request": "{}", **subject}
    organization = "01890a5d-ac96-774b-bcce-b302099a8057"
    insert(table, **keyed)
    insert(table, **keyed, organization_id=organization)

    with connection.transaction(force_rollback=True):
        twice_global = refused_by(lambda: insert(table, **keyed))
    twice_there = refused_by(
        lambda: insert(table, **keyed, organization_id=organization)
    )
    assert twice_global == f"uq_{table}_type_idempotency_global"
    assert twice_there == f"uq_{table}_type_idempotency_org"


def test_a_run_may_name_a_result_step_that_comes_later(connection, insert):
    run = insert("workflow_runs", result_step_key="pay")
    insert("workflow_steps", workflow_run_id=run)

    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")

    connection.execute("SET CONSTRAINTS ALL DEFERRED")
    insert("workflow_runs", result_step_key="lost")
    assert "fk_workflow_runs_result_step" == refused_by(
        lambda: connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    )


def test_a_job_takes_its_history_along(connection, insert):
    job = insert("job_queue", **FAILED)
    history = ["job_attempts", "job_events", "job_logs", "job_dead_letters"]
    for table in history:
        insert(table, job_id=job)

    connection.execute("DELETE FROM job_queue WHERE id = %s", [job])

    for table in history:
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
        assert connection.execute(query).fetchone() == (0,), table


def test_emptying_the_queue_empties_the_history(connection, insert):
    job = insert("job_queue", **FAILED)
    for table in ["job_attempts", "job_events", "job_logs"]:
        insert(table, job_id=job)

    connection.execute("TRUNCATE job_queue CASCADE")

    left = connection.execute(
        "SELECT job_id FROM job_attempts UNION SELECT job_id FROM job_events"
    )
    assert left.fetchall() == []


def test_a_step_forgets_a_job_that_is_deleted(connection, insert):
    job = insert("job_queue", **FAILED)
    kept = insert("job_queue", **FAILED)
    run = insert("workflow_runs")
    for key, named in (("gone", job), ("there", kept)):
        insert("workflow_steps", workflow_run_id=run, step_key=key, job_id=named)
    connection.execute("CREATE TEMPORARY TABLE workflow_steps (job_id uuid)")

    connection.execute("DELETE FROM job_queue WHERE id = %s", [job])

    connection.execute("DROP TABLE pg_temp.workflow_steps")
    named = connection.execute("SELECT job_id FROM workflow_steps ORDER BY step_key")
    assert named.fetchall() == [(None,), (kept,)]


def test_the_queue_is_not_emptied_while_steps_name_jobs(connection, insert):
    insert("workflow_steps", job_id=insert("job_queue", **FAILED))

    emptying = "TRUNCATE job_queue CASCADE"

    assert refused_by(lambda: connection.execute(emptying)) == "fk_workflow_steps_job"


def test_the_queue_is_emptied_together_with_the_workflows(connection, insert):
    insert("workflow_steps", job_id=insert("job_queue", **FAILED))
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")

    connection.execute("TRUNCATE job_queue, workflow_runs CASCADE")

    left = connection.execute(
        "SELECT id FROM workflow_steps UNION SELECT id FROM job_queue"
    )
    assert left.fetchall() == []


def test_a_definition_with_jobs_stays(connection, insert):
    insert("job_queue")

    constraint = refused_by(lambda: connection.execute("DELETE FROM job_definitions"))

    assert constraint == "fk_job_queue_job_type"


def test_progress_in_percent_follows_the_counts(connection, insert):
    for done, total, percent in [(1, 3, "33.33"), (None, 3, None), (0, 0, None)]:
        job = insert("job_queue", progress_done=done, progress_total=total)
        shown = connection.execute(
            "SELECT progress_pct::text FROM job_queue WHERE id = %s", [job]
        )
        assert shown.fetchone() == (percent,)
