"""Builds of the distributions in copies of the repository, as installers make them."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import attrs
import pytest
from build import BuildBackendException, ProjectBuilder

ROOT = Path(__file__).resolve().parents[2]
DISTRIBUTIONS = sorted(project.name for project in (ROOT / "packages").iterdir())
# What a build or a vendoring run reads.
PARTS = ("migrations", "packages", "pyproject.toml", "scripts")


@attrs.frozen
class Built:
    """How a build ended: the artifact, or None, and everything that was said."""

    artifact: Path | None
    output: str


@attrs.frozen
class Repository:
    """A copy of the repository that a test may spoil."""

    root: Path

    def project(self, distribution):
        return self.root / "packages" / distribution

    def vendored(self, distribution):
        (folder,) = self.project(distribution).glob("src/*/migrations")
        return folder

    def run_vendor(self, *arguments, cwd=None):
        return subprocess.run(
            [sys.executable, str(self.root / "scripts" / "vendor.py"), *arguments],
            cwd=cwd or self.root,
            capture_output=True,
            text=True,
            check=False,
        )


def build(project, target, output_folder):
    """Call the backend's hook in a process of its own, as pip and uv do."""
    said = []

    def run(command, cwd=None, extra_environ=None):
        done = subprocess.run(
            command,
            cwd=cwd,
            env=os.environ | dict(extra_environ or {}),
            capture_output=True,
            text=True,
            check=False,
        )
        said.append(done.stdout + done.stderr)
        done.check_returncode()

    builder = ProjectBuilder(project, runner=run)
    try:
        artifact = Path(builder.build(target, output_folder))
    except BuildBackendException:
        artifact = None
    return Built(artifact, "".join(said))


def unpack(sdist, folder):
    """Unpack a source distribution, and return the project that was in it."""
    with tarfile.open(sdist) as archive:
        # Python 3.11.3 and older have no filters; 3.12 warns when none is named.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(folder)  # noqa: S202 - we have just built it
    return folder / sdist.name.removesuffix(".tar.gz")


def new_repository(folder):
    """Copy the repository and bring the copies up to date, whatever it looks like."""
    ignore = shutil.ignore_patterns("__pycache__", "tests", ".*_cache")
    folder.mkdir()
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=ignore)
        else:
            shutil.copy(ROOT / part, folder / part)
    repository = Repository(folder)
    repository.run_vendor().check_returncode()
    return repository


@pytest.fixture(params=DISTRIBUTIONS)
def distribution(request):
    """Each of the four in turn."""
    return request.param


@pytest.fixture
def repository(tmp_path):
    """A copy of the repository for one test to spoil."""
    return new_repository(tmp_path / "a repository")


@pytest.fixture
def build_in(tmp_path):
    """Build a project into a folder outside of it."""

    def build_project(project, target):
        return build(project, target, tmp_path / "built")

    return build_project


@pytest.fixture(scope="session")
def pristine(tmp_path_factory):
    """A copy of the repository that no test changes."""
    return new_repository(tmp_path_factory.mktemp("pristine") / "repository")


@pytest.fixture(scope="session")
def load_script():
    """Import a script of the repository; they are neighbours of each other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "scripts"))
        yield importlib.import_module


@pytest.fixture(scope="session")
def artifacts(load_script):
    return load_script("artifacts")


@pytest.fixture(scope="session")
def dist(artifacts, pristine, tmp_path_factory):
    """What `nox -s build` makes, which no test changes."""
    folder = tmp_path_factory.mktemp("built") / "dist"
    artifacts.build(folder, root=pristine.root)
    return folder


@pytest.fixture(scope="session")
def sdist_of(artifacts, pristine, dist):
    """Find the sdist of a distribution."""
    names = {one.name: one.sdist for one in artifacts.distributions(pristine.root)}
    return lambda distribution: dist / names[distribution]


@pytest.fixture(scope="session")
def wheel_of(artifacts, pristine, dist):
    """Find the wheel of a distribution, which was built from its sdist."""
    names = {one.name: one.wheel for one in artifacts.distributions(pristine.root)}
    return lambda distribution: dist / names[distribution]


@pytest.fixture
def unpacked_sdist(sdist_of, tmp_path):
    """Return what somebody has who downloaded a source distribution."""

    def unpack_sdist(distribution, folder=tmp_path / "elsewhere"):
        return unpack(sdist_of(distribution), folder)

    return unpack_sdist


@pytest.fixture
def change_a_byte():
    """Change one byte of some migration, and return its name."""

    def change(folder):
        file = max(folder.glob("*.sql"))
        content = bytearray(file.read_bytes())
        content[0] ^= 1
        file.write_bytes(content)
        return file.name

    return change
