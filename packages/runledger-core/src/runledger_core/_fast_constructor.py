"""Make frozen records fast, where they are made for every job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


def fast_constructor(record: Callable[P, T]) -> Callable[P, T]:
    """
    Return what makes a frozen record as its class does, in half the time or less.

    A frozen class of attrs has to go around its own ``__setattr__`` for each field.
    Here the fields are set in a subclass of the same layout that is not frozen, and
    then the record changes its class to the one that was asked for: nobody can tell.

    Args:
        record: a class made by ``attrs.frozen``, without ``__attrs_post_init__``.

    Raises:
        TypeError: it has one, and would not be asked.
    """
    frozen: Any = record
    if hasattr(frozen, "__attrs_post_init__"):
        message = f"{frozen.__name__} looks at its values once they are set"
        raise TypeError(message)

    @attrs.define(repr=False, eq=False)
    class Open(frozen):  # type: ignore[misc]  # its base is known to the caller
        # Both, or Python calls the slot of the frozen class all the same.
        __setattr__ = object.__setattr__
        __delattr__ = object.__delattr__

        def __attrs_post_init__(self) -> None:
            self.__class__ = frozen

    return cast("Callable[P, T]", Open)
