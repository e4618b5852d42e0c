"""
The commands of this repository: `nox --list` shows them.

`python3 scripts/dev.py SESSION` runs one on a machine that has only Python.
"""

# Sessions share environments under .nox: dev for working, demo for the demo, and shapes
# for what only one session needs. They are made when a session first needs them, and
# again when what they are made from has changed, so every other run starts at once. uv
# installs ten times as fast as pip and is used where it lies beside nox, unless pip is
# configured to ask an index of the user's own: uv does not read pip's configuration.

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import nox
from nox.command import CommandFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "none"
nox.options.sessions = ["test"]

ROOT = Path(__file__).resolve().parent
SETTINGS = nox.project.load_toml(ROOT / "pyproject.toml")
DISTRIBUTIONS = [str(place) for place in SETTINGS["tool"]["runledger"]["distributions"]]
SOURCES = [f"{place}/src" for place in DISTRIBUTIONS]
IMPORTS = [Path(place).name.replace("-", "_") for place in DISTRIBUTIONS]
# The embedded extra brings a PostgreSQL server: no Docker is needed anywhere.
EDITABLES = [f"--editable=./{place}" for place in DISTRIBUTIONS[:-1]]
EDITABLES += [f"--editable=./{DISTRIBUTIONS[-1]}[embedded]"]

# Each writes one page of docs/ from tables in code.
RENDERERS = (
    "scripts/render_audit.py",
    "scripts/render_error_codes.py",
    "scripts/render_states.py",
)

# How pip is told to get packages from elsewhere than the public index, or through
# something. Additional places (extra-index-url, find-links) are not among them:
# everything that is installed here is on the public index.
OWN_INDEX = ("index-url", "no-index", "proxy", "trusted-host", "client-cert")

# After Ctrl-C a test run or the demo still has a server to stop.
PATIENCE = 30.0


@nox.session
def test(session: nox.Session) -> None:
    """Check everything, then run every test; pytest's closing line ends the output."""
    python = dev_environment(session)
    check_style(session, python)
    check_types(session, python)
    check_layers(session, python)
    check_generated(session, python)
    # Two workers: most tests wait for PostgreSQL, which then has something to do.
    run_pytest(session, python, "-n", "2", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting with ruff."""
    check_style(session, dev_environment(session))


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy, and that the public interfaces are wholly typed."""
    check_types(session, dev_environment(session))


@nox.session
def layers(session: nox.Session) -> None:
    """Check who may import whom."""
    check_layers(session, dev_environment(session))


@nox.session
def generated(session: nox.Session) -> None:
    """Check that every generated and vendored file is up to date."""
    check_generated(session, dev_environment(session))


@nox.session
def unit(session: nox.Session) -> None:
    """Run the tests that need neither PostgreSQL nor a build."""
    python = dev_environment(session)
    run_pytest(session, python, "-m", "not db and not build", *session.posargs)


@nox.session
def db(session: nox.Session) -> None:
    """Run the tests that need PostgreSQL."""
    run_pytest(session, dev_environment(session), "-m", "db", *session.posargs)


@nox.session
def integration(session: nox.Session) -> None:
    """Run the tests that put several layers together."""
    run_pytest(session, dev_environment(session), "tests-integration", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Build the sdists and wheels of all distributions into dist/ and check them."""
    python = dev_environment(session)
    quiet(session, python, "scripts/artifacts.py", "build")
    dist = ROOT / "dist"
    built = sorted(str(file) for file in dist.glob("runledger_*"))
    session.run(python, "-m", "twine", "check", "--strict", *built)


@nox.session
def demo(session: nox.Session) -> None:
    """Survey the standard library with jobs on a PostgreSQL that lives for the demo."""
    python = environment(session, "demo")
    session.run(python, "scripts/demo.py", *session.posargs, interrupt_timeout=PATIENCE)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure the storage layer beside bare SQL, on a durable server of its own."""
    python = dev_environment(session)
    script = "tests-integration/benchmarks/storage_rates.py"
    session.run(python, script, *session.posargs, interrupt_timeout=PATIENCE)


@nox.session(default=False)
def bench_workflows(session: nox.Session) -> None:
    """Measure workflows beside as many plain jobs, on a durable server of their own."""
    python = dev_environment(session)
    script = "tests-integration/benchmarks/workflow_rates.py"
    session.run(python, script, *session.posargs, interrupt_timeout=PATIENCE)


@nox.session(default=False)
def bench_worker(session: nox.Session) -> None:
    """Measure how soon a worker starts a job, what it costs idle, and its memory."""
    python = dev_environment(session)
    script = "tests-integration/benchmarks/worker_costs.py"
    session.run(python, script, *session.posargs, interrupt_timeout=PATIENCE)


@nox.session(default=False)
def shapes(session: nox.Session) -> None:
    """Run published workflow shapes of up to 10,000 steps to their end."""
    python = environment(session, "shapes")
    script = "tests-integration/benchmarks/published_shapes.py"
    session.run(python, script, *session.posargs, interrupt_timeout=PATIENCE)


@nox.session(default=False)
def vendor(session: nox.Session) -> None:
    """Copy the migrations and the build hook into every distribution."""
    session.run(sys.executable, "scripts/vendor.py", *session.posargs)


@nox.session(default=False)
def lock(session: nox.Session) -> None:
    """Write statements.lock.json from a migrated database."""
    python = dev_environment(session)
    session.run(python, "scripts/lock_statements.py", *session.posargs)


@nox.session(default=False)
def render(session: nox.Session) -> None:
    """Write the pages of docs/ that are made from code."""
    python = dev_environment(session)
    for script in RENDERERS:
        session.run(python, script, *session.posargs)


@nox.session(default=False)
def consumer(session: nox.Session) -> None:
    """Install what was built, layer by layer, and use it as its users do."""
    python = dev_environment(session)
    script = "scripts/consumer_smoke.py"
    session.run(python, script, *session.posargs, interrupt_timeout=PATIENCE)


@nox.session(default=False)
def prepare_release(session: nox.Session) -> None:
    """Prepare a release, X.Y.Z: commit, build, test what was built. Uploads nothing."""
    python = dev_environment(session)
    script = "scripts/prepare_release.py"
    session.run(python, script, *session.posargs, interrupt_timeout=PATIENCE)


@nox.session(default=False)
def publish_release(session: nox.Session) -> None:
    """Publish a prepared release, X.Y.Z: upload in order, tag, push."""
    python = dev_environment(session)
    script = "scripts/publish_release.py"
    session.run(python, script, *session.posargs, interrupt_timeout=PATIENCE)


def check_style(session: nox.Session, python: str) -> None:
    """Run ruff over everything."""
    session.run(python, "-m", "ruff", "check", "--quiet")
    session.run(python, "-m", "ruff", "format", "--quiet", "--diff")


def check_types(session: nox.Session, python: str) -> None:
    """Run mypy over what we run, and pyright over what users import."""
    session.run(python, "-m", "mypy", *SOURCES, "scripts", "noxfile.py")
    # Pyright takes the first interpreter on the PATH here, whatever --pythonpath says.
    path = os.pathsep.join((str(Path(python).parent), os.environ.get("PATH", "")))
    for name in IMPORTS:
        # Of what is unknown in psycopg's types, nothing can be mended here.
        verify = ["-m", "basedpyright", "--ignoreexternal", "--verifytypes", name]
        quiet(session, python, *verify, env={"PATH": path})


def check_layers(session: nox.Session, python: str) -> None:
    """Run the import contracts of pyproject.toml."""
    lint_imports = str(Path(python).with_name("lint-imports"))
    quiet(session, lint_imports, "--no-cache")


def check_generated(session: nox.Session, python: str) -> None:
    """Compare what scripts write with what is there."""
    session.run(python, "scripts/vendor.py", "--check")
    session.run(python, "scripts/lock_statements.py", "--check-offline")
    for script in RENDERERS:
        session.run(python, script, "--check")


def run_pytest(session: nox.Session, python: str, *arguments: str) -> None:
    """Run pytest, which keeps the terminal."""
    session.run(python, "-m", "pytest", *arguments, interrupt_timeout=PATIENCE)


def quiet(
    session: nox.Session,
    *command: str,
    env: dict[str, str] | None = None,
    log: bool = True,
) -> None:
    """Run a command whose output matters only when it fails."""
    session.run(*command, env=env, log=log, silent=True)


def dev_environment(session: nox.Session) -> str:
    """Return the interpreter of the environment for working on the repository."""
    return environment(session, "dev")


def environment(session: nox.Session, group: str) -> str:
    """
    Return the interpreter of an environment, which is made when it is not there.

    It holds the dependency group of that name and the distributions as editables.
    """
    home = ROOT / ".nox" / group
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = home / "runledger-fingerprint"
    with one_at_a_time(group):
        wanted = fingerprint(group)
        if not (python.exists() and stamp.is_file() and stamp.read_text() == wanted):
            # Editable builds would refuse drifted migrations less readably.
            session.run(sys.executable, "scripts/vendor.py", "--check", log=False)
            session.log(f"making .nox/{group}, once: this takes a while")
            requirements = nox.project.dependency_groups(SETTINGS, group)
            install(session, home, python, [*requirements, *EDITABLES])
            stamp.write_text(wanted)
    return str(python)


def fingerprint(group: str) -> str:
    """Return a digest over everything that an environment is made from."""
    made_from = [
        str(ROOT),
        sys.version,
        json.dumps(nox.project.dependency_groups(SETTINGS, group)),
        *((ROOT / place / "pyproject.toml").read_text() for place in DISTRIBUTIONS),
    ]
    return hashlib.sha256("\0".join(made_from).encode()).hexdigest()


def install(
    session: nox.Session, home: Path, python: Path, requirements: list[str]
) -> None:
    """Make an environment from nothing, with uv where that can work."""
    uv = uv_beside_nox()
    if uv and not asks_own_index(session):
        target = ["--python", str(python)]
        make = [uv, "venv", "--clear", "--python", sys.executable, str(home)]
        try:
            quiet(session, *make, log=False)
            quiet(session, uv, "pip", "install", *target, *requirements, log=False)
        except CommandFailed:
            session.warn("uv could not install the packages: trying pip")
        else:
            return
    quiet(session, sys.executable, "-m", "venv", "--clear", str(home), log=False)
    pip = [str(python), "-m", "pip", "install"]
    quiet(session, *pip, *requirements, log=False)


def uv_beside_nox() -> str | None:
    """Return the uv that dev.py has installed, not any that is on the PATH."""
    return shutil.which("uv", path=sysconfig.get_path("scripts"))


def asks_own_index(session: nox.Session) -> bool:
    """Tell whether pip's configuration says where packages come from."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listing = str(session.run(*command, silent=True, log=False))
    # Lines such as global.index-url='https://...' and :env:.proxy='...'.
    names = {line.partition("=")[0].rpartition(".")[2] for line in listing.splitlines()}
    return not names.isdisjoint(OWN_INDEX)


@contextlib.contextmanager
def one_at_a_time(group: str) -> Iterator[None]:
    """Let a second session that needs the environment wait until it is made."""
    try:
        import fcntl  # noqa: PLC0415 - POSIX only
    except ImportError:
        yield
        return
    place = ROOT / ".nox"
    place.mkdir(exist_ok=True)
    with (place / f"{group}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
