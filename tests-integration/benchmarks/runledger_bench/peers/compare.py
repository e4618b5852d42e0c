"""
Measure all sides in turn, A B C A B C: a slow moment of the machine meets them all.

Each round begins with another side, so none is always the one after a pause. A side
that fails is told of and left out of the scenario; it gets no figure. Every drain and
every latency run ends with a look at the states in the database.
"""

from __future__ import annotations

import traceback
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import attrs

from ..results import Report
from ..server import empty_database, settle
from ..tables import PER_JOB
from .environments import CannotRunError, interpreter
from .side import Side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .pins import Peer

FEWEST = 100
# From enqueue to end; as the server counts them.
WRITES = ("rows inserted", "rows updated", "rows deleted", "WAL bytes")


@attrs.frozen(kw_only=True)
class Amounts:
    """How much is measured."""

    drain_jobs: int = 50_000
    single_jobs: int = 2_000
    bulk_jobs: int = 50_000
    latency_jobs: int = 200
    rounds: int = 5


def measure(
    admin_dsn: str, peers: Sequence[Peer], scenarios: Sequence[str], amounts: Amounts
) -> Iterator[tuple[str, Report]]:
    """Yield each scenario's report when it is done, as the next may take long."""
    notes: list[str] = []
    with ExitStack() as stack:
        sides = []
        for peer in peers:
            try:
                dsn = stack.enter_context(empty_database(admin_dsn))
                side = Side(peer, interpreter(peer), dsn)
                side.set_up()
            except CannotRunError as reason:
                notes.append(f"{peer.name} was left out: {reason}")
            except Exception as error:  # noqa: BLE001 - told, and the others go on
                notes.append(failure(peer.name, "set-up", error))
            else:
                sides.append(side)
        for name in scenarios:
            yield name, in_turn(name, SCENARIOS[name], sides, amounts, notes)


def in_turn(
    name: str,
    scenario: Callable[[Side, Amounts, Report], None],
    sides: Sequence[Side],
    amounts: Amounts,
    notes: Sequence[str],
) -> Report:
    """Run a scenario on all sides, round by round."""
    report = Report(notes=list(notes))
    report.settings["sides"] = {side.name: told(side) for side in sides}
    going = list(sides)
    for number in range(amounts.rounds):
        shift = number % len(going) if going else 0
        for side in [*going[shift:], *going[:shift]]:
            print(f"  {name}, round {number + 1}: {side.name}", flush=True)
            try:
                side.empty()
                scenario(side, amounts, report)
            except Exception as error:  # noqa: BLE001 - told, and the others go on
                report.notes.append(failure(side.name, name, error))
                going.remove(side)
                report.measures = [
                    each for each in report.measures if each.side != side.name
                ]
    return report


def told(side: Side) -> dict[str, Any]:
    """Return what a result says about a side."""
    return {
        "versions": side.about["versions"],
        "settings": side.about["settings"],
        "share_of_jobs": side.peer.share,
        "keeps": side.about["keeps"],
    }


def failure(name: str, what: str, error: Exception) -> str:
    """Say that a side failed; the whole story goes to the terminal."""
    traceback.print_exception(error)
    return f"{name} failed in {what}: {type(error).__name__}: {error}"


def drain(processes: int) -> Callable[[Side, Amounts, Report], None]:
    """Return the scenario of so many worker processes."""

    def run(side: Side, amounts: Amounts, report: Report) -> None:
        count = share_of(side, amounts.drain_jobs)
        before = side.written()
        side.fill(count)
        settle(side.dsn)
        rate = side.drain_rate(count, processes)
        plural = "es" if processes > 1 else ""
        report.add(
            f"drain, {processes} process{plural}", "jobs/s", rate, side=side.name
        )
        for what, began, ended in zip(WRITES, before, side.written(), strict=True):
            report.add(what, PER_JOB, (ended - began) / count, side=side.name)
        report.count(f"jobs of {side.name}", count)

    return run


def single(side: Side, amounts: Amounts, report: Report) -> None:
    """Enqueue one by one, from one client and from ten."""
    for clients in (1, 10):
        rate = side.enqueue_rate(amounts.single_jobs, clients)
        plural = "s" if clients > 1 else ""
        name = f"enqueue one by one, {clients} client{plural}"
        report.add(name, "jobs/s", rate, side=side.name)
    report.count(f"jobs of {side.name}", 2 * amounts.single_jobs)


def bulk(side: Side, amounts: Amounts, report: Report) -> None:
    """Enqueue by the call for many, where there is one."""
    if not side.about["has_bulk"]:
        note = f"{side.name} has no call for many jobs"
        if note not in report.notes:
            report.notes.append(note)
        return
    count = share_of(side, amounts.bulk_jobs)
    rate = side.bulk_rate(count)
    report.add("enqueue 1,000 a call", "jobs/s", rate, side=side.name)
    report.count(f"jobs of {side.name}", count)


def latency(side: Side, amounts: Amounts, report: Report) -> None:
    """Take what single jobs wait for an idle worker."""
    waits = side.latencies(amounts.latency_jobs)
    report.add("commit to start", "ms", *waits, side=side.name)
    report.count(f"jobs of {side.name}", len(waits))


def share_of(side: Side, count: int) -> int:
    """Return how many of the jobs a side is given."""
    return max(int(count * side.peer.share), min(count, FEWEST))


SCENARIOS: dict[str, Callable[[Side, Amounts, Report], None]] = {
    "drain_1": drain(1),
    "drain_2": drain(2),
    "single": single,
    "bulk": bulk,
    "latency": latency,
}
