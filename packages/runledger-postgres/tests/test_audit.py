"""The audit: silent about what operations write, and blind to no invariant."""

from __future__ import annotations

import pytest

from runledger_core import (
    EVERYTHING,
    JobCompletion,
    JobFailure,
    JobStatus,
    RetryPolicy,
)
from runledger_postgres import (
    INVARIANTS,
    audit_ledger,
    cancel_job,
    complete_job_failure,
    complete_job_success,
    release_unstarted_claims,
    requeue_job,
)
from runledger_postgres._statements import all_statements

pytestmark = pytest.mark.db

AT_ONCE = RetryPolicy(base_seconds=0.001)
DISABLE_CHECKS = """
ALTER TABLE job_queue
    DROP CONSTRAINT ck_job_queue_idempotency_enqueue_request,
    DROP CONSTRAINT chk_job_queue_finished_shape;
ALTER TABLE workflow_runs
    DROP CONSTRAINT ck_workflow_runs_idempotency_enqueue_request
"""
WORKFLOWS = """
INSERT INTO workflow_runs (
    id, workflow_type, status, finished_at, result_step_key, result, step_count,
    ended_step_count, enqueued_step_count, waiting_step_count
)
VALUES
    (
        '0198c0de-0000-7000-8000-0000000000a1', 'w', 'RUNNING', NULL, NULL, NULL,
        5, 1, 1, 1
    ),
    (
        '0198c0de-0000-7000-8000-0000000000a2', 'w', 'SUCCEEDED', now(), 'gate', '7',
        1, 1, 0, 0
    );
INSERT INTO workflow_steps (
    id, workflow_run_id, step_key, execution_kind, job_type, priority, max_attempts,
    timeout_seconds, stage, status, job_id, released_at, started_at, finished_at,
    dependency_count_total, dependency_count_pending, output
)
SELECT
    ('0198c0de-0000-7000-8000-0000000000' || step.id)::uuid,
    ('0198c0de-0000-7000-8000-0000000000' || run)::uuid,
    step_key, kind::workflow_step_execution_kind,
    CASE WHEN kind = 'JOB' THEN 'mail.send' END,
    CASE WHEN kind = 'JOB' THEN 1 END,
    CASE WHEN kind = 'JOB' THEN 1 END,
    CASE WHEN kind = 'JOB' THEN 1 END,
    CASE WHEN kind = 'JOB' THEN 'queued' END,
    step.status::workflow_step_status, job.id,
    CASE WHEN step.status <> 'BLOCKED' THEN now() END,
    CASE WHEN step.status = 'SUCCEEDED' THEN job.started_at END,
    CASE WHEN step.status = 'SUCCEEDED' THEN COALESCE(job.finished_at, now()) END,
    total, pending, step.output::jsonb
FROM (VALUES
    ('b1', 'a1', 'first', 'JOB', 'SUCCEEDED', %(succeeded)s, 0, 0, '{"sent": 1}'),
    ('b2', 'a1', 'second', 'JOB', 'ENQUEUED', %(pending)s, 1, 0, NULL),
    ('b3', 'a1', 'third', 'JOB', 'BLOCKED', NULL, 1, 1, NULL),
    ('b4', 'a1', 'fourth', 'JOB', 'BLOCKED', NULL, 1, 1, NULL),
    ('b5', 'a1', 'gate', 'EXTERNAL', 'WAITING_FOR_EXTERNAL', NULL, 0, 0, NULL),
    ('b6', 'a2', 'gate', 'EXTERNAL', 'SUCCEEDED', NULL, 0, 0, '7')
) AS step (id, run, step_key, kind, status, job_id, total, pending, output)
LEFT JOIN job_queue AS job ON job.id = step.job_id::uuid;
INSERT INTO workflow_step_dependencies (
    workflow_run_id, prerequisite_step_id, dependent_step_id, release_mode
)
SELECT
    '0198c0de-0000-7000-8000-0000000000a1',
    ('0198c0de-0000-7000-8000-0000000000' || source)::uuid,
    ('0198c0de-0000-7000-8000-0000000000' || target)::uuid,
    'ON_SUCCESS'
FROM (VALUES ('b1', 'b2'), ('b2', 'b3'), ('b3', 'b4')) AS edge (source, target);
INSERT INTO job_schedules (name, job_type, cron_expr, next_fire_at)
VALUES ('nightly', 'mail.send', '0 0 * * *', now())
"""


@pytest.fixture
def ledger(connection, enqueue, claim):
    """A sound ledger with a job in every state, by name, and two workflow runs."""

    def claimed(name):
        jobs[name] = enqueue(idempotency_key=name)
        return claim().lease

    def fail(lease, failure):
        complete_job_failure(connection, lease, failure, retry=AT_ONCE)

    def requeue(job_id):
        requeue_job(
            connection,
            job_id,
            scope=EVERYTHING,
            expected_status=JobStatus.DEAD_LETTERED,
            expected_run_number=1,
        )

    jobs = {}
    terminal = JobFailure.terminal("mail.no_box", "no such mailbox")
    success = JobCompletion.with_output({"sent": 1}).progress(1, 2)
    complete_job_success(connection, claimed("succeeded"), success)
    fail(claimed("dead"), terminal)
    fail(claimed("revived"), terminal)
    requeue(jobs["revived"])
    complete_job_success(connection, claim().lease)
    fail(claimed("requeued"), terminal)
    requeue(jobs["requeued"])
    cancel_job(connection, jobs["requeued"], scope=EVERYTHING)
    claimed("canceled")
    cancel_job(connection, jobs["canceled"], scope=EVERYTHING)
    release_unstarted_claims(connection, [claimed("leased")], reason="full")
    # The release and the retry are due in order, and nothing else waits.
    connection.execute("UPDATE job_queue SET next_run_at = now()")
    claim()
    lease = claimed("retried")
    complete_job_failure(connection, lease, JobFailure.retryable("mail.busy", "busy"))
    jobs["pending"] = enqueue()
    with connection.transaction():
        for statement in WORKFLOWS.split(";"):
            connection.execute(statement, jobs)
    return jobs


# What breaks an invariant, returning the ids that the audit must name.
BREAKS = {
    "job_has_definition": """
        INSERT INTO job_queue (job_type, max_attempts)
        VALUES ('nobody.knows', 1) RETURNING id""",
    "attempt_has_job": """
        INSERT INTO job_attempts (job_id, attempt, worker_id, leased_at, started_at)
        VALUES (uuidv7(), 1, 'w1', now(), now()) RETURNING id""",
    "event_has_job": """
        INSERT INTO job_events (job_id, event_type)
        VALUES (uuidv7(), 'ENQUEUED') RETURNING id""",
    "released_job_says_so": """
        INSERT INTO job_attempts (
            job_id, attempt, worker_id, leased_at, started_at, finished_at, outcome
        )
        VALUES (%(pending)s, 1, 'w1', now(), now(), now(), 'RELEASED')
        RETURNING job_id""",
    "leased_job_has_open_attempt": """
        UPDATE job_attempts SET worker_id = 'w2'
        WHERE job_id = %(leased)s RETURNING job_id""",
    "job_counts_its_attempts": """
        UPDATE job_queue SET attempt = 3
        WHERE id = %(succeeded)s RETURNING id""",
    "attempts_are_contiguous": """
        UPDATE job_attempts SET attempt = 2
        WHERE job_id = %(dead)s RETURNING job_id""",
    "attempts_stay_within_maximum": """
        UPDATE job_queue SET max_attempts = 1
        WHERE id = %(retried)s RETURNING id""",
    "last_attempt_agrees_with_job": """
        UPDATE job_attempts SET outcome = 'TERMINAL'
        WHERE job_id = %(retried)s RETURNING job_id""",
    "started_job_has_attempts": """
        UPDATE job_queue SET started_at = now()
        WHERE id = %(pending)s RETURNING id""",
    "only_leased_job_has_heartbeat": """
        UPDATE job_queue SET last_heartbeat_at = now()
        WHERE id = %(dead)s RETURNING id""",
    "only_succeeded_job_has_output": """
        UPDATE job_queue SET output = '1'
        WHERE id IN (%(dead)s, %(leased)s) RETURNING id""",
    "succeeded_job_is_settled": """
        UPDATE job_queue SET stage = 'running'
        WHERE id = %(succeeded)s RETURNING id""",
    "keyed_job_has_snapshot": """
        UPDATE job_queue SET enqueue_request = NULL
        WHERE id = %(canceled)s RETURNING id""",
    "job_times_are_ordered": """
        UPDATE job_queue SET started_at = finished_at + interval '1 second'
        WHERE id = %(succeeded)s RETURNING id""",
    "history_stays_within_runs": """
        INSERT INTO job_logs (job_id, run_number, level, message)
        VALUES (%(pending)s, 2, 'INFO', 'x') RETURNING job_id""",
    "open_attempt_has_lease": """
        UPDATE job_attempts SET finished_at = NULL, outcome = NULL
        WHERE job_id = %(dead)s RETURNING id""",
    "deciding_attempt_is_last": """
        WITH later AS (
            INSERT INTO job_attempts (job_id, attempt, worker_id, leased_at, started_at)
            VALUES (%(dead)s, 2, 'w1', now(), now())
        )
        SELECT id FROM job_attempts WHERE job_id = %(dead)s""",
    "attempt_times_are_ordered": """
        UPDATE job_attempts SET leased_at = finished_at + interval '1 second'
        WHERE job_id = %(dead)s RETURNING id""",
    "outcome_is_written_down": """
        WITH broken AS (
            UPDATE job_events SET payload = '{"kind": "TIMEOUT"}'
            WHERE event_type = 'FAILED'
            RETURNING job_id, attempt, run_number
        )
        SELECT a.id FROM job_attempts AS a JOIN broken AS b
            USING (job_id, run_number, attempt)""",
    "retry_is_written_down": """
        UPDATE job_attempts SET retry_delay_ms = NULL
        WHERE retry_delay_ms IS NOT NULL RETURNING id""",
    "history_begins_with_enqueue": """
        DELETE FROM job_events
        WHERE job_id = %(pending)s RETURNING job_id""",
    "status_follows_from_events": """
        DELETE FROM job_events
        WHERE event_type = 'SUCCEEDED' RETURNING job_id""",
    "runs_count_requeues": """
        UPDATE job_queue SET run_number = 2
        WHERE id = %(dead)s RETURNING id""",
    "ended_run_has_one_terminal_event": """
        INSERT INTO job_events (job_id, event_type)
        VALUES (%(pending)s, 'CANCELED') RETURNING job_id""",
    "lease_is_written_down": """
        DELETE FROM job_events
        WHERE event_type = 'LEASED' AND job_id = %(dead)s RETURNING job_id""",
    "success_is_written_down": """
        UPDATE job_queue SET progress_done = 2
        WHERE id = %(succeeded)s RETURNING id""",
    "events_follow_transitions": """
        INSERT INTO job_events (job_id, event_type)
        VALUES (%(pending)s, 'SUCCEEDED') RETURNING id""",
    "nothing_follows_the_end": """
        INSERT INTO job_events (job_id, event_type)
        VALUES (%(dead)s, 'HEARTBEAT') RETURNING id""",
    "event_names_its_attempt": """
        UPDATE job_events SET attempt = NULL
        WHERE event_type IN ('RETRY_SCHEDULED', 'SUCCEEDED') RETURNING id""",
    "events_are_in_time_order": """
        UPDATE job_events SET occurred_at = occurred_at - interval '1 hour'
        WHERE event_type = 'SUCCEEDED' RETURNING id""",
    "dead_job_has_dead_letter": """
        UPDATE job_dead_letters SET error_code = 'other'
        WHERE job_id = %(dead)s RETURNING job_id""",
    "dead_letter_names_last_death": """
        DELETE FROM job_dead_letters
        WHERE job_id = %(revived)s RETURNING job_id""",
    "dead_letter_agrees_with_job": """
        UPDATE job_dead_letters SET organization_id = uuidv7()
        WHERE job_id = %(dead)s RETURNING job_id""",
    "active_schedule_has_enabled_definition": """
        WITH broken AS (UPDATE job_definitions SET is_enabled = FALSE)
        SELECT id FROM job_schedules""",
    "step_counts_its_prerequisites": """
        UPDATE workflow_steps
        SET dependency_count_total = 2, dependency_count_pending = 2
        WHERE step_key = 'third' RETURNING id""",
    "step_waits_for_its_prerequisites": """
        UPDATE workflow_steps SET dependency_count_pending = 0
        WHERE step_key = 'third' RETURNING id""",
    "step_names_existing_job": """
        UPDATE workflow_steps SET job_id = uuidv7()
        WHERE step_key = 'second' RETURNING id""",
    "released_step_has_job": """
        UPDATE workflow_steps SET job_id = NULL
        WHERE step_key = 'second' RETURNING id""",
    "step_agrees_with_job": """
        UPDATE workflow_steps SET status = 'RUNNING'
        WHERE step_key = 'second' RETURNING id""",
    "workflow_step_end_is_dated": """
        UPDATE workflow_steps SET finished_at = NULL
        WHERE step_key = 'first' RETURNING id""",
    "blocked_steps_form_no_cycle": """
        WITH back AS (
            INSERT INTO workflow_step_dependencies (
                workflow_run_id, prerequisite_step_id, dependent_step_id
            )
            SELECT s.workflow_run_id, s.id, t.id
            FROM workflow_steps AS s
            JOIN workflow_steps AS t USING (workflow_run_id)
            WHERE s.step_key = 'fourth' AND t.step_key = 'third'
        )
        SELECT id FROM workflow_steps WHERE status = 'BLOCKED'""",
    "run_counts_its_steps": """
        UPDATE workflow_runs SET waiting_step_count = 0
        WHERE status = 'RUNNING' RETURNING id""",
    "run_status_follows_from_steps": """
        UPDATE workflow_runs SET status = 'WAITING_FOR_EXTERNAL'
        WHERE status = 'RUNNING' RETURNING id""",
    "workflow_run_end_is_dated": """
        UPDATE workflow_runs SET finished_at = NULL
        WHERE status = 'SUCCEEDED' RETURNING id""",
    "keyed_run_has_snapshot": """
        UPDATE workflow_runs SET idempotency_key = 'k'
        WHERE status = 'SUCCEEDED' RETURNING id""",
    "run_result_is_output_of_step": """
        UPDATE workflow_runs SET result = '8'
        WHERE status = 'SUCCEEDED' RETURNING id""",
    "workflow_job_runs_are_retries": """
        UPDATE job_queue SET run_number = 2
        WHERE id = %(pending)s RETURNING id""",
}


def test_what_operations_write_is_sound(run, ledger):
    assert run(audit_ledger) == []


@pytest.mark.unaudited("checks of the schema are dropped")
def test_a_broken_invariant_is_found_with_its_rows(connection, ledger):
    connection.execute(DISABLE_CHECKS)

    missed = {}
    for invariant in INVARIANTS:
        # One ledger for all: the audit joins the transaction that breaks it.
        with connection.transaction(force_rollback=True):
            broken = connection.execute(BREAKS[invariant.name], ledger).fetchall()
            found = {report.name: report for report in audit_ledger(connection)}
        report = found.get(invariant.name)
        expected = tuple(sorted(row_id for (row_id,) in broken))
        if not expected or report is None or expected != report.row_ids:
            missed[invariant.name] = (expected, report)

    assert missed == {}


def test_every_invariant_is_a_statement_and_broken_by_a_test():
    statements = {
        found.name.removeprefix("audit/")
        for found in all_statements()
        if found.name.startswith("audit/")
    }
    names = [invariant.name for invariant in INVARIANTS]

    assert len(names) == len(set(names))
    assert set(names) == statements == set(BREAKS)


@pytest.mark.unaudited("that is the point")
def test_a_report_says_when_it_does_not_name_all(run, connection, ledger):
    connection.execute("UPDATE job_queue SET output = '1' WHERE status <> 'SUCCEEDED'")

    [few] = run(audit_ledger, rows_per_invariant=1)
    [all_of_them] = run(audit_ledger)

    assert few.row_ids == all_of_them.row_ids[:1]
    assert (few.is_complete, all_of_them.is_complete) == (False, True)
    assert str(few).endswith(f"not so in job_queue {few.row_ids[0]} and more")


def test_a_report_names_at_least_one_row(run, raises_code):
    with raises_code("job.invalid_pagination"):
        run(audit_ledger, rows_per_invariant=0)
