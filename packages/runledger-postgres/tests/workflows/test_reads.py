"""Reads of runs and steps: pages, scopes, what runs at the moment, and pictures."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from runledger_core import (
    EVERYTHING,
    GLOBAL,
    AttemptOutcome,
    DependencyReleaseMode,
    JobFailure,
    Organization,
    RetryPolicy,
    StepExecutionKind,
    WorkflowRunStatus,
    WorkflowStepStatus,
)
from runledger_core.workflows import (
    GraphEdge,
    WorkflowDagBuilder,
    WorkflowRunEnqueue,
    WorkflowStep,
)
from runledger_postgres import (
    CountPrecision,
    StatusCount,
    complete_job_failure,
    count_workflow_runs_by_status,
    enqueue_workflow_run,
    explain_job,
    explain_workflow_step,
    get_workflow_graph,
    get_workflow_run,
    get_workflow_run_by_idempotency_key,
    get_workflow_step,
    get_workflow_step_by_job_id,
    list_workflow_runs,
    list_workflow_steps,
)

pytestmark = pytest.mark.db

ADA = UUID("0198c0de-0000-7000-8000-000000000001")
BOB = UUID("0198c0de-0000-7000-8000-000000000002")
AT_ONCE = RetryPolicy(base_seconds=0.001)


@pytest.fixture(autouse=True)
def _defined(define):
    define()


@pytest.fixture
def letters(connection):
    """Enqueue a run: write, then print and a gate, then post."""

    def letters(organization_id=None):
        request = (
            WorkflowDagBuilder("letters", {"n": 1})
            .organization_id(organization_id)
            .job("write", "mail.send", {"n": 1})
            .job("print", "mail.send")
            .job("post", "mail.send", inputs="print")
            .external("sign", deadline_seconds=60)
            .after_success("print", "write")
            .after_success("post", ["print", "sign"])
            .after_terminal("post", "write")
            .build()
        )
        return enqueue_workflow_run(connection, request).run

    return letters


@pytest.fixture
def gate(connection):
    """Enqueue a run of one gate, which costs no job."""

    def gate(workflow_type="talk", organization_id=None):
        request = WorkflowRunEnqueue(
            workflow_type,
            [WorkflowStep.external("ask")],
            organization_id=organization_id,
        )
        return enqueue_workflow_run(connection, request).run.id

    return gate


@pytest.fixture
def end(connection):
    """Let runs of gates have ended."""

    def end(*run_ids, status="SUCCEEDED"):
        is_successful = status == "SUCCEEDED"
        connection.execute(
            "UPDATE workflow_steps SET status = %s::text::workflow_step_status, "
            "finished_at = now(), deadline_at = NULL "
            "WHERE workflow_run_id = ANY (%s)",
            ["SUCCEEDED" if is_successful else "CANCELED", list(run_ids)],
        )
        connection.execute(
            "UPDATE workflow_runs SET status = %s::text::workflow_run_status, "
            "finished_at = now(), ended_step_count = 1, waiting_step_count = 0, "
            "unsuccessful_step_count = %s WHERE id = ANY (%s)",
            [status, 0 if is_successful else 1, list(run_ids)],
        )

    return end


def ids(page):
    return [run.id for run in page.items]


def test_a_run_is_read_within_its_scope(run, letters):
    record = letters(ADA)

    assert run(get_workflow_run, record.id, scope=EVERYTHING) == record
    assert run(get_workflow_run, record.id, scope=Organization(ADA)) == record
    for scope in (GLOBAL, Organization(BOB)):
        assert run(get_workflow_run, record.id, scope=scope) is None
        assert run(get_workflow_step, record.id, "write", scope=scope) is None
        assert run(get_workflow_graph, record.id, scope=scope) is None
        assert run(explain_workflow_step, record.id, "write", scope=scope) is None
        assert run(list_workflow_steps, record.id, scope=scope).items == ()


def test_a_run_is_found_by_its_key_in_its_own_scope(run, connection, raises_code):
    builder = WorkflowDagBuilder("letters").external("sign").idempotency_key("k")
    ours = enqueue_workflow_run(connection, builder.build()).run
    adas = enqueue_workflow_run(connection, builder.organization_id(ADA).build()).run

    def owner(scope, workflow_type="letters", key="k"):
        return run(get_workflow_run_by_idempotency_key, workflow_type, key, scope=scope)

    assert owner(GLOBAL) == ours
    assert owner(Organization(ADA)) == adas
    assert owner(Organization(BOB)) is None
    assert owner(GLOBAL, workflow_type="notes") is None
    assert owner(GLOBAL, key="other") is None
    with raises_code("job.key_scope_ambiguous"):
        owner(EVERYTHING)


def exact(**counts):
    return {
        status: StatusCount(counts.get(status.name, 0), CountPrecision.EXACT)
        for status in WorkflowRunStatus
    }


@pytest.mark.parametrize(
    ("scope", "workflow_type", "counts"),
    [
        (EVERYTHING, None, {"WAITING_FOR_EXTERNAL": 3, "SUCCEEDED": 3, "CANCELED": 1}),
        (EVERYTHING, "talk", {"WAITING_FOR_EXTERNAL": 2, "SUCCEEDED": 2}),
        (EVERYTHING, "none", {}),
        (GLOBAL, None, {"WAITING_FOR_EXTERNAL": 1, "SUCCEEDED": 2, "CANCELED": 1}),
        (GLOBAL, "walk", {"SUCCEEDED": 1, "CANCELED": 1}),
        (Organization(ADA), None, {"WAITING_FOR_EXTERNAL": 2, "SUCCEEDED": 1}),
        (Organization(ADA), "walk", {"WAITING_FOR_EXTERNAL": 1}),
        (Organization(BOB), None, {}),
    ],
)
def test_runs_are_counted_by_status(run, gate, end, scope, workflow_type, counts):
    gate("talk"), gate("talk", ADA), gate("walk", ADA)
    end(gate("talk"), gate("walk"), gate("talk", ADA))
    end(gate("walk"), status="CANCELED")

    counted = run(
        count_workflow_runs_by_status, scope=scope, workflow_type=workflow_type
    )

    assert exact(**counts) == counted


@pytest.mark.parametrize("scope", [GLOBAL, EVERYTHING, Organization(ADA)])
def test_counting_runs_stops_beyond_what_is_to_be_exact(run, gate, end, letters, scope):
    organization_id = ADA if isinstance(scope, Organization) else None
    letters(organization_id)
    gate("talk", organization_id), gate("walk", organization_id)
    end(*(gate(kind, organization_id) for kind in ("talk", "walk", "walk")))
    end(gate("talk", organization_id), status="CANCELED")

    counted = run(count_workflow_runs_by_status, scope=scope, exact_up_to=2)

    assert counted["SUCCEEDED"] == StatusCount(3, CountPrecision.AT_LEAST)
    assert counted["CANCELED"] == StatusCount(1, CountPrecision.EXACT)
    unfinished = [counted["RUNNING"], counted["WAITING_FOR_EXTERNAL"]]
    assert {CountPrecision.AT_LEAST} == {each.precision for each in unfinished}
    assert sum(each.count for each in unfinished) == 3


@pytest.mark.parametrize("cap", [-1, 1_000_001])
def test_a_count_of_runs_without_a_sensible_limit_is_refused(run, raises_code, cap):
    with raises_code("job.invalid_count_limit"):
        run(count_workflow_runs_by_status, scope=EVERYTHING, exact_up_to=cap)


def test_the_step_of_a_job_names_its_run(run, letters, enqueue):
    record = letters(ADA)
    step = run(get_workflow_step, record.id, "write", scope=EVERYTHING)

    def step_of(job_id, scope=EVERYTHING):
        return run(get_workflow_step_by_job_id, job_id, scope=scope)

    assert step_of(step.job_id) == step
    assert step_of(step.job_id).workflow_run_id == record.id
    assert step_of(step.job_id, Organization(ADA)) == step
    assert step_of(step.job_id, GLOBAL) is None
    assert step_of(enqueue()) is None


def test_a_step_is_running_while_its_job_is_leased(run, letters, claim, connection):
    record = letters()

    def step():
        return run(get_workflow_step, record.id, "write", scope=EVERYTHING)

    assert (step().status, step().started_at) == (WorkflowStepStatus.ENQUEUED, None)
    lease = claim().lease
    running = step()
    complete_job_failure(connection, lease, JobFailure.retryable("a.b", "no"))

    assert running.status is WorkflowStepStatus.RUNNING
    assert running.started_at is not None
    assert running.job_id == lease.job_id
    assert step().status is WorkflowStepStatus.ENQUEUED
    assert step().started_at == running.started_at


def test_steps_come_in_pages_in_the_order_of_insertion(run, letters, claim):
    record = letters()
    claim()

    first = run(list_workflow_steps, record.id, scope=EVERYTHING, limit=3)
    second = run(
        list_workflow_steps,
        record.id,
        scope=EVERYTHING,
        limit=3,
        cursor=first.next_cursor,
    )

    assert [step.step_key for step in first.items] == ["write", "print", "post"]
    assert [step.step_key for step in second.items] == ["sign"]
    assert second.next_cursor is None
    for status, keys in {
        "RUNNING": ["write"],
        "ENQUEUED": [],
        "BLOCKED": ["print", "post"],
        "WAITING_FOR_EXTERNAL": ["sign"],
    }.items():
        page = run(list_workflow_steps, record.id, scope=EVERYTHING, status=status)
        assert [step.step_key for step in page.items] == keys


def test_runs_are_listed_by_scope_status_and_type(run, gate, end, letters):
    global_talk, ada_talk = gate(), gate(organization_id=ADA)
    ada_other, bob_talk = gate("other", ADA), gate(organization_id=BOB)
    canceled, ended = gate(organization_id=ADA), gate("other")
    end(canceled, status="CANCELED")
    end(ended)
    moving = letters(ADA).id

    def listed(scope=EVERYTHING, **filters):
        return ids(run(list_workflow_runs, scope=scope, **filters))

    ada = Organization(ADA)
    assert listed() == [
        moving, ended, canceled, bob_talk, ada_other, ada_talk, global_talk
    ]  # fmt: skip
    assert listed(GLOBAL) == [ended, global_talk]
    assert listed(ada) == [moving, canceled, ada_other, ada_talk]
    assert listed(status="WAITING_FOR_EXTERNAL") == [
        bob_talk, ada_other, ada_talk, global_talk
    ]  # fmt: skip
    assert listed(ada, status="RUNNING") == [moving]
    assert listed(ada, status="CANCELED") == [canceled]
    assert listed(status="SUCCEEDED") == [ended]
    assert listed(workflow_type="other") == [ended, ada_other]
    assert listed(ada, workflow_type="other") == [ada_other]
    assert listed(GLOBAL, workflow_type="other", status="SUCCEEDED") == [ended]
    assert listed(GLOBAL, workflow_type="othe") == []
    assert listed(ada, workflow_type="missing", status="CANCELED") == []


@pytest.mark.parametrize("scope", [EVERYTHING, Organization(ADA)], ids=["all", "org"])
@pytest.mark.parametrize("filters", [{}, {"workflow_type": "talk"}], ids=str)
def test_pages_of_runs_join_without_a_gap(connection, gate, end, scope, filters):
    wanted = [gate(organization_id=ADA) for _ in range(7)]
    end(*wanted[2:4])

    seen, cursor = [], None
    while True:
        page = list_workflow_runs(
            connection, scope=scope, limit=3, cursor=cursor, **filters
        )
        seen += ids(page)
        cursor = page.next_cursor
        if cursor is None:
            break

    assert seen == wanted[::-1]


@pytest.mark.parametrize("values", [{"limit": 0}, {"limit": 1001}, {"cursor": "x"}])
def test_a_page_that_cannot_be_is_refused(connection, raises_code, values):
    with raises_code("job.invalid_pagination"):
        list_workflow_runs(connection, scope=EVERYTHING, **values)
    with raises_code("job.invalid_pagination"):
        list_workflow_steps(connection, uuid4(), scope=EVERYTHING, **values)


def test_a_graph_has_what_a_picture_and_a_timeline_need(
    run, letters, claim, connection
):
    record = letters()
    complete_job_failure(
        connection, claim().lease, JobFailure.retryable("a.b", "no"), retry=AT_ONCE
    )
    connection.execute("UPDATE job_queue SET next_run_at = now()")
    claim()

    graph = run(get_workflow_graph, record.id, scope=EVERYTHING)

    assert (graph.run_id, graph.workflow_type) == (record.id, "letters")
    assert (graph.status, graph.finished_at) == (WorkflowRunStatus.RUNNING, None)
    write, print_, post, sign = graph.steps
    assert write.status is WorkflowStepStatus.RUNNING
    assert [
        (attempt.attempt, attempt.outcome, attempt.finished_at is None)
        for attempt in write.attempts
    ] == [(1, AttemptOutcome.RETRYABLE, False), (2, None, True)]
    assert write.created_at <= write.released_at <= write.started_at
    assert write.started_at == write.attempts[0].started_at < graph.observed_at
    assert (print_.status, post.attempts) == (WorkflowStepStatus.BLOCKED, ())
    assert (sign.kind, sign.job_type) == (StepExecutionKind.EXTERNAL, None)
    assert (sign.deadline_at - sign.released_at).total_seconds() == 60
    success = DependencyReleaseMode.ON_SUCCESS
    assert graph.edges == (
        GraphEdge("write", "print", success),
        GraphEdge("write", "post", DependencyReleaseMode.ON_TERMINAL),
        GraphEdge("print", "post", success, passes_output=True),
        GraphEdge("sign", "post", success),
    )


def test_a_step_tells_what_it_waits_for(run, letters, connection):
    record = letters()

    def explained(key):
        return run(explain_workflow_step, record.id, key, scope=EVERYTHING)

    post = explained("post")
    assert post.waits_for == ("write", "print", "sign")
    assert post.sentence == (
        "The step waits for 3 of its 3 prerequisites: 'write', 'print', 'sign'."
    )
    assert explained("sign").sentence.startswith(
        "The gate is open until somebody completes it or its deadline at 2"
    )
    assert explained("write").sentence == explained("write").job.sentence
    assert explained("missing") is None


def test_a_long_list_of_prerequisites_is_cut(connection):
    builder = WorkflowDagBuilder("wide").job("last", "mail.send")
    keys = [f"s{number:02}" for number in range(12)]
    for key in keys:
        builder.external(key)
    run_id = enqueue_workflow_run(
        connection, builder.after_success("last", keys).build()
    ).run.id

    explained = explain_workflow_step(connection, run_id, "last", scope=EVERYTHING)

    assert explained.waits_for == tuple(keys[:10])
    assert "12 of its 12 prerequisites: 's00'" in explained.sentence
    assert explained.sentence.endswith("'s09' ....")


def test_the_end_of_a_step_is_told(connection, gate, end):
    succeeded, canceled, open_ = gate(), gate(), gate()
    end(succeeded)
    end(canceled, status="COMPLETED_WITH_ERRORS")
    connection.execute(
        "UPDATE workflow_steps SET last_error_code = 'a.b' WHERE status = 'CANCELED'"
    )

    def sentence(run_id):
        return explain_workflow_step(
            connection, run_id, "ask", scope=EVERYTHING
        ).sentence

    assert sentence(succeeded).startswith("The step succeeded at 2")
    assert sentence(canceled).startswith("The step was canceled at 2")
    assert sentence(canceled).endswith(" UTC (a.b).")
    assert sentence(open_) == "The gate is open until somebody completes it."


def test_a_job_tells_which_step_it_is(run, letters, connection):
    record = letters()
    step = run(get_workflow_step, record.id, "write", scope=EVERYTHING)

    explanation = run(explain_job, step.job_id, scope=EVERYTHING)

    assert explanation.workflow_step_key == "write"
    assert explanation.sentence.endswith(
        f" It is the step 'write' of the workflow run {record.id}."
    )
