"""An operation is one generator; the connection decides how it runs."""

from __future__ import annotations

import inspect
from typing import Any

import psycopg
import pytest

from runledger_postgres import QueryError, enqueue_job, get_job_by_id
from runledger_postgres._operation import operation
from runledger_postgres._statements import Statement
from runledger_postgres._steps import Call, batch, maybe, one

SELECT_ONE = Statement("test/one", "SELECT 1 AS answer")
SELECT_NUMBER = Statement("test/number", "SELECT %(number)s::integer AS answer")
DIVIDE_BY_ZERO = Statement("test/zero", "SELECT 1 / 0")
TWO_ROWS = Statement("test/two", "SELECT generate_series(1, 2) AS answer")
WHAT_RUNS = Statement(
    "test/what_runs",
    "SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()",
)


@operation
def ask_twice() -> Any:
    first = yield from one(SELECT_ONE)
    second = yield from maybe(SELECT_NUMBER, number=2)
    return first["answer"], second["answer"]


@operation
def ask_at_once() -> Any:
    answers = yield from batch(
        Call(SELECT_NUMBER, {"number": 7}), Call(SELECT_NUMBER, {"number": 8})
    )
    return [rows[0]["answer"] for rows in answers]


@operation
def fail_in_a_batch() -> Any:
    yield from batch(Call(SELECT_ONE, {}), Call(DIVIDE_BY_ZERO, {}))


@operation
def what_runs() -> Any:
    row = yield from one(WHAT_RUNS)
    return row["query"]


@operation
def want_one_of_two() -> Any:
    yield from one(TWO_ROWS)


@pytest.mark.db
def test_an_operation_gives_the_same_result_over_every_driver(run):
    assert run(ask_twice) == (1, 2)


@pytest.mark.db
def test_a_batch_answers_in_order(run):
    assert run(ask_at_once) == [7, 8]


@pytest.mark.db
def test_a_failing_statement_of_a_batch_is_the_error_that_arrives(run, raises_code):
    with raises_code("db.query_failed") as caught:
        run(fail_in_a_batch)

    assert caught.value.sqlstate == "22012"
    assert run(ask_twice) == (1, 2)


@pytest.mark.db
def test_the_server_sees_the_name_of_the_statement_first(run):
    assert run(what_runs).startswith("/* runledger:test/what_runs */")


@pytest.mark.db
def test_a_wrong_number_of_rows_is_an_error_with_a_code(run, raises_code):
    with raises_code("db.unexpected_row_count"):
        run(want_one_of_two)


@pytest.mark.db
def test_an_operation_can_handle_the_error_of_its_own_statement(connection):
    @operation
    def recover() -> Any:
        try:
            yield from one(DIVIDE_BY_ZERO)
        except QueryError as error:
            return error.sqlstate

    assert recover(connection) == "22012"


@pytest.mark.db
def test_the_generator_is_closed_when_the_driver_fails(connection):
    closed = []

    @operation
    def watched() -> Any:
        try:
            yield from one(SELECT_ONE)
            connection.close()
            yield from one(SELECT_ONE)
        finally:
            closed.append(True)

    with pytest.raises(Exception, match=r"db\.connection_failed"):
        watched(connection)

    assert closed == [True]


def test_anything_but_a_psycopg_connection_is_refused_by_name():
    with pytest.raises(TypeError, match=r"enqueue_job\(\) takes a psycopg .* not str"):
        enqueue_job("postgresql:///", None)


def test_help_shows_the_connection_and_the_real_parameters():
    signature = inspect.signature(get_job_by_id)

    assert list(signature.parameters) == ["db", "job_id", "scope"]
    assert get_job_by_id.__doc__ is not None


@pytest.mark.db
def test_a_cursor_class_of_the_host_does_not_matter(runledger_database):
    with psycopg.connect(
        runledger_database, cursor_factory=psycopg.RawCursor
    ) as connection:
        assert ask_twice(connection) == (1, 2)
