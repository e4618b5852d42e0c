"""Loading migrations from a folder."""

from __future__ import annotations

import hashlib

import pytest

from runledger_test_support import TestSupportError
from runledger_test_support._migrations import (
    load_migrations,
    load_vendored_migrations,
)

FILES = {
    "history.sql": "CREATE TABLE history ()",
    "202601010001_first.sql": "SELECT 1",
    "202601010002_second_step.sql": "SELECT 2",
}


@pytest.fixture
def write(tmp_path):
    def write_files(files):
        for name, text in files.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path

    return write_files


def checksums_of(files):
    return "".join(
        f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n"
        for name, text in files.items()
    )


def test_files_are_read_in_order_with_their_checksums(write):
    folder = write({**FILES, "SHA256SUMS": checksums_of(FILES), "README": "no SQL"})

    loaded = load_migrations(folder)

    assert loaded.history_sql == "CREATE TABLE history ()"
    assert [(m.version, m.name) for m in loaded.migrations] == [
        (202601010001, "first"),
        (202601010002, "second_step"),
    ]
    assert loaded.migrations[0].checksum == hashlib.sha256(b"SELECT 1").hexdigest()


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_changed_file_is_named(write, name):
    folder = write({**FILES, "SHA256SUMS": checksums_of(FILES), name: "-- edited"})

    with pytest.raises(TestSupportError) as caught:
        load_migrations(folder)

    assert caught.value.code == "test_support.migrations_invalid"
    assert name in str(caught.value)


def test_a_missing_file_is_named(write):
    folder = write({**FILES, "SHA256SUMS": checksums_of(FILES)})
    (folder / "202601010001_first.sql").unlink()

    with pytest.raises(TestSupportError, match=r"202601010001_first\.sql"):
        load_migrations(folder)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"history.sql": "SELECT 1"},
        {"202601010001_first.sql": "SELECT 1"},
        {**FILES, "1_short_version.sql": "SELECT 1"},
        {**FILES, "202601010003_Upper.sql": "SELECT 1"},
        {**FILES, "202601010002_twice.sql": "SELECT 1"},
    ],
    ids=["empty", "only history", "no history", "version", "name", "duplicate"],
)
def test_a_folder_that_is_no_history_is_refused(write, files):
    with pytest.raises(TestSupportError) as caught:
        load_migrations(write(files))

    assert caught.value.code == "test_support.migrations_invalid"


@pytest.mark.parametrize("changed", sorted(FILES))
def test_every_file_shapes_the_checksum_of_the_set(write, changed):
    before = load_migrations(write(FILES)).checksum

    after = load_migrations(write({changed: "SELECT 'other'"})).checksum

    assert before != after


def test_the_vendored_migrations_load():
    versions = [m.version for m in load_vendored_migrations().migrations]

    assert versions == sorted(versions)
    assert versions[0] == 202603280001
