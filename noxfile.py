"""
The commands of this repository: `nox --list` shows them.

`python3 scripts/dev.py SESSION` runs one on a machine that has only Python.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
# nox loads this file by its path, from wherever it was started.
sys.path.insert(0, str(ROOT / "scripts"))

from environments import (  # noqa: E402
    DISTRIBUTIONS,
    dev_environment,
    environment,
    oldest_environment,
    quiet,
)

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "none"
nox.options.sessions = ["test"]

SOURCES = [f"{place}/src" for place in DISTRIBUTIONS]
IMPORTS = [Path(place).name.replace("-", "_") for place in DISTRIBUTIONS]

# Each writes one page of docs/ from tables in code.
RENDERERS = (
    "scripts/render_audit.py",
    "scripts/render_configuration.py",
    "scripts/render_error_codes.py",
    "scripts/render_states.py",
)

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
    check_site(session)
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


@nox.session(default=False)
def oldest(session: nox.Session) -> None:
    """Run the distributions' tests with the oldest versions that they allow."""
    python = oldest_environment(session)
    run_pytest(session, python, "-n", "2", "packages", *session.posargs)


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
def format(session: nox.Session) -> None:  # noqa: A001 - what everybody calls it
    """Mend style and formatting with ruff: of the files that are named, or of all."""
    python = dev_environment(session)
    files = ["--quiet", "--force-exclude", *(session.posargs or ["."])]
    session.run(python, "-m", "ruff", "check", "--fix-only", *files)
    session.run(python, "-m", "ruff", "format", *files)
    session.run(python, "-m", "ruff", "check", *files)


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
def changelog(session: nox.Session) -> None:
    """Show what the changelog would say of a release made now."""
    python = dev_environment(session)
    draft = ["build", "--draft", "--version", "(the next)"]
    session.run(python, "-m", "towncrier", *draft)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation site, and print the path of its first page."""
    session.run(environment(session, "docs"), "scripts/build_docs.py", *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Run scenarios of the benchmark suite: -- [scenario ...] [--quick] [--out DIR]."""
    python = environment(session, "bench")
    script = "tests-integration/benchmarks/bench.py"
    session.run(python, script, *session.posargs, interrupt_timeout=PATIENCE)


@nox.session(default=False)
def bench_peers(session: nox.Session) -> None:
    """Compare with pinned peers in turn: -- [scenario ...] [--peer NAME] [--quick]."""
    python = environment(session, "bench")
    script = "tests-integration/benchmarks/bench_peers.py"
    session.run(python, script, *session.posargs, interrupt_timeout=PATIENCE)


@nox.session(default=False)
def shapes(session: nox.Session) -> None:
    """Run published workflow shapes of up to 10,000 steps to their end."""
    python = environment(session, "shapes")
    script = "tests-integration/benchmarks/bench.py"
    arguments = ("shapes", *session.posargs)
    session.run(python, script, *arguments, interrupt_timeout=PATIENCE)


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


@nox.session(default=False)
def profile(session: nox.Session) -> None:
    """Show what a job costs: -- [--jobs N] [--claim N] [--slots N] [--picture FILE]."""
    python = environment(session, "profile")
    script = "tests-integration/benchmarks/job_budget.py"
    path = os.pathsep.join((str(Path(python).parent), os.environ.get("PATH", "")))
    arguments = session.posargs
    session.run(
        python, script, *arguments, env={"PATH": path}, interrupt_timeout=PATIENCE
    )


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


def check_site(session: nox.Session) -> None:
    """Read all pages of the documentation, and follow their links."""
    python = environment(session, "docs")
    session.run(python, "scripts/build_docs.py", "--check")


def run_pytest(session: nox.Session, python: str, *arguments: str) -> None:
    """Run pytest, which keeps the terminal."""
    session.run(python, "-m", "pytest", *arguments, interrupt_timeout=PATIENCE)
