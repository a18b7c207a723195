// The ledger of tool calls: one result a call, in source order.

import { C, handleIn, read, room, sized, structs, text, two } from './library.mjs';
import * as words from './words.mjs';

/** The calls of one assistant message. Settle it before the next. */
export class Plan {
  #run;

  constructor(run) {
    this.#run = run;
  }

  /**
   * Asks to start a call: "go", or "skip": it is cancelled, and so are the others that have not started, or "stop":
   * nothing starts any more.
   */
  start(call) {
    const launch = room();
    C.call_start(this.#run, ...two(call), launch, null);
    return words.LAUNCH.word(launch.readInt32LE());
  }

  /** One decision for every call that has not started, and how many these were. */
  startRest() {
    const [launch, count] = [room(), room()];
    C.call_start_rest(this.#run, launch, null, count);
    return { launch: words.LAUNCH.word(launch.readInt32LE()), count: count.readUInt32LE() };
  }

  /** A call has ended: the boundary after it. */
  finish(call, result = null, { failed = false } = {}) {
    const verdict = room();
    C.call_finish(this.#run, ...two(call), failed ? 1 : 0, ...two(result), verdict, null);
    return words.VERDICT.word(verdict.readInt32LE());
  }

  /** The call's own deadline has passed; the run goes on. */
  timeOut(call) {
    C.call_time_out(this.#run, ...two(call));
  }

  /** Gives up every call that executes: cancelled, effects unknown. */
  giveUp() {
    C.run_give_up_calls(this.#run);
  }

  /** Closes the plan: one result a call, in source order. */
  settle() {
    const [at, count] = [room(), room()];
    C.run_settle(this.#run, at);
    const results = handleIn(at);
    try {
      C.results_count(results, count);
      return Array.from({ length: count.readUInt32LE() }, (_, index) => result(results, index));
    } finally {
      C.results_free(results);
    }
  }
}

function result(results, index) {
  const at = sized(structs.CallResult);
  C.results_get(results, index, at);
  const c = read(at, structs.CallResult);
  return {
    call: text(c.call), result: text(c.result), state: words.CALL_STATE.word(c.state),
    effects: words.EFFECTS.word(c.effects), code: words.CODE.word(c.code), error: c.error === 1,
  };
}
