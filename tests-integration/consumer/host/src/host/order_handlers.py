"""How orders are priced and shipped: workers alone import this."""

from __future__ import annotations

from typing import Any

from runledger_runtime import JobContext

from .orders import PAYMENT, PRICE, SHIP, Item, catalog

CENTS = {"apple": 40, "pear": 55}


@catalog.handler(PRICE)
def price(context: JobContext, payload: Item) -> int:
    """Look a price up, in a thread."""
    return CENTS[payload.name] * payload.count


@catalog.handler(SHIP)
async def ship(context: JobContext, payload: dict[str, Any]) -> dict[str, Any]:
    """Add up what the steps before have found, beside how it was paid."""
    inputs = dict(context.inputs)
    paid_by = inputs.pop(PAYMENT)
    return {"number": payload["number"], "cents": sum(inputs.values()), **paid_by}
