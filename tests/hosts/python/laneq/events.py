"""Events, as they come."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Iterator
from typing import Any

from ._library import C
from ._structs import EventsOptions, sized, take_text
from .errors import Closed
from .handle import Handle, wait


class Events(Handle):
    """Iterates over the events of an engine, each a dict, and ends when the engine is closed."""

    _free = C.events_free

    def __init__(self, engine: int, show_text: bool) -> None:
        options, made = sized(EventsOptions), ctypes.c_uint64()
        options.show_text = int(show_text)
        C.events_open(engine, ctypes.byref(options), ctypes.byref(made))
        super().__init__(made.value)

    def next(self, timeout: float | None = None) -> dict[str, Any]:
        """The next event. Raises `TimedOut` if there is none yet, `Closed` if none will come."""
        text = ctypes.c_uint64()
        wait(lambda ms: C.events_next(self.number, ms, ctypes.byref(text)), timeout)
        found: dict[str, Any] = json.loads(take_text(text))
        return found

    @property
    def lost(self) -> int:
        """How many were lost because nobody read them in time."""
        lost = ctypes.c_uint64()
        C.events_lost(self.number, ctypes.byref(lost))
        return lost.value

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self

    def __next__(self) -> dict[str, Any]:
        try:
            return self.next()
        except Closed:
            raise StopIteration from None
