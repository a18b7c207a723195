// What this door costs: runs per second, and how late a run in progress sees a steer.
//
//   node bench.mjs [MESSAGES]
//
// What limits it: one thread does everything. A message crosses into C about nine times (submit, watch, take, read,
// complete, settle), each with arguments to be converted; a notice is one turn of libuv's loop.

import { Engine } from './lib/index.mjs';

const KEYS = 50;
const STEERS = 200;
const ROUNDS = 5;
const settings = { queue: { mode: 'followup', debounce: '0ms', cap: 100000, steer_rounds: 1000 } };
const now = () => Number(process.hrtime.bigint()) / 1e9;
const median = (found) => found.sort((a, b) => a - b)[found.length >> 1];

async function runs(count) {
  const engine = new Engine(settings);
  engine.on((run) => run.text);
  const begin = now();
  await Promise.all(Array.from({ length: count }, (_, n) => engine.submit({ key: `k${n % KEYS}`, text: 'hello' })));
  const took = now() - begin;
  await engine.close();
  return count / took;
}

// Microseconds from the submit of a steer to the boundary that sees it: a run that polls with a turn of the loop
// between looks, or one that waits to hear of it.
async function steers(next) {
  const engine = new Engine(settings);
  let seen;
  let started;
  const begun = new Promise((done) => (started = done));
  engine.on(async (run) => {
    started();
    let verdict;
    while ((verdict = await next(run)) !== 'stop') {
      if (verdict !== 'steer') continue;
      const at = now();
      run.takeSteers().commit();
      seen(at);
    }
    return 'stopped';
  });
  engine.submit({ key: 'k', text: 'go' });
  await begun;
  const late = [];
  for (let n = 0; n < STEERS; n++) {
    const heard = new Promise((done) => (seen = done));
    const begin = now();
    engine.submit({ key: 'k', text: 'x', mode: 'steer' });
    late.push(((await heard) - begin) * 1e6);
  }
  engine.interrupt('k');
  await engine.close();
  return median(late);
}

const turn = () => new Promise((done) => setImmediate(done));
const polled = async (run) => {
  await turn();
  return run.boundary();
};

async function show(what, unit, measure) {
  const found = [];
  for (let round = 0; round < ROUNDS; round++) found.push(await measure());
  const figure = (value) => Math.round(value).toLocaleString('en');
  const middle = figure(median(found));
  console.log(`${what.padEnd(28)} ${middle.padStart(10)} ${unit.padEnd(7)} (${figure(found[0])} to ${figure(found.at(-1))})`);
}

const count = Number(process.argv[2] ?? 5000);
await show('runs', 'a s', () => runs(count));
await show('steer to boundary, polling', 'us', () => steers(polled));
await show('steer to boundary, heard', 'us', () => steers((run) => run.heard()));
