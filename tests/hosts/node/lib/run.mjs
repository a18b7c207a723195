// What a handler sees of its run.

import { Stale, Stopped } from './errors.mjs';
import { C, handleIn, read, room, sized, str, structs, text, two } from './library.mjs';
import { messageFromC, messageToC } from './message.mjs';
import { Plan } from './plan.mjs';
import { Receipt, receiptIn } from './receipt.mjs';
import * as words from './words.mjs';

/** Steers that a run has taken, an array of messages: commit them once they are in the transcript. */
export class Steers extends Array {
  #handle = 0;

  static get [Symbol.species]() {
    return Array;
  }

  static of(handle) {
    const made = new Steers();
    if (handle === 0) return made;
    made.#handle = handle;
    const count = room();
    C.steers_count(handle, count);
    for (let index = 0; index < count.readUInt32LE(); index++) {
      const at = sized(structs.MessageOut);
      C.steers_message(handle, index, at);
      made.push(messageFromC(at));
    }
    return made;
  }

  /** They are delivered, finally, also if the run fails later. */
  commit() {
    if (this.#handle !== 0) C.steers_commit(this.#handle);
    this.restore();
  }

  /** Puts them back at their place, unless they were committed; the end of the run does so too. */
  restore() {
    C.steers_free(this.#handle);
    this.#handle = 0;
  }
}

/** A run in progress. It holds its slot until its handler's promise is settled. */
export class Run {
  #run;
  #port;
  #handler;
  #stop = new AbortController();
  #hearers = [];
  #waits = [];

  constructor(handle, port, handlerOf) {
    this.#run = handle;
    this.#port = port;
    const info = sized(structs.RunInfo);
    C.run_get(handle, info);
    const c = read(info, structs.RunInfo);
    /** Its number, as in events. */
    this.id = Number(c.id);
    this.key = text(c.key);
    this.lane = text(c.lane);
    /** 1 for the first run of its batch. */
    this.attempt = c.attempt;
    /** How many messages the lines about dropped ones speak of. */
    this.summaryOf = c.summary_of;
    this.#handler = handlerOf(this.lane);
    this.#counts = [c.messages, c.summary_lines];
  }

  #counts;

  /** All texts of the batch as one. */
  get text() {
    const at = Buffer.alloc(16);
    C.run_text(this.#run, at);
    return text(read(at, structs.Text));
  }

  /** The batch, oldest first. */
  get messages() {
    return Array.from({ length: this.#counts[0] }, (_, index) => {
      const at = sized(structs.MessageOut);
      C.run_message(this.#run, index, at);
      return messageFromC(at);
    });
  }

  /** One line about each message that was dropped, oldest first. */
  get summary() {
    return Array.from({ length: this.#counts[1] }, (_, index) => {
      const at = Buffer.alloc(16);
      C.run_summary(this.#run, index, at);
      return text(read(at, structs.Text));
    });
  }

  /** Aborted when the run is stopped, with a `Stopped` as its reason: for `fetch` and timers. */
  get signal() {
    return this.#stop.signal;
  }

  /** Why the run is stopped; null if it is not. */
  get cause() {
    const [verdict, cause] = [room(), room()];
    C.run_boundary(this.#run, verdict, cause);
    return verdict.readInt32LE() === 3 ? words.CAUSE.word(cause.readInt32LE()) : null;
  }

  /** What to do now: "go", "steer" or "stop". Ask before and after every tool call. */
  boundary() {
    const verdict = room();
    C.run_boundary(this.#run, verdict, null);
    return words.VERDICT.word(verdict.readInt32LE());
  }

  /** Resolves to "steer" when a steer waits, to "stop" when the run is stopped. */
  async heard() {
    let verdict;
    while ((verdict = this.boundary()) === 'go') await new Promise((done) => this.#hearers.push(done));
    return verdict;
  }

  /** Takes the steers that wait, perhaps none. */
  takeSteers() {
    const at = room();
    C.run_take_steers(this.#run, at, null);
    return Steers.of(handleIn(at));
  }

  /**
   * Asks to end the run, in one step with its inbox: empty if no steer can reach it any more, else take them in and
   * go on. Throws `Stopped`.
   */
  end() {
    const [end, cause, at] = [room(), room(), room()];
    C.run_end(this.#run, end, cause, at);
    if (end.readInt32LE() === 3) throw stopped(words.CAUSE.word(cause.readInt32LE()));
    return Steers.of(handleIn(at));
  }

  /** While closed, steers are accepted, held and invisible: for a compaction, say. */
  setSteerable(on) {
    C.run_set_steerable(this.#run, on ? 1 : 0);
  }

  /** Says something before the end: an event `reply` that is not the last. */
  say(words) {
    C.run_say(this.#run, ...two(words));
  }

  /** Opens the ledger of one assistant message: the ids of its calls, in source order. */
  plan(calls) {
    C.run_plan(this.#run, calls.map(str), calls.length);
    return new Plan(this.#run);
  }

  /** Submits a child: if this run ends other than done, it is withdrawn or stopped, unless detached. */
  spawn(message, { detached = false } = {}) {
    const call = detached ? C.run_spawn_detached : C.run_spawn;
    const admitted = async () => receiptIn(this.#port, message, (out) => call(this.#run, messageToC(message), out));
    return new Receipt(this.#port, message, admitted());
  }

  /**
   * Waits for what becomes of a message; the slot is lent meanwhile. Rejects with `WouldDeadlock`, at once, for a
   * wait that could not end, and with `Stopped`.
   */
  async wait(receipt) {
    const handle = await receipt._handle();
    if (handle !== 0) {
      C.run_wait_begin(this.#run, handle);
      await new Promise((done) => this.#waits.push(done));
    }
    const settled = receipt.now();
    if (settled === null) throw stopped(this.cause);
    return settled;
  }

  _wake() {
    for (const done of this.#hearers.splice(0)) done();
  }

  _waited() {
    for (const done of this.#waits.splice(0)) done();
  }

  _stopped(cause) {
    this.#stop.abort(stopped(cause));
    this._wake();
  }

  async _execute() {
    try {
      const reply = await this.#handler(this);
      if (reply != null && typeof reply !== 'string') throw new TypeError(`the reply is a ${typeof reply}: it is text`);
      this.#finish(C.run_complete, reply);
    } catch (error) {
      this.#finish(C.run_fail, error instanceof Error ? error.message : String(error));
    } finally {
      this._over();
    }
  }

  #finish(call, said) {
    try {
      call(this.#run, ...two(said));
    } catch (error) {
      // It was abandoned, and somebody was told then.
      if (!(error instanceof Stale)) throw error;
    }
  }
}

const stopped = (cause) => new Stopped(`the run is stopped: ${cause}`, -18, cause);
