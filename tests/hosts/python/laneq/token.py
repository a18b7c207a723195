"""Cancel tokens."""

from __future__ import annotations

import ctypes
from typing import Callable

from . import words
from ._callbacks import CALL_NUMBER, DESTROY, keep
from ._library import C
from .handle import Handle, wait


class Registration(Handle):
    """A callback on a token, as long as this is kept."""

    _free = C.registration_free

    def remove(self) -> None:
        """Takes it back, and waits if it runs on another thread: afterwards it does not run."""
        number, self._number = self._number, 0
        if number:
            C.registration_remove(number)

    def __enter__(self) -> Registration:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


class Token(Handle):
    """Tells the tools of a run that it was stopped. The first cause stays."""

    _free = C.token_free

    def __init__(self, number: int | None = None) -> None:
        """A token of the host's own, unless it is the library's."""
        if number is None:
            made = ctypes.c_uint64()
            C.token_new(ctypes.byref(made))
            number = made.value
        super().__init__(number)

    def child(self) -> Token:
        """A token that is cancelled with this one, but not the other way round."""
        made = ctypes.c_uint64()
        C.token_child(self.number, ctypes.byref(made))
        return Token(made.value)

    @property
    def cause(self) -> words.Cause | None:
        """Why it was cancelled; None: it is not."""
        cause = ctypes.c_int32()
        C.token_cancelled(self.number, ctypes.byref(cause))
        found: words.Cause | None = words.CAUSE.word(cause.value)
        return found

    def cancel(self, cause: words.Cause = "host") -> words.Cause | None:
        """Cancels it and all below it; answers the cause of an earlier cancel, which stays."""
        before = ctypes.c_int32()
        C.token_cancel(self.number, words.CAUSE.number(cause), ctypes.byref(before))
        found: words.Cause | None = words.CAUSE.word(before.value)
        return found

    def wait(self, timeout: float | None = None) -> words.Cause:
        """Blocks until it is cancelled. Raises `TimedOut`."""
        cause = ctypes.c_int32()
        wait(lambda ms: C.token_wait(self.number, ms, ctypes.byref(cause)), timeout)
        found: words.Cause = words.CAUSE.word(cause.value)
        return found

    def on_cancel(self, heard: Callable[[words.Cause], None]) -> None:
        """Calls `heard` when it is cancelled, on the cancelling thread; at once, on this one, if it is."""
        C.token_on_cancel(self.number, CALL_NUMBER, keep(_with_cause(heard)), DESTROY, None)

    def register(self, heard: Callable[[words.Cause], None]) -> Registration:
        """As `on_cancel`, until the registration is removed, or dropped: `with token.register(heard):`."""
        made = ctypes.c_uint64()
        C.token_on_cancel(self.number, CALL_NUMBER, keep(_with_cause(heard)), DESTROY, ctypes.byref(made))
        return Registration(made.value)


def _with_cause(heard: Callable[[words.Cause], None]) -> Callable[[int], None]:
    return lambda cause: heard(words.CAUSE.word(cause))
