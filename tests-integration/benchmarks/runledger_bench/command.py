"""Run scenarios from the command line, and leave results, plots and tables."""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from pathlib import Path
from typing import Any

from . import plots, results, tables
from .registry import SCENARIOS, SIZES, Unavailable, run

ROOT = Path(__file__).resolve().parents[3]
# Ignored by git.
RESULTS = ROOT / ".nox" / "bench-results"


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; return 1 when a scenario failed."""
    from . import scenarios  # noqa: F401, PLC0415 - fills the registry

    options = parsed(arguments)
    changes = changes_of(options.set)
    failed = 0
    for name in options.scenario or SCENARIOS:
        chosen = SCENARIOS[name]
        print(f"## {name}: {chosen.summary}\n", flush=True)
        try:
            result = run(
                chosen, options.size, rounds=options.rounds, changes=changes.get(name)
            )
        except Unavailable as reason:
            print(f"left out: {reason}\n")
            continue
        except Exception:  # noqa: BLE001 - told, and counted
            # The other scenarios can still be measured; this one has no figures.
            traceback.print_exc()
            failed += 1
            continue
        report(result, options.out)
    return 1 if failed else 0


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    listing = "\n".join(
        f"  {each.name:14} {each.summary}" for each in SCENARIOS.values()
    )
    parser = argparse.ArgumentParser(
        prog="nox -s bench --",
        description=f"Run scenarios of the benchmark suite.\n\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenario", nargs="*", help="default: all of them")
    size = parser.add_mutually_exclusive_group()
    for each in SIZES:
        size.add_argument(
            f"--{each}", dest="size", action="store_const", const=each, default="full"
        )
    parser.add_argument("--rounds", type=int, help="default: 5, quick 3, smoke 1")
    parser.add_argument("--out", type=Path, default=RESULTS, help=f"default: {RESULTS}")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SCENARIO.SIZE=JSON",
        help="change a size, such as held_back.hold_seconds=60",
    )
    options = parser.parse_args(arguments)
    if unknown := set(options.scenario) - SCENARIOS.keys():
        parser.error(f"no scenario {', '.join(sorted(unknown))}")
    return options


def changes_of(settings: list[str]) -> dict[str, dict[str, Any]]:
    """Return the sizes to change by scenario."""
    changes: dict[str, dict[str, Any]] = {}
    for setting in settings:
        place, _, value = setting.partition("=")
        name, _, size = place.partition(".")
        changes.setdefault(name, {})[size] = json.loads(value)
    return changes


def report(result: dict[str, Any], out: Path) -> None:
    """Write the result and its plot, and print its table."""
    path = results.write(result, out)
    drawn = plots.draw(result, out)
    print(tables.markdown(result))
    for note in result["notes"]:
        print(f"- {note}")
    counts = ", ".join(
        f"{number:,} {name}" for name, number in result["counts"].items()
    )
    print(f"- counted: {counts}; {result['seconds']:.0f} s")
    print(f"- {', '.join(str(each) for each in (path, *drawn))}\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
