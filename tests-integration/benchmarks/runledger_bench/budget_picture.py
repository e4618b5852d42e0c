"""Draw where the processor time of a job goes: the server's and the worker's."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from .plots import (
    BAR_INCHES,
    OUR_COLOUR,
    THEIR_COLOUR,
    WIDTH_INCHES,
    tidy,
    write_svg,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MOST_FILES = 10
LEAST_MICROSECONDS = 0.5
OTHERS = "all other files"


def draw_budget(budget: Mapping[str, Any], functions: Counter[str], path: Path) -> None:
    """Draw the server's time by statement and the worker's by file, as SVG."""
    write_svg()
    server, worker = server_parts(budget), worker_parts(budget, functions)
    bars = [(f"server: {name}", each) for name, each in server.items()]
    bars += [(f"worker: {name}", each) for name, each in worker.items()]
    height = BAR_INCHES * len(bars) + 0.9
    figure = Figure(figsize=(WIDTH_INCHES, height), layout="constrained")
    axis = figure.subplots()
    colours = [OUR_COLOUR] * len(server) + [THEIR_COLOUR] * len(worker)
    axis.barh(range(len(bars)), [each for _, each in bars], color=colours, height=0.7)
    axis.set_yticks(range(len(bars)), [label for label, _ in bars])
    axis.invert_yaxis()
    tidy(axis)
    axis.grid(visible=False, axis="y")
    axis.set_xlabel("microseconds of processor time a job", fontsize=8)
    figure.savefig(path, metadata={"Date": None})


def server_parts(budget: Mapping[str, Any]) -> dict[str, float]:
    """Return the server's microseconds a job by statement."""
    jobs = budget["jobs"]
    parts = {
        row["name"]: 1000 * row["milliseconds"] / jobs
        for row in budget["statements"]
        if row["toplevel"]
    }
    shown = {name: each for name, each in parts.items() if each >= LEAST_MICROSECONDS}
    whole = 1e6 * budget["server_seconds"] / jobs
    return {**shown, "commits, WAL and the rest": max(0.0, whole - sum(shown.values()))}


def worker_parts(
    budget: Mapping[str, Any], functions: Counter[str]
) -> dict[str, float]:
    """Return the worker's microseconds a job by file, as they were sampled."""
    took = budget["worker"]["user"] + budget["worker"]["system"]
    microseconds = 1e6 * took / budget["jobs"] / max(1, functions.total())
    files: Counter[str] = Counter()
    for name, count in functions.items():
        files[file_of(name)] += count
    del files[OTHERS]
    parts = {
        name: count * microseconds for name, count in files.most_common(MOST_FILES)
    }
    whole = functions.total() * microseconds
    return {**parts, OTHERS: whole - sum(parts.values())}


def file_of(function: str) -> str:
    """Return in which file a sampled function stands."""
    if "<attrs generated" in function:
        return "records made by attrs"
    found = re.search(r"\((.+):\d+\)$", function)
    return OTHERS if found is None else found[1]
