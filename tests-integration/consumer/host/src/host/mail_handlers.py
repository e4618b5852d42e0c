"""How mails are sent: workers alone import this."""

from __future__ import annotations

import trio
import trio.lowlevel

from runledger_core import JobFailure
from runledger_runtime import JobContext

from .mail import SEND, Mail, catalog


@catalog.handler(SEND)
async def send_mail(context: JobContext, payload: Mail) -> dict[str, str]:
    """Send one mail, or say that nobody can."""
    if "@" not in payload.to:
        raise JobFailure.terminal("mail.bad_address", "that is no address")
    await trio.lowlevel.checkpoint()
    return {"sent_to": payload.to}
