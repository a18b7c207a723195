"""Handles of the library, and blocking calls that let Ctrl-C through."""

from __future__ import annotations

import threading
import time
from concurrent import futures
from typing import Any, Callable, TypeVar

from ._callbacks import on_main_thread
from .errors import Stale, TimedOut

T = TypeVar("T")

# How late the main thread hears Ctrl-C while it waits: Python runs signal handlers between calls only.
SLICE = 0.1


class Handle:
    """A number of the library's. It is freed once: by `free`, or with the object, on whatever thread."""

    _free: Callable[[int], Any]
    _number = 0

    def __init__(self, number: int) -> None:
        self._number = number

    @property
    def number(self) -> int:
        if self._number == 0:
            raise Stale(f"this {type(self).__name__} was freed")
        return self._number

    def free(self) -> None:
        """Gives the handle back. Never blocks; again is fine."""
        number, self._number = self._number, 0
        if number:
            type(self)._free(number)

    def __del__(self) -> None:
        self.free()

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__qualname__} {self._number:#x}>"


def millis(timeout: float | None) -> int:
    """For the library: None is for ever. Never rounds something to nothing."""
    return -1 if timeout is None else max(0, -int(-timeout * 1000 // 1))


def wait(ask: Callable[[int], T], timeout: float | None) -> T:
    """Calls `ask` with a time in ms; on the main thread in slices, so that Ctrl-C is heard."""
    if not on_main_thread():
        return ask(millis(timeout))
    until = None if timeout is None else time.monotonic() + timeout
    while True:
        left = SLICE if until is None else until - time.monotonic()
        try:
            return ask(millis(min(left, SLICE)))
        except TimedOut:
            if until is not None and left <= SLICE:
                raise


def aside(work: Callable[[], T]) -> T:
    """For a wait that cannot be sliced: on the main thread another one does it, so that Ctrl-C is heard."""
    if not on_main_thread():
        return work()
    done: futures.Future[T] = futures.Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: B036 - it is the caller's.
            done.set_exception(error)

    threading.Thread(target=run, name="laneq-aside", daemon=True).start()
    while not done.done():
        # A signal that came just before the wait began does not end it.
        futures.wait((done,), SLICE)
    return done.result()
