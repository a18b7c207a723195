"""What can go wrong. Every message says what was wrong and what would be right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from .receipt import Receipt

Reason = Literal[
    "full",
    "duplicate",
    "directive",
    "mismatch",
    "draining",
    "closed",
    "unknown lane",
    "isolated",
    "too large",
    "invalid",
    "journal",
]

REASONS: dict[int, Reason] = {
    -101: "full",
    -102: "duplicate",
    -103: "directive",
    -104: "mismatch",
    -105: "draining",
    -106: "closed",
    -107: "unknown lane",
    -108: "isolated",
    -109: "too large",
    -110: "invalid",
    -111: "journal",
}


class Error(Exception):
    """Any failure of a call. `status` is the number of laneq.h."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Refused(Error):
    """A message was not accepted. For a duplicate, `receipt` is that of the message which came first; for a
    directive (`/stop`), which was carried out, the text is the answer for the person."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message, status)
        self.reason: Reason = REASONS[status]
        self.receipt: Receipt | None = None


class Stale(Error):
    """The run, or the handle, is not live any more."""


class WouldDeadlock(Error):
    """The wait would never end; the message names who waits for whom."""


class Closed(Error):
    """The engine is closed."""


class TimedOut(Error, TimeoutError):
    """The time is over. What was waited for goes its way."""


class Stopped(Error):
    """The run is stopped; the message names the cause."""


class Stuck(Error):
    """The engine is closed, but handlers still execute: `running` has `run`, `key`, `lane` and `age_ms` of each."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message, status)
        self.running: list[dict[str, Any]] = []


KINDS: dict[int, type[Error]] = {
    -5: Stale,
    -11: Stale,
    -13: WouldDeadlock,
    -15: Closed,
    -17: TimedOut,
    -18: Stopped,
    -20: Stuck,
}


def raised(status: int, message: str) -> Error:
    """The exception for a status."""
    if status in REASONS:
        return Refused(message, status)
    return KINDS.get(status, Error)(message, status)
