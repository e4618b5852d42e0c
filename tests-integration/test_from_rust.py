"""
The page for those who come from the Rust edition: what it names is there, and whole.

The page is its own data: each row of its tables is read, and the head of the second
column says what the names in that column are. `docs/reference/from-rust.md` tells its
readers the same.
"""

from __future__ import annotations

import importlib
import inspect
import re
from functools import cache
from pathlib import Path

import attrs
import psycopg
import pytest

from runledger_core import CODES
from runledger_postgres._statements import all_statements
from runledger_runtime import JobsConfig
from runledger_test_support._settings import read_settings

PAGE = Path(__file__).parents[1] / "docs/reference/from-rust.md"
MODULES = (
    "runledger_core",
    "runledger_core.workflows",
    "runledger_core.workflows.pictures",
    "runledger_postgres",
    "runledger_runtime",
    "runledger_runtime.otel",
    "runledger_test_support",
)
NEW = "New here"
RELATIONS = "Table, view, column or function"
ENUMERATIONS = "Enumeration and labels"


@attrs.frozen
class Row:
    """One row of a table: what was there, where it is here, and what is to be said."""

    section: str
    kind: str
    old: str
    here: str
    remark: str

    @property
    def names(self):
        """What is here; "same" stands for the names on the left."""
        same = tokens(self.old) if self.here.startswith("same") else []
        return [*same, *tokens(self.here)]

    @property
    def is_absent(self):
        return self.here == "—"


def tokens(cell):
    return re.findall(r"`([^`]+)`", cell)


@cache
def rows():
    """Read the tables of the page."""
    found, section, kind = [], "", ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        elif line.startswith("| "):
            old, here, remark = (x.strip() for x in line.strip("|").split("|"))
            if old in ("Rust edition", "For"):
                kind = here.strip("`")
            elif old != "---":
                found.append(Row(section, kind, old, here, remark))
    return found


def names_of(kind):
    return [name for row in rows() if row.kind == kind for name in row.names]


def address(name, module):
    """Split a name into its module, the public name in it, and what follows that."""
    for candidate in sorted(MODULES, key=len, reverse=True):
        if name.startswith(f"{candidate}."):
            module, name = candidate, name.removeprefix(f"{candidate}.")
            break
    name, *attributes = name.split(".")
    return module, name, attributes


def fault(token, module):
    """Say what keeps a name on the page from being one that users can use."""
    if token in CODES:
        return None
    path, _, argument = token.removesuffix("=)").partition("(")
    module, name, attributes = address(path, module)
    if name not in importlib.import_module(module).__all__:
        return f"{token}: {module} has no public {name}"
    value = getattr(importlib.import_module(module), name)
    for attribute in attributes:
        if attribute.startswith("_") or not hasattr(value, attribute):
            return f"{token}: {value!r} has no public {attribute}"
        value = getattr(value, attribute)
    if argument and argument not in inspect.signature(value).parameters:
        return f"{token}: it takes no {argument}"
    return None


def addresses(section_is_new):
    """Return the public names, module and all, in the new section or in the others."""
    return {
        ".".join(address(token.partition("(")[0], row.kind)[:2])
        for row in rows()
        if row.kind in MODULES and (row.section == NEW) == section_is_new
        for token in row.names
        if token not in CODES
    }


def read_variables(read):
    """Run *read* over an empty environment, and return what it asked for."""
    asked = set()

    class Environment(dict):
        def get(self, key, default=None):
            asked.add(key)
            return default

    read(Environment())
    return asked - {""}


@pytest.mark.parametrize("module", MODULES)
def test_a_python_name_on_the_page_is_public(module):
    faults = [fault(name, module) for name in names_of(module)]

    assert [] == [each for each in faults if each]


def test_every_public_name_is_on_the_page_once():
    known, new = addresses(section_is_new=False), addresses(section_is_new=True)
    public = {
        f"{module}.{name}"
        for module in MODULES
        for name in importlib.import_module(module).__all__
    }

    assert set() == public - known - new
    assert set() == known & new


def test_what_is_not_here_has_a_reason():
    assert [] == [row for row in rows() if row.is_absent and not row.remark]
    assert [] == [row for row in rows() if not row.is_absent and not row.names]


def test_every_variable_is_on_the_page_and_is_read():
    read = read_variables(JobsConfig.from_env) | read_variables(read_settings)

    assert sorted(names_of("Variable")) == sorted(read)


def test_every_code_is_on_the_page_and_exists():
    assert sorted(names_of("Code")) == sorted(CODES)


def test_a_channel_is_listened_to():
    listened = {
        channel
        for statement in all_statements()
        for channel in re.findall(r"^LISTEN (\w+)", statement.sql, re.MULTILINE)
    }

    assert set(names_of("Channel")) == listened


@pytest.fixture
def catalog(runledger_database):
    """Read names from a migrated database."""
    with psycopg.connect(runledger_database) as connection:

        def catalog(query):
            return {row[0] for row in connection.execute(query).fetchall()}

        yield catalog


@pytest.mark.db
def test_every_table_view_and_function_is_on_the_page(catalog):
    relations = catalog(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'v')"
        " AND relnamespace = current_schema()::regnamespace"
    )
    columns = catalog(
        "SELECT table_name || '.' || column_name FROM information_schema.columns"
        " WHERE table_schema = current_schema()"
    )
    functions = catalog(
        "SELECT proname FROM pg_proc"
        " WHERE pronamespace = current_schema()::regnamespace OR proname = 'uuidv7'"
    )
    named = set(names_of(RELATIONS))

    assert set() == named - relations - columns - functions
    assert set() == (relations | functions) - named


@pytest.mark.db
def test_enumerations_have_the_labels_that_the_page_says(catalog):
    stored = catalog(
        "SELECT typname || ' ' || string_agg(enumlabel, ' ' ORDER BY enumsortorder)"
        " FROM pg_enum JOIN pg_type ON pg_type.oid = enumtypid"
        " WHERE typnamespace = current_schema()::regnamespace GROUP BY typname"
    )

    assert {" ".join(x.names) for x in rows() if x.kind == ENUMERATIONS} == stored
