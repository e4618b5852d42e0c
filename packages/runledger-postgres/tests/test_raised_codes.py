"""Every code that the table promises can really be raised, or says why not."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from runledger_core.codes import CODES, CodeKind

if TYPE_CHECKING:
    from types import ModuleType


def load_examples() -> ModuleType:
    """Import the file beside this one, which belongs to no package."""
    path = Path(__file__).with_name("code_examples.py")
    spec = importlib.util.spec_from_file_location("code_examples", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EXAMPLES = load_examples()
AREAS = {"db", "identifier", "job", "job_definition", "job_schedule", "retry", "schema"}
RAISED = {
    code
    for code, entry in CODES.items()
    if code.partition(".")[0] in AREAS and entry.kind is not CodeKind.STORED
}


@pytest.fixture
def host(runledger_database, connection, define, claim) -> Any:
    return EXAMPLES.Host(runledger_database, connection, define, claim)


def test_each_code_has_an_example_or_a_reason():
    shown = EXAMPLES.PURE.keys() | EXAMPLES.STORAGE.keys()

    assert shown | EXAMPLES.UNRAISED.keys() == RAISED
    assert not shown & EXAMPLES.UNRAISED.keys()


@pytest.mark.parametrize("code", EXAMPLES.PURE)
def test_a_value_that_cannot_be_is_refused(code, raises_code):
    with raises_code(code):
        EXAMPLES.PURE[code]()


@pytest.mark.db
@pytest.mark.unaudited("the ledger is misused")
@pytest.mark.parametrize("code", EXAMPLES.STORAGE)
def test_a_misused_ledger_says_so(code, host, raises_code):
    with raises_code(code):
        EXAMPLES.STORAGE[code](host)
