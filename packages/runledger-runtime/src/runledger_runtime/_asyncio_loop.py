"""Find the asyncio loop for the handlers of a trio run, or start one for them."""

from __future__ import annotations

import asyncio
import threading
from typing import Final

import trio

_END_SECONDS: Final = 5.0
# Each trio run has its own: the host's loop, or a private one.
_loop_of_run: trio.lowlevel.RunVar[asyncio.AbstractEventLoop] = trio.lowlevel.RunVar(
    "runledger_asyncio_loop"
)


def use_asyncio_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Let the asyncio handlers of this trio run be run in *loop*."""
    _loop_of_run.set(loop)


def asyncio_loop() -> asyncio.AbstractEventLoop:
    """Return the loop for the handlers of this trio run; start one if there is none."""
    try:
        return _loop_of_run.get()
    except LookupError:
        pass
    try:
        # Trio runs as a guest of this very loop.
        loop = asyncio.get_running_loop()
    except RuntimeError:
        private = _PrivateLoop()
        loop = private.loop
        trio.lowlevel.spawn_system_task(private.keep, name="runledger asyncio loop")
    use_asyncio_loop(loop)
    return loop


class _PrivateLoop:
    """An asyncio loop in a thread of its own, as long as the trio run lasts."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(
            target=self._run, name="runledger asyncio", daemon=True
        )
        self._thread.start()

    async def keep(self) -> None:
        """End the loop when everything else of the trio run has ended."""
        try:
            await trio.sleep_forever()
        finally:
            self.loop.call_soon_threadsafe(self._end.set)
            self._thread.join(_END_SECONDS)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._wait())

    async def _wait(self) -> None:
        await self._end.wait()
