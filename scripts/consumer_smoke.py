"""
Install the built distributions layer by layer, and use each as a newcomer would.

    python scripts/consumer_smoke.py [--dist FOLDER]

The distributions are those in dist/ if they are the current source's, and else they are
built there first. They are served by an index of their own; every layer gets a fresh
environment that sees this index and the one that pip is configured for. What each must
hold stands in consumer_layers.py, what is run in tests-integration/consumer/.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import artifacts
import attrs
from consumer_environment import (
    ConsumerError,
    Environment,
    Index,
    clean_variables,
)
from consumer_layers import CORE, EMBEDDED, LAYERS, POSTGRES, RUNTIME, TEST_SUPPORT
from local_index import local_index, simple_url

from runledger_test_support import create_ephemeral_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumer_layers import Layer

PROJECTS = artifacts.ROOT / "tests-integration" / "consumer"
PATIENCE_SECONDS = 60.0
WIDTH = 88

# What the host project's `settle` command finds, when everything is as it should be.
SETTLED = {
    "prices": [120, 110],
    "shipped": {"number": "A-17", "cents": 230, "paid_by": "card"},
    "run": "SUCCEEDED",
    "mails": [
        {"sent_to": "ada@example.org"},
        "DEAD_LETTERED: mail.bad_address",
        {"sent_to": "grace@example.org"},
    ],
    "jobs": {"SUCCEEDED": 5, "DEAD_LETTERED": 1},
    "broken_invariants": [],
}


@attrs.frozen
class Found:
    """What a layer's environment turned out to be."""

    layer: Layer
    contents: dict[str, str]
    import_ms: float
    ours_ms: float
    size_mb: float


def main() -> int:
    """Run everything; print the table, or the one sentence that says what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dist", type=Path, default=artifacts.ROOT / "dist")
    dist: Path = parser.parse_args().dist.absolute()
    try:
        ensure_built(dist)
        with tempfile.TemporaryDirectory(prefix="runledger-consumer-") as place:
            found = run_all(dist, Path(place))
    except (artifacts.BuildError, ConsumerError) as error:
        return fail(str(error), output=error.output)
    except (OSError, RuntimeError) as error:
        # No server for the databases, no local index, no space.
        return fail(str(error))
    except KeyboardInterrupt:
        return fail("interrupted", status=130)
    print_table(found)
    return 0


def ensure_built(dist: Path) -> None:
    """Build what is to be tested, unless it was built from this very source."""
    faults = artifacts.verify(dist)
    if not faults:
        note(f"the distributions in {dist} are those of this source")
        return
    note(f"building into {dist}, because {faults[0]}")
    artifacts.build(dist)


def run_all(dist: Path, place: Path) -> list[Found]:
    """Install every layer and use it."""
    served = place / "index"
    served.mkdir()
    for name in artifacts.artifact_names():
        shutil.copy(dist / name, served)
    ours = artifacts.distributions()
    constraints = place / "constraints.txt"
    lines = [f"{one.name}=={one.version}\n" for one in ours]
    constraints.write_text("".join(lines), encoding="utf-8")
    projects = place / "projects"
    shutil.copytree(PROJECTS, projects, ignore=shutil.ignore_patterns("__pycache__"))
    uses = {
        CORE: use_core,
        POSTGRES: use_postgres,
        RUNTIME: use_runtime,
        TEST_SUPPORT: use_test_support,
        EMBEDDED: use_embedded,
    }
    with local_index(served) as url:
        index = Index(simple_url(url), constraints, ours, artifacts.checksums(dist))
        found = []
        for layer in LAYERS:
            note(f"{layer.name}: pip install {' '.join(layer.requirements)}")
            environment = Environment.made(layer.name, place / layer.name, index)
            environment.install(*layer.requirements)
            found.append(look_at(layer, environment))
            uses[layer](environment, projects)
        return found


def look_at(layer: Layer, environment: Environment) -> Found:
    """Check what an environment holds, and measure it."""
    contents = environment.check_contents(layer)
    return Found(
        layer,
        contents,
        *environment.import_ms(layer),
        environment.size_mb(),
    )


def use_core(environment: Environment, projects: Path) -> None:
    """Make values, and be refused one."""
    environment.run("core_layer.py", cwd=projects / "newcomers")


def use_postgres(environment: Environment, projects: Path) -> None:
    """Migrate, and enqueue from blocking and asyncio code."""
    with create_ephemeral_database("consumer", migrated=False) as database:
        folder = projects / "newcomers"
        environment.run("postgres_layer.py", cwd=folder, DATABASE_URL=database.dsn)


def use_runtime(environment: Environment, projects: Path) -> None:
    """Install the host project, and run it: commands, a worker, and a SIGTERM."""
    host = projects / "host"
    environment.install(str(host))
    with create_ephemeral_database("consumer", migrated=False) as database:

        def command(*arguments: str) -> str:
            return environment.run(
                "-m",
                "host",
                *arguments,
                cwd=environment.home,
                DATABASE_URL=database.dsn,
            )

        command("migrate")
        with worker_process(environment, database.dsn):
            enqueued = json.loads(command("enqueue"))
            settled = json.loads(command("settle", enqueued["run"], *enqueued["mails"]))
        if settled != SETTLED:
            message = "the host's jobs did not end as they should"
            said = f"expected {json.dumps(SETTLED)}\nfound    {json.dumps(settled)}"
            raise ConsumerError(environment.layer, message, output=said)


@contextmanager
def worker_process(environment: Environment, dsn: str) -> Iterator[None]:
    """Run the host's worker during a block, and let SIGTERM end it in good order."""
    log = environment.home / "worker.log"
    with log.open("w", encoding="utf-8") as output:
        worker = subprocess.Popen(
            [str(environment.python), "-m", "host", "worker"],
            cwd=environment.home,
            env=clean_variables() | {"DATABASE_URL": dsn},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
        worker.send_signal(signal.SIGTERM)
        status = worker.wait(PATIENCE_SECONDS)
    except ConsumerError as error:
        # Mostly it is the worker that knows why a command has failed.
        error.output += f"\nThe worker said:\n{log.read_text(encoding='utf-8')}"
        raise
    except subprocess.TimeoutExpired:
        status = None
    finally:
        if worker.poll() is None:
            worker.kill()
            worker.wait()
    if status != 0:
        message = f"the worker should have ended with 0 after SIGTERM: {status}"
        said = log.read_text(encoding="utf-8")
        raise ConsumerError(environment.layer, message, output=said)


def use_test_support(environment: Environment, projects: Path) -> None:
    """See that pytest finds the plugin, and that it needs no other layer for that."""
    fixtures = environment.run("-m", "pytest", "--fixtures", "-q", cwd=projects)
    if "runledger_database" not in fixtures:
        message = "pytest does not show the plugin's fixtures"
        raise ConsumerError(environment.layer, message, output=fixtures)


def use_embedded(environment: Environment, projects: Path) -> None:
    """Run the tests of a project that has its own, on a server of its own."""
    said = environment.run(
        "-m", "pytest", "-q", cwd=projects / "foreign", RUNLEDGER_TEST_PG="embedded"
    )
    if " passed" not in said:
        message = "no test of the foreign project has passed"
        raise ConsumerError(environment.layer, message, output=said)


def print_table(found: list[Found]) -> None:
    """Print what every layer brings, and what it costs."""
    heads = f"{'distributions':>13}{'import ms':>11}{'of it ours':>12}{'MB':>7}"
    print(f"\n{'layer':24}{heads}")
    for one in found:
        print(
            f"{one.layer.name:24}{len(one.contents):13}{one.import_ms:11.0f}"
            f"{one.ours_ms:12.0f}{one.size_mb:7.1f}"
        )
        names = textwrap.wrap(", ".join(one.contents), WIDTH - 4)
        print(textwrap.indent("\n".join(names), "    "))
    print("consumer: every layer installs alone and works")


def fail(message: str, *, output: str = "", status: int = 1) -> int:
    """Say what was printed, if anything was, and in one sentence what is wrong."""
    separator = "\n" if output else ""
    print(f"{output}{separator}consumer: {message}", file=sys.stderr)
    return status


def note(message: str) -> None:
    """Tell what is being done."""
    print(f"consumer: {message}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
