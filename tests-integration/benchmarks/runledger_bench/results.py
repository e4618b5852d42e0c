"""
Hold what a scenario measured, and write it as JSON: raw samples first, medians beside.

`Report` is what a scenario writes into. A sample is one round's figure for rates, and
one job's for latencies; nothing is dropped and nothing is averaged before it is stored.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FORMAT = 1
OURS = "runledger"
DISTRIBUTIONS = ("core", "postgres", "runtime", "test-support")
CENTILES = (50, 90, 95, 99)
MANY = 50  # from this many samples on, centiles mean something


@attrs.define
class Measure:
    """The samples of one quantity on one side."""

    name: str
    unit: str
    side: str = OURS
    samples: list[float] = attrs.field(factory=list)

    def add(self, *samples: float) -> None:
        """Store samples as they came."""
        self.samples.extend(samples)

    def to_json(self) -> dict[str, Any]:
        """Return the samples and what follows from them."""
        told = {**attrs.asdict(self), "count": len(self.samples)}
        if self.samples:
            told["median"] = statistics.median(self.samples)
            told["min"], told["max"] = min(self.samples), max(self.samples)
        if len(self.samples) >= MANY:
            cuts = statistics.quantiles(self.samples, n=100, method="inclusive")
            told["centiles"] = {str(each): cuts[each - 1] for each in CENTILES}
        return told


@attrs.define
class Series:
    """How a quantity went over time, or over something else."""

    name: str
    unit: str
    over: str = "seconds"
    side: str = OURS
    points: list[tuple[float, float]] = attrs.field(factory=list)


@attrs.define
class Report:
    """What one run of a scenario has to say."""

    measures: list[Measure] = attrs.field(factory=list)
    series: list[Series] = attrs.field(factory=list)
    counts: dict[str, int] = attrs.field(factory=dict)
    """What was counted in the database: exact, and the same on every machine."""
    settings: dict[str, Any] = attrs.field(factory=dict)
    notes: list[str] = attrs.field(factory=list)

    def add(self, name: str, unit: str, *samples: float, side: str = OURS) -> None:
        """Store samples of a quantity, which is made when it is new."""
        for measure in self.measures:
            if (measure.name, measure.side) == (name, side):
                break
        else:
            measure = Measure(name, unit, side)
            self.measures.append(measure)
        measure.add(*samples)

    def follow(
        self, name: str, unit: str, x: float, y: float, *, over: str = "seconds"
    ) -> None:
        """Store a point of a series, which is made when it is new."""
        for series in self.series:
            if series.name == name:
                break
        else:
            series = Series(name, unit, over)
            self.series.append(series)
        series.points.append((x, y))

    def count(self, name: str, number: int) -> None:
        """Add to a count."""
        self.counts[name] = self.counts.get(name, 0) + number

    def median(self, name: str, side: str = OURS) -> float:
        """Return the median of a quantity."""
        for measure in self.measures:
            if (measure.name, measure.side) == (name, side):
                return statistics.median(measure.samples)
        raise LookupError(f"{side} has no measure {name!r}")


def machine() -> dict[str, Any]:
    """Tell what it ran on, and how busy that was."""
    return {
        "platform": platform.platform(),
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "load_average": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "python_loops_per_ms": python_speed(),
        "steal_percent_since_boot": steal_percent(),
    }


def processor_name() -> str:
    """Return the processor's name, where the system tells."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    names = [line for line in text.splitlines() if line.startswith("model name")]
    return names[0].partition(":")[2].strip() if names else platform.machine()


def python_speed() -> int:
    """Return how fast plain Python is now: tells a slow slot of a shared machine."""
    loops, until = 0, time.perf_counter() + 0.05
    while time.perf_counter() < until:
        for _ in range(100):
            loops += 1
    return loops // 50


def steal_percent() -> float | None:
    """Return how much of the processors' time a hypervisor gave to others."""
    try:
        line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
    except OSError:
        return None
    ticks = [int(each) for each in line.split()[1:]]
    return round(100 * ticks[7] / max(sum(ticks[:8]), 1), 2)


def versions() -> dict[str, str]:
    """Tell what of ours and of psycopg's was measured."""
    told = {
        f"runledger-{each}": importlib.metadata.version(f"runledger-{each}")
        for each in DISTRIBUTIONS
    }
    return {
        **told,
        "python": sys.version.split()[0],
        "psycopg": f"{psycopg.__version__} ({psycopg.pq.__impl__})",
        "trio": importlib.metadata.version("trio"),
    }


def document(
    scenario: str,
    report: Report,
    *,
    size: str,
    sizes: Mapping[str, Any],
    rounds: int,
    server: Mapping[str, str],
    seconds: float,
) -> dict[str, Any]:
    """Return the result as it is written."""
    return {
        "format": FORMAT,
        "scenario": scenario,
        "size": size,
        "sizes": dict(sizes),
        "rounds": rounds,
        "ended_at": datetime.now(tz=UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 2),
        "machine": machine(),
        "versions": versions(),
        "server": dict(server),
        "settings": report.settings,
        "measures": [each.to_json() for each in report.measures],
        "series": [attrs.asdict(each) for each in report.series],
        "counts": report.counts,
        "notes": report.notes,
    }


def write(result: Mapping[str, Any], directory: Path) -> Path:
    """Write a result under the scenario's name; the last one of a name stays."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{result['scenario']}.json"
    path.write_text(json.dumps(result, indent=1), encoding="utf-8")
    return path


def read(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Read results."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]
