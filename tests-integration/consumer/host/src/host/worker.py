"""The worker: everything that the shop does later."""

from __future__ import annotations

import logging
from importlib import import_module

from runledger_runtime import JobCatalog, Supervisor

from . import mail, orders
from .database import closed_pool


def run() -> int:
    """Run until a signal comes, and return the exit code."""
    logging.basicConfig(level=logging.INFO)
    # Handlers bind themselves to the catalogs when they are imported.
    for module in ("mail_handlers", "order_handlers"):
        import_module(f"{__package__}.{module}")
    catalog = JobCatalog.merged(mail.catalog, orders.catalog)
    return Supervisor(closed_pool(), catalog=catalog).run()
