"""
A worker to copy: settings from the environment, one catalog, an exit code.

    DATABASE_URL=postgresql://user@host/database python worker.py

Run as many as you like, on as many hosts. Stop one with SIGTERM: it takes no new jobs,
and ends when those that run have ended. `JobsConfig` lists the variables that it reads.
"""

from __future__ import annotations

import logging
import os
import sys

import attrs
import trio
from psycopg_pool import ConnectionPool

from runledger_core import JobFailure, RetryPolicy
from runledger_runtime import ExitCode, JobCatalog, JobContext, Supervisor

# In a program of any size the catalog stands in a module of its own, which producers
# import as well.
catalog = JobCatalog()


@attrs.frozen
class Mail:
    """The payload of a mail: checked before the handler is called."""

    to: str
    template: str = "welcome"


@catalog.job("mail.send", retry=RetryPolicy(base_seconds=5), timeout_seconds=60)
async def send_mail(context: JobContext, payload: Mail) -> dict[str, str]:
    """Send one mail. An async handler runs in trio."""
    if "@" not in payload.to:
        raise JobFailure.terminal("mail.bad_address", "that is no address")
    await trio.sleep(0.01)  # talk to the mail server here
    logging.info("%s: %s to %s", context.job_id, payload.template, payload.to)
    return {"sent_to": payload.to}


@catalog.job("thumbnails.make", max_attempts=3)
def make_thumbnails(context: JobContext, payload: list[str]) -> int:
    """Shrink pictures. A plain handler runs in a thread, and asks whether to go on."""
    for _path in payload:
        context.raise_if_cancelled()
    return len(payload)


def main() -> int:
    """Run until a signal comes, and say how that went."""
    logging.basicConfig(
        level=os.environ.get("LOG_LEVEL", "INFO"),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    url = os.environ.get("DATABASE_URL")
    if not url:
        logging.critical("DATABASE_URL is not set")
        return ExitCode.MISCONFIGURED
    pool = ConnectionPool(
        url,
        min_size=5,  # no call of the supervisor waits for another
        open=False,  # the supervisor opens it, and says in one line if it cannot
        # After an outage the pool's own pauses would double up to minutes; a pool that
        # gives up soon is asked again by the supervisor, whose pauses do not.
        reconnect_timeout=5,
        kwargs={"application_name": "worker", "connect_timeout": 10},
    )
    return Supervisor(pool, catalog=catalog).run()


if __name__ == "__main__":
    sys.exit(main())
