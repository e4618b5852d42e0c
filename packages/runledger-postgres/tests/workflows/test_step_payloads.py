"""Payloads of steps are replaced until somebody has begun."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from runledger_core import (
    EVERYTHING,
    GLOBAL,
    JobFailure,
    Organization,
    RetryPolicy,
    ValidationError,
)
from runledger_core.workflows import WorkflowDagBuilder
from runledger_postgres import (
    EnqueueDisposition,
    GateSucceeded,
    PayloadUpdate,
    claim_jobs,
    complete_external_workflow_step,
    complete_job_failure,
    enqueue_workflow_run,
    get_job_by_id,
    get_workflow_step,
    update_workflow_step_payload,
)

pytestmark = pytest.mark.db

ADA = UUID("0198c0de-0000-7000-8000-000000000001")


def step(run, run_id, key):
    return run(get_workflow_step, run_id, key, scope=EVERYTHING)


def update(run, run_id, key, payload, scope=EVERYTHING):
    return run(update_workflow_step_payload, run_id, key, payload, scope=scope)


def test_a_blocked_step_hands_its_new_payload_to_its_job(run, flow):
    run_id = flow.start("a, b < a")

    assert update(run, run_id, "b", {"to": [1]}) is PayloadUpdate.UPDATED
    flow.end(flow.claim(run_id)["a"])

    assert step(run, run_id, "b").payload == {"to": [1]}
    assert flow.jobs(run_id)["b"]["payload"] == {"to": [1]}


def test_a_released_step_changes_together_with_its_job(run, flow):
    run_id = flow.start("a, b")

    assert update(run, run_id, "a", [1]) is PayloadUpdate.UPDATED

    released = step(run, run_id, "a")
    assert released.payload == [1]
    assert run(get_job_by_id, released.job_id, scope=EVERYTHING).payload == [1]
    assert flow.jobs(run_id)["b"]["payload"] == {}


def test_a_step_that_waits_for_its_retry_may_change(run, flow, connection):
    run_id = flow.start("a")
    [lease] = flow.claim(run_id).values()
    failure = JobFailure.retryable("mail.busy", "no")
    complete_job_failure(connection, lease, failure, retry=RetryPolicy())

    assert update(run, run_id, "a", 1) is PayloadUpdate.UPDATED
    assert flow.jobs(run_id)["a"]["payload"] == 1


def test_an_open_gate_may_change_and_a_completed_one_not(run, flow, connection):
    run_id = flow.start("ask", gates="ask")

    assert update(run, run_id, "ask", 1) is PayloadUpdate.UPDATED
    complete_external_workflow_step(
        connection, run_id, "ask", GateSucceeded(), scope=EVERYTHING
    )

    refused = update(run, run_id, "ask", 2)
    assert refused is PayloadUpdate.NOT_PENDING_OR_CLAIMED
    assert step(run, run_id, "ask").payload == 1


def test_a_step_that_runs_or_has_ended_is_left_alone(run, flow):
    run_id = flow.start("a")
    leases = flow.claim(run_id)

    assert update(run, run_id, "a", 1) is PayloadUpdate.NOT_PENDING_OR_CLAIMED
    flow.end(*leases.values())
    assert update(run, run_id, "a", 1) is PayloadUpdate.NOT_PENDING_OR_CLAIMED

    assert step(run, run_id, "a").payload == {}
    assert flow.jobs(run_id)["a"]["payload"] == {}


@pytest.mark.race
def test_a_claim_in_flight_is_waited_for(race, flow):
    """What is judged is the job as the claim has left it, not as it was before."""
    run_id = flow.start("a")
    race.hold(claim_jobs.steps(worker_id="w1", lease_seconds=60, limit=1))
    updating = race.start(
        update_workflow_step_payload,
        run_id,
        "a",
        1,
        scope=EVERYTHING,
        at="workflows/lock_step_job",
    )
    race.commit()

    assert updating.result() is PayloadUpdate.NOT_PENDING_OR_CLAIMED
    assert flow.jobs(run_id)["a"]["payload"] == {}


def test_what_is_not_there_is_not_found(run, flow, connection):
    request = WorkflowDagBuilder("w").organization_id(ADA).job("a", "mail.send").build()
    run_id = enqueue_workflow_run(connection, request).run.id

    assert update(run, run_id, "b", 1) is PayloadUpdate.NOT_FOUND
    assert update(run, uuid4(), "a", 1) is PayloadUpdate.NOT_FOUND
    assert update(run, run_id, "a", 1, GLOBAL) is PayloadUpdate.NOT_FOUND
    assert update(run, run_id, "a", 1, Organization(ADA)) is PayloadUpdate.UPDATED


def test_a_repeat_of_the_enqueue_is_still_the_same_request(run, flow, connection):
    builder = WorkflowDagBuilder("w").job("a", "mail.send").idempotency_key("k")
    first = enqueue_workflow_run(connection, builder.build()).run

    update(run, first.id, "a", {"changed": True})

    again = enqueue_workflow_run(connection, builder.build())
    assert again.disposition is EnqueueDisposition.EXISTING


def test_a_payload_that_cannot_be_stored_is_refused(run, flow):
    run_id = flow.start("a")

    with pytest.raises(ValidationError) as caught:
        update(run, run_id, "a", {"when": object()})

    assert caught.value.code == "job.payload_not_json"
