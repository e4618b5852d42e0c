"""
Know the scenarios, their sizes, and how one of them is run.

Each scenario has three sizes: full is what the figures of the documentation come from,
quick is for a look within minutes, and smoke is for tests, which look at counts alone.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import attrs

from .results import Report, document
from .server import bench_server, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SIZES = ("full", "quick", "smoke")
ROUNDS = {"full": 5, "quick": 3, "smoke": 1}


class Unavailable(Exception):  # noqa: N818 - it is no fault
    """Something that the scenario needs is not installed; the text says what."""


@attrs.frozen
class Bench:
    """What a scenario is given."""

    admin_dsn: str
    sizes: Mapping[str, Any]
    rounds: int
    report: Report = attrs.field(factory=Report)


@attrs.frozen
class Scenario:
    """A scenario and its sizes."""

    name: str
    summary: str
    run: Callable[[Bench], None]
    sizes: Mapping[str, Mapping[str, Any]]


SCENARIOS: dict[str, Scenario] = {}


def scenario(
    name: str,
    *,
    full: Mapping[str, Any],
    quick: Mapping[str, Any],
    smoke: Mapping[str, Any],
) -> Callable[[Callable[[Bench], None]], Callable[[Bench], None]]:
    """Register a scenario; quick and smoke name what is not as in full."""
    sizes = {"full": full, "quick": {**full, **quick}, "smoke": {**full, **smoke}}
    if unknown := {*quick, *smoke} - full.keys():
        raise ValueError(f"{name} has no sizes {sorted(unknown)}")

    def register(function: Callable[[Bench], None]) -> Callable[[Bench], None]:
        summary = (function.__doc__ or "").strip().splitlines()[0]
        SCENARIOS[name] = Scenario(name, summary, function, sizes)
        return function

    return register


def run(
    chosen: Scenario,
    size: str,
    *,
    rounds: int | None = None,
    changes: Mapping[str, Any] | None = None,
    admin_dsn: str | None = None,
) -> dict[str, Any]:
    """
    Run a scenario and return its result.

    Args:
        chosen: the scenario.
        size: full, quick or smoke.
        rounds: how often each side is measured; the default goes with the size.
        changes: sizes that are not as registered.
        admin_dsn: a server that runs; without it a durable one is started, and ends.
    """
    sizes = {**chosen.sizes[size], **(changes or {})}
    if unknown := sizes.keys() - chosen.sizes[size].keys():
        raise ValueError(f"{chosen.name} has no sizes {sorted(unknown)}")
    if admin_dsn is None:
        with bench_server() as dsn:
            return run(chosen, size, rounds=rounds, changes=changes, admin_dsn=dsn)
    bench = Bench(admin_dsn, sizes, rounds or ROUNDS[size])
    began_at = time.perf_counter()
    chosen.run(bench)
    return document(
        chosen.name,
        bench.report,
        size=size,
        sizes=sizes,
        rounds=bench.rounds,
        server=settings_of(admin_dsn),
        seconds=time.perf_counter() - began_at,
    )
