// What a program in Node relies on; `node --test` runs it.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { Engine, NotDone, Refused, Stale, Stuck, WouldDeadlock } from './lib/index.mjs';

const NOW = { queue: { debounce: '0ms', mode: 'followup', cap: 100 } };
const gate = () => {
  const made = {};
  made.passed = new Promise((open) => (made.open = open));
  return made;
};

async function stage(handler, work, settings = NOW) {
  const engine = new Engine(settings);
  try {
    if (handler) engine.on(handler);
    await work(engine);
  } finally {
    await engine.close();
  }
}

test('a handler that throws fails its run alone', () => stage(
  async (run) => {
    if (run.text === 'bad') throw new Error('no');
    return 'good';
  },
  async (engine) => {
    const bad = engine.submit({ key: 'a', text: 'bad' });
    const good = engine.submit({ key: 'a', text: 'good' });
    await assert.rejects(bad.then(), (error) => error instanceof NotDone && error.settled.outcome === 'failed');
    assert.equal((await bad.settled()).error, 'no');
    assert.equal(await good, 'good');
  }));

test('a reply that is no text fails the run', () => stage(() => 7, async (engine) => {
  await assert.rejects(engine.submit({ key: 'a', text: 'x' }).then(), /the reply is a number/);
}));

test('a thousand messages over fifty keys are in order', async () => {
  const seen = new Map();
  const handler = async (run) => {
    await null;
    seen.set(run.key, [...(seen.get(run.key) ?? []), Number(run.text)]);
  };
  await stage(handler, async (engine) => {
    const receipts = Array.from({ length: 1000 }, (_, n) => engine.submit({ key: `k${n % 50}`, text: `${n}` }));
    await Promise.all(receipts);
  });
  assert.equal(seen.size, 50);
  for (const order of seen.values()) {
    assert.equal(order.length, 20);
    assert.deepEqual(order, [...order].sort((a, b) => a - b));
  }
});

test('strings arrive as they were', () => stage((run) => run.text, async (engine) => {
  const long = 'x'.repeat(100_000);
  for (const text of ['nul \0, umlaut \u00e4, beyond \u{1f600}', '', long]) {
    assert.equal(await engine.submit({ key: 'a', text, payload: { n: [1, null] } }), text);
  }
}));

test('the messages of a run are as they were submitted', async () => {
  let messages;
  const handler = (run) => {
    messages = run.messages;
  };
  const sent = {
    id: 'one', text: 'x', source: { kind: 'group', channel: 'irc', group: 'g', peer: 'ann' }, meta: { to: [7] },
    sender: 'ann', priority: 'foreground', ttl: 60_000, mode: 'collect',
  };
  await stage(handler, (engine) => engine.submit(sent).then());
  const [{ key, ...rest }] = messages;
  assert.equal(key, 'agent:main:irc:group:g');
  for (const name in sent) assert.deepEqual(rest[name], sent[name], name);
});

test('a duplicate has the first receipt, and a wrong word is told with the right ones', () => stage(
  () => 'once', async (engine) => {
    const first = engine.submit({ key: 'a', text: 'x', id: 'one' });
    const again = await engine.submit({ key: 'a', text: 'x', id: 'one' }).then(assert.fail, (error) => error);
    assert.ok(again instanceof Refused && again.reason === 'duplicate');
    assert.equal((await again.receipt.settled()).run, (await first.settled()).run);
    await assert.rejects(engine.submit({ key: 'a', text: 'x', mode: 'stear' }).then(), /mode is "stear".*steer/);
    await assert.rejects(engine.submit({ key: 'a', txt: 'x' }).then(), /a message has no txt/);
  }));

test('wrong settings are told with their place', () => {
  assert.throws(() => new Engine({ quue: {} }), /quue/);
  assert.throws(() => new Engine('[queue]\ncap = -1\n'), /config:2:7: queue.cap/);
});

test('a wait for oneself is refused', () => stage(
  async (run) => {
    if (run.text === 'second') return 'second';
    await assert.rejects(run.wait(run.spawn({ key: 'a', text: 'second', lane: 'main' })), WouldDeadlock);
    return 'first';
  },
  async (engine) => assert.equal(await engine.submit({ key: 'a', text: 'first' }), 'first')));

test('a closed engine wakes who waits, and a run that goes on is stale', async () => {
  const [arrived, go] = [gate(), gate()];
  let late;
  const engine = new Engine(NOW);
  engine.on(async (run) => {
    arrived.open();
    await go.passed;
    assert.equal(run.signal.aborted, true);
    late = assert.throws(() => run.takeSteers(), Stale);
    return 'late';
  });
  const running = engine.submit({ key: 'a', text: 'x' });
  await arrived.passed;
  const waiting = engine.submit({ key: 'a', text: 'y' });
  await assert.rejects(engine.close(10), (error) => error instanceof Stuck && error.running[0].key === 'a');
  assert.equal((await waiting.settled()).fate, 'returned');
  assert.equal((await running.settled()).fate, 'returned');
  go.open();
  await engine.close();
  assert.equal(late, undefined);
});

test('receipts that nobody keeps are given back', { skip: !globalThis.gc && 'needs --expose-gc' }, () => stage(
  () => 'x', async (engine) => {
    for (let n = 0; n < 1000; n++) engine.submit({ key: `k${n}`, text: 'x' });
    globalThis.gc();
    assert.equal((await engine.drain()).complete, true);
  }));

test('a process may end with an engine open', () => {
  const program = `
    import { Engine } from ${JSON.stringify(new URL('./lib/index.mjs', import.meta.url).href)};
    const engine = new Engine();
    engine.on(() => new Promise(() => {}));
    engine.submit({ key: 'a', text: 'x' });
    setTimeout(() => process.exit(7), 20);
  `;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { timeout: 60_000 });
  assert.deepEqual([status, String(stderr)], [7, '']);
});
