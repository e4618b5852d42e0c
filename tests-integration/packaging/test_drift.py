"""The build hook: no distribution is built from migrations that have drifted."""

from __future__ import annotations

import hashlib
import shutil

import pytest

pytestmark = pytest.mark.build

CORE = "runledger-core"
MENDING = "nox -s vendor"


@pytest.fixture(params=["sdist", "wheel", "editable"])
def target(request):
    return request.param


def rewrite_checksums(folder):
    lines = (
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"
        for file in sorted(folder.glob("*.sql"))
    )
    (folder / "SHA256SUMS").write_text("".join(lines))


def assert_refused(built, name):
    assert built.artifact is None
    assert name in built.output
    assert MENDING in built.output


def test_an_intact_copy_is_built(repository, build_in, distribution, target):
    built = build_in(repository.project(distribution), target)

    assert built.artifact is not None, built.output
    assert built.artifact.is_file()


def test_a_byte_changed_in_the_copy_fails_the_build(
    repository, build_in, change_a_byte, distribution, target
):
    name = change_a_byte(repository.vendored(distribution))

    built = build_in(repository.project(distribution), target)

    assert_refused(built, name)
    assert distribution in built.output


def test_a_byte_changed_in_the_repository_fails_the_build(
    repository, build_in, change_a_byte, target
):
    name = change_a_byte(repository.root / "migrations")

    built = build_in(repository.project(CORE), target)

    assert_refused(built, name)


def test_changing_the_checksums_too_does_not_help(repository, build_in, change_a_byte):
    copy = repository.vendored(CORE)
    name = change_a_byte(copy)
    rewrite_checksums(copy)

    built = build_in(repository.project(CORE), "wheel")

    assert_refused(built, name)


def test_a_migration_that_only_the_copy_has_fails_the_build(repository, build_in):
    (repository.vendored(CORE) / "209901010001_stray.sql").write_text("SELECT 1;\n")

    built = build_in(repository.project(CORE), "wheel")

    assert_refused(built, "209901010001_stray.sql")


def test_a_migration_that_only_the_repository_has_fails_the_build(repository, build_in):
    (repository.root / "migrations" / "209901010001_new.sql").write_text("SELECT 1;\n")

    built = build_in(repository.project(CORE), "wheel")

    assert_refused(built, "209901010001_new.sql")


@pytest.mark.parametrize("name", ["SHA256SUMS", "some.sql"])
def test_a_file_that_the_copy_lacks_fails_the_build(repository, build_in, name):
    copy = repository.vendored(CORE)
    missing = max(copy.glob("*.sql")) if name == "some.sql" else copy / name
    missing.unlink()

    built = build_in(repository.project(CORE), "wheel")

    assert_refused(built, missing.name)


def test_a_repository_without_its_migrations_builds_nothing(repository, build_in):
    shutil.rmtree(repository.root / "migrations")

    built = build_in(repository.project(CORE), "wheel")

    assert built.artifact is None
    assert "migrations are not there" in built.output


def test_stale_checksums_in_the_repository_fail_the_build(repository, build_in):
    """
    The copies agree with the repository, and still no sdist of them would build.

    Somebody copied by hand and left the checksums as they were.
    """
    for folder in (repository.root / "migrations", repository.vendored(CORE)):
        (folder / "209901010001_by_hand.sql").write_text("SELECT 1;\n")

    built = build_in(repository.project(CORE), "wheel")

    assert_refused(built, "209901010001_by_hand.sql")


def test_a_wheel_is_built_from_an_unpacked_sdist(
    unpacked_sdist, build_in, distribution
):
    project = unpacked_sdist(distribution)

    built = build_in(project, "wheel")

    assert built.artifact is not None, built.output


def test_a_byte_changed_in_an_unpacked_sdist_fails_the_build(
    unpacked_sdist, build_in, change_a_byte, distribution
):
    project = unpacked_sdist(distribution)
    (copy,) = project.glob("src/*/migrations")
    name = change_a_byte(copy)

    built = build_in(project, "wheel")

    assert_refused(built, name)


@pytest.mark.parametrize("lost", [True, False], ids=["lost", "emptied"])
def test_an_unpacked_sdist_is_not_built_without_its_checksums(
    unpacked_sdist, build_in, lost
):
    project = unpacked_sdist(CORE)
    (checksums,) = project.glob("src/*/migrations/SHA256SUMS")
    if lost:
        checksums.unlink()
    else:
        checksums.write_text("")

    built = build_in(project, "wheel")

    assert built.artifact is None
    assert ("SHA256SUMS is missing" if lost else ".sql should not be") in built.output


def test_an_unpacked_sdist_is_not_built_with_a_stray_migration(
    unpacked_sdist, build_in
):
    project = unpacked_sdist(CORE)
    (copy,) = project.glob("src/*/migrations")
    (copy / "209901010001_stray.sql").write_text("SELECT 1;\n")

    built = build_in(project, "wheel")

    assert_refused(built, "209901010001_stray.sql")


@pytest.mark.parametrize(
    "settings",
    ['[project]\nname = "other"\n', "[tool.runledger]\nflag = true\n", "not = [toml"],
    ids=["other project", "other settings", "broken"],
)
def test_an_unpacked_sdist_is_not_taken_for_part_of_the_repository_around_it(
    unpacked_sdist, build_in, tmp_path, settings
):
    other = tmp_path / "other"
    (other / "migrations").mkdir(parents=True)
    (other / "migrations" / "0001_theirs.sql").write_text("SELECT 1;\n")
    (other / "pyproject.toml").write_text(settings)
    project = unpacked_sdist(CORE, other / "packages")

    built = build_in(project, "wheel")

    assert built.artifact is not None, built.output


def test_an_sdist_of_an_older_release_is_built_within_the_repository(
    repository, unpacked_sdist, build_in
):
    project = unpacked_sdist(CORE, repository.root / "packages")
    (repository.root / "migrations" / "209901010001_new.sql").write_text("SELECT 1;\n")

    built = build_in(project, "wheel")

    assert built.artifact is not None, built.output
