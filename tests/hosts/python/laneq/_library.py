"""The shared library: where it is, whether it fits, and its functions with their types."""

import ctypes
import os
import sys
from pathlib import Path
from typing import Any, Callable

from .errors import raised

ABI_MAJOR = 0
ABI_MINOR = 1

MAC = sys.platform == "darwin"
PLAIN = "liblaneq.dylib" if MAC else "liblaneq.so"
BY_LINKER = f"liblaneq.{ABI_MAJOR}.dylib" if MAC else f"liblaneq.so.{ABI_MAJOR}"

# One letter an argument: `h` handle or run id, `i` int32, `u` uint32, `U` size, `l` int64, `s` a string and its
# length, `p` a pointer, `e` the error.
LETTERS: dict[str, list[Any]] = {
    "h": [ctypes.c_uint64],
    "i": [ctypes.c_int32],
    "u": [ctypes.c_uint32],
    "U": [ctypes.c_size_t],
    "l": [ctypes.c_int64],
    "s": [ctypes.c_char_p, ctypes.c_size_t],
    "p": [ctypes.c_void_p],
    "e": [ctypes.c_void_p],
}

# Those that may block let other Python threads go on meanwhile.
BLOCKING = {
    "engine_set_knobs": "hspe",
    "submit_nowait": "hppe",
    "run_spawn": "hppe",
    "run_spawn_detached": "hppe",
    "port_next": "hlpe",
    "engine_new": "ppe",
    "engine_reload": "hppe",
    "engine_drain": "hlpe",
    "engine_close": "hlpe",
    "engine_recover": "hpppe",
    "engine_transcript": "hspe",
    "submit": "hppe",
    "admission_wait": "hlpe",
    "receipt_wait": "hlpe",
    "run_wait": "hhlpe",
    "token_wait": "hlpe",
    "registration_remove": "he",
    "events_next": "hlpe",
}

# Those that never block keep the interpreter's lock: letting it go and waiting for it again costs a
# switch interval (5 ms) when another thread computes.
NEVER = {
    "config_check": "pe",
    "engine_free": "h",
    "engine_stats": "hpe",
    "engine_key_of": "hppe",
    "engine_on_run": "hsppppe",
    "engine_stop": "hsppe",
    "engine_stop_run": "hhpe",
    "engine_interrupt": "hspe",
    "engine_interrupt_run": "hhe",
    "engine_withdraw": "hhpe",
    "engine_abandon": "hhe",
    "engine_set_lane": "hsle",
    "engine_pause": "hse",
    "engine_resume": "hse",
    "engine_journal_error": "hpe",
    "admission_free": "h",
    "receipt_landed": "hpe",
    "receipt_message": "hpe",
    "receipt_free": "h",
    "text_get": "hpe",
    "text_free": "h",
    "run_get": "hpe",
    "run_text": "hpe",
    "run_message": "hupe",
    "run_summary": "hupe",
    "run_say": "hse",
    "run_complete": "hse",
    "run_fail": "hse",
    "run_free": "h",
    "run_boundary": "hppe",
    "run_end": "hpppe",
    "run_set_steerable": "hie",
    "run_token": "hpe",
    "run_token_for": "hlpe",
    "run_on_signal": "hpppe",
    "run_take_steers": "hppe",
    "run_plan": "hpUe",
    "run_give_up_calls": "he",
    "run_settle": "hpe",
    "run_wait_begin": "hhe",
    "call_start": "hsppe",
    "call_start_rest": "hpppe",
    "call_finish": "hsisppe",
    "call_time_out": "hse",
    "steers_count": "hpe",
    "steers_message": "hupe",
    "steers_commit": "he",
    "steers_free": "h",
    "results_count": "hpe",
    "results_get": "hupe",
    "results_free": "h",
    "token_new": "pe",
    "token_child": "hpe",
    "token_cancelled": "hpe",
    "token_cancel": "hipe",
    "token_on_cancel": "hppppe",
    "token_free": "h",
    "registration_free": "h",
    "events_open": "hppe",
    "events_lost": "hpe",
    "events_free": "h",
    "report_get": "hpe",
    "report_returned": "hupe",
    "report_free": "h",
    "port_open": "hpe",
    "port_bind": "hspe",
    "port_bind_any": "hpe",
    "port_watch": "hhhe",
    "port_watch_admission": "hhhe",
    "port_descriptor": "hpe",
    "port_free": "h",
}


class Error(ctypes.Structure):
    _fields_ = [
        ("status", ctypes.c_int32),
        ("message_len", ctypes.c_uint32),
        ("message", ctypes.c_char * 1024),
    ]


def _open() -> str:
    """What to give to the loader, most wanted first: named, beside this file, known to the linker."""
    named = os.environ.get("LANEQ_LIBRARY")
    if named:
        return named
    beside = Path(__file__).resolve().parent / PLAIN
    return str(beside) if beside.is_file() else BY_LINKER


def _load() -> "tuple[ctypes.CDLL, ctypes.PyDLL]":
    place = _open()
    try:
        blocking, never = ctypes.CDLL(place), ctypes.PyDLL(place)
    except OSError as error:
        raise ImportError(
            f"{error}: set LANEQ_LIBRARY to {PLAIN}, put it beside {__file__}, or install it with src/capi/install.sh"
        ) from None
    blocking.laneq_abi_version.restype = ctypes.c_uint32
    major, minor = divmod(int(blocking.laneq_abi_version()), 65536)
    if major != ABI_MAJOR or minor < ABI_MINOR:
        raise ImportError(
            f"{place} has ABI {major}.{minor}; this package needs {ABI_MAJOR}.{ABI_MINOR} or a later minor"
        )
    return blocking, never


class Calls:
    """The functions by their names without `laneq_`. One with an error raises it; others answer their status."""

    def __init__(self) -> None:
        blocking, never = _load()
        for library, table in ((blocking, BLOCKING), (never, NEVER)):
            for name, letters in table.items():
                setattr(self, name, self._function(library, name, letters))
        blocking.laneq_version.restype = ctypes.c_char_p
        self.version = str(blocking.laneq_version().decode())

    @staticmethod
    def _function(library: ctypes.CDLL, name: str, letters: str) -> Callable[..., Any]:
        raw: Any = library[f"laneq_{name}"]  # A fresh object, with types of its own.
        raw.restype = ctypes.c_int32
        raw.argtypes = [kind for letter in letters for kind in LETTERS[letter]]
        if not letters.endswith("e"):
            return raw  # type: ignore[no-any-return]

        def checked(*arguments: Any) -> None:
            error = Error()
            status = raw(*arguments, ctypes.byref(error))
            if status != 0:
                raise raised(status, error.message.decode(errors="replace"))

        return checked

    def __getattr__(self, name: str) -> Callable[..., Any]:
        raise AttributeError(f"laneq has no function laneq_{name}")


C = Calls()
