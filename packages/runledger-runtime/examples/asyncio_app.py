"""
A web application that enqueues jobs and runs them too, all in one process.

    DATABASE_URL=postgresql://user@host/database uvicorn asyncio_app:app

The application is Starlette's, on asyncio. The supervisor has a thread of its own, from
the start of the application to its end. For an application that only enqueues, leave
the supervisor out: everything else stays as it is.
"""

from __future__ import annotations

import os
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import attrs
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from runledger_core import RunledgerError
from runledger_postgres import enqueue_job
from runledger_runtime import JobCatalog, JobContext, Supervisor, asyncio_handler

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

DATABASE_URL = os.environ["DATABASE_URL"]

catalog = JobCatalog()
# The application's own, for its requests and for handlers that run in its loop.
pool = AsyncConnectionPool(DATABASE_URL, min_size=2, open=False)
supervisor = Supervisor(
    ConnectionPool(DATABASE_URL, min_size=5, open=False, reconnect_timeout=5),
    catalog=catalog,
)


@attrs.frozen
class Welcome:
    """The payload of a welcome: checked before the handler is called."""

    address: str


@catalog.job("account.welcome", timeout_seconds=60)
@asyncio_handler
async def welcome(context: JobContext, payload: Welcome) -> str:
    """Greet an account. It runs in the application's loop and may use its pool."""
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE accounts SET greeted_by = %s WHERE address = %s",
            [context.worker_id, payload.address],
        )
    return payload.address


async def create_account(request: Request) -> JSONResponse:
    """Store an account, and its job with it: both are committed, or neither is."""
    address = (await request.json())["address"]
    job = catalog.job_enqueue("account.welcome", Welcome(address))
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO accounts (address) VALUES (%s)", [address]
        )
        enqueued = await enqueue_job(connection, job)
    return JSONResponse({"job_id": str(enqueued.job_id)}, status_code=202)


async def live(request: Request) -> JSONResponse:  # noqa: ARG001 - Starlette's form
    """Tell whether to keep this process; an outage of the database is no reason."""
    health = supervisor.health()
    return JSONResponse(health.as_json(), status_code=200 if health.is_live else 503)


async def ready(request: Request) -> JSONResponse:  # noqa: ARG001 - Starlette's form
    """Tell whether it works: its loops run, and the database answers."""
    health = supervisor.health()
    return JSONResponse(health.as_json(), status_code=200 if health.is_ready else 503)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:  # noqa: ARG001
    """Start the supervisor before the first request, stop it after the last."""
    async with pool:
        try:
            # Less than what the process manager allows before it kills.
            async with supervisor.in_asyncio(shutdown_timeout_seconds=25):
                yield
        except RunledgerError:
            # It has failed, or could not end in time. The server would go on serving
            # without it: end the process, to have it restarted. What keeps it from
            # starting, the server says and ends by itself.
            if supervisor.is_shutdown_requested:
                signal.raise_signal(signal.SIGTERM)
            raise


app = Starlette(
    routes=[
        Route("/accounts", create_account, methods=["POST"]),
        Route("/health/live", live),
        Route("/health/ready", ready),
    ],
    lifespan=lifespan,
)
