"""The engine: messages in, runs out, and what controls them."""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import functools
import json
import os
import time
import weakref
from collections.abc import Iterable
from typing import Any, Callable, Optional, Union, overload

from . import words
from ._callbacks import CALL_HANDLE, DESTROY, forget, forget_handlers, is_over, keep, keep_handler, log, wait_for_handlers
from ._library import C
from ._structs import Config, HandlerOptions, arguments, sized, string, take_text
from .errors import Closed, Error, Refused, Stuck
from .events import Events
from .handle import Handle, aside, millis
from .message import Knobs, Message
from .port import Port
from .receipt import Receipt
from .report import DrainReport, Report
from .run import Run, reason_of

Settings = Union[str, dict[str, Any], None]
Handler = Callable[[Run], Optional[str]]

# How long the interpreter's end waits for handlers of engines that were not closed.
AT_EXIT = 5.0

_open: weakref.WeakSet[Engine] = weakref.WeakSet()


def _forget_all() -> None:
    """In a forked child: the engines are its parent's, and so are the threads."""
    _open.clear()
    forget_handlers()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


@atexit.register
def _close_all() -> None:
    # A thread that comes into Python when the interpreter has ended would be ended by it, through the library's
    # frames: an abort. So nothing of ours may execute any more; nor of engines that were dropped, not closed.
    until = time.monotonic() + AT_EXIT
    for engine in list(_open):
        try:
            # On this thread: the interpreter starts no other any more.
            engine._close(until - time.monotonic())
        except Error as error:
            log.error("an engine was open at the end of the process: %s", error)
        engine.free()
    if not wait_for_handlers(max(0.0, until - time.monotonic())):
        log.error("handlers still execute at the end of the process: close engines before")


def _config(settings: Settings) -> Config:
    made = sized(Config)
    if isinstance(settings, dict):
        made.text, made.format = string(json.dumps(settings)), 1
    elif settings is not None:
        made.text = string(settings)
    return made


def _options(steerable: bool) -> HandlerOptions:
    made = sized(HandlerOptions)
    made.unsteerable = int(not steerable)
    return made


def check(settings: Settings) -> None:
    """Raises what `Engine` would say of these settings."""
    C.config_check(ctypes.byref(_config(settings)))


class Engine(Handle):
    """Runs messages one at a time per session and in parallel across sessions.

    `config` has the keys and units of the settings file: a dict, or TOML as text. Times are in seconds, and None is
    for ever. Leaving `with` closes the engine: what executes is stopped and what waits is returned, so drain it
    before if that is to be finished.
    """

    _free = C.engine_free

    def __init__(self, config: Settings = None) -> None:
        made = ctypes.c_uint64()
        C.engine_new(ctypes.byref(_config(config)), ctypes.byref(made))
        super().__init__(made.value)
        self._ports: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Port] = weakref.WeakKeyDictionary()
        self._handlers: list[int] = []
        _open.add(self)

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Engine:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close_async()

    # Runs.

    @overload
    def on_run(self, lane: str | None, handler: Handler, *, steerable: bool = ...) -> Handler: ...
    @overload
    def on_run(self, lane: str | None, *, steerable: bool = ...) -> Callable[[Handler], Handler]: ...

    def on_run(self, lane: str | None, handler: Handler | None = None, *, steerable: bool = True) -> Any:
        """Sets the handler of a lane, once; None: of every lane that has none of its own. It is called on threads
        of the lane and returns the reply; an exception fails the run. Also a decorator."""
        if handler is None:
            return functools.partial(self.on_run, lane, steerable=steerable)
        # Weak: the library keeps the handler as long as the engine lives, so this would be for ever.
        myself, work = weakref.ref(self), handler

        def execute(number: int) -> None:
            engine = myself()
            if engine is not None:
                _execute(work, Run(number, engine))

        options = _options(steerable)
        user = keep_handler(execute)
        self._handlers.append(user)
        C.engine_on_run(self.number, *arguments(lane), ctypes.byref(options), CALL_HANDLE, user, DESTROY)
        return handler

    def port(
        self,
        loop: asyncio.AbstractEventLoop | None = None,
        lanes: Iterable[str] | None = None,
        *,
        steerable: bool = True,
    ) -> Port:
        """Takes the runs of these lanes on an event loop (None: of all without a handler; none at all: `()`), and lets
        its coroutines await receipts: `async with engine.port() as port:`. One of each loop."""
        return Port(self, loop, None if lanes is None else tuple(lanes), _options(steerable))

    def _port_here(self) -> Port:
        port = self._ports.get(asyncio.get_running_loop())
        if port is None:
            raise RuntimeError("no port of this event loop: `async with engine.port():` around it")
        return port

    # Messages.

    def _submit(self, call: Callable[[Any, Any], None], message: Message) -> Receipt:
        made = ctypes.c_uint64()
        struct = message.to_c()
        try:
            call(ctypes.byref(struct), ctypes.byref(made))
        except Refused as refused:
            if made.value:
                refused.receipt = Receipt(made.value, self)
            raise
        return Receipt(made.value, self)

    def submit(self, message: Message) -> Receipt:
        """Submits a message; waits until it is in the journal, if there is one. Raises `Refused`."""
        return self._submit(functools.partial(C.submit, self.number), message)

    async def submit_async(self, message: Message) -> Receipt:
        """As `submit`, without blocking the event loop."""
        return await self._port_here().submit(message)

    def key_of(self, message: Message) -> str:
        """The session key of a message: its own, or the one that its source makes."""
        struct, text = message.to_c(), ctypes.c_uint64()
        C.engine_key_of(self.number, ctypes.byref(struct), ctypes.byref(text))
        return take_text(text)

    def withdraw(self, receipt: Receipt) -> words.Withdrawn:
        """Takes a message back that has not started."""
        answer = ctypes.c_int32()
        C.engine_withdraw(self.number, receipt.number, ctypes.byref(answer))
        found: words.Withdrawn = words.WITHDRAWN.word(answer.value)
        return found

    def recover(self) -> list[Receipt]:
        """Brings back what the journal has kept, before the first submit, with a receipt of each message. Set the
        handlers and open the ports before."""
        made: list[Receipt] = []
        user = keep(lambda number: made.append(Receipt(number, self)))
        try:
            C.engine_recover(self.number, CALL_HANDLE, user, None)
        finally:
            forget(user)
        return made

    def journal_error(self) -> str | None:
        """Why the journal takes nothing; None: it does, or there is none."""
        text = ctypes.c_uint64()
        C.engine_journal_error(self.number, ctypes.byref(text))
        return take_text(text) if text.value else None

    def transcript(self, key: str) -> str | None:
        """The path of the session's transcript, if there is one."""
        text = ctypes.c_uint64()
        C.engine_transcript(self.number, *arguments(key), ctypes.byref(text))
        return take_text(text) if text.value else None

    # Control.

    def interrupt(self, key: str) -> int | None:
        """Stops the session's run; what waits goes on. Answers the run's number, if there was one."""
        run = ctypes.c_uint64()
        C.engine_interrupt(self.number, *arguments(key), ctypes.byref(run))
        return run.value or None

    def interrupt_run(self, run: int) -> None:
        """Stops this run alone, by its number. Raises `Stale`."""
        C.engine_interrupt_run(self.number, run)

    def stop(self, key: str) -> tuple[int, int | None]:
        """Withdraws what waits under the key and stops its run, in one step: how many, and which."""
        withdrawn, run = ctypes.c_uint32(), ctypes.c_uint64()
        C.engine_stop(self.number, *arguments(key), ctypes.byref(withdrawn), ctypes.byref(run))
        return withdrawn.value, run.value or None

    def abandon(self, run: int) -> None:
        """Ends a run, by its number, although its handler still executes."""
        C.engine_abandon(self.number, run)

    def set_knobs(self, key: str, knobs: Knobs | None) -> None:
        """Sets the knobs of one session; None takes them back."""
        struct = None if knobs is None else ctypes.byref(knobs.to_c())
        C.engine_set_knobs(self.number, *arguments(key), struct)

    def set_lane(self, lane: str, concurrency: int | None) -> None:
        """Sets a lane's concurrency, at once: 0 is paused, None unlimited. A new name makes a lane."""
        C.engine_set_lane(self.number, *arguments(lane), -1 if concurrency is None else concurrency)

    def pause(self, lane: str) -> None:
        """Running work finishes, nothing starts."""
        C.engine_pause(self.number, *arguments(lane))

    def resume(self, lane: str) -> None:
        C.engine_resume(self.number, *arguments(lane))

    def reload(self, config: Settings) -> str:
        """Replaces the settings, whole or not at all; answers what changed, for a person."""
        text = ctypes.c_uint64()
        C.engine_reload(self.number, ctypes.byref(_config(config)), ctypes.byref(text))
        return take_text(text)

    def stats(self) -> dict[str, Any]:
        """All figures at one moment, with the names of the event `stats`."""
        text = ctypes.c_uint64()
        C.engine_stats(self.number, ctypes.byref(text))
        found: dict[str, Any] = json.loads(take_text(text))
        return found

    def events(self, show_text: bool = False) -> Events:
        """Keeps events from now on; iterate over it. The newest `limits.ring_events` are kept."""
        return Events(self.number, show_text)

    # The end.

    def drain(self, timeout: float | None = None) -> DrainReport:
        """Refuses new messages and waits until all that were admitted have their fate; when the time is over, what is
        left is returned. Then close the engine."""

        def work() -> DrainReport:
            made = ctypes.c_uint64()
            C.engine_drain(self.number, millis(timeout), ctypes.byref(made))
            return Report(made.value).read()

        return aside(work)

    def close(self, timeout: float | None = 10.0) -> None:
        """Stops every run, returns what waits, and joins every thread. Raises `Stuck`. Again is fine."""
        aside(functools.partial(self._close, timeout))

    def _close(self, timeout: float | None) -> None:
        if self._number == 0:
            return
        running = ctypes.c_uint64()
        try:
            C.engine_close(self._number, millis(timeout), ctypes.byref(running))
        except Closed:
            pass
        except Stuck as stuck:
            stuck.running = json.loads(take_text(running))
            raise
        is_over(self._handlers)
        _open.discard(self)

    async def drain_async(self, timeout: float | None = None) -> DrainReport:
        """As `drain`, without blocking the event loop."""
        return await asyncio.get_running_loop().run_in_executor(None, self.drain, timeout)

    async def close_async(self, timeout: float | None = 10.0) -> None:
        """As `close`, without blocking the event loop: its runs may end meanwhile."""
        await asyncio.get_running_loop().run_in_executor(None, self.close, timeout)


def _execute(handler: Handler, run: Run) -> None:
    """One run on a thread of the lane; whatever it raises fails it."""
    try:
        reply = arguments(handler(run))
    except BaseException as error:  # noqa: B036 - SystemExit, too, ends the run and not the thread.
        run._fail(reason_of(error, run))
    else:
        run._complete(reply)
