"""Vendored migrations: loaded whole and verified, or refused by the file's name."""

import hashlib
import sys
import zipfile

import pytest

from runledger_core import Migration, ValidationError, load_migrations

FILES = {
    "202603280001_baseline.sql": "CREATE TABLE a ();\n",
    "202604100001_more_tables.sql": "CREATE TABLE b (); -- \N{EM DASH}\n",
    "history.sql": "CREATE TABLE IF NOT EXISTS runledger_migrations ();\n",
}


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def checksums_of(files):
    return "".join(f"{sha256(text)}  {name}\n" for name, text in files.items())


@pytest.fixture
def make_package(tmp_path, monkeypatch):
    """Make an importable package whose folder holds these files."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(files=FILES, *, checksums=None, name="vendored_set", folder="migrations"):
        root = tmp_path / name / folder
        root.mkdir(parents=True)
        (tmp_path / name / "__init__.py").touch()
        monkeypatch.delitem(sys.modules, name, raising=False)
        for file, text in files.items():
            content = text if isinstance(text, bytes) else text.encode()
            (root / file).write_bytes(content)
        if checksums is None:
            checksums = checksums_of(files)
        (root / "SHA256SUMS").write_text(checksums, encoding="utf-8")
        return name

    return make


def refusal(package):
    with pytest.raises(ValidationError) as caught:
        load_migrations(package)
    assert caught.value.code == "schema.vendored_set_invalid"
    assert package in str(caught.value)
    return str(caught.value)


def test_a_set_is_loaded_in_the_order_of_its_versions(make_package):
    loaded = load_migrations(make_package())

    assert loaded.package == "vendored_set"
    assert loaded.history_sql == FILES["history.sql"]
    assert loaded.latest_version == 202604100001
    assert loaded.migrations == tuple(
        Migration(version, name, sha256(FILES[file]), FILES[file])
        for version, name, file in [
            (202603280001, "baseline", "202603280001_baseline.sql"),
            (202604100001, "more_tables", "202604100001_more_tables.sql"),
        ]
    )


def test_a_migration_knows_the_name_of_its_file(make_package):
    loaded = load_migrations(make_package())

    files = [migration.file_name for migration in loaded.migrations]
    assert sorted(FILES)[:2] == files


def test_the_package_that_holds_the_files_can_be_named_itself(make_package):
    loaded = load_migrations(make_package(folder="."))

    assert len(loaded.migrations) == 2


def test_a_set_is_loaded_from_a_zipped_package(make_package, tmp_path, monkeypatch):
    make_package()
    archive = tmp_path / "elsewhere" / "package.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("zipped_set/__init__.py", "")
        for file in (tmp_path / "vendored_set" / "migrations").iterdir():
            packed.write(file, f"zipped_set/migrations/{file.name}")
    monkeypatch.syspath_prepend(archive)

    assert len(load_migrations("zipped_set").migrations) == 2


def test_the_sql_is_not_in_the_repr(make_package):
    loaded = load_migrations(make_package())

    assert "CREATE TABLE" not in repr(loaded)


def test_other_files_of_the_package_do_not_matter(make_package, tmp_path):
    package = make_package()
    (tmp_path / package / "migrations" / "__init__.py").touch()

    assert len(load_migrations(package).migrations) == 2


def test_a_package_that_does_not_exist_is_refused():
    assert "cannot be imported" in refusal("no_such_package_anywhere")


def test_a_set_without_checksums_is_refused(make_package, tmp_path):
    package = make_package()
    (tmp_path / package / "migrations" / "SHA256SUMS").unlink()

    assert "SHA256SUMS is missing" in refusal(package)


def test_an_unreadable_line_of_checksums_is_refused_by_its_number(make_package):
    package = make_package(checksums=checksums_of(FILES) + "nonsense\n")

    assert "SHA256SUMS cannot be read in line 4" in refusal(package)


def test_a_file_with_two_checksums_is_refused(make_package):
    package = make_package(checksums=checksums_of(FILES) * 2)

    assert "SHA256SUMS lists 202603280001_baseline.sql twice" in refusal(package)


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_differs_by_one_byte_is_refused(make_package, file):
    edited = FILES | {file: FILES[file] + " "}
    package = make_package(edited, checksums=checksums_of(FILES))

    assert f"{file} differs from its checksum" in refusal(package)


@pytest.mark.parametrize("file", FILES)
def test_a_missing_file_is_refused(make_package, file):
    rest = {name: text for name, text in FILES.items() if name != file}
    package = make_package(rest, checksums=checksums_of(FILES))

    assert f"{file} is missing" in refusal(package)


def test_a_file_without_a_checksum_is_refused(make_package):
    extra = FILES | {"202699990001_extra.sql": "SELECT 1;\n"}
    package = make_package(extra, checksums=checksums_of(FILES))

    assert "202699990001_extra.sql is not listed in SHA256SUMS" in refusal(package)


@pytest.mark.parametrize(
    "name",
    [
        "20260328_short.sql",
        "2026032800011_long.sql",
        "202603280002-dash.sql",
        "202603280002_Upper.sql",
        "202603280002_.sql",
        "other.sql",
    ],
)
def test_a_file_with_another_kind_of_name_is_refused(make_package, name):
    package = make_package(FILES | {name: "SELECT 1;\n"})

    assert f"{name} is not named" in refusal(package)


def test_a_version_that_is_there_twice_is_refused_with_both_files(make_package):
    package = make_package(FILES | {"202603280001_again.sql": "SELECT 1;\n"})

    message = refusal(package)
    assert "202603280001_again.sql and 202603280001_baseline.sql" in message


def test_a_file_that_is_not_text_is_refused(make_package):
    content = b"SELECT '\xff';"
    digest = hashlib.sha256(content).hexdigest()
    package = make_package(
        FILES | {"202699990001_binary.sql": content},
        checksums=checksums_of(FILES) + f"{digest} *202699990001_binary.sql\n",
    )

    assert "202699990001_binary.sql is not UTF-8" in refusal(package)


def test_a_set_without_the_history_table_is_refused(make_package):
    rest = {name: text for name, text in FILES.items() if name != "history.sql"}

    assert "history.sql is missing" in refusal(make_package(rest))


def test_a_set_without_migrations_is_refused(make_package):
    package = make_package({"history.sql": FILES["history.sql"]})

    assert "there are no migrations" in refusal(package)
