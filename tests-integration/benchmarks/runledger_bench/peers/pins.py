"""
Say which peers are compared, at which versions, and what each is given to do.

A slow peer gets fewer jobs, or the comparison would be about its patience; rates do not
depend on that, and the results state it. Settings stand in the drivers, with what each
peer leaves behind for a job.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from ..results import OURS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DRIVERS = Path(__file__).with_name("drivers")
PSYCOPG = "psycopg[binary,pool]==3.3.9"
UVLOOP = "uvloop==0.23.0"


@attrs.frozen(kw_only=True)
class Peer:
    """One side of the comparison."""

    name: str
    driver: str
    environment: str
    requirements: Sequence[str] = ()
    python: str | None = None
    """The version it needs, where the suite's own is too old."""
    share: float = 1.0
    """Of the jobs that it is given."""
    variables: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def program(self) -> Path:
        """The driver."""
        return DRIVERS / f"{self.driver}.py"


RUNLEDGER = Peer(name=OURS, driver="drive_runledger", environment="bench")
PGQUEUER = ("pgqueuer==1.6.0", "asyncpg==0.32.0", PSYCOPG, UVLOOP)
PEERS = (
    Peer(
        name="pgqueuer-asyncpg",
        driver="drive_pgqueuer",
        environment="peer-pgqueuer",
        requirements=PGQUEUER,
        variables={"BENCH_VARIANT": "asyncpg"},
    ),
    Peer(
        name="pgqueuer-psycopg",
        driver="drive_pgqueuer",
        environment="peer-pgqueuer",
        requirements=PGQUEUER,
        variables={"BENCH_VARIANT": "psycopg"},
    ),
    Peer(
        name="chancy",
        driver="drive_chancy",
        environment="peer-chancy",
        requirements=("chancy==0.26.0", PSYCOPG, UVLOOP),
    ),
    Peer(
        name="oban",
        driver="drive_oban",
        environment="peer-oban",
        requirements=("oban==0.7.0", PSYCOPG, UVLOOP),
        python="3.12",
        share=0.4,
    ),
    Peer(
        name="procrastinate",
        driver="drive_procrastinate",
        environment="peer-procrastinate",
        requirements=("procrastinate==3.10.0", PSYCOPG, UVLOOP),
        share=0.1,
    ),
    Peer(
        name="dbos",
        driver="drive_dbos",
        environment="peer-dbos",
        requirements=("dbos==3.4.0", PSYCOPG),
        share=0.1,
    ),
    Peer(
        name="absurd",
        driver="drive_absurd",
        environment="peer-absurd",
        # The schema comes with the command line tool and not with the SDK.
        requirements=("absurd-sdk==0.5.1", "absurdctl==0.5.1", PSYCOPG, UVLOOP),
        share=0.1,
    ),
)
