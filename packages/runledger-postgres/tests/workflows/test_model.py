"""Random workflows with random ends, through the database and through a pure model."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runledger_core import (
    EVERYTHING,
    DependencyReleaseMode,
    JobDefinition,
    JobFailure,
    WorkflowRunStatus,
    WorkflowStepStatus,
)
from runledger_core.workflows import (
    WorkflowRunEnqueue,
    WorkflowStep,
    WorkflowStepDependencySpec,
)
from runledger_postgres import (
    GateCanceled,
    GateFailed,
    GateSucceeded,
    SettleFailure,
    SettleSuccess,
    cancel_workflow_run,
    claim_jobs,
    complete_external_workflow_step,
    complete_jobs,
    enqueue_workflow_run,
    upsert_job_definition,
)

pytestmark = pytest.mark.db

BLOCKED, ENQUEUED = WorkflowStepStatus.BLOCKED, WorkflowStepStatus.ENQUEUED
WAITING = WorkflowStepStatus.WAITING_FOR_EXTERNAL
SUCCEEDED, FAILED = WorkflowStepStatus.SUCCEEDED, WorkflowStepStatus.FAILED
CANCELED = WorkflowStepStatus.CANCELED

GATE_OUTCOMES = {
    SUCCEEDED: GateSucceeded(),
    FAILED: GateFailed(),
    CANCELED: GateCanceled(),
}
STEPS = """
SELECT step_key, status::text, dependency_count_pending, dependency_count_unsatisfied,
    job_id
FROM workflow_steps
WHERE workflow_run_id = %s
"""
RUN = "SELECT status::text, finished_at IS NOT NULL FROM workflow_runs WHERE id = %s"


@st.composite
def requests(draw):
    """Make a workflow of up to twelve steps, of which some are gates."""
    steps = []
    for number in range(draw(st.integers(1, 12))):
        before = draw(st.sets(st.integers(0, number - 1), max_size=4)) if number else ()
        steps.append(
            WorkflowStep(
                f"s{number}",
                *draw(st.sampled_from([("work",), ("work",), ("work",), ()])),
                dependencies=[
                    WorkflowStepDependencySpec(
                        f"s{index}", draw(st.sampled_from(DependencyReleaseMode))
                    )
                    for index in sorted(before)
                ],
            )
        )
    gates = [
        WorkflowStep.external(step.step_key, dependencies=step.dependencies)
        if step.job_type is None
        else step
        for step in steps
    ]
    return WorkflowRunEnqueue("model", gates, fail_fast=draw(st.booleans()))


class ModelRun:
    """What a run does, in sixty lines without a database."""

    def __init__(self, request):
        self.steps = {step.step_key: step for step in request.steps}
        self.fail_fast = request.fail_fast
        self.status = dict.fromkeys(self.steps, BLOCKED)
        self.is_canceled = False
        self.move()

    def pending(self, key):
        return sum(not self.has_ended(p) for p, _ in self.prerequisites(key))

    def unsatisfied(self, key):
        return sum(
            mode is DependencyReleaseMode.ON_SUCCESS
            and self.status[prerequisite] in {FAILED, CANCELED}
            for prerequisite, mode in self.prerequisites(key)
        )

    def prerequisites(self, key):
        return [
            (dependency.prerequisite_step_key, dependency.release_mode)
            for dependency in self.steps[key].dependencies
        ]

    def has_ended(self, key):
        return self.status[key] in {SUCCEEDED, FAILED, CANCELED}

    def standing(self, status):
        return {key for key, value in self.status.items() if value is status}

    def end(self, outcomes):
        """Let steps end together; those that were canceled meanwhile stay so."""
        self.status.update(outcomes)
        if self.fail_fast and any(end is not SUCCEEDED for end in outcomes.values()):
            self.cancel_rest()
        self.move()

    def cancel(self):
        self.is_canceled = True
        self.cancel_rest()

    def cancel_rest(self):
        for key in self.steps:
            if not self.has_ended(key):
                self.status[key] = CANCELED

    def move(self):
        """Release or cancel what waits for nothing, until nothing changes any more."""
        while ready := [k for k in self.standing(BLOCKED) if not self.pending(k)]:
            for key in ready:
                gate_or_job = WAITING if self.steps[key].is_external else ENQUEUED
                self.status[key] = CANCELED if self.unsatisfied(key) else gate_or_job

    def run_status(self):
        if self.is_canceled:
            return WorkflowRunStatus.CANCELED
        if self.standing(ENQUEUED):
            return WorkflowRunStatus.RUNNING
        if self.standing(WAITING):
            return WorkflowRunStatus.WAITING_FOR_EXTERNAL
        if self.standing(FAILED) or self.standing(CANCELED):
            return WorkflowRunStatus.COMPLETED_WITH_ERRORS
        return WorkflowRunStatus.SUCCEEDED


class RealRun:
    """The same run in the database."""

    def __init__(self, connection, request):
        self.connection = connection
        self.run_id = enqueue_workflow_run(connection, request).run.id

    def rows(self):
        return self.connection.execute(STEPS, [self.run_id]).fetchall()

    def agrees_with(self, model):
        for key, status, pending, unsatisfied, _ in self.rows():
            assert (key, model.status[key].value) == (key, status)
            if not model.has_ended(key):
                assert model.pending(key) == pending, key
                assert model.unsatisfied(key) == unsatisfied, key
        status, is_finished = self.connection.execute(RUN, [self.run_id]).fetchone()
        assert model.run_status().value == status
        assert WorkflowRunStatus(status).is_terminal == is_finished

    def claim(self):
        """Lease everything that can be, and return the leases by step."""
        claimed = claim_jobs(
            self.connection, worker_id="w", lease_seconds=60, limit=1000
        )
        keys = {row[4]: row[0] for row in self.rows()}
        return {keys[job.lease.job_id]: job.lease for job in claimed}

    def end_jobs(self, outcomes, leases):
        """End leased jobs in one batch."""
        no_retry = JobFailure.terminal("no.luck", "as the test wants it")
        complete_jobs(
            self.connection,
            [
                SettleSuccess(leases.pop(key))
                if status is SUCCEEDED
                else SettleFailure(leases.pop(key), no_retry)
                for key, status in outcomes.items()
            ],
        )

    def end_gate(self, key, status):
        complete_external_workflow_step(
            self.connection, self.run_id, key, GATE_OUTCOMES[status], scope=EVERYTHING
        )


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(request=requests(), data=st.data())
def test_the_database_does_what_the_model_says(request, data, connection):
    upsert_job_definition(connection, JobDefinition("work"))
    connection.commit()
    connection.autocommit = True
    real, model = RealRun(connection, request), ModelRun(request)
    leases = {}
    real.agrees_with(model)

    while jobs_and_gates := model.standing(ENQUEUED) | model.standing(WAITING):
        leases.update(real.claim())
        running = model.standing(ENQUEUED)
        assert running <= set(leases), "released at once, and claimable"
        if data.draw(st.integers(0, 19), label="cancel at 0") == 0:
            cancel_workflow_run(connection, real.run_id, scope=EVERYTHING)
            model.cancel()
        else:
            _end_some(real, model, leases, sorted(jobs_and_gates), data)
        leases = {key: leases[key] for key in leases if not model.has_ended(key)}
        real.agrees_with(model)


def _end_some(real, model, leases, candidates, data):
    chosen = data.draw(
        st.lists(st.sampled_from(candidates), min_size=1, unique=True), label="steps"
    )
    gates = [key for key in chosen if model.steps[key].is_external]
    if gates:
        status = data.draw(st.sampled_from(sorted(GATE_OUTCOMES)), label="gate ends")
        real.end_gate(gates[0], status)
        model.end({gates[0]: status})
        return
    ends = st.sampled_from([SUCCEEDED, FAILED])
    outcomes = {key: data.draw(ends, label=key) for key in chosen}
    real.end_jobs(outcomes, leases)
    model.end(outcomes)
