"""The scenarios: importing this registers all of them, in the order of the report."""

from . import throughput  # isort: skip
from . import enqueueing  # isort: skip
from . import latency  # isort: skip
from . import backlog  # isort: skip
from . import held_back  # isort: skip
from . import retention  # isort: skip
from . import fleet  # isort: skip
from . import workflow  # isort: skip
from . import shapes  # isort: skip
from . import storage  # isort: skip
from . import worker_costs  # isort: skip
from . import asyncio_hosts  # isort: skip

__all__ = [
    "asyncio_hosts",
    "backlog",
    "enqueueing",
    "fleet",
    "held_back",
    "latency",
    "retention",
    "shapes",
    "storage",
    "throughput",
    "worker_costs",
    "workflow",
]
