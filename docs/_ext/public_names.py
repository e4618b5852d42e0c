"""Know every public name, and where it is documented."""

from __future__ import annotations

import importlib
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# Whose __all__ is the public interface. A name that several of them hand out is
# documented under the first.
PUBLIC_MODULES = (
    "runledger_core",
    "runledger_core.errors",
    "runledger_core.codes",
    "runledger_core.migrations",
    "runledger_core.workflows",
    "runledger_core.workflows.pictures",
    "runledger_postgres",
    "runledger_runtime",
    "runledger_runtime.otel",
    "runledger_test_support",
)


@cache
def public_names() -> Mapping[str, Any]:
    """Return every public object by the full name under which it is documented."""
    names: dict[str, Any] = {}
    for module_name in PUBLIC_MODULES:
        module = importlib.import_module(module_name)
        for name in module.__all__:
            value = getattr(module, name)
            if not any(
                full.endswith(f".{name}") and known is value
                for full, known in names.items()
            ):
                names[f"{module_name}.{name}"] = value
    return names


@cache
def by_short_name() -> Mapping[str, str]:
    """
    Return full names by what people write.

    That is a name alone and, for classes, a class with one of its methods. Of two
    layers that use one name, the runtime's is what most readers mean.
    """
    short: dict[str, str] = {}
    for full, value in public_names().items():
        name = full.rpartition(".")[2]
        short[name] = full
        if isinstance(value, type) and issubclass(value, Enum):
            short |= {f"{name}.{each.name}": f"{full}.{each.name}" for each in value}
        if isinstance(value, type):
            for member in dir(value):
                if not member.startswith("_") and _is_ours(value, member):
                    short[f"{name}.{member}"] = f"{full}.{member}"
    return short


def _is_ours(value: type, member: str) -> bool:
    """Tell whether a method is a class's own, or of a base that no page shows."""
    if not callable(getattr(value, member, None)):
        return False
    owner = next(each for each in value.__mro__ if member in vars(each))
    address = f"{owner.__module__}.{owner.__qualname__}"
    is_private = address not in by_own_address()
    return owner is value or (is_private and address.startswith("runledger_"))


@cache
def by_own_address() -> Mapping[str, str]:
    """Return full names by the private module in which a class is written."""
    return {
        f"{value.__module__}.{value.__qualname__}": full
        for full, value in public_names().items()
        if isinstance(value, type)
    }
