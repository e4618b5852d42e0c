"""Write the traceback of a handler's exception down."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import TracebackType

# Frames of these above the handler's own tell nothing about it.
_OWN_PACKAGES: Final = frozenset({"outcome", "runledger_runtime", "trio"})


def traceback_text(error: BaseException) -> str | None:
    """
    Return the traceback as Python prints it, from the handler's own frame on.

    No values of variables. None if the handler was not called, and if the exception
    cannot be shown: its class may do anything.
    """
    first = error.__traceback__
    while first is not None and _is_own(first):
        first = first.tb_next
    if first is None and not isinstance(error, BaseExceptionGroup):
        return None
    try:
        whole = traceback.TracebackException(
            type(error), error, first, capture_locals=False, compact=True
        )
        return "".join(whole.format()).rstrip("\n")
    except Exception:  # noqa: BLE001 - it must not cost the job its outcome
        return None


def _is_own(step: TracebackType) -> bool:
    name: str = step.tb_frame.f_globals.get("__name__", "")
    return name.partition(".")[0] in _OWN_PACKAGES
