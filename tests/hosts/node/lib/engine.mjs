// The engine: messages in, runs out, and what controls them. Times are in milliseconds.

import { Stuck, TimedOut, Closed } from './errors.mjs';
import { C, handleIn, read, room, size, sized, str, structs, takeText, text, two } from './library.mjs';
import { knobsToC, messageFromC, messageToC } from './message.mjs';
import { Port } from './port.mjs';
import { Receipt, admitted } from './receipt.mjs';
import { Run } from './run.mjs';
import * as words from './words.mjs';

// How long a reader of events holds a thread of libuv's pool at a time.
const EVENTS_AT_ONCE = 1000;

// The descriptor keeps an engine until it is closed; figures can be read afterwards.
const left = new FinalizationRegistry((engine) => C.engine_free(engine));

const config = (settings) => ({
  struct_size: size(structs.Config), name: str(null), reserved: 0, format: typeof settings === 'string' ? 0 : 1,
  text: str(typeof settings === 'string' ? settings : JSON.stringify(settings)),
});

/**
 * Runs messages one at a time per session and in parallel across sessions, on the event loop. `settings` has the keys
 * and units of the settings file: an object, or TOML as text. The process stays while an engine is open: close it.
 */
export class Engine {
  #engine;
  #port;
  #handlers = new Map();

  constructor(settings = {}) {
    const at = room();
    C.engine_new(config(settings), at);
    this.#engine = handleIn(at);
    const handlerOf = (lane) => this.#handlers.get(lane) ?? this.#handlers.get(null);
    const onRun = (handle) => new Run(handle, this.#port, handlerOf);
    this.#port = new Port(this.#engine, onRun);
    left.register(this, this.#engine);
  }

  // Runs.

  /** A lane by its name. */
  lane(name) {
    const named = (call, ...more) => call(this.#engine, ...two(name), ...more);
    return {
      /** Its runs are `await handler(run)`: the reply, and an exception fails the run. Once. */
      on: (handler, options) => this.#bind(name, handler, options),
      /** At once: 0 is paused, Infinity is unlimited. A new name makes a lane. */
      set: (concurrency) => named(C.engine_set_lane, concurrency === Infinity ? -1 : concurrency),
      /** Running work finishes, nothing starts. */
      pause: () => named(C.engine_pause),
      resume: () => named(C.engine_resume),
    };
  }

  /** The handler of every lane that has none of its own, now or later. */
  on(handler, options) {
    this.#bind(null, handler, options);
  }

  #bind(lane, handler, { steerable = true } = {}) {
    this.#port.bind(lane, steerable);
    this.#handlers.set(lane, handler);
  }

  // Messages.

  /** Submits a message, and never blocks; `await` the receipt for the reply. */
  submit(message) {
    return new Receipt(this.#port, message, admitted(this.#port, this.#engine, message));
  }

  /** The session key of a message: its own, or the one that its source makes. */
  keyOf(message) {
    const at = room();
    C.engine_key_of(this.#engine, messageToC(message), at);
    return takeText(at);
  }

  /** Takes a message back that has not started: "withdrawn", "in_delivery", "started" or "settled". */
  async withdraw(receipt) {
    const handle = await receipt._handle();
    if (handle === 0) return 'settled';
    const answer = room();
    C.engine_withdraw(this.#engine, handle, answer);
    return words.WITHDRAWN.word(answer.readInt32LE());
  }

  /** Brings back what the journal has kept, before the first submit; set the handlers before. */
  recover() {
    C.engine_recover(this.#engine, null, null, null);
  }

  /** Why the journal takes nothing; null: it does, or there is none. */
  journalError() {
    const at = room();
    C.engine_journal_error(this.#engine, at);
    return takeText(at);
  }

  /** The path of the session's transcript; null if there is none. */
  transcript(key) {
    const at = room();
    C.engine_transcript(this.#engine, ...two(key), at);
    return takeText(at);
  }

  // Control.

  /** Stops the session's run; what waits goes on. Answers the run's number, or null. */
  interrupt(key) {
    const run = room();
    C.engine_interrupt(this.#engine, ...two(key), run);
    return handleIn(run) || null;
  }

  /** Stops this run alone, by its number. */
  interruptRun(run) {
    C.engine_interrupt_run(this.#engine, run);
  }

  /** Withdraws what waits under the key and stops its run, in one step. */
  stop(key) {
    const [withdrawn, run] = [room(), room()];
    C.engine_stop(this.#engine, ...two(key), withdrawn, run);
    return { withdrawn: withdrawn.readUInt32LE(), run: handleIn(run) || null };
  }

  /** Ends a run, by its number, although its handler still executes. */
  abandon(run) {
    C.engine_abandon(this.#engine, run);
  }

  /** Sets the knobs of one session; null takes them back. */
  setKnobs(key, knobs) {
    C.engine_set_knobs(this.#engine, ...two(key), knobs === null ? null : knobsToC(knobs));
  }

  /** Replaces the settings, whole or not at all; answers what changed, for a person. */
  reload(settings) {
    const at = room();
    C.engine_reload(this.#engine, config(settings), at);
    return takeText(at);
  }

  /** All figures at one moment, with the names of the event `stats`. */
  stats() {
    const at = room();
    C.engine_stats(this.#engine, at);
    return JSON.parse(takeText(at));
  }

  /** Events from now on; ends when the engine is closed. A reader that waits holds a thread of libuv's pool. */
  events({ showText = false } = {}) {
    const at = room();
    C.events_open(this.#engine, { struct_size: size(structs.Options), flag: showText ? 1 : 0, reserved: 0 }, at);
    return each(handleIn(at));
  }

  // The end.

  /**
   * Refuses new messages and waits until all that were admitted have their fate; when the time is over, what is left
   * is returned. Then close the engine.
   */
  async drain(timeout = Infinity) {
    const at = room();
    await C.engine_drain.aside(this.#engine, millis(timeout), at);
    const report = handleIn(at);
    try {
      return reportFromC(report);
    } finally {
      C.report_free(report);
    }
  }

  /** Stops every run, returns what waits, and joins every thread. Rejects with `Stuck`. */
  async close(timeout = 10_000) {
    const running = room();
    try {
      await C.engine_close.aside(this.#engine, millis(timeout), running);
    } catch (error) {
      if (error instanceof Stuck) error.running = JSON.parse(takeText(running));
      throw error;
    }
  }
}

const millis = (timeout) => (timeout === Infinity ? -1 : Math.max(0, Math.ceil(timeout)));

function reportFromC(report) {
  const at = sized(structs.Drained);
  C.report_get(report, at);
  const c = read(at, structs.Drained);
  const returned = Array.from({ length: c.returned }, (_, index) => {
    const message = sized(structs.MessageOut);
    C.report_returned(report, index, message);
    return messageFromC(message);
  });
  return { ...JSON.parse(text(c.json)), returned };
}

async function* each(events) {
  const at = room();
  try {
    for (;;) {
      try {
        C.events_next(events, 0, at);
      } catch (error) {
        if (error instanceof Closed) return;
        if (!(error instanceof TimedOut)) throw error;
        if (!(await waited(events, at))) continue;
      }
      yield JSON.parse(takeText(at));
    }
  } finally {
    C.events_free(events);
  }
}

async function waited(events, at) {
  try {
    await C.events_next.aside(events, EVENTS_AT_ONCE, at);
    return true;
  } catch (error) {
    // Closed is told again, at once, by the next look.
    if (error instanceof TimedOut || error instanceof Closed) return false;
    throw error;
  }
}
