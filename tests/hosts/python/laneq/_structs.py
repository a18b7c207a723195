"""The structs of laneq.h, field by field, and texts."""

from __future__ import annotations

import ctypes
from ctypes import c_char_p, c_int32, c_size_t, c_uint32, c_uint64, c_void_p
from typing import Any, TypeVar

from ._library import C

S = TypeVar("S", bound=ctypes.Structure)


class Str(ctypes.Structure):
    # `c_char_p` keeps the bytes alive that it is set to.
    _fields_ = [("data", c_char_p), ("len", c_size_t)]

    def text(self) -> str | None:
        # Read as an address: `c_char_p` would end at the first NUL.
        address = c_void_p.from_buffer(self).value
        return None if address is None else ctypes.string_at(address, self.len).decode()


class Config(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("text", Str),
        ("name", Str),
        ("format", c_int32),
        ("reserved", c_int32),
    ]


class KnobsStruct(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("debounce_ms", c_uint64),
        ("has_debounce", c_int32),
        ("mode", c_int32),
        ("drop", c_int32),
        ("cap", c_uint32),
    ]


STRINGS = (
    "key id text payload meta media sender authority backlog lane requeued_from channel account peer group thread "
    "agent source_id"
).split()


class MessageStruct(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        *((name, Str) for name in STRINGS),
        ("kind", c_int32),
        ("mode", c_int32),
        ("priority", c_int32),
        ("attempts", c_uint32),
        ("ttl_ms", c_uint64),
        ("deadline_ms", c_uint64),
        ("expect_run", c_uint64),
        ("knobs", ctypes.POINTER(KnobsStruct)),
        ("seen", c_int32),
        ("reserved", c_int32),
    ]


class LandedStruct(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("id", Str),
        ("key", Str),
        ("run", c_uint64),
        ("placement", c_int32),
        ("fallback", c_int32),
        ("position", c_uint32),
        ("reserved", c_int32),
    ]


class SettledStruct(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("reply", Str),
        ("error", Str),
        ("run", c_uint64),
        ("fate", c_int32),
        ("outcome", c_int32),
        ("lead", c_int32),
        ("reserved", c_int32),
    ]


class RunInfo(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("key", Str),
        ("lane", Str),
        ("id", c_uint64),
        ("attempt", c_uint32),
        ("messages", c_uint32),
        ("summary_of", c_uint32),
        ("summary_lines", c_uint32),
    ]


class HandlerOptions(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("unsteerable", c_int32), ("reserved", c_int32)]


class CallResultStruct(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("call", Str),
        ("result", Str),
        ("state", c_int32),
        ("effects", c_int32),
        ("code", c_int32),
        ("error", c_int32),
    ]


class EventsOptions(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("show_text", c_int32), ("reserved", c_int32)]


class Drained(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("json", Str),
        ("complete", c_int32),
        ("settled", c_uint32),
        ("returned", c_uint32),
        ("running", c_uint32),
    ]


class NoticeStruct(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("kind", c_int32),
        ("cause", c_int32),
        ("run", c_uint64),
        ("run_id", c_uint64),
        ("tag", c_uint64),
    ]


def sized(struct: type[S]) -> S:
    """A struct that knows its size."""
    made = struct()
    made.struct_size = ctypes.sizeof(struct)
    return made


def string(text: str | None) -> Str:
    """A text for a field, which keeps it alive."""
    if text is None:
        return Str()
    data = text.encode()
    return Str(data, len(data))


def arguments(text: str | None) -> tuple[bytes | None, int]:
    """Pointer and length, as two arguments."""
    if text is None:
        return None, 0
    data = text.encode()
    return data, len(data)


def take_text(handle: ctypes._SimpleCData[Any]) -> str:
    """Reads a text and frees it."""
    try:
        found = Str()
        C.text_get(handle, ctypes.byref(found))
        return found.text() or ""
    finally:
        C.text_free(handle)
