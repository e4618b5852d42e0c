"""scripts/artifacts.py: the same source gives the same bytes, and no other passes."""

from __future__ import annotations

import shutil

import pytest

pytestmark = pytest.mark.build


@pytest.fixture
def built(dist, tmp_path):
    """A copy of the artifacts that a test may spoil."""
    return shutil.copytree(dist, tmp_path / "dist")


@pytest.fixture
def faults_of(artifacts, pristine):
    def faults_of(folder, root=pristine.root):
        return artifacts.verify(folder, root=root)

    return faults_of


def test_the_same_source_gives_the_same_bytes(artifacts, dist, repository, tmp_path):
    artifacts.build(tmp_path / "again", root=repository.root)

    assert artifacts.checksums(dist) == artifacts.checksums(tmp_path / "again")


def test_distributions_come_after_what_they_depend_on(artifacts):
    names = [one.name.removeprefix("runledger-") for one in artifacts.distributions()]

    assert ["core", "postgres", "runtime", "test-support"] == names


def test_what_was_built_verifies(built, faults_of):
    assert [] == faults_of(built)


def test_each_fault_is_named(artifacts, built, faults_of):
    changed, missing, *_ = sorted(artifacts.artifact_names())
    (built / changed).write_bytes(b"something else")
    (built / missing).unlink()
    (built / "other-1.0.tar.gz").write_bytes(b"")

    assert {
        f"{changed} was changed after the build",
        f"{missing} is missing",
        f"other-1.0.tar.gz is foreign: {artifacts.CHECKSUMS} does not name it",
    } == set(faults_of(built))


def test_a_source_that_has_changed_is_named(built, faults_of, repository):
    (module,) = repository.root.glob("packages/*/src/runledger_core/_lease.py")
    module.write_text(module.read_text() + "# changed\n")

    (fault,) = faults_of(built, repository.root)

    assert "the source is newer than the build: packages/runledger-core has" in fault


def test_tests_and_bytecode_are_no_part_of_the_source(built, faults_of, repository):
    project = repository.project("runledger-core")
    (project / "tests").mkdir()
    (project / "tests" / "test_new.py").write_text("")
    (project / "src" / "runledger_core" / "__pycache__").mkdir()
    (project / "src" / "runledger_core" / "__pycache__" / "x.pyc").write_text("")

    assert [] == faults_of(built, repository.root)


def test_another_version_is_not_what_was_built(built, faults_of, repository):
    settings = repository.project("runledger-runtime") / "pyproject.toml"
    text = settings.read_text()
    settings.write_text(text.replace('\nversion = "', '\nversion = "1', 1))

    faults = faults_of(built, repository.root)

    assert [fault for fault in faults if fault.endswith("was not built")]
    assert [fault for fault in faults if fault.endswith("is of another version")]


def test_nothing_built_is_one_fault(faults_of, tmp_path):
    (fault,) = faults_of(tmp_path / "nowhere")

    assert "nothing was built there" in fault


def test_a_folder_with_other_things_is_left_alone(artifacts, repository, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(artifacts.BuildError, match=r"thesis\.txt"):
        artifacts.build(tmp_path, root=repository.root)

    assert ["thesis.txt"] == [
        file.name for file in tmp_path.iterdir() if file.is_file()
    ]


def test_a_build_that_fails_leaves_the_one_before(
    artifacts, built, faults_of, repository, change_a_byte
):
    name = change_a_byte(repository.vendored("runledger-core"))

    with pytest.raises(artifacts.BuildError, match="runledger-core") as caught:
        artifacts.build(built, root=repository.root)

    assert name in caught.value.output
    assert [] == faults_of(built)
