"""What a handler sees of its run."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Callable

from . import words
from ._callbacks import CALL_NUMBER, DESTROY, keep, log
from ._library import C
from ._structs import MessageStruct, RunInfo, SettledStruct, Str, arguments, sized
from .errors import Stale, Stopped
from .handle import Handle, wait
from .message import Message, Settled
from .plan import Plan
from .receipt import Receipt
from .token import Token

if TYPE_CHECKING:
    from .engine import Engine


class Steers(Handle):
    """Steers that a run has taken. Leaving `with` commits them: they are delivered, finally. An exception in it
    puts them back at their place, and so does the end of the run."""

    _free = C.steers_free

    def __init__(self, number: int) -> None:
        super().__init__(number)
        count = ctypes.c_uint32()
        if number:
            C.steers_count(number, ctypes.byref(count))
        self._messages = [self._read(index) for index in range(count.value)]

    def _read(self, index: int) -> Message:
        struct = sized(MessageStruct)
        C.steers_message(self.number, index, ctypes.byref(struct))
        return Message.from_c(struct)

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages)

    def __getitem__(self, index: int) -> Message:
        return self._messages[index]

    def commit(self) -> None:
        """They are in the transcript. Once only."""
        if self._messages:
            C.steers_commit(self.number)
            self.free()

    def restore(self) -> None:
        """Puts them back, unless they were committed."""
        self.free()

    def __enter__(self) -> Steers:
        return self

    def __exit__(self, kind: type | None, error: object, trace: object) -> None:
        if kind is None and self._number:
            self.commit()
        self.free()


class Run:
    """A run in progress: valid until its handler returns, or until it was completed. Any thread may use it."""

    def __init__(self, number: int, engine: Engine) -> None:
        self._run = number
        self.engine = engine
        info = sized(RunInfo)
        C.run_get(number, ctypes.byref(info))
        #: Its number, as in events.
        self.id: int = info.id
        self.key: str = info.key.text() or ""
        self.lane: str = info.lane.text() or ""
        #: 1 for the first run of its batch.
        self.attempt: int = info.attempt
        #: How many messages the lines about dropped ones speak of.
        self.summary_of: int = info.summary_of
        self._counts = (info.messages, info.summary_lines)

    @property
    def text(self) -> str:
        """All texts of the batch as one."""
        found = Str()
        C.run_text(self._run, ctypes.byref(found))
        return found.text() or ""

    @property
    def messages(self) -> list[Message]:
        """The batch, oldest first."""
        made = []
        for index in range(self._counts[0]):
            struct = sized(MessageStruct)
            C.run_message(self._run, index, ctypes.byref(struct))
            made.append(Message.from_c(struct))
        return made

    @property
    def summary(self) -> list[str]:
        """One line about each message that was dropped, oldest first."""
        made = []
        for index in range(self._counts[1]):
            found = Str()
            C.run_summary(self._run, index, ctypes.byref(found))
            made.append(found.text() or "")
        return made

    def say(self, text: str) -> None:
        """Says something before the end: an event `reply` that is not the last."""
        C.run_say(self._run, *arguments(text))

    def boundary(self) -> words.Verdict:
        """What to do now. Ask before and after every tool call. After "stop", `cause` says why."""
        verdict = ctypes.c_int32()
        C.run_boundary(self._run, ctypes.byref(verdict), None)
        found: words.Verdict = words.VERDICT.word(verdict.value)
        return found

    @property
    def cause(self) -> words.Cause | None:
        """Why the run is stopped; None: it is not."""
        verdict, cause = ctypes.c_int32(), ctypes.c_int32()
        C.run_boundary(self._run, ctypes.byref(verdict), ctypes.byref(cause))
        found: words.Cause | None = words.CAUSE.word(cause.value if verdict.value == 3 else 0)
        return found

    def take_steers(self) -> Steers:
        """Takes the steers that wait, perhaps none: `with run.take_steers() as steers:`."""
        made = ctypes.c_uint64()
        C.run_take_steers(self._run, ctypes.byref(made), None)
        return Steers(made.value)

    def end(self) -> Steers:
        """Asks to end the run, in one step with its inbox: empty if no steer can reach it any more, else take
        them in and go on. Raises `Stopped`."""
        end, cause, made = ctypes.c_int32(), ctypes.c_int32(), ctypes.c_uint64()
        C.run_end(self._run, ctypes.byref(end), ctypes.byref(cause), ctypes.byref(made))
        if end.value == 3:
            raise Stopped(f"the run is stopped: {words.CAUSE.word(cause.value)}")
        return Steers(made.value)

    def set_steerable(self, on: bool) -> None:
        """While closed, steers are accepted, held and invisible: for a compaction, say."""
        C.run_set_steerable(self._run, int(on))

    def on_signal(self, heard: Callable[[words.Signal], None]) -> None:
        """Calls `heard` whenever a steer becomes visible or the run is stopped; on any thread. It must not block."""
        user = keep(lambda signal: heard(words.SIGNAL.word(signal)))
        C.run_on_signal(self._run, CALL_NUMBER, user, DESTROY)

    def token(self) -> Token:
        """The run's cancel token, for its tools."""
        made = ctypes.c_uint64()
        C.run_token(self._run, ctypes.byref(made))
        return Token(made.value)

    def token_for(self, timeout: float) -> Token:
        """A child of the run's token that is cancelled after so many seconds, cause deadline."""
        made = ctypes.c_uint64()
        C.run_token_for(self._run, round(timeout * 1000), ctypes.byref(made))
        return Token(made.value)

    def plan(self, calls: Sequence[str]) -> Plan:
        """Opens the ledger of one assistant message: the ids of its calls, in source order."""
        return Plan(self._run, calls)

    def spawn(self, message: Message, detached: bool = False) -> Receipt:
        """Submits a child: if this run ends other than done, the child is withdrawn or stopped, unless detached."""
        call = C.run_spawn_detached if detached else C.run_spawn
        return self.engine._submit(lambda struct, out: call(self._run, struct, out), message)

    def wait(self, receipt: Receipt, timeout: float | None = None) -> Settled:
        """Blocks for what becomes of a message; the lane slot is lent meanwhile. Raises `WouldDeadlock`, at once, for
        a wait that could not end, `Stopped` and `TimedOut`."""
        struct = sized(SettledStruct)
        wait(lambda ms: C.run_wait(self._run, receipt.number, ms, ctypes.byref(struct)), timeout)
        return Settled.from_c(struct)

    def _complete(self, reply: tuple[bytes | None, int]) -> None:
        self._finish(C.run_complete, reply)

    def _fail(self, reason: str) -> None:
        self._finish(C.run_fail, arguments(reason))

    def _finish(self, call: Callable[..., None], said: tuple[bytes | None, int]) -> None:
        try:
            call(self._run, *said)
        except Stale:
            pass  # Abandoned, or closed over its head: nobody listens.

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__qualname__} {self.id} {self.key!r}>"


def reason_of(error: BaseException, run: Run) -> str:
    """What a handler has raised, as the reason of its run's failure. It is logged, unless it was the stop."""
    if isinstance(error, Stopped):
        return str(error)
    log.error("the handler of %r raised", run, exc_info=error)
    return f"{type(error).__name__}: {error}"
