"""Orders: a workflow that prices every item, waits for the payment, and ships."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from runledger_runtime import JobCatalog

if TYPE_CHECKING:
    from runledger_core.workflows import WorkflowRunEnqueue

PRICE, SHIP = "order.price", "order.ship"
PAYMENT = "payment"

catalog = JobCatalog()


@attrs.frozen
class Item:
    """One position of an order."""

    name: str
    count: int = 1


catalog.declare(PRICE, payload_type=Item)
catalog.declare(SHIP)


def price_key(item: Item) -> str:
    """Return the key of the step that prices an item."""
    return f"price-{item.name}"


def order_workflow(number: str, items: list[Item]) -> WorkflowRunEnqueue:
    """Describe what happens to an order."""
    dag = catalog.workflow_dag("order.fulfil", {"number": number})
    keys = [price_key(item) for item in items]
    for item in items:
        dag.job(price_key(item), PRICE, item)
    dag.external(PAYMENT, {"number": number}).after_success(PAYMENT, keys)
    dag.job("ship", SHIP, {"number": number}, inputs=[*keys, PAYMENT])
    dag.after_success("ship", [*keys, PAYMENT])
    return dag.result_step("ship").build()
