"""What is in the built distributions, and what they say about themselves."""

from __future__ import annotations

import tarfile
import zipfile
from email.parser import Parser

import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.build


@pytest.fixture
def sdist(sdist_of, distribution):
    return sdist_of(distribution)


@pytest.fixture
def wheel(wheel_of, distribution):
    return wheel_of(distribution)


def names_in(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def metadata_of(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def test_a_wheel_holds_its_package_and_nothing_else(wheel, distribution):
    module = distribution.replace("-", "_")

    roots = {name.partition("/")[0] for name in names_in(wheel)}

    assert {module, wheel.name.partition("-py3")[0] + ".dist-info"} == roots
    assert f"{module}/py.typed" in names_in(wheel)
    assert not [name for name in names_in(wheel) if "test_" in name.rpartition("/")[2]]


def test_a_wheel_holds_every_file_of_its_package(wheel, pristine, distribution):
    source = pristine.project(distribution) / "src"
    wanted = {
        file.relative_to(source).as_posix()
        for file in source.rglob("*")
        if file.is_file()
    }

    packaged = {name for name in names_in(wheel) if ".dist-info/" not in name}

    assert wanted == packaged


def test_a_wheel_holds_the_migrations_of_the_repository(wheel, pristine, distribution):
    folder = f"{distribution.replace('-', '_')}/migrations/"
    canonical = pristine.root / "migrations"

    with zipfile.ZipFile(wheel) as archive:
        packaged = {
            name.removeprefix(folder): archive.read(name)
            for name in archive.namelist()
            if name.startswith(folder) and not name.endswith(".py")
        }

    assert {file.name: file.read_bytes() for file in canonical.iterdir()} == packaged


def test_an_sdist_brings_its_hook_and_no_tests(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {"hatch_build.py", "LICENSE", "PKG-INFO", "README.md"} <= names
    assert not [name for name in names if name.startswith("tests")]


def test_metadata_names_the_licence_and_carries_its_text(wheel):
    metadata = metadata_of(wheel)

    assert "Apache-2.0" == metadata["License-Expression"]
    assert ["LICENSE"] == metadata.get_all("License-File")


def test_siblings_are_required_in_the_very_same_version(wheel):
    metadata = metadata_of(wheel)

    requirements = map(Requirement, metadata.get_all("Requires-Dist"))
    siblings = [found for found in requirements if found.name.startswith("runledger-")]

    assert {f"=={metadata['Version']}" for _ in siblings} == {
        str(found.specifier) for found in siblings
    }


@pytest.mark.parametrize(
    ("distribution", "siblings"),
    [
        ("runledger-core", set()),
        ("runledger-postgres", {"runledger-core"}),
        ("runledger-runtime", {"runledger-core", "runledger-postgres"}),
        ("runledger-test-support", set()),
    ],
)
def test_a_layer_requires_the_layers_below(wheel, siblings):
    requirements = map(Requirement, metadata_of(wheel).get_all("Requires-Dist"))

    assert siblings == {
        found.name for found in requirements if found.name.startswith("runledger-")
    }
