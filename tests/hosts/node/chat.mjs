// A chat host on the event loop: a burst that becomes one run, a steer at a tool boundary, an interrupt, a sub-agent
// on the same lane, and a drain.

import assert from 'node:assert/strict';
import { Engine, NotDone, Refused, Stopped, version } from './lib/index.mjs';

const gate = () => {
  const made = {};
  made.passed = new Promise((open) => (made.open = open));
  return made;
};

const engine = new Engine({ lanes: { main: { concurrency: 1 } }, queue: { debounce: '0ms' } });
const main = engine.lane('main');
let arrived = gate();
const go = gate();

const scenes = {
  // Two tools; a steer arrives during the first, so that the second is skipped.
  async tools(run) {
    const plan = run.plan(['read', 'write']);
    assert.equal(plan.start('read'), 'go');
    arrived.open();
    await go.passed;
    assert.equal(await run.heard(), 'steer');
    assert.equal(plan.finish('read', '42'), 'steer');
    assert.equal(plan.start('write'), 'skip');
    const [read, write] = plan.settle();
    assert.deepEqual([read.call, read.result, read.state, read.error], ['read', '42', 'completed', false]);
    assert.deepEqual([write.state, write.effects, write.code], ['cancelled', 'none', 'steer']);
    const taken = run.takeSteers();
    taken.restore(); // Back at its place.
    const transcript = [];
    for (let steers; (steers = run.end()).length > 0; steers.commit()) transcript.push(...steers.map((one) => one.text));
    assert.deepEqual(transcript, ['not that file']);
    return 'steered';
  },

  async endless(run) {
    arrived.open();
    await new Promise((stop) => run.signal.addEventListener('abort', stop, { once: true }));
    assert.ok(run.signal.reason instanceof Stopped);
    assert.deepEqual([run.boundary(), run.cause], ['stop', 'interrupt']);
    throw new Error('as you say');
  },

  // The lane has one slot: it is lent to the child.
  async parent(run) {
    const child = await run.wait(run.spawn({ key: 'child', text: 'hello', lane: 'main' }));
    assert.deepEqual([child.fate, child.reply], ['ran', 'you said: hello']);
    return 'the child is done';
  },
};

main.on(async (run) => (scenes[run.key] ? scenes[run.key](run) : `you said: ${run.text}`));
const events = (async () => {
  const seen = [];
  for await (const event of engine.events()) seen.push(event.event);
  return seen;
})();

// One run, and one reply, on the last receipt.
main.pause();
const burst = [1, 2, 3].map(() => engine.submit({ key: 'chat', text: 'hello', mode: 'collect' }));
main.resume();
const replies = await Promise.all(burst);
assert.deepEqual(replies.slice(0, 2), [null, null]);
assert.match(replies[2], /^you said: /);

const first = engine.submit({ key: 'tools', text: 'fix the bug' });
await arrived.passed;
const second = engine.submit({ key: 'tools', text: 'not that file', mode: 'steer' });
assert.equal((await second.landed()).placement, 'steered');
go.open();
assert.equal(await first, 'steered');
assert.equal((await second.settled()).fate, 'steered');

arrived = gate();
const endless = engine.submit({ key: 'endless', text: 'go' });
await arrived.passed;
const interrupted = engine.interrupt('endless');
await assert.rejects(endless.then(), (error) => error instanceof NotDone && error.message === 'as you say');
const { outcome, run } = await endless.settled();
assert.deepEqual([outcome, run], ['stopped', interrupted]);

assert.equal(await engine.submit({ key: 'parent', text: 'ask a child' }), 'the child is done');

// What a paused lane holds is the host's again at the deadline.
main.pause();
const kept = engine.submit({ key: 'chat', text: 'keep me', meta: { to: 7 } });
const report = await engine.drain(10);
assert.deepEqual([report.complete, report.running], [false, []]);
assert.deepEqual(report.returned.map((one) => [one.text, one.meta]), [['keep me', { to: 7 }]]);
assert.equal((await kept.settled()).fate, 'returned');
await assert.rejects(engine.submit({ key: 'chat', text: 'too late' }).then(), (error) =>
  error instanceof Refused && error.reason === 'draining');

const stats = engine.stats();
assert.deepEqual([stats.accepted, stats.refused, stats.pending], [9, 1, 0]);
await engine.close();
assert.ok((await events).length > 30);
console.log(`chat: fine (library ${version})`);
