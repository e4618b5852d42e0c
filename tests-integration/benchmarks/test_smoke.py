"""
Every scenario runs with a handful of jobs, so that the suite cannot rot.

What is looked at are counts and the shape of the results: no time and no rate.
"""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from runledger_bench import plots, results, scenarios, tables
from runledger_bench.peers.compare import SCENARIOS as COMPARISONS
from runledger_bench.peers.compare import Amounts, measure
from runledger_bench.peers.pins import PEERS, RUNLEDGER
from runledger_bench.registry import SCENARIOS, Unavailable, run
from runledger_bench.server import bench_server

pytestmark = pytest.mark.db

COUNTS = {
    "throughput": {"jobs": 40},
    "enqueue": {"jobs": 40, "bulk jobs": 4000},
    "latency": {"jobs": 11},
    "backlog": {"queued": 200},
    "history": {"finished": 200, "events": 600},
    "fleet": {"jobs": 104, "workers": 2},
    "workflow": {"steps": 22},
    "storage": {"jobs": 25},
    "idle": {"modes": 1},
    "memory": {"jobs": 50},
    "asyncio_hosts": {"jobs": 90},
}
KEYS = {
    "format",
    "scenario",
    "size",
    "sizes",
    "rounds",
    "ended_at",
    "seconds",
    "machine",
    "versions",
    "server",
    "settings",
    "measures",
    "series",
    "counts",
    "notes",
}


@pytest.fixture(scope="module")
def admin_dsn():
    # Nothing here is measured: fsync would only cost the suite its time.
    with bench_server(durable=False) as dsn:
        yield dsn


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario_runs_and_leaves_a_result(name, admin_dsn, tmp_path):
    try:
        result = run(SCENARIOS[name], "smoke", admin_dsn=admin_dsn)
    except Unavailable as reason:
        pytest.skip(str(reason))
    path = results.write(result, tmp_path)

    assert json.loads(path.read_text()).keys() == KEYS
    assert result["measures"]
    assert all(each["samples"] for each in result["measures"])
    assert result["counts"].items() >= COUNTS.get(name, {}).items()


def test_every_scenario_module_is_registered():
    modules = {path.stem for path in Path(scenarios.__file__).parent.glob("[!_]*.py")}

    assert modules == set(scenarios.__all__)


def test_our_own_driver_follows_the_contract_of_peers(admin_dsn):
    amounts = Amounts(drain_jobs=120, rounds=1)

    [(_, report)] = measure(admin_dsn, [RUNLEDGER], ["drain_1"], amounts)

    assert report.notes == []
    assert report.counts == {"jobs of runledger": 120}
    # The job, its attempt, and three events; server and worker write a little more.
    assert 5 <= report.median("rows inserted") < 6
    assert COMPARISONS.keys() == {"drain_1", "drain_2", "single", "bulk", "latency"}


def test_every_peer_is_pinned_and_has_a_driver():
    for peer in PEERS:
        assert peer.program.is_file()
        assert all("==" in each for each in peer.requirements)


def test_result_becomes_a_table_and_a_plot(tmp_path):
    report = results.Report()
    report.add("drain", "jobs/s", 300.0, 100.0, 200.0)
    report.add("drain", "jobs/s", 50.0, side="peer")
    report.add("wait", "ms", *map(float, range(1, 101)))
    report.add("wait", "ms", *map(float, range(2, 202, 2)), side="peer")
    report.follow("size", "MiB", 0, 1)
    report.follow("size", "MiB", 1, 2)
    result = results.document(
        "made_up",
        report,
        size="smoke",
        sizes={},
        rounds=3,
        server={"server_version": "18", "fsync": "on", "synchronous_commit": "on"},
        seconds=1.0,
    )

    rows = tables.markdown(result).splitlines()

    assert rows[2:6] == [
        "| drain, jobs/s | runledger | 200 | 100 - 300 |  | 3 |  |",
        "| drain, jobs/s | peer | 50 | 50 - 50 |  | 1 | 4.00 |",
        "| wait, ms | runledger | 50.5 | 1 - 100 | 99 | 100 |  |",
        "| wait, ms | peer | 101 | 2 - 200 | 198 | 100 | 2.00 |",
    ]
    # matplotlib is in the bench group alone.
    pytest.importorskip("matplotlib")
    (drawn,) = plots.draw(result, tmp_path)
    text = drawn.read_text()
    assert all(label in text for label in ("drain, jobs/s", "wait: peer", "size"))
