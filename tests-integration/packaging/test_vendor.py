"""scripts/vendor.py: the copies are written, compared and named."""

from __future__ import annotations

import hashlib

import pytest


def test_copies_are_those_of_the_repository(repository, distribution):
    wanted = {
        file.name: file.read_bytes()
        for file in (repository.root / "migrations").iterdir()
    }

    copied = {
        file.name: file.read_bytes()
        for file in repository.vendored(distribution).iterdir()
        if file.suffix == ".sql" or file.name == "SHA256SUMS"
    }

    assert wanted == copied


def test_checksums_are_as_sha256sum_writes_them(repository):
    folder = repository.root / "migrations"

    lines = (folder / "SHA256SUMS").read_text().splitlines()

    digests = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.glob("*.sql")
    }
    assert [f"{digests[name]}  {name}" for name in sorted(digests)] == lines


def test_check_is_silent_when_nothing_has_drifted(repository):
    done = repository.run_vendor("--check")

    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


def test_check_works_from_any_folder(repository, tmp_path):
    done = repository.run_vendor("--check", cwd=tmp_path)

    assert 0 == done.returncode


def test_check_names_what_differs_and_the_mending_command(
    repository, change_a_byte, distribution
):
    copy = repository.vendored(distribution)
    changed = copy / change_a_byte(copy)
    stray = copy / "209901010001_stray.sql"
    stray.write_text("SELECT 1;\n")
    hook = repository.project(distribution) / "hatch_build.py"
    hook.unlink()

    done = repository.run_vendor("--check")

    assert 1 == done.returncode
    for file, state in (
        (changed, "differs"),
        (stray, "should not be there"),
        (hook, "is missing"),
    ):
        assert f"{file.relative_to(repository.root)} {state}" in done.stderr
    assert "nox -s vendor" in done.stderr


def test_a_run_mends_what_the_check_found(repository, change_a_byte):
    copy = repository.vendored("runledger-core")
    change_a_byte(copy)
    (copy / "209901010001_stray.sql").write_text("SELECT 1;\n")

    repository.run_vendor().check_returncode()

    assert 0 == repository.run_vendor("--check").returncode


def test_an_empty_folder_of_migrations_is_not_spread(repository):
    for file in (repository.root / "migrations").iterdir():
        file.unlink()

    done = repository.run_vendor()

    assert 1 == done.returncode
    assert "no *.sql file" in done.stderr
    assert any(repository.vendored("runledger-core").glob("*.sql"))


@pytest.mark.parametrize("line_ending", [b"\r\n", b"\r"], ids=["dos", "mac"])
def test_line_endings_are_content(repository, line_ending):
    copy = repository.vendored("runledger-core")
    file = max(copy.glob("*.sql"))
    file.write_bytes(file.read_bytes().replace(b"\n", line_ending))

    done = repository.run_vendor("--check")

    assert 1 == done.returncode
