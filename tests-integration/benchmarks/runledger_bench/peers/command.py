"""Compare with peers from the command line, and leave results, plots and tables."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import attrs

from ..command import RESULTS, report
from ..results import document
from ..server import bench_server, settings_of
from .compare import SCENARIOS, Amounts, measure
from .pins import PEERS, RUNLEDGER

FULL = Amounts()
QUICK = Amounts(
    drain_jobs=5_000, single_jobs=300, bulk_jobs=5_000, latency_jobs=30, rounds=3
)
SMOKE = Amounts(drain_jobs=300, single_jobs=50, bulk_jobs=300, latency_jobs=5, rounds=1)
SIZES = {"full": FULL, "quick": QUICK, "smoke": SMOKE}


def main(arguments: list[str] | None = None) -> int:
    """Measure what was asked for; return 1 when a peer failed."""
    options = parsed(arguments)
    amounts = SIZES[options.size]
    changes = {
        field.name: value
        for field in attrs.fields(Amounts)
        if (value := getattr(options, field.name)) is not None
    }
    amounts = attrs.evolve(amounts, **changes)
    chosen = [each for each in PEERS if not options.peer or each.name in options.peer]
    failed = False
    with bench_server() as admin_dsn:
        server = settings_of(admin_dsn)
        began_at = time.perf_counter()
        scenarios = options.scenario or list(SCENARIOS)
        sides = [RUNLEDGER, *chosen]
        for name, found in measure(admin_dsn, sides, scenarios, amounts):
            failed = failed or any(" failed in " in note for note in found.notes)
            result = document(
                f"peers_{name}",
                found,
                size=options.size,
                sizes=attrs.asdict(amounts),
                rounds=amounts.rounds,
                server=server,
                seconds=time.perf_counter() - began_at,
            )
            print(f"\n## {result['scenario']}\n")
            report(result, options.out)
    return 1 if failed else 0


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="nox -s bench_peers --", description=__doc__)
    parser.add_argument("scenario", nargs="*", help=f"of {', '.join(SCENARIOS)}")
    names = [each.name for each in PEERS]
    parser.add_argument("--peer", action="append", choices=names, help="default: all")
    size = parser.add_mutually_exclusive_group()
    for each in SIZES:
        size.add_argument(
            f"--{each}", dest="size", action="store_const", const=each, default="full"
        )
    for field in attrs.fields(Amounts):
        option = f"--{field.name.replace('_', '-')}"
        parser.add_argument(option, type=int, help=f"default: {field.default:,}")
    parser.add_argument("--out", type=Path, default=RESULTS, help=f"default: {RESULTS}")
    options = parser.parse_args(arguments)
    if unknown := set(options.scenario) - SCENARIOS.keys():
        parser.error(f"no scenario {', '.join(sorted(unknown))}")
    return options


if __name__ == "__main__":
    sys.exit(main())
