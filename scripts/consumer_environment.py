"""An environment into which pip has installed one layer, and questions to it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from artifacts import Distribution
    from consumer_layers import Layer

PATIENCE_SECONDS = 300.0
IMPORTS = 5

# What would make an environment see more than it holds, or settle its programs' ways.
FOREIGN_VARIABLES = (
    "COVERAGE",
    "DATABASE_URL",
    "JOBS_",
    "PG",
    "PYTEST",
    "PYTHON",
    "RUNLEDGER_",
    "VIRTUAL_ENV",
)
LIST = """
import importlib.metadata, json
found = importlib.metadata.distributions()
print(json.dumps({each.name: each.version for each in found}))
"""
TIME = """
import time
begin = time.process_time()
{others}
between = time.process_time()
import {module}
end = time.process_time()
print((end - begin) * 1000, (end - between) * 1000)
"""


class ConsumerError(Exception):
    """What a consumer has met: one sentence, and what the command has printed."""

    def __init__(self, layer: str, message: str, *, output: str = "") -> None:
        super().__init__(f"layer {layer}: {message}")
        self.output = output


@attrs.frozen
class Index:
    """Where packages come from, beside the public index of pip's configuration."""

    url: str
    constraints: Path
    distributions: Sequence[Distribution]
    sums: Mapping[str, str]


@attrs.frozen
class Environment:
    """A virtual environment without pip: it holds what was asked for and no more."""

    layer: str
    home: Path
    index: Index

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @classmethod
    def made(cls, layer: str, home: Path, index: Index) -> Environment:
        """Make one, empty."""
        environment = cls(layer, home, index)
        environment.call([sys.executable, "-m", "venv", "--without-pip", str(home)])
        return environment

    def install(self, *requirements: str) -> None:
        """Install as the user's pip does, with our index as one more."""
        pip = [sys.executable, "-m", "pip", "--python", str(self.python), "install"]
        report = self.home / "pip-report.json"
        # Compiling everything takes a third of the time; the first import writes the
        # bytecode of what is used. The versions are fixed, so that no other release
        # can be newer; that it is these files that came, only their sums can tell.
        fixed = ["--no-compile", "--constraint", str(self.index.constraints)]
        ours = ["--extra-index-url", self.index.url, "--report", str(report)]
        self.call([*pip, "--quiet", *fixed, *ours, *requirements])
        self.check_origin(json.loads(report.read_text(encoding="utf-8")))

    def run(self, *arguments: str, cwd: Path, **variables: str) -> str:
        """Run Python in it, and return what was printed."""
        command = [str(self.python), *arguments]
        return self.call(command, cwd=cwd, **variables)

    def call(
        self, command: Sequence[str], *, cwd: Path | None = None, **variables: str
    ) -> str:
        """Run a command to its good end, and return what it has printed."""
        shown = shlex.join(command)
        try:
            done = subprocess.run(
                command,
                cwd=cwd,
                env=clean_variables() | variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=PATIENCE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            said = error.stdout.decode(errors="replace") if error.stdout else ""
            message = f"{shown} has not ended in {PATIENCE_SECONDS:g} seconds"
            raise ConsumerError(self.layer, message, output=said) from None
        if done.returncode:
            message = f"{shown} ended with {done.returncode}"
            raise ConsumerError(self.layer, message, output=done.stdout)
        return done.stdout

    def contents(self) -> dict[str, str]:
        """Return the distributions that are installed, with their versions."""
        found: dict[str, str] = json.loads(self.run("-c", LIST, cwd=self.home))
        return dict(sorted((normalized(name), found[name]) for name in found))

    def check_contents(self, layer: Layer) -> dict[str, str]:
        """Refuse an environment that lacks something, or has what it does not need."""
        found = self.contents()
        missing = sorted(layer.needs.keys() - found.keys())
        if missing:
            message = f"{', '.join(missing)} should be installed and is not"
            raise ConsumerError(self.layer, message)
        foreign = sorted(found.keys() - layer.needs.keys() - layer.brings.keys())
        if foreign:
            message = (
                f"{', '.join(foreign)}: installed, and nothing says why: drop the "
                "requirement, or give the reason in scripts/consumer_layers.py"
            )
            raise ConsumerError(self.layer, message)
        return found

    def import_ms(self, layer: Layer) -> tuple[float, float]:
        """
        Return how long an import takes with all that it needs, and how long ours take.

        In milliseconds of processor time, which on an idle machine is what a watch
        shows, and the shortest of several, each in a process of its own: whatever
        else the machine does only adds to it.
        """
        others = "\n".join(f"import {each}" for each in layer.others)
        code = TIME.format(others=others, module=layer.module)
        said = [self.run("-c", code, cwd=self.home).split() for _ in range(IMPORTS)]
        whole, ours = zip(*(map(float, times) for times in said), strict=True)
        return min(whole), min(ours)

    def size_mb(self) -> float:
        """Return how much space everything takes that was installed."""
        (packages,) = [*self.home.glob("lib/*/site-packages")] or [self.home / "Lib"]
        sizes = (file.stat().st_size for file in packages.rglob("*") if file.is_file())
        return sum(sizes) / 1_000_000

    def check_origin(self, report: dict[str, Any]) -> None:
        """Check that ours came from our index, byte for byte as they were built."""
        ours = {one.name: one for one in self.index.distributions}
        for item in report["install"]:
            one = ours.get(normalized(item["metadata"]["name"]))
            if one is None:
                continue
            download = item["download_info"]
            hashes = download.get("archive_info", {}).get("hashes", {})
            if hashes.get("sha256") != self.index.sums[one.wheel]:
                message = f"pip took {one.name} from {download['url']}, not from dist"
                raise ConsumerError(self.layer, message)


def clean_variables() -> dict[str, str]:
    """Return this process's variables without those that would leak into a layer."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(FOREIGN_VARIABLES)
    }
    # A proxy has no way to the index of this machine.
    bypassed = ",".join(filter(None, (kept.get("NO_PROXY"), "127.0.0.1")))
    return kept | {"NO_PROXY": bypassed, "no_proxy": bypassed}


def normalized(name: str) -> str:
    """Return a distribution's name as indexes write it."""
    return re.sub(r"[-_.]+", "-", name).lower()
