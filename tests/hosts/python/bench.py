"""What this door costs: runs per second, and how late a run in progress sees a steer.

    python3 bench.py [MESSAGES]

What limits it. Push: every run comes into Python on a thread of the library, gets a thread state of its own, and waits
for the interpreter's lock, which all runs share. Its run sleeps 50 us between looks, which the system makes about 110:
that is its figure. Asyncio: one thread does everything, with ten short calls into C and a task for a run, and one hop
of the loop for what is heard together.
"""

from __future__ import annotations

import asyncio
import queue
import statistics
import sys
import threading
import time
from typing import Callable

from laneq import Engine, Message, PulledRun, Run

CONFIG = {"queue": {"mode": "followup", "debounce": "0ms", "cap": 100000, "steer_rounds": 1000}}
KEYS = 50
STEERS = 200
ROUNDS = 5


def messages(count: int) -> list[Message]:
    return [Message(f"k{n % KEYS}", "hello") for n in range(count)]


def push_runs(count: int) -> float:
    with Engine(CONFIG) as engine:
        engine.on_run("main", lambda run: run.text)
        sent = messages(count)
        begin = time.perf_counter()
        for receipt in [engine.submit(message) for message in sent]:
            receipt.wait()
        return count / (time.perf_counter() - begin)


def push_steers(count: int) -> float:
    """Microseconds from the submit of a steer to the boundary of a polling run that sees it."""
    late: list[float] = []
    seen: queue.SimpleQueue[float] = queue.SimpleQueue()
    started = threading.Event()

    def handler(run: Run) -> str:
        started.set()
        while (verdict := run.boundary()) != "stop":
            if verdict == "steer":
                at = time.perf_counter()
                run.take_steers().commit()
                seen.put(at)
            time.sleep(0.00005)
        return "stopped"

    with Engine(CONFIG) as engine:
        engine.on_run("main", handler)
        engine.submit(Message("k", "go"))
        started.wait()
        for _ in range(count):
            begin = time.perf_counter()
            engine.submit(Message("k", "x", mode="steer"))
            late.append((seen.get() - begin) * 1e6)
        engine.interrupt("k")
    return statistics.median(late)


async def async_runs(count: int) -> float:
    async def handler(run: PulledRun) -> str:
        return run.text

    async with Engine(CONFIG) as engine, engine.port() as port:
        serving = asyncio.create_task(port.serve(handler))
        sent = messages(count)
        begin = time.perf_counter()
        for receipt in [await engine.submit_async(message) for message in sent]:
            await receipt
        took = time.perf_counter() - begin
        await engine.close_async()
        await serving
        return count / took


async def async_steers(count: int) -> float:
    late: list[float] = []
    seen: asyncio.Queue[float] = asyncio.Queue()
    started = asyncio.Event()

    async def handler(run: PulledRun) -> str:
        started.set()
        while await run.heard() == "steer":
            at = time.perf_counter()
            run.take_steers().commit()
            seen.put_nowait(at)
        return "stopped"

    async with Engine(CONFIG) as engine, engine.port() as port:
        serving = asyncio.create_task(port.serve(handler))
        await engine.submit_async(Message("k", "go"))
        await started.wait()
        for _ in range(count):
            begin = time.perf_counter()
            await engine.submit_async(Message("k", "x", mode="steer"))
            late.append((await seen.get() - begin) * 1e6)
        engine.interrupt("k")
        await engine.close_async()
        await serving
    return statistics.median(late)


def show(what: str, unit: str, measure: Callable[[], float]) -> None:
    found = sorted(measure() for _ in range(ROUNDS))
    print(f"{what:28} {statistics.median(found):10,.0f} {unit:7} ({found[0]:,.0f} to {found[-1]:,.0f})")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    show("push: runs", "a s", lambda: push_runs(count))
    show("push: steer to boundary", "us", lambda: push_steers(STEERS))
    show("asyncio: runs", "a s", lambda: asyncio.run(async_runs(count)))
    show("asyncio: steer to boundary", "us", lambda: asyncio.run(async_steers(STEERS)))


if __name__ == "__main__":
    main()
