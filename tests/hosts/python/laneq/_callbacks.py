"""Callbacks: one C function of each kind for all of Python, alive as long as the process.

What differs is `user`: a number under which the Python function is kept until the library calls `destroy` with it,
which it does exactly once. No exception leaves a callback: C could do nothing with it.
"""

import ctypes
import itertools
import logging
import threading
from typing import Any, Callable

log = logging.getLogger("laneq")

_kept: dict[int, Callable[..., Any]] = {}
_numbers = itertools.count(1)


# Numbers of run handlers, and who waits for them to go.
_handlers: set[int] = set()
_gone = threading.Condition()


def keep(function: Callable[..., Any]) -> int:
    """The number to hand over as `user`, together with `DESTROY`."""
    number = next(_numbers)
    _kept[number] = function
    return number


def keep_handler(function: Callable[[int], None]) -> int:
    """As `keep`, for what the library calls on threads of its own."""
    number = keep(function)
    with _gone:
        _handlers.add(number)
    return number


def is_over(handlers: list[int]) -> None:
    """Their engine is closed: the library keeps them, and calls them no more."""
    with _gone:
        _handlers.difference_update(handlers)
        _gone.notify_all()


def forget_handlers() -> None:
    """In a forked child, where none of them executes; somebody may have held the lock."""
    global _gone
    _gone = threading.Condition()
    _handlers.clear()


def wait_for_handlers(timeout: float) -> bool:
    """Whether no handler is called any more, and none executes."""
    with _gone:
        return _gone.wait_for(lambda: not _handlers, timeout)


def kept() -> int:
    """How many functions the library has."""
    return len(_kept)


def forget(number: int) -> None:
    """For a callback that is called during its call alone, and has no destructor."""
    _kept.pop(number, None)


def _destroy(user: int) -> None:
    _kept.pop(user, None)
    with _gone:
        if user in _handlers:
            _handlers.remove(user)
            _gone.notify_all()


def _call(user: int, value: int) -> None:
    function = _kept.get(user)
    if function is None:
        return
    try:
        function(value)
    except BaseException:  # noqa: B036 - whatever it is, it ends here.
        log.exception("a callback raised")


DESTROY = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(_destroy)
# A run handler, and whoever is told a receipt.
CALL_HANDLE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64)(_call)
# Whoever hears a signal or a cause.
CALL_NUMBER = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int32)(_call)


def on_main_thread() -> bool:
    # Not `current_thread()`, which would note every thread of the library for ever.
    return threading.get_ident() == threading.main_thread().ident
