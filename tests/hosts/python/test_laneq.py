"""What a program in Python relies on; `python3 -m unittest` runs it."""

import asyncio
import faulthandler
import gc
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

import laneq
from laneq import Engine, Message
from laneq._callbacks import kept, wait_for_handlers

MINUTE = 60.0
NOW = {"queue": {"debounce": "0ms", "mode": "followup"}}


def setUpModule() -> None:
    # Whatever hangs says where.
    faulthandler.dump_traceback_later(5 * MINUTE, exit=True)
    unittest.addModuleCleanup(faulthandler.cancel_dump_traceback_later)


class Push(unittest.TestCase):
    def setUp(self) -> None:
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    def test_a_handler_that_raises_fails_its_run_alone(self) -> None:
        with Engine(NOW) as engine:

            @engine.on_run("main")
            def handler(run: laneq.Run) -> str:
                if run.text == "bad":
                    raise SystemExit("no")
                return "good"

            bad, good = engine.submit(Message("a", "bad")), engine.submit(Message("a", "good"))
            settled = bad.wait(MINUTE)
            self.assertEqual((settled.outcome, settled.error), ("failed", "SystemExit: no"))
            self.assertEqual(good.wait(MINUTE).reply, "good")

    def test_a_reply_that_is_no_text_fails_the_run(self) -> None:
        with Engine(NOW) as engine:
            engine.on_run("main", lambda run: 7)  # type: ignore[arg-type, return-value]
            self.assertEqual(engine.submit(Message("a", "x")).wait(MINUTE).outcome, "failed")

    def test_a_thousand_messages_over_fifty_keys_are_in_order(self) -> None:
        seen: dict[str, list[int]] = {f"k{n}": [] for n in range(50)}
        with Engine({"queue": {"mode": "followup", "cap": 100}}) as engine:
            engine.on_run("main", lambda run: seen[run.key].append(int(run.text)))
            receipts = [engine.submit(Message(f"k{n % 50}", str(n))) for n in range(1000)]
            self.assertTrue(all(receipt.wait(MINUTE).fate == "ran" for receipt in receipts))
        self.assertEqual(sum(map(len, seen.values())), 1000)
        for order in seen.values():
            self.assertEqual(order, sorted(order))

    def test_strings_arrive_as_they_were(self) -> None:
        text = "nul \0, umlaut \u00e4, beyond \U0001f600"
        with Engine(NOW) as engine:
            engine.on_run("main", lambda run: run.text)
            self.assertEqual(engine.submit(Message("a", text)).wait(MINUTE).reply, text)
            receipt = engine.submit(Message("a", "", payload={"n": [1, None]}))
            self.assertEqual(receipt.wait(MINUTE).reply, "")
            self.assertEqual(receipt.message.payload, {"n": [1, None]})

    def test_a_duplicate_has_the_first_receipt(self) -> None:
        with Engine(NOW) as engine:
            engine.on_run("main", lambda run: "once")
            first = engine.submit(Message("a", "x", id="one"))
            with self.assertRaises(laneq.Refused) as caught:
                engine.submit(Message("a", "x", id="one"))
            self.assertEqual(caught.exception.reason, "duplicate")
            assert caught.exception.receipt is not None
            self.assertEqual(caught.exception.receipt.wait(MINUTE).run, first.wait(MINUTE).run)

    def test_the_messages_of_a_run_are_as_they_were_submitted(self) -> None:
        seen: list[Message] = []
        source = laneq.Source("group", channel="irc", group="g", peer="ann")
        sent = Message(None, "x", "collect", source, "one", meta={"to": [7]}, sender="ann", ttl=60, attempts=2)
        sent.priority = "background"
        with Engine(NOW) as engine:
            engine.on_run("main", lambda run: seen.extend(run.messages))
            engine.submit(sent).wait(MINUTE)
        sent.key = "agent:main:irc:group:g"
        self.assertEqual(seen, [sent])

    def test_a_wrong_word_is_told_with_the_right_ones(self) -> None:
        with Engine(NOW) as engine, self.assertRaisesRegex(ValueError, "mode is 'stear': .*steer"):
            engine.submit(Message("a", "x", mode="stear"))  # type: ignore[arg-type]

    def test_wrong_settings_are_told_with_their_place(self) -> None:
        with self.assertRaisesRegex(laneq.Error, "quue"):
            Engine({"quue": {}})
        with self.assertRaisesRegex(laneq.Error, "config:2:7: queue.cap"):
            laneq.check("[queue]\ncap = -1\n")

    def test_what_the_library_keeps_goes_with_the_engine(self) -> None:
        gc.collect()
        self.assertTrue(wait_for_handlers(MINUTE))
        before = kept()
        engine = Engine(NOW)
        engine.on_run("main", lambda run: "x")
        token = laneq.Token()
        token.on_cancel(lambda cause: None)
        self.assertEqual(kept(), before + 2)
        engine.submit(Message("a", "x")).wait(MINUTE)
        engine.close()
        engine.free()
        token.free()
        self.assertEqual(kept(), before)
        # A call that fails gives the callback back too.
        with Engine(NOW) as other, self.assertRaises(laneq.Error):
            other.on_run("no such lane", lambda run: "x")
        self.assertEqual(kept(), before)

    def test_a_callback_stays_with_its_token_and_a_registered_one_until_it_is_removed(self) -> None:
        heard: list[str] = []
        token = laneq.Token()
        token.on_cancel(lambda cause: heard.append(f"always {cause}"))
        with token.register(lambda cause: heard.append("removed")):
            pass
        gc.collect()
        token.cancel("host")
        self.assertEqual(heard, ["always host"])

    def test_objects_may_go_in_any_order(self) -> None:
        for _ in range(20):
            engine = Engine(NOW)
            engine.on_run("main", lambda run: "x")
            receipts = [engine.submit(Message(f"k{n}", "x")) for n in range(10)]
            events = engine.events()
            ring: list[Any] = [engine, events, *receipts]
            ring.append(ring)
            del engine, events, receipts, ring
            gc.collect()

    def test_a_freed_receipt_says_so(self) -> None:
        with Engine(NOW) as engine:
            receipt = engine.submit(Message("a", "x"))
            receipt.free()
            receipt.free()
            with self.assertRaises(laneq.Stale):
                receipt.wait()

    def test_an_abandoned_handler_ends_in_silence(self) -> None:
        arrived, go, over = (threading.Event() for _ in range(3))

        def handler(run: laneq.Run) -> str:
            arrived.set()
            go.wait(MINUTE)
            try:
                return "late"
            finally:
                over.set()

        with Engine(NOW) as engine, mock.patch("laneq.run.log") as one, mock.patch("laneq._callbacks.log") as other:
            engine.on_run("main", handler)
            receipt = engine.submit(Message("a", "x"))
            self.assertTrue(arrived.wait(MINUTE))
            run = engine.interrupt("a")
            assert run is not None
            engine.abandon(run)
            self.assertEqual(receipt.wait(MINUTE).outcome, "stopped")
            go.set()
            self.assertTrue(over.wait(MINUTE))
            engine.close()
            self.assertEqual((one.mock_calls, other.mock_calls), ([], []))

    def test_a_close_with_a_stuck_handler_says_which(self) -> None:
        arrived, go = threading.Event(), threading.Event()
        engine = Engine(NOW)

        def handler(run: laneq.Run) -> str:
            arrived.set()
            go.wait(MINUTE)
            return "late"

        engine.on_run("main", handler)
        engine.submit(Message("a", "x"))
        self.assertTrue(arrived.wait(MINUTE))
        with self.assertRaises(laneq.Stuck) as caught:
            engine.close(0.01)
        self.assertEqual([stuck["key"] for stuck in caught.exception.running], ["a"])
        go.set()
        engine.close()


class Program(unittest.TestCase):
    """What only a process of its own can show."""

    def start(self, program: str) -> "subprocess.Popen[str]":
        here = str(Path(__file__).resolve().parent)
        env = {**os.environ, "PYTHONPATH": here}
        pipe = subprocess.PIPE
        command = [sys.executable, "-X", "faulthandler", "-c", program]
        return subprocess.Popen(command, env=env, stdout=pipe, stderr=pipe, text=True)

    def end(self, child: subprocess.Popen[str]) -> tuple[str, str, int]:
        try:
            out, error = child.communicate(timeout=MINUTE)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGABRT)  # It says where it hangs.
            out, error = child.communicate()
        return out, error, child.returncode

    def test_a_keyboard_interrupt_ends_a_wait(self) -> None:
        # Whoever runs the tests may have been told to ignore it: a shell's background job is.
        program = """
import laneq, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
engine = laneq.Engine()
engine.pause("main")
receipt = engine.submit(laneq.Message("a", "x"))
try:
    print("waits", flush=True)
    {}
except KeyboardInterrupt:
    engine.close()
    print(receipt.wait().fate)
"""
        for wait in ("receipt.wait()", "engine.drain()"):
            with self.subTest(wait), self.start(program.format(wait)) as child:
                assert child.stdout is not None
                child.stdout.readline()
                child.send_signal(signal.SIGINT)
                self.assertEqual(self.end(child), ("returned\n", "", 0))

    def test_an_engine_that_was_left_open_is_closed_at_the_end(self) -> None:
        program = """
import laneq, time
engine = laneq.Engine({{"queue": {{"mode": "followup"}}}})
engine.on_run("main", lambda run: time.sleep(0.2))
receipts = [engine.submit(laneq.Message(f"k{{n}}", "x")) for n in range(200)]
{}
"""
        for last in ("", "del engine, receipts", "engine.close()"):
            with self.subTest(last), self.start(program.format(last)) as child:
                self.assertEqual(self.end(child), ("", "", 0))


class Loop(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    async def test_a_duplicate_has_the_first_receipt(self) -> None:
        async with Engine(NOW) as engine, engine.port():
            first = await engine.submit_async(Message("a", "x", id="one"))
            with self.assertRaises(laneq.Refused) as caught:
                await engine.submit_async(Message("a", "x", id="one"))
            self.assertEqual(caught.exception.reason, "duplicate")
            assert caught.exception.receipt is not None
            self.assertEqual(caught.exception.receipt.landed, first.landed)

    async def test_messages_of_a_journal_are_awaited(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            journal = {"path": str(Path(folder) / "journal.redb")}
            async with Engine({**NOW, "journal": journal}) as engine, engine.port():
                engine.pause("main")
                await engine.submit_async(Message("a", "x"))
            async with Engine({**NOW, "journal": journal}) as engine, engine.port() as port:
                (receipt,) = engine.recover()
                async for run in port:
                    run.complete(run.text)
                    break
                self.assertEqual((await receipt).reply, "x")

    async def test_a_task_that_raises_fails_its_run_alone(self) -> None:
        async def handler(run: laneq.PulledRun) -> str:
            return {"good": "good"}[run.text]

        async with Engine(NOW) as engine, engine.port() as port:
            serving = asyncio.create_task(port.serve(handler))
            bad = await engine.submit_async(Message("a", "bad"))
            good = await engine.submit_async(Message("a", "good"))
            self.assertEqual((await bad).error, "KeyError: 'bad'")
            self.assertEqual((await good).reply, "good")
            await engine.close_async()
            await serving

    async def test_runs_are_iterated_and_a_dropped_one_has_failed(self) -> None:
        async with Engine(NOW) as engine, engine.port() as port:
            first = await engine.submit_async(Message("a", "one"))
            second = await engine.submit_async(Message("a", "two"))
            async for run in port:
                if run.text == "two":
                    run.complete("done")
                    break
                del run
            self.assertEqual((await first).outcome, "failed")
            self.assertEqual((await second).reply, "done")

    async def test_a_closed_engine_wakes_who_waits(self) -> None:
        async with Engine(NOW) as engine, engine.port() as port:
            engine.pause("main")
            receipt = await engine.submit_async(Message("a", "x"))

            async def wait() -> laneq.Settled:
                return await receipt

            async def iterate() -> int:
                return len([run async for run in port])

            waiting, iterating = asyncio.create_task(wait()), asyncio.create_task(iterate())
            await asyncio.sleep(0)
            await engine.close_async()
            self.assertEqual((await asyncio.wait_for(waiting, MINUTE)).fate, "returned")
            self.assertEqual(await asyncio.wait_for(iterating, MINUTE), 0)

    async def test_a_cancelled_task_leaves_the_message_alone(self) -> None:
        async with Engine(NOW) as engine, engine.port() as port:
            receipt = await engine.submit_async(Message("a", "x"))

            async def wait() -> laneq.Settled:
                return await receipt

            cancelled = asyncio.create_task(wait())
            await asyncio.sleep(0)
            cancelled.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await cancelled
            async for run in port:
                run.complete("all the same")
                break
            self.assertEqual((await receipt).reply, "all the same")

    async def test_a_cancelled_taker_leaves_the_run_to_the_next(self) -> None:
        async with Engine(NOW) as engine, engine.port() as port:
            first, second = (asyncio.create_task(port.__anext__()) for _ in range(2))
            await asyncio.sleep(0)
            receipt = await engine.submit_async(Message("a", "x"))
            while not first.done() and not port._ready:
                await asyncio.sleep(0)
            first.cancel()
            done, _ = await asyncio.wait({first, second}, timeout=MINUTE, return_when=asyncio.FIRST_COMPLETED)
            run = await second if not second.cancelled() and first.cancelled() else await first
            run.complete("taken")
            second.cancel()
            self.assertEqual((await receipt).reply, "taken")

    async def test_a_cancelled_handler_fails_its_run(self) -> None:
        started = asyncio.Event()

        async def handler(run: laneq.PulledRun) -> str:
            started.set()
            await asyncio.sleep(MINUTE)
            return "never"

        async with Engine(NOW) as engine, engine.port() as port:
            serving = asyncio.create_task(port.serve(handler))
            receipt = await engine.submit_async(Message("a", "x"))
            await started.wait()
            serving.cancel()
            self.assertEqual((await receipt).error, "the task was cancelled")

    async def test_a_wait_for_oneself_is_refused(self) -> None:
        async with Engine(NOW) as engine, engine.port() as port:
            await engine.submit_async(Message("a", "x"))
            async for run in port:
                own = await engine.submit_async(Message("a", "y"))
                with self.assertRaises(laneq.WouldDeadlock):
                    await run.wait(own)
                run.complete()
                break

    async def test_a_thousand_messages_over_fifty_keys_are_in_order(self) -> None:
        seen: dict[str, list[int]] = {f"k{n}": [] for n in range(50)}

        async def handler(run: laneq.PulledRun) -> None:
            await asyncio.sleep(0)
            seen[run.key].append(int(run.text))

        async with Engine({"queue": {"mode": "followup", "cap": 100}}) as engine, engine.port() as port:
            serving = asyncio.create_task(port.serve(handler))
            receipts = [await engine.submit_async(Message(f"k{n % 50}", str(n))) for n in range(1000)]
            for receipt in receipts:
                self.assertEqual((await receipt).fate, "ran")
            await engine.close_async()
            await serving
        for order in seen.values():
            self.assertEqual(order, sorted(order))
            self.assertEqual(len(order), 20)

    async def test_awaiting_without_a_port_says_what_to_do(self) -> None:
        with Engine(NOW) as engine, self.assertRaisesRegex(RuntimeError, "async with engine.port"):
            await engine.submit(Message("a", "x"))

    async def test_receipts_of_a_push_lane_are_awaited_too(self) -> None:
        async with Engine(NOW) as engine, engine.port(lanes=()):
            engine.on_run("main", lambda run: "pushed")
            self.assertEqual((await engine.submit(Message("a", "x"))).reply, "pushed")


if __name__ == "__main__":
    unittest.main()
