"""The ledger of tool calls: one result a call, in source order."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

from . import words
from ._library import C
from ._structs import CallResultStruct, Str, arguments, sized, string
from .handle import Handle


@dataclass(frozen=True)
class CallResult:
    """The one result of one call."""

    call: str
    #: What the tool gave.
    result: str | None
    state: words.CallState
    #: What it may have done.
    effects: words.Effects
    #: Why it did not complete.
    code: words.Code | None
    #: Whether a model should read it as an error.
    error: bool


class _Results(Handle):
    _free = C.results_free

    def read(self) -> list[CallResult]:
        count = ctypes.c_uint32()
        C.results_count(self.number, ctypes.byref(count))
        return [self._one(index) for index in range(count.value)]

    def _one(self, index: int) -> CallResult:
        struct = sized(CallResultStruct)
        C.results_get(self.number, index, ctypes.byref(struct))
        return CallResult(
            call=struct.call.text() or "",
            result=struct.result.text(),
            state=words.CALL_STATE.word(struct.state),
            effects=words.EFFECTS.word(struct.effects),
            code=words.CODE.word(struct.code),
            error=bool(struct.error),
        )


class Plan:
    """The calls of one assistant message. Settle it before the next."""

    def __init__(self, run: int, calls: Sequence[str]) -> None:
        self._run = run
        C.run_plan(run, (Str * len(calls))(*(string(call) for call in calls)), len(calls))

    def start(self, call: str) -> words.Launch:
        """Asks to start a call: the boundary before it. On "skip" it is cancelled, and so are the others that have
        not started; on "stop" nothing starts any more."""
        launch = ctypes.c_int32()
        C.call_start(self._run, *arguments(call), ctypes.byref(launch), None)
        found: words.Launch = words.LAUNCH.word(launch.value)
        return found

    def start_rest(self) -> tuple[words.Launch, int]:
        """One decision for every call that has not started, and how many these were."""
        launch, count = ctypes.c_int32(), ctypes.c_uint32()
        C.call_start_rest(self._run, ctypes.byref(launch), None, ctypes.byref(count))
        return words.LAUNCH.word(launch.value), count.value

    def finish(self, call: str, result: str | None = None, failed: bool = False) -> words.Verdict:
        """A call has ended: the boundary after it."""
        verdict = ctypes.c_int32()
        said = arguments(result)
        C.call_finish(self._run, *arguments(call), int(failed), *said, ctypes.byref(verdict), None)
        found: words.Verdict = words.VERDICT.word(verdict.value)
        return found

    def time_out(self, call: str) -> None:
        """The call's own deadline has passed; the run goes on."""
        C.call_time_out(self._run, *arguments(call))

    def give_up(self) -> None:
        """Gives up every call that executes: cancelled, effects unknown."""
        C.run_give_up_calls(self._run)

    def settle(self) -> list[CallResult]:
        """Closes the plan: one result a call, in source order."""
        made = ctypes.c_uint64()
        C.run_settle(self._run, ctypes.byref(made))
        return _Results(made.value).read()
