"""Set environment variables for a while."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType


class ScopedEnv:
    """
    Set or unset environment variables inside a ``with`` block.

    ``None`` unsets. On leaving, every variable that was touched, also one touched by
    :meth:`set` inside the block, is what it was before: same value, or absent. One
    object may be entered again, also inside itself; each exit undoes its own entry.

    The environment belongs to the process: other threads see the change, and two
    threads that scope the same variable at once restore each other's values. Use it
    from one thread at a time, and set what threads read before they start.
    """

    def __init__(
        self,
        variables: Mapping[str, str | None] | None = None,
        /,
        **more: str | None,
    ) -> None:
        self._variables = {**(variables or {}), **more}
        self._saved: list[dict[str, str | None]] = []

    def set(self, name: str, value: str | None) -> None:
        """
        Set *name*, or unset it with None, until the innermost block ends.

        Raises:
            RuntimeError: outside of a block, where nothing would undo it.
        """
        if not self._saved:
            raise RuntimeError("ScopedEnv.set needs the block of a with statement")
        self._saved[-1].setdefault(name, os.environ.get(name))
        _assign(name, value)

    def unset(self, name: str) -> None:
        """Unset *name* until the innermost block ends."""
        self.set(name, None)

    def __enter__(self) -> Self:
        self._saved.append({})
        try:
            for name, value in self._variables.items():
                self.set(name, value)
        except BaseException:
            # A name or value that the system refuses: undo the first ones.
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for name, value in self._saved.pop().items():
            _assign(name, value)


def _assign(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
