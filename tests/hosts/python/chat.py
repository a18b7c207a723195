"""A chat host on the lane's own threads: a burst that becomes one run, a steer at a tool boundary, an interrupt, a
sub-agent on the same lane, and a drain."""

import threading

import laneq
from laneq import Engine, Message, Run

CONFIG = {"lanes": {"main": {"concurrency": 1}}, "queue": {"debounce": "0ms"}}
MINUTE = 60.0


class Host:
    """What the handler and the scenes tell each other."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.arrived = threading.Event()
        self.go = threading.Event()
        engine.on_run("main", self.on_run)

    def on_run(self, run: Run) -> str:
        scenes = {"tools": self.with_tools, "endless": self.endless, "parent": self.with_child}
        return scenes.get(run.key, self.echo)(run)

    def echo(self, run: Run) -> str:
        return f"you said: {run.text}"

    def with_tools(self, run: Run) -> str:
        """Two tools; a steer arrives during the first, so that the second is skipped."""
        plan = run.plan(["read", "write"])
        assert plan.start("read") == "go"
        self.arrived.set()
        assert self.go.wait(MINUTE)
        assert plan.finish("read", "42") == "steer"
        assert plan.start("write") == "skip"
        read, write = plan.settle()
        assert (read.call, read.result, read.state, read.error) == ("read", "42", "completed", False)
        assert (write.state, write.effects, write.code) == ("cancelled", "none", "steer")

        transcript = []
        try:
            with run.take_steers() as steers:
                raise OSError("the transcript's disk is full")
        except OSError:
            assert len(steers) == 1  # Put back at its place.
        while steers := run.end():
            with steers:
                transcript += [message.text for message in steers]
        assert transcript == ["not that file"]
        return "steered"

    def endless(self, run: Run) -> str:
        token = run.token()
        heard = threading.Event()
        with token.register(lambda cause: heard.set()):
            self.arrived.set()
            assert token.wait() == "interrupt"
            # Whoever is taken back before its turn is not called: so wait until it was.
            assert heard.wait(MINUTE)
        assert run.boundary() == "stop" and run.cause == "interrupt"
        raise laneq.Stopped("as you say")

    def with_child(self, run: Run) -> str:
        """The lane has one slot: it is lent to the child."""
        receipt = run.spawn(Message("child", "hello", lane="main"))
        try:
            receipt.wait()
        except laneq.WouldDeadlock:
            pass
        else:
            raise AssertionError("a plain wait in a handler is refused")
        child = run.wait(receipt)
        assert (child.fate, child.reply) == ("ran", "you said: hello")
        return "the child is done"


def burst(host: Host) -> None:
    """One run, and one reply, on the last receipt."""
    host.engine.pause("main")
    receipts = [host.engine.submit(Message("chat", "hello", mode="collect")) for _ in range(3)]
    host.engine.resume("main")
    settled = [receipt.wait(MINUTE) for receipt in receipts]
    assert [one.lead for one in settled] == [False, False, True]
    assert [one.reply is not None for one in settled] == [False, False, True]
    assert {(one.fate, one.outcome) for one in settled} == {("ran", "done")}
    assert (settled[2].reply or "").startswith("you said: ")


def steer(host: Host) -> None:
    first = host.engine.submit(Message("tools", "fix the bug"))
    assert host.arrived.wait(MINUTE)
    second = host.engine.submit(Message("tools", "not that file", mode="steer"))
    landed = second.landed
    assert (landed.placement, landed.fallback) == ("steered", None) and landed.run
    host.go.set()
    assert first.wait(MINUTE).reply == "steered"
    assert second.wait(MINUTE).fate == "steered"


def interrupt(host: Host) -> None:
    host.arrived.clear()
    receipt = host.engine.submit(Message("endless", "go"))
    assert host.arrived.wait(MINUTE)
    run = host.engine.interrupt("endless")
    settled = receipt.wait(MINUTE)
    assert run is not None and settled.run == run
    assert (settled.outcome, settled.error) == ("stopped", "as you say")


def sub_agent(host: Host) -> None:
    receipt = host.engine.submit(Message("parent", "ask a child"))
    assert receipt.wait(MINUTE).reply == "the child is done"


def drain(host: Host) -> None:
    """What a paused lane holds is the host's again at the deadline."""
    host.engine.pause("main")
    host.engine.submit(Message("chat", "keep me", meta={"to": 7}))
    report = host.engine.drain(0.01)
    assert not report.complete and not report.running
    assert [(one.text, one.meta) for one in report.returned] == [("keep me", {"to": 7})]
    try:
        host.engine.submit(Message("chat", "too late"))
    except laneq.Refused as refused:
        assert refused.reason == "draining"
    else:
        raise AssertionError("a drained engine takes nothing")


def main() -> None:
    with Engine(CONFIG) as engine:
        events = engine.events()
        host = Host(engine)
        for scene in (burst, steer, interrupt, sub_agent, drain):
            scene(host)
        stats = engine.stats()
        assert (stats["accepted"], stats["refused"], stats["pending"]) == (9, 1, 0), stats
    seen = [event["event"] for event in events]
    assert len(seen) > 30 and events.lost == 0, seen
    print(f"chat: fine (library {laneq.__version__})")


if __name__ == "__main__":
    main()
