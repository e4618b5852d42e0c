"""SQL lives in files, one statement each, and is known by its name."""

from __future__ import annotations

import re
from importlib.resources import files
from uuid import UUID

import pytest

from runledger_core import EVERYTHING, GLOBAL, Organization
from runledger_postgres._statements import (
    Statement,
    all_statements,
    scoped_statement,
    statement,
)
from runledger_postgres._steps import Call

SOURCES = {
    f"{area.name}/{entry.name}": entry.read_text(encoding="utf-8")
    for area in (files("runledger_postgres") / "_sql").iterdir()
    for entry in area.iterdir()
}
ORGANIZATION = Organization(UUID("0198c0de-0000-7000-8000-000000000001"))


def test_comments_for_the_reader_are_not_sent():
    assert b"--" not in statement("jobs/claim_jobs").query


def test_a_scope_chooses_its_own_text():
    read = scoped_statement("jobs/get_job")

    everything, nothing = read.within(EVERYTHING)
    of_one, extra = read.within(ORGANIZATION)

    assert nothing == {}
    assert extra == {"organization_id": ORGANIZATION.id}
    assert everything.name == "jobs/get_job[everything]"
    assert "organization_id = %(organization_id)s" in of_one.sql
    assert "organization_id IS NULL" in read.within(GLOBAL)[0].sql


def test_what_is_no_scope_is_refused():
    with pytest.raises(TypeError, match="GLOBAL, EVERYTHING or Organization"):
        scoped_statement("jobs/get_job").within(None)


def test_a_statement_without_a_place_for_the_scope_cannot_be_scoped():
    with pytest.raises(LookupError, match="jobs/claim_jobs"):
        scoped_statement("jobs/claim_jobs")


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_a_file_says_what_it_does_and_names_its_columns(name):
    source = SOURCES[name]

    assert source.startswith("-- ")
    assert not re.search(r"SELECT\s+\*\s+FROM job_", source)


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_a_statement_that_locks_rows_says_so_in_its_comment(name):
    source = SOURCES[name]
    comment = "\n".join(x for x in source.splitlines() if x.startswith("--"))

    if re.search(r"FOR (NO KEY )?UPDATE|FOR (KEY )?SHARE|LOCK TABLE", source):
        assert re.search(r"[Ll]ocks", comment)


def test_every_statement_is_loaded_with_a_name_of_its_own():
    names = [found.name for found in all_statements()]

    assert len(names) == len(set(names))
    assert {name.partition("[")[0] for name in names} == {
        name.removesuffix(".sql") for name in SOURCES
    }


def test_parameters_are_numbered_in_the_order_in_which_they_first_come():
    found = Statement("test/two", "SELECT %(b)s, %(a)s, %(b)s, 7 % 4")

    assert found.parameters == ("b", "a")
    assert found.query.endswith(b"SELECT $1, $2, $1, 7 % 4")
    assert Call(found, {"a": 1, "b": 2}).arguments == [2, 1]


def test_a_text_without_parameters_is_sent_as_it_is():
    assert Call(Statement("test/script", "SELECT 1; SELECT 2")).arguments is None
