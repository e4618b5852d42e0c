"""Mails: what producers and workers both know."""

from __future__ import annotations

import attrs

from runledger_runtime import JobCatalog

SEND = "mail.send"

catalog = JobCatalog()


@attrs.frozen
class Mail:
    """One mail."""

    to: str
    template: str = "welcome"


catalog.declare(SEND, payload_type=Mail, max_attempts=3)
