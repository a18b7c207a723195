"""Receipts: where a message landed, and what became of it."""

from __future__ import annotations

import ctypes
from collections.abc import Generator
from typing import TYPE_CHECKING

from ._library import C
from ._structs import LandedStruct, MessageStruct, SettledStruct, sized
from .errors import TimedOut
from .handle import Handle, wait
from .message import Landed, Message, Settled

if TYPE_CHECKING:
    from .engine import Engine


class Receipt(Handle):
    """The answer to an accepted message, which goes its way whether or not this is kept."""

    _free = C.receipt_free

    def __init__(self, number: int, engine: Engine) -> None:
        super().__init__(number)
        self._engine = engine

    @property
    def landed(self) -> Landed:
        struct = sized(LandedStruct)
        C.receipt_landed(self.number, ctypes.byref(struct))
        return Landed.from_c(struct)

    @property
    def message(self) -> Message:
        """The message as it was submitted, to be submitted anew when it was parked."""
        struct = sized(MessageStruct)
        C.receipt_message(self.number, ctypes.byref(struct))
        return Message.from_c(struct)

    def _ask(self, ms: int) -> Settled:
        struct = sized(SettledStruct)
        C.receipt_wait(self.number, ms, ctypes.byref(struct))
        return Settled.from_c(struct)

    def settled(self) -> Settled | None:
        """What became of the message; None: it is not decided. Never blocks, right anywhere."""
        try:
            return self._ask(0)
        except TimedOut:
            return None

    def wait(self, timeout: float | None = None) -> Settled:
        """Blocks for what becomes of the message. Raises `TimedOut`, and `WouldDeadlock` in a handler: use
        `run.wait` there."""
        return wait(self._ask, timeout)

    def __await__(self) -> Generator[object, None, Settled]:
        """In a coroutine, while a port of its event loop is open. Cancelling it leaves the message alone."""
        return self._engine._port_here().settled(self).__await__()
