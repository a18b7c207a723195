"""The chat host on an event loop: the same five scenes through a port, without any thread."""

import asyncio

import laneq
from laneq import Engine, Message, PulledRun

CONFIG = {"lanes": {"main": {"concurrency": 1}}, "queue": {"debounce": "0ms"}}
MINUTE = 60.0


class Host:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.arrived = asyncio.Event()
        self.go = asyncio.Event()

    async def on_run(self, run: PulledRun) -> str:
        if run.key == "tools":
            return await self.with_tools(run)
        if run.key == "endless":
            return await self.endless(run)
        if run.key == "parent":
            return await self.with_child(run)
        return f"you said: {run.text}"

    async def with_tools(self, run: PulledRun) -> str:
        """Two tools; a steer arrives during the first, so that the second is skipped."""
        plan = run.plan(["read", "write"])
        assert plan.start("read") == "go"
        self.arrived.set()
        await self.go.wait()
        assert await run.heard() == "steer"
        assert plan.finish("read", "42") == "steer"
        assert plan.start("write") == "skip"
        assert [result.state for result in plan.settle()] == ["completed", "cancelled"]
        with run.take_steers() as steers:
            assert [message.text for message in steers] == ["not that file"]
        return "steered"

    async def endless(self, run: PulledRun) -> str:
        self.arrived.set()
        assert await run.heard() == "stop" and run.cause == "interrupt"
        raise laneq.Stopped("as you say")

    async def with_child(self, run: PulledRun) -> str:
        """The lane has one slot: it is lent to the child."""
        receipt = run.spawn(Message("child", "hello", lane="main"))
        child = await run.wait(receipt)
        assert (child.fate, child.reply) == ("ran", "you said: hello")
        return "the child is done"


async def burst(host: Host) -> None:
    host.engine.pause("main")
    receipts = [await host.engine.submit_async(Message("chat", "hello", mode="collect")) for _ in range(3)]
    host.engine.resume("main")
    settled = [await receipt for receipt in receipts]
    assert [one.lead for one in settled] == [False, False, True]
    assert (settled[2].reply or "").startswith("you said: ")


async def steer(host: Host) -> None:
    first = await host.engine.submit_async(Message("tools", "fix the bug"))
    await host.arrived.wait()
    second = await host.engine.submit_async(Message("tools", "not that file", mode="steer"))
    assert second.landed.placement == "steered"
    host.go.set()
    assert (await first).reply == "steered"
    assert (await second).fate == "steered"


async def interrupt(host: Host) -> None:
    host.arrived.clear()
    receipt = await host.engine.submit_async(Message("endless", "go"))
    await host.arrived.wait()
    assert host.engine.interrupt("endless") is not None
    settled = await receipt
    assert (settled.outcome, settled.error) == ("stopped", "as you say")


async def sub_agent(host: Host) -> None:
    receipt = await host.engine.submit_async(Message("parent", "ask a child"))
    assert (await receipt).reply == "the child is done"


async def drain(host: Host) -> None:
    host.engine.pause("main")
    kept = await host.engine.submit_async(Message("chat", "keep me", meta={"to": 7}))
    report = await host.engine.drain_async(0.01)
    assert [(one.text, one.meta) for one in report.returned] == [("keep me", {"to": 7})]
    assert (await kept).fate == "returned"
    try:
        await host.engine.submit_async(Message("chat", "too late"))
    except laneq.Refused as refused:
        assert refused.reason == "draining"
    else:
        raise AssertionError("a drained engine takes nothing")


async def main() -> None:
    async with Engine(CONFIG) as engine, engine.port() as port:
        host = Host(engine)
        serving = asyncio.create_task(port.serve(host.on_run))
        for scene in (burst, steer, interrupt, sub_agent, drain):
            await asyncio.wait_for(scene(host), MINUTE)
        await engine.close_async()
        await serving
    print(f"chat_async: fine (library {laneq.__version__})")


if __name__ == "__main__":
    asyncio.run(main())
