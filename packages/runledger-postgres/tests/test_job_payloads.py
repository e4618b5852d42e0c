"""Payloads are changed only where nobody has begun or will compare."""

from __future__ import annotations

from uuid import UUID, uuid4

import psycopg
import pytest

from runledger_core import EVERYTHING, GLOBAL, Organization
from runledger_postgres import (
    PayloadUpdate,
    QueryError,
    cancel_job,
    get_job_by_id,
    update_job_payload_field,
    update_job_payload_uuid_array_field,
)

pytestmark = pytest.mark.db

ORGANIZATION = Organization(UUID("0198c0de-0000-7000-8000-000000000001"))
CHANGE = {"scope": EVERYTHING, "job_type": "mail.send", "field": "to", "value": [1]}


def payload(run, job_id):
    return run(get_job_by_id, job_id, scope=EVERYTHING).payload


def make_step(connection, job_id):
    connection.execute(
        "WITH run AS (INSERT INTO workflow_runs (workflow_type, step_count,"
        " enqueued_step_count) VALUES ('order', 1, 1) RETURNING id)"
        " INSERT INTO workflow_steps (workflow_run_id, step_key, job_type, priority,"
        " max_attempts, timeout_seconds, stage, status, job_id, released_at)"
        " SELECT id, 'mail', 'mail.send', priority, max_attempts, timeout_seconds,"
        " stage, 'ENQUEUED', job_id, now() FROM run, (SELECT id AS job_id, priority,"
        " max_attempts, timeout_seconds, stage FROM job_queue WHERE id = %s) AS job",
        [job_id],
    )


def test_a_field_of_a_waiting_job_is_set_and_replaced(run, enqueue):
    job_id = enqueue(payload={"a": 1, "to": "x"})

    assert run(update_job_payload_field, job_id, **CHANGE) is PayloadUpdate.UPDATED
    assert payload(run, job_id) == {"a": 1, "to": [1]}


def test_a_field_is_set_to_uuids(run, enqueue):
    job_id = enqueue()
    ids = [uuid4(), uuid4()]
    where = {name: CHANGE[name] for name in ("scope", "job_type", "field")}

    outcome = run(update_job_payload_uuid_array_field, job_id, **where, uuids=ids)

    assert outcome is PayloadUpdate.UPDATED
    assert payload(run, job_id) == {"to": [str(each) for each in ids]}


def test_a_claimed_or_ended_job_is_left_alone(run, enqueue, claim):
    claimed, ended = enqueue(), enqueue()
    assert claim().lease.job_id == claimed
    run(cancel_job, ended, scope=EVERYTHING)

    for job_id in (claimed, ended):
        outcome = run(update_job_payload_field, job_id, **CHANGE)
        assert outcome is PayloadUpdate.NOT_PENDING_OR_CLAIMED
        assert payload(run, job_id) == {}


def test_a_keyed_job_is_left_alone(run, enqueue):
    job_id = enqueue(idempotency_key="k")

    outcome = run(update_job_payload_field, job_id, **CHANGE)

    assert outcome is PayloadUpdate.IDEMPOTENT_REQUEST_SNAPSHOT
    assert payload(run, job_id) == {}


def test_a_job_of_a_workflow_is_left_alone_whatever_else_holds(
    run, enqueue, connection
):
    job_id = enqueue(idempotency_key="k")
    make_step(connection, job_id)

    outcome = run(update_job_payload_field, job_id, **CHANGE)

    assert outcome is PayloadUpdate.WORKFLOW_MANAGED


def test_a_payload_without_fields_is_left_alone(run, enqueue):
    job_id = enqueue(payload=[1])

    outcome = run(update_job_payload_field, job_id, **CHANGE)

    assert outcome is PayloadUpdate.PAYLOAD_NOT_AN_OBJECT


@pytest.mark.parametrize(
    "change", [{"scope": GLOBAL}, {"job_type": "mail.print"}], ids=str
)
def test_a_job_of_another_scope_or_type_is_not_found(run, enqueue, change):
    job_id = enqueue(organization_id=ORGANIZATION.id)

    outcome = run(update_job_payload_field, job_id, **{**CHANGE, **change})

    assert outcome is PayloadUpdate.NOT_FOUND


@pytest.mark.race
def test_a_change_waits_a_second_and_leaves_the_callers_bound_as_it_was(
    runledger_database, enqueue, connection
):
    job_id = enqueue()
    with psycopg.connect(runledger_database) as host:
        host.execute("SET LOCAL lock_timeout = '7s'")
        update_job_payload_field(host, job_id, **CHANGE)
        with pytest.raises(QueryError) as caught:
            update_job_payload_field(connection, job_id, **CHANGE)
        [after] = host.execute("SHOW lock_timeout").fetchone()

    assert (caught.value.code, caught.value.sqlstate) == ("db.query_failed", "55P03")
    assert after == "7s"
