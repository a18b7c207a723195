"""Runs and receipts on an asyncio event loop: no thread, one descriptor that the loop watches.

Everything here belongs to the loop's own thread.
"""

from __future__ import annotations

import asyncio
import ctypes
import weakref
from collections import deque
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any, Callable

from . import words
from ._library import C
from ._structs import HandlerOptions, MessageStruct, NoticeStruct, arguments, sized
from .errors import Closed, Refused, Stopped, TimedOut
from .handle import Handle
from .message import Message, Settled
from .receipt import Receipt
from .run import Run, reason_of

if TYPE_CHECKING:
    from .engine import Engine

NONE, READY, STEER, STOP, SETTLED, JOURNALED, WAITED, CLOSED = range(8)

# Notices that are read before the loop's other work has a turn; the descriptor stays readable.
AT_ONCE = 64


class PulledRun(Run):
    """A run in this loop's hands. It holds its slot until it is completed; dropped, it has failed."""

    def __init__(self, number: int, engine: Engine, port: Port) -> None:
        super().__init__(number, engine)
        self._port = port
        self._waits: set[asyncio.Future[None]] = set()
        self._heard = asyncio.Event()

    def complete(self, reply: str | None = None) -> None:
        """The run is done, with this reply. Raises `Stale` if it has ended."""
        C.run_complete(self._run, *arguments(reply))

    def fail(self, reason: str | None = None) -> None:
        """The run has failed, for this reason. Raises `Stale` if it has ended."""
        C.run_fail(self._run, *arguments(reason))

    async def heard(self) -> words.Verdict:
        """Waits until a steer waits or the run is stopped: "steer" or "stop"."""
        while (verdict := self.boundary()) == "go":
            self._heard.clear()
            await self._heard.wait()
        return verdict

    async def wait(self, receipt: Receipt) -> Settled:  # type: ignore[override]
        """Waits for what becomes of a message; the lane slot is lent meanwhile, and no thread is held. Raises
        `WouldDeadlock`, at once, for a wait that could not end, and `Stopped`."""
        due = self._port.loop.create_future()
        self._waits.add(due)
        try:
            C.run_wait_begin(self._run, receipt.number)
            await due
        finally:
            self._waits.discard(due)
        settled = receipt.settled()
        if settled is None:
            raise Stopped(f"the run is stopped: {self.cause}")
        return settled

    def _wake(self) -> None:
        self._heard.set()

    def _waited(self) -> None:
        for due in self._waits:
            if not due.done():
                due.set_result(None)

    def __del__(self) -> None:
        C.run_free(self._run)


class Port(Handle):
    """Where an event loop takes runs, and hears what became of messages."""

    _free = C.port_free

    def __init__(
        self,
        engine: Engine,
        loop: asyncio.AbstractEventLoop | None,
        lanes: Sequence[str] | None,
        options: HandlerOptions,
    ) -> None:
        super().__init__(0)
        self._engine = engine
        self._given_loop = loop
        self._lanes = lanes
        self._options = options
        self._descriptor = -1
        self._notice = sized(NoticeStruct)
        self._tags = 0
        # Who waits for a tag. Bounded by the library: so many watches may be unread.
        self._watched: dict[int, asyncio.Future[None]] = {}
        # Runs in hand by their ids, and those that nobody has taken from here. Bounded by the lanes' slots.
        self._runs: weakref.WeakValueDictionary[int, PulledRun] = weakref.WeakValueDictionary()
        self._ready: deque[PulledRun] = deque()
        self._takers: deque[asyncio.Future[None]] = deque()
        self._over = False

    async def __aenter__(self) -> Port:
        self.loop = self._given_loop or asyncio.get_running_loop()
        if self.loop in self._engine._ports:
            raise RuntimeError("this event loop has a port of this engine already")
        made, descriptor = ctypes.c_uint64(), ctypes.c_int32()
        C.port_open(self._engine.number, ctypes.byref(made))
        self._number = made.value
        try:
            if self._lanes is None:
                C.port_bind_any(self.number, ctypes.byref(self._options))
            for lane in self._lanes or ():
                C.port_bind(self.number, *arguments(lane), ctypes.byref(self._options))
            C.port_descriptor(self.number, ctypes.byref(descriptor))
        except BaseException:
            self.free()
            raise
        self._descriptor = descriptor.value
        self.loop.add_reader(self._descriptor, self._read)
        self._engine._ports[self.loop] = self
        return self

    async def __aexit__(self, *_: object) -> None:
        """Lets the lanes go. Runs in hand stay valid; those that nobody has taken have failed."""
        self._engine._ports.pop(self.loop, None)
        self._finish()
        self._ready.clear()
        self.free()

    def _finish(self) -> None:
        """Nothing more comes."""
        if self._over:
            return
        self._over = True
        self.loop.remove_reader(self._descriptor)
        for future in self._watched.values():
            if not future.done():
                future.set_exception(Closed("the port was closed before this was decided"))
        self._watched.clear()
        self._call_takers(len(self._takers))

    # Notices.

    def _read(self) -> None:
        """The descriptor is readable."""
        notice = self._notice
        for _ in range(AT_ONCE):
            C.port_next(self.number, 0, ctypes.byref(notice))
            if notice.kind == NONE:
                return
            if notice.kind == CLOSED:
                self._finish()
                return
            self._hear(notice)

    def _hear(self, notice: NoticeStruct) -> None:
        if notice.kind == READY:
            run = PulledRun(notice.run, self._engine, self)
            self._runs[run.id] = run
            self._ready.append(run)
            self._call_takers(1)
        elif notice.kind in (SETTLED, JOURNALED):
            # Unknown if whoever waited was cancelled.
            future = self._watched.pop(notice.tag, None)
            if future is not None and not future.done():
                future.set_result(None)
        else:
            self._tell_run(notice)

    def _tell_run(self, notice: NoticeStruct) -> None:
        run = self._runs.get(notice.run_id)
        if run is None:
            return
        if notice.kind == WAITED:
            run._waited()
        elif notice.kind in (STEER, STOP):
            run._wake()

    def _call_takers(self, count: int) -> None:
        while self._takers and count > 0:
            taker = self._takers.popleft()
            if not taker.done():
                taker.set_result(None)
                count -= 1

    # Runs.

    def __aiter__(self) -> Port:
        return self

    async def __anext__(self) -> PulledRun:
        """The next run; ends when the engine is closed. A run holds its slot from here on."""
        while not self._ready:
            if self._over:
                raise StopAsyncIteration
            taker = self.loop.create_future()
            self._takers.append(taker)
            try:
                await taker
            except asyncio.CancelledError:
                # It was called and cancelled at once: the next one's turn.
                if taker.done() and not taker.cancelled():
                    self._call_takers(1)
                raise
        return self._ready.popleft()

    async def serve(self, handler: Callable[[PulledRun], Awaitable[str | None]]) -> None:
        """Executes each run as a task, `handler(run)`, until the engine is closed; an exception fails the run. The
        lanes' slots bound how many there are."""
        tasks: set[asyncio.Task[None]] = set()
        try:
            async for run in self:
                task = self.loop.create_task(_execute(handler, run))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                del run, task  # A run that is referred to from here would not be dropped.
            await asyncio.gather(*tasks)
        finally:
            left: list[Any] = list(tasks)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    # Messages.

    async def _told(self, watch: Callable[..., None], number: int) -> None:
        """Waits for the notice of one watch."""
        if self._over:
            raise Closed("the port is closed: nothing is told any more")
        self._tags += 1
        tag = self._tags
        future = self.loop.create_future()
        watch(self.number, number, tag)
        self._watched[tag] = future
        await future

    async def settled(self, receipt: Receipt) -> Settled:
        """What became of a message; `await receipt` is the same."""
        found = receipt.settled()
        if found is None:
            await self._told(C.port_watch, receipt.number)
            found = receipt.settled()
        assert found is not None, "a settled notice comes after the fate"
        return found

    async def submit(self, message: Message) -> Receipt:
        """Submits a message; waits until it is in the journal, if there is one. Raises `Refused`."""
        made = ctypes.c_uint64()
        struct: MessageStruct = message.to_c()
        try:
            C.submit_nowait(self._engine.number, ctypes.byref(struct), ctypes.byref(made))
        except Refused:
            # A duplicate has an admission, which refuses it again, with the receipt of the first.
            if made.value == 0:
                raise
        admission = _Admission(made.value)
        try:
            return admission.decided(self._engine)
        except TimedOut:
            await self._told(C.port_watch_admission, admission.number)
            return admission.decided(self._engine)
        finally:
            admission.free()


class _Admission(Handle):
    """A message on its way into the journal."""

    _free = C.admission_free

    def decided(self, engine: Engine) -> Receipt:
        return engine._submit(lambda _, out: C.admission_wait(self.number, 0, out), _NOTHING)


_NOTHING = Message()


async def _execute(handler: Callable[[PulledRun], Awaitable[str | None]], run: PulledRun) -> None:
    """One run as a task; whatever it raises fails it."""
    try:
        reply = arguments(await handler(run))
    except asyncio.CancelledError:
        run._fail("the task was cancelled")
        raise
    except Exception as error:
        run._fail(reason_of(error, run))
    else:
        run._complete(reply)
