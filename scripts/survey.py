"""
Survey Python source files: what the demo's jobs do.

The files are those of the running Python's standard library, without the test suites
that some distributions of Python leave out. A measurement reads and parses one file.
"""

from __future__ import annotations

import ast
import sysconfig
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from runledger_core import JobFailure, RetryPolicy
from runledger_runtime import JobCatalog

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runledger_core import JobContext

PARSE_FILE = "survey.parse_file"
FAILURE_EVERY = 25
"""Every so many files the first attempt fails on purpose."""

LEFT_OUT = {"dist-packages", "idle_test", "site-packages", "test", "tests"}

# Until 3.12 the parser keeps its depth in a place that all threads share, and now and
# then one of them fails with a SystemError. It holds the GIL most of the time anyway.
_PARSING = threading.Lock()

catalog = JobCatalog()


@attrs.frozen
class SourceFile:
    """The payload of a job: which file, and whether its first attempt shall fail."""

    path: str
    fails_once: bool = False


@attrs.frozen
class Measurement:
    """What a file holds; the output of a job, and their sum."""

    lines: int = 0
    functions: int = 0
    classes: int = 0
    deepest_nesting: int = 0

    def __add__(self, other: Measurement) -> Measurement:
        return Measurement(
            lines=self.lines + other.lines,
            functions=self.functions + other.functions,
            classes=self.classes + other.classes,
            deepest_nesting=max(self.deepest_nesting, other.deepest_nesting),
        )


@catalog.job(
    PARSE_FILE,
    retry=RetryPolicy(base_seconds=0.1, cap_seconds=0.5),
    max_attempts=3,
    timeout_seconds=60,
)
def parse_file(context: JobContext, payload: SourceFile) -> dict[str, int]:
    """Measure one file; a plain function, so it runs in a thread."""
    if payload.fails_once and context.attempt == 1:
        raise JobFailure.retryable("survey.on_purpose", "the first attempt shall fail")
    try:
        measured = measure(Path(payload.path))
    except SyntaxError as error:
        raise JobFailure.terminal("survey.cannot_be_parsed", str(error)) from error
    return attrs.asdict(measured)


def library_root() -> Path:
    """Return where the standard library is."""
    return Path(sysconfig.get_path("stdlib"))


def standard_library() -> list[Path]:
    """List every source file of the standard library that is really there."""
    root = library_root()
    return sorted(
        path
        for path in root.rglob("*.py")
        if path.is_file() and not LEFT_OUT.intersection(path.relative_to(root).parts)
    )


def measure(path: Path) -> Measurement:
    """Read and parse one file."""
    source = path.read_bytes()
    with _PARSING:
        tree = ast.parse(source, filename=path.name)
    kinds = Counter(type(node) for node in ast.walk(tree))
    return Measurement(
        lines=source.count(b"\n"),
        functions=kinds[ast.FunctionDef] + kinds[ast.AsyncFunctionDef],
        classes=kinds[ast.ClassDef],
        deepest_nesting=_deepest_nesting(tree),
    )


def measure_directly(paths: Iterable[Path]) -> tuple[Measurement, int]:
    """Sum the files up without any job; also count those that cannot be parsed."""
    total, unparseable = Measurement(), 0
    for path in paths:
        try:
            total += measure(path)
        except SyntaxError:
            unparseable += 1
    return total, unparseable


def _deepest_nesting(tree: ast.Module) -> int:
    """Return how many statements are inside each other at most."""
    deepest = 0
    waiting: list[tuple[ast.AST, int]] = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        deepest = max(deepest, depth)
        waiting.extend(
            (child, depth + isinstance(child, ast.stmt))
            for child in ast.iter_child_nodes(node)
        )
    return deepest
