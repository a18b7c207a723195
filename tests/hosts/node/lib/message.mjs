// Messages, as they go in and come back. Times are in milliseconds.
//
// A message is an object with `key` or `source` ({kind, channel, account, peer, group, thread, agent, id}), `text` or
// `payload`, and any of `mode`, `id`, `meta`, `media`, `sender`, `authority`, `backlog`, `lane`, `requeuedFrom`,
// `priority`, `attempts`, `ttl`, `deadline`, `expectRun` and `knobs` ({mode, drop, cap, debounce}).

import { read, size, str, structs, text } from './library.mjs';
import * as words from './words.mjs';

const FIELDS = new Set([
  'key', 'source', 'text', 'payload', 'mode', 'id', 'meta', 'media', 'sender', 'authority', 'backlog', 'lane',
  'requeuedFrom', 'priority', 'attempts', 'ttl', 'deadline', 'expectRun', 'knobs', 'seen',
]);
const json = (value) => str(value === undefined ? null : JSON.stringify(value));
const parsed = (found) => (found === null ? undefined : JSON.parse(found));

export function knobsToC({ mode, drop, cap, debounce }) {
  return {
    struct_size: size(structs.Knobs), debounce_ms: debounce ?? 0, has_debounce: debounce === undefined ? 0 : 1,
    mode: words.MODE.number(mode), drop: words.DROP.number(drop), cap: cap ?? 0,
  };
}

export function messageToC(message) {
  const unknown = Object.keys(message).find((name) => !FIELDS.has(name));
  if (unknown) throw new TypeError(`a message has no ${unknown}: it has ${[...FIELDS].join(', ')}`);
  const source = message.source ?? {};
  return {
    struct_size: size(structs.Message),
    key: str(message.key), id: str(message.id), text: str(message.text), payload: json(message.payload),
    meta: json(message.meta), media: json(message.media), sender: str(message.sender),
    authority: str(message.authority), backlog: str(message.backlog), lane: str(message.lane),
    requeued_from: str(message.requeuedFrom), channel: str(source.channel), account: str(source.account),
    peer: str(source.peer), group: str(source.group), thread: str(source.thread), agent: str(source.agent),
    source_id: str(source.id),
    kind: message.source ? words.KIND.number(source.kind ?? 'direct') : 0, mode: words.MODE.number(message.mode),
    priority: words.PRIORITY.number(message.priority), attempts: message.attempts ?? 0, ttl_ms: message.ttl ?? 0,
    deadline_ms: message.deadline ?? 0, expect_run: message.expectRun ?? 0,
    knobs: message.knobs ? knobsToC(message.knobs) : null, seen: 0, reserved: 0,
  };
}

// An empty authority, or string of a source, is none.
const field = (found) => text(found) || null;
const without = (object) => {
  for (const name in object) if (object[name] == null) delete object[name];
  return object;
};

export function messageFromC(at) {
  const c = read(at, structs.MessageOut);
  const source = c.kind === 0 ? undefined : without({
    kind: words.KIND.word(c.kind), channel: field(c.channel), account: field(c.account), peer: field(c.peer),
    group: field(c.group), thread: field(c.thread), agent: field(c.agent), id: field(c.source_id),
  });
  return without({
    key: text(c.key), source, text: text(c.text), payload: parsed(text(c.payload)), mode: words.MODE.word(c.mode),
    id: text(c.id), meta: parsed(text(c.meta)), media: parsed(text(c.media)), sender: text(c.sender),
    authority: field(c.authority), backlog: text(c.backlog), lane: text(c.lane), requeuedFrom: text(c.requeued_from),
    priority: words.PRIORITY.word(c.priority), attempts: c.attempts || null, ttl: Number(c.ttl_ms) || null,
    deadline: Number(c.deadline_ms) || null, expectRun: Number(c.expect_run) || null, seen: c.seen ? true : null,
  });
}

/** Where a message landed. */
export function landedFromC(at) {
  const c = read(at, structs.Landed);
  return {
    id: text(c.id), key: text(c.key), placement: words.PLACEMENT.word(c.placement),
    fallback: words.FALLBACK.word(c.fallback), run: Number(c.run) || null, position: c.position,
  };
}

/** What became of a message. `reply` is on the one with `lead` alone, so that a host answers once. */
export function settledFromC(at) {
  const c = read(at, structs.Settled);
  return {
    fate: words.FATE.word(c.fate), outcome: words.OUTCOME.word(c.outcome), reply: text(c.reply), lead: c.lead === 1,
    error: text(c.error), run: Number(c.run) || null,
  };
}
