"""Messages: what is submitted, and what becomes of it. Times are in seconds."""

from __future__ import annotations

import ctypes
import json
from dataclasses import dataclass
from typing import Any

from . import words
from ._structs import (
    KnobsStruct,
    LandedStruct,
    MessageStruct,
    SettledStruct,
    sized,
    string,
)


@dataclass
class Source:
    """Where a message comes from; it makes the session key of a message that has none."""

    kind: words.Kind = "direct"
    channel: str | None = None
    account: str | None = None
    peer: str | None = None
    group: str | None = None
    thread: str | None = None
    agent: str | None = None
    #: The id of a sub-agent, cron job, hook or node.
    id: str | None = None


@dataclass
class Knobs:
    """Knobs of one message or of one session; None is the next level's."""

    mode: words.Mode | None = None
    drop: words.Drop | None = None
    cap: int | None = None
    debounce: float | None = None

    def to_c(self) -> KnobsStruct:
        made = sized(KnobsStruct)
        made.mode, made.drop = words.MODE.number(self.mode), words.DROP.number(self.drop)
        made.cap = self.cap or 0
        if self.debounce is not None:
            made.has_debounce, made.debounce_ms = 1, round(self.debounce * 1000)
        return made


@dataclass
class Message:
    """A message: a key or a source, and a text or a payload."""

    key: str | None = None
    text: str | None = None
    mode: words.Mode | None = None
    source: Source | None = None
    #: The idempotency key; made up if there is none.
    id: str | None = None
    #: Any JSON for the agent.
    payload: Any = None
    #: Any JSON, echoed on the reply.
    meta: Any = None
    media: list[Any] | None = None
    sender: str | None = None
    authority: str | None = None
    #: Mode steer-backlog: the text of the later turn, if it differs.
    backlog: str | None = None
    lane: str | None = None
    requeued_from: str | None = None
    priority: words.Priority | None = None
    attempts: int | None = None
    #: How long it may wait.
    ttl: float | None = None
    #: How long its run may take.
    deadline: float | None = None
    #: Refuse it unless this run is the live one of the session.
    expect_run: int | None = None
    knobs: Knobs | None = None
    #: Set on what is given back: its steer half was delivered to an earlier run.
    seen: bool = False

    def to_c(self) -> MessageStruct:
        made = sized(MessageStruct)
        for name in ("key", "id", "text", "sender", "authority", "backlog", "lane", "requeued_from"):
            value = getattr(self, name)
            if value is not None:
                setattr(made, name, string(value))
        for name in ("payload", "meta", "media"):
            value = getattr(self, name)
            if value is not None:
                setattr(made, name, string(json.dumps(value)))
        made.mode, made.priority = words.MODE.number(self.mode), words.PRIORITY.number(self.priority)
        made.attempts, made.expect_run = self.attempts or 0, self.expect_run or 0
        made.ttl_ms, made.deadline_ms = round((self.ttl or 0) * 1000), round((self.deadline or 0) * 1000)
        if self.source is not None:
            self._source_to_c(self.source, made)
        if self.knobs is not None:
            made.knobs = ctypes.pointer(self.knobs.to_c())
        return made

    @staticmethod
    def _source_to_c(source: Source, made: MessageStruct) -> None:
        made.kind = words.KIND.number(source.kind)
        for name in ("channel", "account", "peer", "group", "thread", "agent"):
            setattr(made, name, string(getattr(source, name)))
        made.source_id = string(source.id)

    @classmethod
    def from_c(cls, struct: MessageStruct) -> Message:
        def text(name: str) -> str | None:
            found: str | None = getattr(struct, name).text()
            return found

        def parsed(name: str) -> Any:
            found = text(name)
            return None if found is None else json.loads(found)

        source = None
        if struct.kind:
            names = ("channel", "account", "peer", "group", "thread", "agent")
            # An empty string in a source is none.
            fields = {name: text(name) or None for name in names}
            source = Source(words.KIND.word(struct.kind), id=text("source_id") or None, **fields)
        return cls(
            key=text("key"),
            text=text("text"),
            mode=words.MODE.word(struct.mode),
            source=source,
            id=text("id"),
            payload=parsed("payload"),
            meta=parsed("meta"),
            media=parsed("media"),
            sender=text("sender"),
            authority=text("authority") or None,
            backlog=text("backlog"),
            lane=text("lane"),
            requeued_from=text("requeued_from"),
            priority=words.PRIORITY.word(struct.priority),
            attempts=struct.attempts or None,
            ttl=struct.ttl_ms / 1000 or None,
            deadline=struct.deadline_ms / 1000 or None,
            expect_run=struct.expect_run or None,
            seen=bool(struct.seen),
        )


@dataclass(frozen=True)
class Landed:
    """Where a message landed."""

    id: str
    key: str
    placement: words.Placement
    #: Why it waits its turn, if it asked to steer or interrupt.
    fallback: words.Fallback | None
    #: The run that it steers.
    run: int | None
    #: Messages of its session that were before it.
    position: int

    @classmethod
    def from_c(cls, struct: LandedStruct) -> Landed:
        return cls(
            id=struct.id.text() or "",
            key=struct.key.text() or "",
            placement=words.PLACEMENT.word(struct.placement),
            fallback=words.FALLBACK.word(struct.fallback),
            run=struct.run or None,
            position=struct.position,
        )


@dataclass(frozen=True)
class Settled:
    """What became of a message."""

    fate: words.Fate
    outcome: words.Outcome | None
    #: The run's one reply, on the receipt with `lead` alone: so a host answers once.
    reply: str | None
    lead: bool
    #: What the handler said when it failed.
    error: str | None
    run: int | None

    @classmethod
    def from_c(cls, struct: SettledStruct) -> Settled:
        return cls(
            fate=words.FATE.word(struct.fate),
            outcome=words.OUTCOME.word(struct.outcome),
            reply=struct.reply.text(),
            lead=bool(struct.lead),
            error=struct.error.text(),
            run=struct.run or None,
        )
