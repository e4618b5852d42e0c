"""Releases of a copy of this repository: a git of its own, a bare remote, an index."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

ROOT = Path(__file__).resolve().parents[3]
PARTS = (".gitignore", "docs", "migrations", "packages", "pyproject.toml", "scripts")
PROJECTS = (
    "runledger-core",
    "runledger-postgres",
    "runledger-runtime",
    "runledger-test-support",
)
# Far above whatever the repository is at.
BEFORE, VERSION, AFTER = "90.1.0.dev0", "90.1.0", "90.1.1.dev0"
OWN_VERSION = re.compile(r'^version = ".*"$', re.MULTILINE)
USERNAME, PASSWORD = "uploader", "correct horse"

# In place of two commands that have tests of their own and take minutes: they note what
# they were given, and end as they are told.
SMOKE = """\
import os, pathlib, shutil, signal, sys
shutil.copy("dist/SHA256SUMS", os.environ["NOTES"] + "/smoke")
if "SMOKE_HANGS" in os.environ:
    print("the smoke hangs", flush=True)
    signal.pause()
"""
SUITE = """\
import os, pathlib, sys
with open(os.environ["NOTES"] + "/suite", "a") as notes:
    notes.write(" ".join(sys.argv[1:]) + "\\n")
sys.exit(int(os.environ.get("SUITE_STATUS", "0")))
"""


def load(file):
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


relaying_index = load(Path(__file__).with_name("relaying_index.py"))
local_index = load(ROOT / "scripts" / "local_index.py")


@attrs.frozen
class Clone:
    """A clone in which a maintainer releases, with what is around it."""

    folder: Path

    @property
    def root(self):
        return self.folder / "a clone"

    @property
    def remote(self):
        return self.folder / "remote.git"

    @property
    def notes(self):
        return self.folder / "notes"

    def git(self, *arguments, cwd=None):
        command = ["git", *arguments]
        return subprocess.check_output(
            command, cwd=cwd or self.root, env=environment(), text=True
        ).strip()

    def commit(self, message="Change something"):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)

    def head(self):
        return self.git("rev-parse", "HEAD")

    def refs(self):
        return self.git("for-each-ref"), self.git("ls-remote", str(self.remote))

    def state(self):
        """What a release must not leave half done."""
        dist = self.root / "dist"
        built = sorted(file.name for file in dist.iterdir()) if dist.exists() else []
        return self.head(), self.git("status", "--porcelain"), built

    @property
    def record_file(self):
        return self.root / ".nox" / "release" / f"{VERSION}.json"

    def record(self):
        return json.loads(self.record_file.read_text())

    def files(self):
        """The recorded artifacts: name and digest."""
        return self.record()["files"]

    def start(self, script, *arguments, **settings):
        """Start a script in a process group, as a terminal does."""
        return subprocess.Popen(
            [sys.executable, f"scripts/{script}", *arguments],
            cwd=self.root,
            env=environment(NOTES=str(self.notes), **settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, script, *arguments, **settings):
        started = self.start(script, *arguments, **settings)
        stdout, stderr = started.communicate()
        return subprocess.CompletedProcess([], started.returncode, stdout, stderr)

    def prepare(self, version=VERSION, *arguments, **settings):
        return self.run("prepare_release.py", version, *arguments, **settings)


def environment(**settings):
    """Return an environment in which neither git nor pip knows whose machine it is."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GIT_", "PIP_", "TWINE_", "PUBLISH_"))
    }
    who = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL")
    who += ("GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")
    return {
        **kept,
        **dict.fromkeys(who, "maintainer@example.org"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "NO_PROXY": "127.0.0.1",
        **settings,
    }


def kill_processes(process, which=signal.SIGKILL):
    """Send a signal as a terminal does: to all that a command has started."""
    os.killpg(process.pid, which)


def new_clone(folder):
    """Make a clone of a repository like this one, at a version before any release."""
    clone = Clone(folder)
    clone.notes.mkdir(parents=True)
    clone.root.mkdir()
    ignore = shutil.ignore_patterns("__pycache__", "tests", ".*_cache", "_build")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, clone.root / part, ignore=ignore)
        else:
            shutil.copy(ROOT / part, clone.root / part)
    pins = re.compile(rf'"({"|".join(PROJECTS)})==[^"]*"')
    for file in clone.root.glob("packages/*/pyproject.toml"):
        text = pins.sub(rf'"\1=={BEFORE}"', file.read_text())
        file.write_text(OWN_VERSION.sub(f'version = "{BEFORE}"', text))
    for file in clone.root.glob("docs/changelog.d/+*"):
        file.unlink()
    add_fragment(clone)
    (clone.root / "scripts" / "consumer_smoke.py").write_text(SMOKE)
    (clone.root / "scripts" / "dev.py").write_text(SUITE)
    run_vendor = [sys.executable, "scripts/vendor.py"]
    subprocess.run(run_vendor, cwd=clone.root, check=True, capture_output=True)
    clone.git("init", "--quiet", "--initial-branch=main")
    clone.commit("Begin")
    clone.git("init", "--quiet", "--bare", "--initial-branch=main", str(clone.remote))
    clone.git("remote", "add", "origin", str(clone.remote))
    clone.git("push", "--quiet", "origin", "main")
    return clone


def add_fragment(clone, name="+one.added.md", text="Something new.\n"):
    (clone.root / "docs" / "changelog.d" / name).write_text(text)


@pytest.fixture
def clone(pristine_clone, tmp_path):
    """A clone in which nothing was released, for one test to spoil."""
    copied = Clone(tmp_path)
    copied.notes.mkdir()
    pristine_clone.git("clone", "--quiet", ".", str(copied.root))
    return copied


@pytest.fixture(scope="session")
def pristine_clone(tmp_path_factory):
    return new_clone(tmp_path_factory.mktemp("pristine"))


@attrs.frozen
class Prepared:
    """A clone whose release was killed, then failed, then went through."""

    clone: Clone
    before: tuple
    after_kill: tuple
    failed: subprocess.CompletedProcess
    after_failure: tuple
    done: subprocess.CompletedProcess


@pytest.fixture(scope="session")
def prepared(pristine_clone, tmp_path_factory):
    """Prepare a release once: nothing is published, and tests leave it as it is."""
    clone = copy_clone(pristine_clone, tmp_path_factory.mktemp("prepared") / "copy")
    before = clone.state()
    killed = clone.start("prepare_release.py", VERSION, SMOKE_HANGS="1")
    with killed:
        said = list(iter(killed.stdout.readline, "the smoke hangs\n"))
        assert "[6/8] consumer ...\n" in said, (said, killed.stderr.read())
        kill_processes(killed)
    after_kill = clone.state()
    failed = clone.prepare(SUITE_STATUS="3")
    after_failure = clone.state()
    done = clone.prepare()
    assert 0 == done.returncode, done.stderr
    return Prepared(clone, before, after_kill, failed, after_failure, done)


def copy_clone(clone, folder):
    """Copy a clone with its remote; its worktree would still be the original's."""
    shutil.copytree(
        clone.folder,
        folder,
        ignore=lambda place, _: {
            ".git": ["worktrees"],
            "release": ["checkout"],
        }.get(Path(place).name, []),
    )
    copied = Clone(folder)
    copied.git("remote", "set-url", "origin", str(copied.remote))
    return copied


@attrs.frozen
class Release(Clone):
    """A prepared clone, and the index that it is to be published to."""

    index: Path
    relay: relaying_index.RelayingIndex

    def options(self, *arguments):
        return (VERSION, "--index-url", f"{self.relay.url}simple/", *arguments)

    def settings(self, **others):
        return {
            "PUBLISH_REMOTE": "origin",
            "TWINE_REPOSITORY_URL": self.relay.url,
            "TWINE_USERNAME": USERNAME,
            "TWINE_PASSWORD": PASSWORD,
            **others,
        }

    def start_publishing(self):
        options = self.options()
        return self.start("publish_release.py", *options, **self.settings())

    def publish(self, *arguments, **others):
        options = self.options(*arguments)
        return self.run("publish_release.py", *options, **self.settings(**others))

    def published(self):
        return sorted(file.name for file in self.index.iterdir())

    def put_on_index(self, *projects):
        """Let some projects be published already."""
        for name in self.of(*projects):
            shutil.copy(self.root / "dist" / name, self.index / name)

    def of(self, *projects):
        """The files of some projects, in the order of their uploads."""
        return [
            f"{project.replace('-', '_')}-{VERSION}{ending}"
            for project in projects
            for ending in ("-py3-none-any.whl", ".tar.gz")
        ]


@pytest.fixture(scope="session")
def served_index(tmp_path_factory):
    """The folder and the URL of a real index that asks who uploads."""
    folder = tmp_path_factory.mktemp("index")
    with local_index.local_index(folder, username=USERNAME, password=PASSWORD) as url:
        yield folder, url


@pytest.fixture
def release(prepared, served_index, tmp_path):
    """A release that was prepared; nothing of it is published."""
    folder, url = served_index
    for file in folder.iterdir():
        file.unlink()
    copied = copy_clone(prepared.clone, tmp_path / "copy")
    relay = relaying_index.RelayingIndex(url)
    yield Release(copied.folder, folder, relay)
    relay.close()


@pytest.fixture
def kill_group():
    return kill_processes
