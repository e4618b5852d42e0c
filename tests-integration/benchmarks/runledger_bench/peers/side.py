"""One side of the comparison while it is measured: its database and its driver."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from ..ledger import connect
from ..processes import Launch, running
from ..server import settle, value_of
from ..waits import WARM_UP

if TYPE_CHECKING:
    from .pins import Peer

SUITE = Path(__file__).resolve().parents[2]
DRAIN_SECONDS = 600.0
COMMAND_SECONDS = 600.0
TOLD_CHARACTERS = 1500
WRITTEN = """
    SELECT
        COALESCE(sum(n_tup_ins), 0)::bigint,
        COALESCE(sum(n_tup_upd), 0)::bigint,
        COALESCE(sum(n_tup_del), 0)::bigint,
        pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint
    FROM pg_stat_user_tables
"""


class DriverError(Exception):
    """A driver failed, or what it left in the database is not what was asked for."""


@attrs.define
class Side:
    """A peer, its environment's Python, and its database."""

    peer: Peer
    python: Path
    dsn: str
    about: dict[str, Any] = attrs.field(factory=dict)

    @property
    def name(self) -> str:
        """What the results call it."""
        return self.peer.name

    def set_up(self) -> None:
        """Ask what it is, and install its schema."""
        self.about = self.ask("setup")

    def ask(self, command: str, *options: str) -> dict[str, Any]:
        """Have the driver do something; return the object that it prints last."""
        done = subprocess.run(
            [str(self.python), str(self.peer.program), command, *options],
            capture_output=True,
            text=True,
            check=False,
            env=self._environment(),
            timeout=COMMAND_SECONDS,
        )
        lines = done.stdout.splitlines()
        if done.returncode or not lines:
            told = (done.stdout + done.stderr)[-TOLD_CHARACTERS:]
            raise DriverError(f"{command} ended with {done.returncode}: {told}")
        answer: dict[str, Any] = json.loads(lines[-1])
        return answer

    def empty(self) -> None:
        """Leave nothing in its tables."""
        with connect(self.dsn) as connection:
            for statement in self.about["clear"]:
                connection.execute(statement)
        settle(self.dsn)

    def fill(self, count: int) -> None:
        """Enqueue by its own means: rows are as it writes them."""
        if self.about["has_bulk"]:
            self.ask("bulk", "--count", str(count))
        else:
            self.ask("enqueue", "--count", str(count), "--clients", "10")

    def enqueue_rate(self, count: int, clients: int) -> float:
        """Return jobs a second, each in its own transaction."""
        answer = self.ask("enqueue", "--count", str(count), "--clients", str(clients))
        return float(answer["count"]) / float(answer["seconds"])

    def bulk_rate(self, count: int) -> float:
        """Return jobs a second by the call for many."""
        return count / float(self.ask("bulk", "--count", str(count))["seconds"])

    def drain_rate(self, count: int, processes: int) -> float:
        """Return jobs a second, from the first start to the last end."""
        with running(self._worker(), processes) as fleet:
            fleet.wait_for(count, DRAIN_SECONDS)
            ended_at = self.wait_until_finished()
            seconds = ended_at - fleet.tally.first_start()
        self.check(count)
        return count / seconds

    def latencies(self, count: int) -> list[float]:
        """Return what jobs for an idle worker waited from commit to start, in ms."""
        total = count + WARM_UP
        with running(self._worker(), moments=total) as fleet:
            tally = str(fleet.tally.path)
            answer = self.ask("latency", "--count", str(total), "--tally", tally)
            self.wait_until_finished()
        self.check(total)
        waits: list[float] = answer["waits_ms"]
        return waits[WARM_UP:]

    def wait_until_finished(self) -> float:
        """Wait until no job is left; return when that was."""
        until = time.monotonic() + DRAIN_SECONDS
        with connect(self.dsn) as connection:
            while value_of(connection, self.about["unfinished"]):
                if time.monotonic() > until:
                    raise DriverError("jobs are left")
                time.sleep(0.005)
            return time.monotonic()

    def check(self, count: int) -> None:
        """Raise unless that many jobs, and no others, have ended well."""
        with connect(self.dsn) as connection:
            found = dict(connection.execute(self.about["states"]).fetchall())
        if found != {self.about["succeeded"]: count}:
            raise DriverError(f"not {count} jobs that ended well, but {found}")

    def written(self) -> tuple[int, int, int, int]:
        """Return rows inserted, updated and deleted so far, and bytes of WAL."""
        with connect(self.dsn) as connection:
            row = connection.execute(WRITTEN).fetchone()
        if row is None:
            raise LookupError("no statistics")
        return row[0], row[1], row[2], row[3]

    def _worker(self) -> Launch:
        command = [str(self.python), str(self.peer.program), "work"]
        return Launch(command, self._environment())

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "BENCH_DSN": self.dsn,
            "PYTHONPATH": str(SUITE),
            **self.peer.variables,
        }
