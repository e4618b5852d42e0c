"""Putting jobs on the queue: defaults, keys, conflicts, all or none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from runledger_core import EVERYTHING, JobDefinition, JobEnqueue, JobStatus
from runledger_postgres import (
    EnqueueDisposition,
    complete_job_success,
    count_jobs_by_status,
    enqueue_job,
    enqueue_jobs,
    get_job_by_id,
    list_job_events,
    upsert_job_definition,
)

pytestmark = pytest.mark.db

LATER = datetime(2030, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
ORGANIZATION = UUID("0198c0de-0000-7000-8000-000000000001")


def test_a_job_takes_what_the_request_leaves_out_from_its_definition(run, define):
    define(max_attempts=3, timeout_seconds=30, priority=7)

    outcome = run(enqueue_job, JobEnqueue("mail.send", {"to": ["ada", None, 1.5]}))
    job = run(get_job_by_id, outcome.job_id, scope=EVERYTHING)

    assert outcome.disposition is EnqueueDisposition.INSERTED
    assert job.payload == {"to": ["ada", None, 1.5]}
    assert (job.max_attempts, job.timeout_seconds, job.priority) == (3, 30, 7)
    assert (job.status, job.stage, job.run_number, job.attempt) == (
        JobStatus.PENDING,
        "queued",
        1,
        0,
    )


def test_what_the_request_says_wins(run, define):
    define()
    request = JobEnqueue(
        "mail.send",
        "just text",
        organization_id=ORGANIZATION,
        priority=-5,
        max_attempts=2,
        timeout_seconds=9,
        next_run_at=LATER,
        stage="scheduled",
    )

    job = run(get_job_by_id, run(enqueue_job, request).job_id, scope=EVERYTHING)

    assert job.payload == "just text"
    assert job.organization_id == ORGANIZATION
    assert (job.priority, job.max_attempts, job.timeout_seconds) == (-5, 2, 9)
    assert (job.next_run_at, job.stage) == (LATER, "scheduled")


def test_the_ledger_says_that_the_job_was_enqueued(run, define):
    define()
    job_id = run(enqueue_job, JobEnqueue("mail.send")).job_id

    [event] = run(list_job_events, job_id, scope=EVERYTHING)

    assert (event.event_type, event.run_number, event.attempt) == ("ENQUEUED", 1, None)
    assert (event.stage, event.payload) == ("queued", {"job_type": "mail.send"})


@pytest.mark.parametrize("key", [None, "k1"], ids=["unkeyed", "keyed"])
@pytest.mark.parametrize("is_disabled", [False, True], ids=["unknown", "disabled"])
def test_a_type_without_an_enabled_definition_is_refused(
    run, define, raises_code, key, is_disabled
):
    if is_disabled:
        define(is_enabled=False)

    with raises_code("job.definition_not_found_or_disabled") as caught:
        run(enqueue_job, JobEnqueue("mail.send", idempotency_key=key))

    assert "mail.send" in str(caught.value)


def test_a_repeat_under_the_same_key_finds_the_first_job(run, define):
    define()
    request = JobEnqueue("mail.send", {"n": 1}, idempotency_key="order-1")

    first = run(enqueue_job, request)
    second = run(enqueue_job, request)

    assert first.disposition is EnqueueDisposition.INSERTED
    assert second.disposition is EnqueueDisposition.EXISTING
    assert second.job_id == first.job_id
    assert run(count_jobs_by_status, scope=EVERYTHING)[JobStatus.PENDING].count == 1


def test_a_repeat_finds_the_job_whatever_became_of_it(run, enqueue, claim):
    request = JobEnqueue("mail.send", {}, idempotency_key="order-1")
    run(enqueue_job, request)
    run(complete_job_success, claim().lease)

    assert run(enqueue_job, request).status is JobStatus.SUCCEEDED


def test_a_repeat_finds_the_job_of_a_type_that_was_disabled_since(run, define):
    define()
    request = JobEnqueue("mail.send", {}, idempotency_key="order-1")
    first = run(enqueue_job, request)
    run(upsert_job_definition, JobDefinition("mail.send", is_enabled=False))

    assert run(enqueue_job, request).job_id == first.job_id


@pytest.mark.parametrize(
    ("stored", "repeated"),
    [
        ({"n": 1.0}, {"n": 1}),
        ({"n": 0.10}, {"n": 0.1}),
        ({"n": 100}, {"n": 1e2}),
        ({"n": -0.0}, {"n": 0}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ],
    ids=str,
)
def test_payloads_are_compared_as_json_not_as_text(run, define, stored, repeated):
    define()
    run(enqueue_job, JobEnqueue("mail.send", stored, idempotency_key="k"))

    again = run(enqueue_job, JobEnqueue("mail.send", repeated, idempotency_key="k"))

    assert again.disposition is EnqueueDisposition.EXISTING


def test_an_omitted_stage_equals_the_stage_it_stands_for(run, define):
    define()
    run(enqueue_job, JobEnqueue("mail.send", idempotency_key="k"))

    again = run(
        enqueue_job, JobEnqueue("mail.send", idempotency_key="k", stage="queued")
    )

    assert again.disposition is EnqueueDisposition.EXISTING


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"payload": {"secret": "rosebud"}}, "payload"),
        ({"priority": 100}, "priority"),
        ({"max_attempts": 8}, "max_attempts"),
        ({"timeout_seconds": 900}, "timeout_seconds"),
        ({"next_run_at": LATER + timedelta(microseconds=1)}, "next_run_at"),
        ({"stage": "scheduled"}, "stage"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_request_that_differs_is_refused_and_names_the_field(
    run, define, raises_code, change, field
):
    define()
    stored = {"payload": {}, "next_run_at": LATER, "idempotency_key": "key-of-ada"}
    run(enqueue_job, JobEnqueue("mail.send", **stored))

    with raises_code("job.idempotency_conflict") as caught:
        run(enqueue_job, JobEnqueue("mail.send", **{**stored, **change}))

    assert field in str(caught.value)
    assert "rosebud" not in f"{caught.value} {caught.value!r}"
    assert "key-of-ada" not in f"{caught.value} {caught.value!r}"
    assert "key-of-ada" in caught.value.internal_message()


def test_keys_of_organizations_and_types_are_apart(run, define):
    define()
    define("mail.print")
    requests = [
        JobEnqueue("mail.send", idempotency_key="k"),
        JobEnqueue("mail.send", idempotency_key="k", organization_id=ORGANIZATION),
        JobEnqueue("mail.print", idempotency_key="k"),
    ]

    outcomes = [run(enqueue_job, request) for request in requests + requests]

    assert [o.disposition.value for o in outcomes] == ["INSERTED"] * 3 + [
        "EXISTING"
    ] * 3
    assert len({o.job_id for o in outcomes}) == 3


@pytest.mark.unaudited("the key has no snapshot")
def test_a_row_from_before_requests_were_kept_is_named(
    run, define, connection, raises_code
):
    define()
    outcome = run(enqueue_job, JobEnqueue("mail.send", idempotency_key="k"))
    connection.execute(
        "ALTER TABLE job_queue DROP CONSTRAINT ck_job_queue_idempotency_enqueue_request"
    )
    connection.execute(
        "UPDATE job_queue SET enqueue_request = NULL WHERE id = %s", [outcome.job_id]
    )

    with raises_code("job.legacy_idempotency_snapshot_missing"):
        run(enqueue_job, JobEnqueue("mail.send", idempotency_key="k"))


@pytest.mark.parametrize("level", ["REPEATABLE_READ", "SERIALIZABLE"])
def test_keys_need_read_committed(runledger_database, define, raises_code, level):
    define()
    with psycopg.connect(runledger_database) as host:
        host.isolation_level = psycopg.IsolationLevel[level]

        enqueue_job(host, JobEnqueue("mail.send"))
        with raises_code("job.enqueue_idempotency_unsupported_isolation"):
            enqueue_job(host, JobEnqueue("mail.send", idempotency_key="k"))


def test_many_jobs_keep_the_order_of_their_requests(run, define):
    define()
    run(enqueue_job, JobEnqueue("mail.send", {"n": 3}, idempotency_key="three"))
    requests = [
        JobEnqueue("mail.send", {"n": 0}),
        JobEnqueue("mail.send", {"n": 1}, idempotency_key="one"),
        JobEnqueue("mail.send", {"n": 2}),
        JobEnqueue("mail.send", {"n": 3}, idempotency_key="three"),
        JobEnqueue("mail.send", {"n": 1}, idempotency_key="one"),
    ]

    outcomes = run(enqueue_jobs, requests)
    jobs = [run(get_job_by_id, o.job_id, scope=EVERYTHING) for o in outcomes]

    assert [job.payload["n"] for job in jobs] == [0, 1, 2, 3, 1]
    assert [o.disposition.value for o in outcomes] == [
        "INSERTED",
        "INSERTED",
        "INSERTED",
        "EXISTING",
        "EXISTING",
    ]
    assert outcomes[1].job_id == outcomes[4].job_id


def test_many_jobs_are_enqueued_all_or_none(run, define, raises_code):
    define()
    requests = [JobEnqueue("mail.send"), JobEnqueue("nobody.knows")]

    with raises_code("job.definition_not_found_or_disabled"):
        run(enqueue_jobs, requests)

    assert run(count_jobs_by_status, scope=EVERYTHING)[JobStatus.PENDING].count == 0


def test_no_requests_are_no_jobs(run):
    assert run(enqueue_jobs, []) == []


def test_a_payload_of_every_plane_comes_back_as_it_was(run, define):
    define()
    payload = {"": "ünï ☃ 𝄞", 'quote"s': ["\\", "\n", "{}", "a,b"], "deep": [[[[]]]]}

    job_id = run(enqueue_job, JobEnqueue("mail.send", payload)).job_id

    assert run(get_job_by_id, job_id, scope=EVERYTHING).payload == payload
