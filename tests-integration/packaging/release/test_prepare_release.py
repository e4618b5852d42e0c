"""scripts/prepare_release.py: what it refuses, and what it leaves when it stops."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
VERSION = "90.1.0"
STARTED = re.compile(r"^\[\d/8\] ([\w ]+) \.\.\.$", re.MULTILINE)


def add_fragment(clone, name, text="Something.\n"):
    (clone.root / "docs" / "changelog.d" / name).write_text(text)


def test_every_fragment_of_this_repository_will_be_seen():
    """Those with another name are passed over in silence when the changelog is made."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["towncrier"]
    kinds = "|".join(kind["directory"] for kind in settings["type"])
    names = {file.name for file in (ROOT / settings["directory"]).iterdir()}

    unseen = {name for name in names if not re.fullmatch(rf"\+.+\.({kinds})\.md", name)}

    assert {"README.md"} == unseen


@pytest.mark.parametrize(
    ("version", "complaint"),
    [
        ("90.0.9", "does not go up: the distributions are at 90.1.0.dev0"),
        ("90.1.0.dev0", "is a version for development"),
        ("90.1.0+mine", "is a version for development"),
        ("90.1", "has not three numbers"),
        ("v90.1.0", "is written 90.1.0 in PEP 440"),
        ("ninety", "is no version (PEP 440)"),
    ],
)
def test_a_version_that_cannot_be_released_is_refused(
    pristine_clone, version, complaint
):
    before = pristine_clone.state()

    done = pristine_clone.prepare(version)

    assert 1 == done.returncode
    assert complaint in done.stderr
    assert "nothing is published" in done.stderr
    assert before == pristine_clone.state()


def test_a_version_below_a_tag_is_refused(clone):
    clone.git("tag", "v90.2.0")

    done = clone.prepare()

    assert "90.1.0 does not go up: 90.2.0 has a tag" in done.stderr


def test_a_tree_that_is_not_clean_is_refused_and_named(clone):
    (clone.root / "notes.txt").write_text("mine")

    done = clone.prepare()

    assert 1 == done.returncode
    assert re.search(r"the tree is not clean: .*\n +\?\? notes.txt", done.stderr)
    assert (clone.root / "notes.txt").exists()


def test_another_branch_is_refused(clone):
    clone.git("switch", "--quiet", "--create", "topic")

    done = clone.prepare()

    assert "releases are made on main, and this is topic" in done.stderr


@pytest.mark.parametrize(
    ("fragments", "complaint"),
    [
        ({}, "no fragment in docs/changelog.d"),
        ({"+new.feature.md": "New."}, "+new.feature.md is no fragment: call it"),
        ({"new.added.md": "New."}, "new.added.md is no fragment: call it"),
        ({"+new.added.md": "\n"}, "+new.added.md is empty"),
    ],
    ids=["none", "unknown type", "no plus sign", "empty"],
)
def test_a_missing_or_unseen_fragment_is_refused(clone, fragments, complaint):
    for file in (clone.root / "docs" / "changelog.d").glob("+*"):
        file.unlink()
    for name, text in fragments.items():
        add_fragment(clone, name, text)
    clone.commit()

    done = clone.prepare()

    assert 1 == done.returncode
    assert complaint in done.stderr


def test_a_vendored_file_that_is_not_fresh_is_refused(clone):
    (copy,) = clone.root.glob("packages/runledger-core/src/*/migrations/history.sql")
    copy.write_text("SELECT 1;\n")
    clone.commit()

    done = clone.prepare()

    assert 1 == done.returncode
    assert "vendor.py --check has failed" in done.stderr
    assert "history.sql differs" in done.stderr


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('version = "90.1.0.dev0"', 'version = "90.0.0"', "have several versions"),
        ("==90.1.0.dev0", ">=90", "siblings are required as runledger-core=="),
    ],
    ids=["version", "pin"],
)
def test_distributions_that_do_not_go_together_are_refused(clone, old, new, complaint):
    file = clone.root / "packages" / "runledger-postgres" / "pyproject.toml"
    file.write_text(file.read_text().replace(old, new))
    clone.commit()

    done = clone.prepare()

    assert complaint in done.stderr


@pytest.mark.build
@pytest.mark.db
def test_a_killed_preparation_leaves_nothing_half_done(prepared):
    assert prepared.before == prepared.after_kill


@pytest.mark.build
@pytest.mark.db
def test_a_suite_that_fails_leaves_nothing_half_done(prepared):
    assert 1 == prepared.failed.returncode
    assert "scripts/dev.py test has failed" in prepared.failed.stderr
    assert prepared.before == prepared.after_failure


@pytest.mark.build
@pytest.mark.db
def test_the_same_command_repeats_only_what_has_not_been_done(prepared):
    after_kill = re.findall(
        r"^\[\d/8\] ([\w ]+) \.\.\.$", prepared.failed.stdout, re.MULTILINE
    )
    after_failure = re.findall(
        r"^\[\d/8\] ([\w ]+) \.\.\.$", prepared.done.stdout, re.MULTILINE
    )

    assert ["consumer", "suite"] == after_kill
    assert ["suite", "hand over"] == after_failure


@pytest.mark.build
@pytest.mark.db
def test_a_release_is_one_commit_on_main(prepared):
    clone = prepared.clone

    assert "" == clone.git("status", "--porcelain")
    assert "main" == clone.git("branch", "--show-current")
    assert f"{prepared.before[0]} Release {VERSION}" == clone.git(
        "log", "-1", "--format=%P %s"
    )
    assert clone.git("ls-remote", "origin").startswith(prepared.before[0])


@pytest.mark.build
@pytest.mark.db
def test_a_release_sets_the_versions_the_pins_and_the_changelog(prepared):
    root = prepared.clone.root
    projects = [
        tomllib.loads(file.read_text())["project"]
        for file in root.glob("packages/*/pyproject.toml")
    ]
    pins = [
        requirement
        for project in projects
        for requirement in project["dependencies"]
        if requirement.startswith("runledger-")
    ]

    assert [VERSION] * 4 == [project["version"] for project in projects]
    assert 3 == len(pins)
    assert all(pin.endswith(f"=={VERSION}") for pin in pins)
    changelog = (root / "docs" / "changelog.md").read_text()
    assert f"\n## {VERSION} (" in changelog
    assert "\n### Added\n\n- Something new.\n" in changelog
    left = [file.name for file in (root / "docs" / "changelog.d").iterdir()]
    assert ["README.md"] == left


@pytest.mark.build
@pytest.mark.db
def test_what_is_handed_over_is_what_the_consumer_tested(prepared):
    clone = prepared.clone
    tested = (clone.notes / "smoke").read_text()

    assert (clone.root / "dist" / "SHA256SUMS").read_text() == tested
    pairs = (line.split("  ") for line in tested.splitlines())
    wanted = {name: digest for digest, name in pairs if name != "BUILT_FROM.json"}
    assert wanted == clone.files()
    assert 8 == len(wanted)


@pytest.mark.build
@pytest.mark.db
def test_preparing_again_restores_artifacts_and_repeats_nothing(prepared):
    clone = prepared.clone
    before = clone.state()
    shutil.rmtree(clone.root / "dist")

    done = clone.prepare()

    assert 0 == done.returncode, done.stderr
    assert before == clone.state()
    assert "[7/8] suite: done" in done.stdout


@pytest.mark.build
@pytest.mark.db
def test_a_lost_record_is_made_again(prepared):
    """The suite is not repeated for that, when somebody vouches for it."""
    clone = prepared.clone
    record = clone.record()
    text = clone.record_file.read_text()
    before = clone.state()
    clone.record_file.unlink()

    done = clone.prepare(VERSION, "--suite-passed-elsewhere", "build 17 of the CI")

    again = clone.record()
    clone.record_file.write_text(text)
    assert 0 == done.returncode, done.stderr
    assert before == clone.state()
    assert (record["commit"], record["files"]) == (again["commit"], again["files"])
    note = again["steps"]["suite"]["note"]
    assert "not run, passed elsewhere: build 17 of the CI" == note
