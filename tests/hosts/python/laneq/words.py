"""The words that stand for the numbers of the ABI: those of the settings, the events and the program."""

from __future__ import annotations

from typing import Any, Literal, get_args

Mode = Literal["followup", "collect", "steer", "steer-backlog", "interrupt"]
Priority = Literal["foreground", "normal", "background"]
Drop = Literal["old", "new", "summarize"]
Kind = Literal["direct", "group", "channel", "subagent", "cron", "hook", "node"]
Placement = Literal["scheduled", "queued", "steered"]
Fallback = Literal["no_run", "not_steerable", "closed", "authority", "route"]
Fate = Literal["ran", "steered", "dropped", "withdrawn", "expired", "parked", "returned"]
Outcome = Literal["done", "failed", "stopped", "panicked"]
Cause = Literal["interrupt", "stop", "deadline", "parent", "abandon", "drain", "close", "exit", "dropped", "host"]
CallState = Literal["completed", "failed", "cancelled", "rejected", "timed_out", "late"]
Effects = Literal["none", "unknown", "done"]
Code = Literal["steer", "stop", "deadline", "rejected"]
Signal = Literal["steer", "stop", "waited"]
Withdrawn = Literal["withdrawn", "in_delivery", "started", "settled"]
Verdict = Literal["go", "steer", "stop"]
Launch = Literal["go", "skip", "stop"]


class Words:
    """One list of words; the first is 1, and 0 is none."""

    def __init__(self, literal: Any, what: str) -> None:
        self._what = what
        self._words: tuple[str, ...] = get_args(literal)
        self._numbers: dict[str, int] = {word: number for number, word in enumerate(self._words, 1)}

    def number(self, word: str | None) -> int:
        if word is None:
            return 0
        try:
            return self._numbers[word]
        except KeyError:
            raise ValueError(f"{self._what} is {word!r}: it is one of {', '.join(self._words)}") from None

    def word(self, number: int) -> Any:
        """None for 0; a number that a later library has made up is told as it is."""
        if number == 0:
            return None
        return self._words[number - 1] if number <= len(self._words) else f"{self._what} {number}"


MODE = Words(Mode, "mode")
PRIORITY = Words(Priority, "priority")
DROP = Words(Drop, "drop")
KIND = Words(Kind, "kind")
PLACEMENT = Words(Placement, "placement")
FALLBACK = Words(Fallback, "fallback")
FATE = Words(Fate, "fate")
OUTCOME = Words(Outcome, "outcome")
CAUSE = Words(Cause, "cause")
CALL_STATE = Words(CallState, "state")
EFFECTS = Words(Effects, "effects")
CODE = Words(Code, "code")
SIGNAL = Words(Signal, "signal")
WITHDRAWN = Words(Withdrawn, "answer")
VERDICT = Words(Verdict, "verdict")
LAUNCH = Words(Launch, "launch")
