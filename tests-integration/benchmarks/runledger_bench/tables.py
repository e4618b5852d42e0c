"""
Write the markdown tables of results: `python -m runledger_bench.tables FILE...`.

One row for each quantity and side. Ratios are ours by theirs, of medians of the same
run; for what is better small (times, memory) theirs by ours, so above 1 is always ours.
Where peers were compared a second table tells what each one writes down for a job.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .results import OURS, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SMALL_IS_GOOD = ("ms", "s", "MiB", "bytes", "%", "statements/min", "bytes/job")
HEAD = "| what | side | median | min - max | p99 | samples | ours by theirs |"
RULE = "| --- | --- | ---: | --- | ---: | ---: | ---: |"
SIDES_HEAD = (
    "| side | version and settings | rows written, a job | WAL, a job | keeps |"
)
SIDES_RULE = "| --- | --- | --- | ---: | --- |"
PER_JOB = "per job"
WHOLE = 100.0


def markdown(result: Mapping[str, Any]) -> str:
    """Return a result as a markdown table with a line about its circumstances."""
    lines = [HEAD, RULE, *rows(result), ""]
    sides = result["settings"].get("sides")
    if sides and any(each["unit"] == PER_JOB for each in result["measures"]):
        lines += [SIDES_HEAD, SIDES_RULE, *side_rows(result, sides), ""]
    return "\n".join([*lines, circumstances(result), ""])


def rows(result: Mapping[str, Any]) -> Iterator[str]:
    """Give a row for each quantity and side, ours first."""
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for measure in result["measures"]:
        if measure["samples"] and measure["unit"] != PER_JOB:
            by_name.setdefault(measure["name"], []).append(measure)
    for name, measures in by_name.items():
        ours = next((each for each in measures if each["side"] == OURS), None)
        for measure in sorted(measures, key=lambda each: each["side"] != OURS):
            p99 = measure.get("centiles", {}).get("99")
            spread = f"{figure(measure['min'])} - {figure(measure['max'])}"
            yield " | ".join(
                [
                    f"| {name}, {measure['unit']}",
                    measure["side"],
                    figure(measure["median"]),
                    spread,
                    "" if p99 is None else figure(p99),
                    str(measure["count"]),
                    f"{ratio(ours, measure)} |",
                ]
            )


def side_rows(
    result: Mapping[str, Any], sides: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """Give a row for what each side is, and what it leaves behind."""
    written = {
        (each["side"], each["name"]): figure(each["median"])
        for each in result["measures"]
        if each["unit"] == PER_JOB and each["samples"]
    }
    for side, told in sides.items():
        named = [*told["versions"].items(), *told["settings"].items()]
        settings = ", ".join(f"{name} {value}" for name, value in named)
        rows_written = ", ".join(
            f"{written[side, f'rows {what}']} {what}"
            for what in ("inserted", "updated", "deleted")
            if (side, f"rows {what}") in written
        )
        wal = written.get((side, "WAL bytes"))
        shown = "" if wal is None else f"{wal} bytes"
        yield f"| {side} | {settings} | {rows_written} | {shown} | {told['keeps']} |"


def ratio(ours: Mapping[str, Any] | None, theirs: Mapping[str, Any]) -> str:
    """Return how many times better ours is, or nothing."""
    if ours is None or theirs is ours or not ours["median"] or not theirs["median"]:
        return ""
    value = ours["median"] / theirs["median"]
    return f"{1 / value if theirs['unit'] in SMALL_IS_GOOD else value:.2f}"


def figure(value: float) -> str:
    """Return a number with as many digits as it deserves."""
    if abs(value) >= WHOLE or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def circumstances(result: Mapping[str, Any]) -> str:
    """Say what the table was measured on and with."""
    server, machine = result["server"], result["machine"]
    return (
        f"{machine['processor']}, {machine['cores']} cores, PostgreSQL "
        f"{server['server_version']} with fsync {server['fsync']} and "
        f"synchronous_commit {server['synchronous_commit']}, Python "
        f"{result['versions']['python']}; {result['rounds']} rounds, "
        f"{result['ended_at'][:10]}."
    )


def main() -> int:
    """Print the tables of the files that were named."""
    for result in read(Path(name) for name in sys.argv[1:]):
        print(f"## {result['scenario']}\n\n{markdown(result)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
