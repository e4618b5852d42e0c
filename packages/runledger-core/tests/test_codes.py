"""The table of codes: whole, tidy, and the only source of codes in the sources."""

import ast
import re
from pathlib import Path

import pytest

import runledger_core
from runledger_core import CODES, CodeKind, ErrorCategory
from runledger_core.codes import CodeEntry, Layer, _merge

SOURCES = sorted(Path(runledger_core.__file__).parent.rglob("*.py"))
AREAS = {code.partition(".")[0] for code in CODES}

# What hosts already rely on, one code a line. Lines are only ever added to it.
PROMISED = Path(__file__).with_name("promised_codes.txt")


def test_every_promised_code_is_in_the_table():
    promised = PROMISED.read_text(encoding="utf-8").split()

    assert sorted(promised) == promised
    assert set(promised) <= CODES.keys()


def test_the_table_is_sorted_and_read_only():
    assert sorted(CODES) == list(CODES)
    with pytest.raises(TypeError):
        CODES["job.new"] = CODES["job.not_found"]


@pytest.mark.parametrize("entry", CODES.values(), ids=list(CODES))
def test_an_entry_is_a_plain_area_and_name_with_one_tidy_sentence(entry):
    assert CODES[entry.code] is entry
    assert re.fullmatch(r"[a-z_]+\.[a-z0-9_]+", entry.code)
    assert re.fullmatch(r"[a-zA-Z_].*[^.!?\s]", entry.message)
    assert not entry.message.startswith(("The ", "A ", "An "))
    assert "\n" not in entry.message
    assert entry.message[0].islower() or entry.message.split()[0].isupper()


def test_the_message_says_the_problem_and_then_what_to_do():
    entry = CODES["job.not_found"]
    assert entry.message == entry.problem

    entry = CODES["job.idempotency_conflict"]
    assert entry.message == f"{entry.problem}; {entry.remedy}"


def test_no_two_codes_of_an_area_share_a_message():
    messages = [
        (entry.code.partition(".")[0], entry.message) for entry in CODES.values()
    ]

    assert len(set(messages)) == len(messages)


@pytest.mark.parametrize(
    ("code", "category"),
    [
        ("job.idempotency_conflict", ErrorCategory.CONFLICT),
        ("job.definition_not_found_or_disabled", ErrorCategory.VALIDATION),
        ("job.lease_owner_mismatch", ErrorCategory.FORBIDDEN),
        ("db.permission_denied", ErrorCategory.FORBIDDEN),
        ("db.query_failed", ErrorCategory.INTERNAL),
        ("db.unique_violation", ErrorCategory.CONFLICT),
        ("workflow.internal_state", ErrorCategory.INTERNAL),
    ],
)
def test_a_code_has_the_category_that_hosts_map(code, category):
    assert category == CODES[code].category


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("job.handler_exception", CodeKind.STORED),
        ("workflow.dependency_unsatisfied", CodeKind.STORED),
        ("job.lease_owner_mismatch", CodeKind.BOTH),
        ("job.invalid_completion_progress", CodeKind.BOTH),
        ("job.not_found", CodeKind.RAISED),
    ],
)
def test_a_code_says_whether_it_is_raised_or_stored(code, kind):
    assert kind == CODES[code].kind


def test_a_code_listed_twice_is_refused():
    entry = CodeEntry(
        code="job.twice",
        category=ErrorCategory.INTERNAL,
        problem="it is there twice",
        layer=Layer.CORE,
    )

    with pytest.raises(AssertionError, match=r"job\.twice"):
        _merge([entry], [entry])


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_every_code_that_the_sources_name_is_in_the_table(source):
    named = {
        node.value
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(rf"(?:{'|'.join(AREAS)})\.[a-z0-9_]+", node.value)
    } - {"history.sql"}

    assert named <= CODES.keys()


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_every_code_that_the_docstrings_name_is_in_the_table(source):
    quoted = re.findall(r"``([a-z_]+\.[a-z0-9_]+)``", source.read_text("utf-8"))
    named = {code for code in quoted if code.partition(".")[0] in AREAS}

    assert named <= CODES.keys()
