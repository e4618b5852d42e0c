"""The database's rule for identifiers, and that it is core's."""

from __future__ import annotations

import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runledger_core import IDENTIFIER_WHITESPACE, ValidationError, check_identifier

pytestmark = pytest.mark.db

GOOD = [
    "a",
    "mail.send",
    "two words",
    "a\tb\u3000c",
    "Ünïcödé",
    "\u200b",  # zero width space: a format character, not white space
    "\ufeff",
    "\x1c",  # a separator that only Python calls white space
    "\x7f",
    "x" * 512,
    "é" * 256,
    "\U0001f600" * 128,
]
BAD = [
    "",
    " ",
    " a",
    "a ",
    "a\n",
    "\u00a0\u3000",
    "x" * 513,
    "é" * 256 + "x",
    "\U0001f600" * 129,
    *(f"{space}a" for space in IDENTIFIER_WHITESPACE),
    *(f"a{space}" for space in IDENTIFIER_WHITESPACE),
]
COLUMNS = [
    ("job_definitions", "job_type", "chk_job_definitions_type_not_blank"),
    ("job_queue", "stage", "chk_job_queue_stage_not_blank"),
    ("job_queue", "idempotency_key", "chk_job_queue_idempotency_key_not_blank"),
    ("job_attempts", "worker_id", "chk_job_attempts_worker_id_not_blank"),
    ("job_events", "stage", "chk_job_events_stage_not_blank"),
    ("job_schedules", "name", "chk_job_schedules_name_not_blank"),
    ("job_workers", "worker_id", "chk_job_workers_worker_id_not_blank"),
    ("workflow_runs", "workflow_type", "chk_workflow_runs_type_not_blank"),
    ("workflow_runs", "idempotency_key", "chk_workflow_runs_idempotency_key_not_blank"),
    ("workflow_runs", "result_step_key", "chk_workflow_runs_result_step_key_not_blank"),
    ("workflow_steps", "step_key", "chk_workflow_steps_step_key_not_blank"),
    ("workflow_steps", "job_type", "chk_workflow_steps_job_type_not_blank"),
    ("workflow_steps", "stage", "chk_workflow_steps_stage_not_blank"),
    (
        "workflow_run_mutations",
        "mutation_key",
        "chk_workflow_run_mutations_mutation_key_not_blank",
    ),
]
storable = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
edgy = st.sampled_from(IDENTIFIER_WHITESPACE + "a\x1c\x1f\x85\u200b\u2027\u202a\u180e")
texts = st.one_of(
    st.text(storable, max_size=20),
    st.text(edgy, max_size=4),
    st.builds("{}{}{}".format, edgy, st.text(storable, max_size=8), edgy),
    st.builds(str.__mul__, storable, st.integers(120, 520)),
)


def is_identifier(connection: psycopg.Connection, value: str | None) -> bool | None:
    return connection.execute(
        "SELECT runledger_is_identifier(%s::text)", [value]
    ).fetchone()[0]


@pytest.mark.parametrize("value", GOOD, ids=lambda value: ascii(value)[:24])
def test_an_identifier_is_accepted(shared_connection, value):
    assert is_identifier(shared_connection, value) is True


@pytest.mark.parametrize("value", BAD, ids=lambda value: ascii(value)[:24])
def test_blank_padded_and_overlong_text_is_refused(shared_connection, value):
    assert is_identifier(shared_connection, value) is False


def test_null_is_neither(shared_connection):
    assert is_identifier(shared_connection, None) is None


def test_the_whitespace_is_the_same_over_the_whole_of_unicode(shared_connection):
    refused = shared_connection.execute(
        "SELECT chr(c) FROM generate_series(1, 1114111) AS c"
        " WHERE c NOT BETWEEN 55296 AND 57343"
        " AND NOT runledger_is_identifier('a' || chr(c))"
    ).fetchall()

    assert {row[0] for row in refused} == set(IDENTIFIER_WHITESPACE)


@given(texts)
@example("")
@example("a\x85")
@example("é" * 256)
@example("é" * 257)
def test_core_and_the_database_agree(shared_connection, text):
    try:
        accepted = check_identifier(text, "job_type") == text
    except ValidationError:
        accepted = False

    assert accepted == is_identifier(shared_connection, text)


@pytest.mark.parametrize(("table", "column", "check"), COLUMNS)
def test_every_identifier_column_is_checked_by_name(insert, table, column, check):
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        insert(table, **{column: "padded\u3000"})

    assert caught.value.diag.constraint_name == check


def test_a_leased_job_s_worker_is_checked_by_name(insert):
    leased = {"status": "LEASED", "attempt": 1, "lease_expires_at": "infinity"}

    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        insert("job_queue", worker_id="w1 ", **leased)

    assert caught.value.diag.constraint_name == "chk_job_queue_worker_id_not_blank"


def test_the_checks_are_all_there_are(shared_connection):
    checks = shared_connection.execute(
        "SELECT conname FROM pg_constraint WHERE pg_get_constraintdef(oid) LIKE %s",
        ["%runledger_is_identifier(%"],
    ).fetchall()

    tried = {check for _, _, check in COLUMNS} | {"chk_job_queue_worker_id_not_blank"}
    assert tried == {row[0] for row in checks}
