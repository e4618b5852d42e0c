"""What the package offers: listed, sorted and complete."""

import runledger_runtime
from runledger_runtime import (
    catalog,
    config,
    errors,
    health,
    observers,
    registry,
    supervisor,
    worker,
)


def test_public_names_are_sorted_and_there():
    types = [name for name in runledger_runtime.__all__ if name[0].isupper()]
    functions = [name for name in runledger_runtime.__all__ if name[0].islower()]

    assert [*sorted(types), *sorted(functions)] == runledger_runtime.__all__
    assert all(hasattr(runledger_runtime, name) for name in runledger_runtime.__all__)


def test_everything_that_is_imported_into_the_package_is_public():
    imported = {
        name
        for name, value in vars(runledger_runtime).items()
        if not name.startswith("_")
        and name != "annotations"
        and type(value) is not type(runledger_runtime)
    }

    assert set(runledger_runtime.__all__) == imported


def test_what_a_public_module_offers_the_package_offers_too():
    modules = [catalog, errors, health, observers, registry, supervisor, worker]
    offered = {name for module in modules for name in module.__all__}

    assert offered <= set(runledger_runtime.__all__)
    assert config.JobsConfig is runledger_runtime.JobsConfig
