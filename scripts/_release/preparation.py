"""Prepare a release: check, make its commit, build, test what was built, hand over."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import attrs
from artifacts import CHECKSUMS, artifact_names, checksums, verify

from .changelog import check_fragments
from .errors import ReleaseError, last_lines
from .record import Record, Steps, locked, read_record
from .repository import MAIN, Repository
from .versions import check_goes_up, parse_release, read_version
from .workshop import Workshop, release_subject

if TYPE_CHECKING:
    from pathlib import Path

    from packaging.version import Version

STEPS = 8


@attrs.define
class Preparation:
    """One run of prepare_release.py."""

    repository: Repository
    version: Version
    record: Record
    # Where the suite has passed on the commit below the release commit, if it has.
    suite_passed_elsewhere: str | None

    @property
    def workshop(self) -> Workshop:
        """The checkout in which everything is done."""
        return Workshop(self.repository)

    def run(self) -> None:
        """Do what is still to be done; what is cheap comes first."""
        steps = Steps(self.record, STEPS)
        record = self.record
        steps.run("version, tree and changelog", self._check)
        steps.run("generated files", self._check_generated, of=record.base)
        steps.run("release commit", self._commit, of=record.base)
        self._open_checkout()
        steps.run("build", self._build, of=record.commit)
        steps.run("metadata", self._check_metadata, of=self._built())
        steps.run("consumer", self._use_as_consumer, of=self._built())
        steps.run("suite", self._run_suite, of=self._suite_key())
        steps.run("hand over", self._hand_over)

    def _check(self) -> str:
        """Check what costs nothing, and find out where an earlier run has stopped."""
        repository, record = self.repository, self.record
        repository.check_branch()
        repository.check_clean()
        head = repository.head()
        if record.commit and repository.knows(record.commit):
            if repository.contains(head, record.commit):
                return f"going on with {record.commit[:12]}, which is on {MAIN}"
            if record.base == head:
                return f"going on with {record.commit[:12]}"
        if self._is_release_commit():
            # The record was lost: the commit is there, everything else is done again.
            record.base = repository.git("rev-parse", "HEAD^")
            record.commit = head
            for name in ("generated files", "release commit"):
                record.steps[name] = _known_by_commit(record.base)
            return f"going on with {head[:12]}, which is on {MAIN}"
        current = read_version(repository.root)
        check_goes_up(self.version, current=current, tags=repository.tags())
        count = check_fragments(repository.root)
        record.base, record.commit, record.files = head, "", {}
        record.steps.clear()
        return f"{current} becomes {self.version}, {count} fragments"

    def _is_release_commit(self) -> bool:
        """Tell whether what is checked out is the commit of this release."""
        subject = self.repository.git("log", "-1", "--format=%s")
        return (
            subject == release_subject(self.version)
            and read_version(self.repository.root) == self.version
        )

    def _check_generated(self) -> None:
        """Compare vendored files, statement lock and rendered pages with sources."""
        root = self.repository.root
        run_script(root, "vendor.py", "--check")
        for script in sorted((root / "scripts").glob("render_*.py")):
            run_script(root, script.name, "--check")
        run_script(root, "lock_statements.py", "--check")

    def _commit(self) -> str:
        """Make the release commit, which is on no branch yet."""
        self.workshop.open(self.record.base)
        self.record.commit = self.workshop.commit_release(self.version)
        return self.record.commit[:12]

    def _open_checkout(self) -> None:
        """Have the release commit in the checkout, with what was built of it."""
        checkout = self.workshop.checkout
        self.workshop.open(self.record.commit)
        if "build" in self.record.steps and verify(checkout.dist, root=checkout.root):
            del self.record.steps["build"]

    def _build(self) -> str:
        checkout = self.workshop.checkout
        count = len(artifact_names(checkout.root))
        if not verify(checkout.dist, root=checkout.root):
            return f"{count} artifacts of this very source are there"
        self.workshop.run("scripts/artifacts.py", "build")
        return f"{count} artifacts"

    def _check_metadata(self) -> None:
        checkout = self.workshop.checkout
        files = [str(checkout.dist / name) for name in artifact_names(checkout.root)]
        self.workshop.run("-m", "twine", "check", "--strict", *files)

    def _built(self) -> str:
        """Return what stands for the artifacts, to the byte."""
        listing = sums_of(self.workshop.checkout.dist)
        return hashlib.sha256(listing.encode()).hexdigest()

    def _use_as_consumer(self) -> None:
        """Install and use the artifacts as their users will: these, no others."""
        before = self._built()
        self.workshop.run("scripts/consumer_smoke.py", is_long=True)
        if self._built() != before:
            raise ReleaseError("the consumer smoke has built anew: run this again")

    def _suite_key(self) -> str:
        """Return what the suite is run for: having run it here counts for more."""
        commit = self.record.commit
        before = self.record.steps.get("suite", {}).get("of")
        claimed = f"{commit} elsewhere"
        wants_claim = self.suite_passed_elsewhere is not None
        if before != commit and (wants_claim or (self.record.files and before)):
            return claimed
        return commit

    def _run_suite(self) -> str:
        if self.suite_passed_elsewhere is not None:
            return f"not run, passed elsewhere: {self.suite_passed_elsewhere}"
        self.workshop.run("scripts/dev.py", "test", is_long=True)
        return ""

    def _hand_over(self) -> None:
        """Put the artifacts into dist/ and the commit on the main branch."""
        repository, record = self.repository, self.record
        checkout = self.workshop.checkout
        faults = verify(checkout.dist, root=checkout.root)
        if faults:
            raise ReleaseError("the artifacts have changed:\n" + "\n".join(faults))
        sums = checksums(checkout.dist)
        record.files = {name: sums[name] for name in artifact_names(checkout.root)}
        _replace(repository, checkout.dist)
        if not repository.contains(repository.head(), record.commit):
            if repository.head() != record.base:
                raise ReleaseError(f"{MAIN} has moved on meanwhile: run this again")
            repository.git("merge", "--quiet", "--ff-only", record.commit)
        record.save()


def prepare(root: Path, wanted: str, *, suite_passed_elsewhere: str | None) -> None:
    """Prepare a release, or go on with one that was begun."""
    repository = Repository(root)
    version = parse_release(wanted)
    with locked(repository.workshop / "lock"):
        record = read_record(repository, version)
        Preparation(repository, version, record, suite_passed_elsewhere).run()
    command = f"python3 scripts/publish_release.py {shlex.quote(wanted)}"
    print(f"{version} is prepared: {record.commit[:12]} on {MAIN}, nothing is pushed")
    print(f"next: PUBLISH_REMOTE=origin {command} --dry-run")


def sums_of(dist: Path) -> str:
    """Return the listing of a folder's checksums, empty when there is none."""
    listing = dist / CHECKSUMS
    return listing.read_text(encoding="utf-8") if listing.is_file() else ""


def run_script(root: Path, name: str, *arguments: str) -> None:
    """Run a script over the packages beside it, whatever is installed."""
    sources = sorted(str(place) for place in root.glob("packages/*/src"))
    done = subprocess.run(
        [sys.executable, str(root / "scripts" / name), *arguments],
        cwd=root,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sources)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        said = last_lines(done.stdout)
        raise ReleaseError(f"{name} {' '.join(arguments)} has failed:\n{said}")


def _replace(repository: Repository, fresh: Path) -> None:
    """Put a copy of the artifacts into dist/; what was there is kept aside, once."""
    if sums_of(repository.dist) == sums_of(fresh):
        return
    aside = repository.workshop / "dist-before"
    arriving = repository.workshop / "dist-arriving"
    for place in (aside, arriving):
        shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(fresh, arriving)
    if repository.dist.exists():
        repository.dist.rename(aside)
    arriving.rename(repository.dist)


def _known_by_commit(base: str) -> dict[str, str | float]:
    """Return what the record says of a step that the release commit itself proves."""
    return {"of": base, "seconds": 0.0, "ended_at": "before", "note": "it is on main"}
