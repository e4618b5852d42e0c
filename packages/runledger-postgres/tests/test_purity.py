"""Operations do nothing but yield SQL; what they must not touch, they do not import."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

import runledger_postgres

SOURCE = Path(runledger_postgres.__file__).parent
TREES = {
    path.relative_to(SOURCE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in SOURCE.rglob("*.py")
}
# The drivers, and those who wait for results.
DRIVERS = {
    "_drive_asyncio.py",
    "_drive_blocking.py",
    "_drive_watched.py",
    "_operation.py",
    "_transactions.py",
    "_translate.py",
    "results/_asyncio.py",
    "results/_blocking.py",
    "results/_handles.py",
    "results/_listener_task.py",
    "results/_listener_thread.py",
}
FORBIDDEN_IN_OPERATIONS = {
    "asyncio",
    "logging",
    "os",
    "psycopg",
    "psycopg_pool",
    "random",
    "secrets",
    "socket",
    "threading",
    "time",
}


def imported_roots(tree: ast.AST) -> set[str]:
    roots = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            roots.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            roots.add(node.module.partition(".")[0])
    return roots


def step_functions(trees: dict[str, ast.Module]) -> set[str]:
    """Names of functions whose return annotation is Steps[...]."""
    return {
        node.name
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and node.returns is not None
        and ast.unparse(node.returns).startswith("Steps[")
    }


def dropped_steps(trees: dict[str, ast.Module]) -> list[str]:
    """Calls that make steps and drop them: a forgotten ``yield from``."""
    names = step_functions(trees)
    found = []
    for path, tree in trees.items():
        delegated = {
            id(node.value) for node in ast.walk(tree) if isinstance(node, ast.YieldFrom)
        }
        handed_on = {
            id(argument)
            for node in ast.walk(tree)
            if isinstance(node, (ast.Call, ast.Return))
            for argument in (node.args if isinstance(node, ast.Call) else [node.value])
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or id(node) in delegated | handed_on:
                continue
            called = ast.unparse(node.func)
            if called in names or called.endswith(".steps"):
                found.append(f"{path}:{node.lineno}: {called}(...)")
    return found


def test_no_operation_drops_the_steps_of_another():
    # The one place where steps are made to be driven.
    trees = {path: tree for path, tree in TREES.items() if path not in DRIVERS}

    assert dropped_steps(trees) == []


@pytest.mark.parametrize(
    "body", ["inner()", "inner.steps()", "x = inner()", "if inner():\n        pass"]
)
def test_a_forgotten_yield_from_is_found(body):
    source = (
        "def inner() -> Steps[None]:\n    yield\n"
        f"def outer() -> Steps[None]:\n    {body}\n    yield\n"
    )

    assert len(dropped_steps({"sample.py": ast.parse(source)})) == 1


@pytest.mark.parametrize("path", sorted(set(TREES) - DRIVERS))
def test_an_operation_module_imports_nothing_that_does_io(path):
    assert imported_roots(TREES[path]) & FORBIDDEN_IN_OPERATIONS == set()


@pytest.mark.parametrize("path", sorted(set(TREES) - DRIVERS))
def test_an_operation_never_catches_what_unwinds_it(path):
    caught = {
        ast.unparse(node.type) if node.type else "everything"
        for node in ast.walk(TREES[path])
        if isinstance(node, ast.ExceptHandler)
    }

    assert not caught & {"everything", "BaseException", "GeneratorExit"}


OPERATIONS = {
    name: inspect.signature(getattr(runledger_postgres, name).steps).parameters
    for name in runledger_postgres.__all__
    if hasattr(getattr(runledger_postgres, name), "steps")
}
SOMEBODYS = re.compile(r"(append|cancel|count|explain|get|list|requeue|retry)_")
# What belongs to nobody in particular.
OPERATORS = re.compile(r"definition|runtime_config|job_schedule")


def test_whoever_touches_jobs_or_runs_says_whose():
    without = {name for name, found in OPERATIONS.items() if "scope" not in found}
    scopes = [found["scope"] for found in OPERATIONS.values() if "scope" in found]

    assert [
        name
        for name in sorted(without)
        if SOMEBODYS.match(name) and not OPERATORS.search(name)
    ] == []
    assert {scope.kind for scope in scopes} == {inspect.Parameter.KEYWORD_ONLY}
    assert {scope.default for scope in scopes} == {inspect.Parameter.empty}
