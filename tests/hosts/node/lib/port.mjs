// What there is to hear, on the event loop: no thread, one descriptor that libuv polls.

import { Closed } from './errors.mjs';
import { C, handleIn, room, sized, structs, two, size, watch } from './library.mjs';
import * as words from './words.mjs';

const [NONE, READY, STEER, STOP, SETTLED, JOURNALED, WAITED, CLOSED] = [0, 1, 2, 3, 4, 5, 6, 7];
// Offsets in a notice.
const [KIND, CAUSE, RUN, RUN_ID, TAG] = [8, 12, 16, 24, 32];

// Notices that are read before the loop's other work has a turn; the descriptor stays readable.
const AT_ONCE = 64;

const options = (steerable) => ({ struct_size: size(structs.Options), flag: steerable ? 0 : 1, reserved: 0 });

export class Port {
  #port;
  #poll;
  #notice = sized(structs.Notice);
  #tags = 0;
  // Who waits for a tag. Bounded by the library: so many watches may be unread.
  #watched = new Map();
  // Runs in hand by their ids. Bounded by the lanes' slots.
  #runs = new Map();
  #onRun;

  constructor(engine, onRun) {
    this.#onRun = onRun;
    const at = room();
    C.port_open(engine, at);
    this.#port = handleIn(at);
    C.port_descriptor(this.#port, at);
    this.#poll = watch(at.readInt32LE(), () => this.#read());
  }

  bind(lane, steerable) {
    if (lane === null) C.port_bind_any(this.#port, options(steerable));
    else C.port_bind(this.#port, ...two(lane), options(steerable));
  }

  /** The notice of one watch of `handle`. */
  told(set, handle) {
    if (this.#poll === null) return Promise.reject(new Closed('the engine is closed', -15));
    const tag = ++this.#tags;
    set(this.#port, handle, tag);
    return new Promise((done, failed) => this.#watched.set(tag, { done, failed }));
  }

  #read() {
    for (let left = AT_ONCE; left > 0 && this.#poll !== null; left--) {
      C.port_next(this.#port, 0, this.#notice);
      const kind = this.#notice.readInt32LE(KIND);
      if (kind === NONE) return;
      this.#hear(kind, this.#notice);
    }
  }

  #hear(kind, notice) {
    if (kind === READY) {
      this.#ready(Number(notice.readBigUInt64LE(RUN)), Number(notice.readBigUInt64LE(RUN_ID)));
    } else if (kind === SETTLED || kind === JOURNALED) {
      const tag = Number(notice.readBigUInt64LE(TAG));
      this.#watched.get(tag)?.done();
      this.#watched.delete(tag);
    } else if (kind === CLOSED) {
      this.#close();
    } else {
      const run = this.#runs.get(Number(notice.readBigUInt64LE(RUN_ID)));
      if (kind === WAITED) run?._waited();
      else if (kind === STEER) run?._wake();
      else if (kind === STOP) run?._stopped(words.CAUSE.word(notice.readInt32LE(CAUSE)));
    }
  }

  #ready(handle, id) {
    const run = this.#onRun(handle);
    this.#runs.set(id, run);
    run._over = () => this.#runs.delete(id);
    run._execute();
  }

  #close() {
    this.#poll.close();
    this.#poll = null;
    C.port_free(this.#port);
    for (const { failed } of this.#watched.values()) failed(new Closed('the engine is closed', -15));
    this.#watched.clear();
  }
}

