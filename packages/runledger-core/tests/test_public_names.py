"""What the package offers: listed, sorted, complete, light and without I/O."""

import inspect
import subprocess
import sys
import typing
from pathlib import Path

import attrs
import pytest

import runledger_core
from runledger_core import codes, errors, migrations, workflows

PUBLIC_MODULES = [runledger_core, codes, errors, migrations, workflows]
RE_EXPORTED_MODULES = [codes, errors, migrations]
VALUES = [
    value
    for module in (runledger_core, workflows)
    for name in module.__all__
    if inspect.isclass(value := getattr(module, name)) and attrs.has(value)
]
FORBIDDEN = {
    "asyncio",
    "cattrs",
    "croniter",
    "hashlib",
    "importlib.resources",
    "psycopg",
    "random",
    "socket",
    "subprocess",
    "threading",
    "trio",
}


@pytest.mark.parametrize("module", PUBLIC_MODULES, ids=lambda each: each.__name__)
def test_public_names_are_sorted_and_there(module):
    constants = [name for name in module.__all__ if name.isupper()]
    types = [
        name for name in module.__all__ if name[0].isupper() and not name.isupper()
    ]
    functions = [name for name in module.__all__ if name[0].islower()]

    assert [*sorted(constants), *sorted(types), *sorted(functions)] == module.__all__
    assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize(
    "module", [runledger_core, workflows], ids=lambda each: each.__name__
)
def test_everything_that_is_imported_into_a_package_is_public(module):
    imported = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and name != "annotations"
        and type(value) is not type(module)
    }

    assert set(module.__all__) == imported


@pytest.mark.parametrize("module", RE_EXPORTED_MODULES, ids=lambda each: each.__name__)
def test_a_name_is_the_same_thing_at_each_of_its_addresses(module):
    for name in module.__all__:
        assert getattr(runledger_core, name) is getattr(module, name)


def test_importing_the_package_loads_nothing_that_is_slow_or_does_io():
    source = str(Path(runledger_core.__file__).parent.parent)
    program = (
        "import sys, attrs; before = set(sys.modules); import runledger_core; "
        "print(*sorted(set(sys.modules) - before))"
    )

    ran = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        text=True,
        env={"PYTHONPATH": source},
    )

    loaded = set(ran.stdout.split())
    assert "runledger_core" in loaded
    assert not FORBIDDEN & loaded
    assert "runledger_core.workflows" not in loaded


def test_importing_the_workflows_loads_nothing_more_of_the_library():
    source = str(Path(runledger_core.__file__).parent.parent)
    program = (
        "import sys, attrs, runledger_core; before = set(sys.modules); "
        "import runledger_core.workflows; print(*sorted(set(sys.modules) - before))"
    )

    ran = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        text=True,
        env={"PYTHONPATH": source},
    )

    loaded = ran.stdout.split()
    assert "runledger_core.workflows" in loaded
    assert all(name.startswith("runledger_core.workflows") for name in loaded)


@pytest.mark.parametrize("value", VALUES, ids=lambda each: each.__name__)
def test_the_hints_of_every_value_can_be_resolved_by_converters(value):
    hints = typing.get_type_hints(value)

    assert {field.name for field in attrs.fields(value)} <= hints.keys()


@pytest.mark.parametrize("value", VALUES, ids=lambda each: each.__name__)
def test_every_value_is_frozen(value):
    assert value.__setattr__ is not object.__setattr__
