"""What the application says about jobs, and how the queue is doing."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from runledger_core import EVERYTHING, GLOBAL, JobFailure, Organization
from runledger_postgres import (
    complete_job_failure,
    complete_job_success,
    get_job_metrics,
    insert_job_log,
    list_job_logs,
)

pytestmark = pytest.mark.db

ORGANIZATION = Organization(UUID("0198c0de-0000-7000-8000-000000000001"))
LINE = {"run_number": 1, "level": "info", "message": "sent 3 of 7"}


def test_a_log_line_is_stored_and_read(run, enqueue):
    job_id = enqueue()

    line = run(insert_job_log, job_id, **LINE, attempt=2, payload={"sent": 3})
    bare = run(insert_job_log, job_id, **LINE)

    assert (line.level, line.message, line.attempt) == ("info", "sent 3 of 7", 2)
    assert (line.payload, bare.payload, bare.attempt) == ({"sent": 3}, {}, None)
    assert run(list_job_logs, job_id, scope=EVERYTHING) == [line, bare]


def test_a_log_is_paged_and_scoped(run, enqueue):
    job_id = enqueue(organization_id=ORGANIZATION.id)
    ids = [run(insert_job_log, job_id, **LINE).id for _ in range(3)]

    first = run(list_job_logs, job_id, scope=ORGANIZATION, limit=2)
    rest = run(list_job_logs, job_id, scope=ORGANIZATION, after_id=first[-1].id)

    assert [line.id for line in [*first, *rest]] == ids
    assert run(list_job_logs, job_id, scope=GLOBAL) == []


def test_an_unknown_job_has_no_log(run, raises_code):
    with raises_code("job.not_found"):
        run(insert_job_log, uuid4(), **LINE)
    assert run(list_job_logs, uuid4(), scope=EVERYTHING) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"message": " "}, "job.invalid_log"),
        ({"run_number": 0}, "job.invalid_log"),
        ({"attempt": -1}, "job.invalid_log"),
        ({"payload": object()}, "job.invalid_log"),
        ({"level": ""}, "identifier.blank"),
    ],
    ids=["message", "run", "attempt", "payload", "level"],
)
def test_a_line_that_cannot_be_stored_is_refused(run, raises_code, change, code):
    with raises_code(code):
        run(insert_job_log, uuid4(), **{**LINE, **change})


def test_a_page_of_a_log_has_a_bounded_length(run, raises_code):
    with raises_code("job.invalid_pagination"):
        run(list_job_logs, uuid4(), scope=EVERYTHING, limit=1001)


def test_metrics_count_by_organization_and_type(
    run, enqueue, define, claim, connection
):
    define("mail.print")
    for _ in range(3):
        enqueue()
    enqueue("mail.print", organization_id=ORGANIZATION.id)
    only = {"job_types": ["mail.send"]}
    complete_job_success(connection, claim(**only).lease)
    complete_job_failure(
        connection, claim(**only).lease, JobFailure.terminal("mail.bad", "no")
    )
    claim(**only)

    [printed, sent] = run(get_job_metrics, scope=EVERYTHING)

    assert (printed.job_type, printed.organization_id, printed.pending_count) == (
        "mail.print",
        ORGANIZATION.id,
        1,
    )
    assert (sent.job_type, sent.organization_id) == ("mail.send", None)
    assert (sent.pending_count, sent.leased_count, sent.stale_leases) == (0, 1, 0)
    assert (sent.succeeded_24h, sent.dead_lettered_24h, sent.terminal_24h) == (1, 1, 1)
    assert sent.p50_duration_ms_24h >= 0
    assert printed.p50_duration_ms_24h is None


def test_metrics_are_read_within_a_scope_and_for_a_type(run, enqueue, define):
    define("mail.print")
    enqueue()
    enqueue("mail.print", organization_id=ORGANIZATION.id)

    def types(**filters):
        found = run(get_job_metrics, **{"scope": EVERYTHING, **filters})
        return [metrics.job_type for metrics in found]

    assert types(scope=GLOBAL) == ["mail.send"]
    assert types(scope=ORGANIZATION) == ["mail.print"]
    assert types(job_type="mail.send") == ["mail.send"]
    assert types(job_type="mail.send", scope=ORGANIZATION) == []
