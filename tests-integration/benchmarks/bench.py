"""Run the benchmark suite; `nox -s bench` starts this where all it needs is."""

from __future__ import annotations

import sys

from runledger_bench.command import main

if __name__ == "__main__":
    sys.exit(main())
