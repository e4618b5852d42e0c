"""Compare with peers; `nox -s bench_peers` starts this where all it needs is."""

from __future__ import annotations

import sys

from runledger_bench.peers.command import main

if __name__ == "__main__":
    sys.exit(main())
