// Receipts: where a message landed, and what became of it.

import { NotDone, Refused, TimedOut } from './errors.mjs';
import { C, handleIn, room, sized, structs } from './library.mjs';
import { landedFromC, messageToC, settledFromC } from './message.mjs';

// Receipts that nobody has asked; the others are freed when their messages are settled.
const dropped = new FinalizationRegistry((handle) => C.receipt_free(handle));

/**
 * The answer to a submitted message. `await` it for the reply: the text for the one message of a run that has the
 * lead, null for the others and for steers; it rejects with `Refused`, or `NotDone` for what was not done.
 */
export class Receipt {
  #port;
  #admitted;
  #handle = 0;
  #landed = null;
  #settled = null;
  #settling = null;

  /** `admitted` is a promise of the handle. */
  constructor(port, message, admitted) {
    this.#port = port;
    /** The message as it was submitted, to be submitted anew when it was parked. */
    this.message = message;
    this.#admitted = admitted.then((handle) => {
      this.#handle = handle;
      dropped.register(this, handle, this);
    });
  }

  /** Where it landed, once it is accepted, and in the journal if there is one. */
  async landed() {
    await this.#admitted;
    return (this.#landed ??= this.#readLanded());
  }

  #readLanded() {
    const at = sized(structs.Landed);
    C.receipt_landed(this.#handle, at);
    return landedFromC(at);
  }

  /** What became of it: fate, outcome, reply, lead, error, run. */
  settled() {
    return (this.#settling ??= this.#settle());
  }

  async #settle() {
    await this.#admitted;
    if (this.now() === null) await this.#port.told(C.port_watch, this.#handle);
    return this.now();
  }

  /** What became of it; null if that is not decided. */
  now() {
    if (this.#settled === null && this.#handle !== 0) {
      const at = sized(structs.Settled);
      try {
        C.receipt_wait(this.#handle, 0, at);
      } catch (error) {
        if (error instanceof TimedOut) return null;
        throw error;
      }
      this.#settled = settledFromC(at);
      this.#landed ??= this.#readLanded();
      this.#free();
    }
    return this.#settled;
  }

  #free() {
    dropped.unregister(this);
    C.receipt_free(this.#handle);
    this.#handle = 0;
  }

  /** For calls about it: 0 if it is settled. */
  async _handle() {
    await this.#admitted;
    return this.#handle;
  }

  async #reply() {
    const settled = await this.settled();
    if (settled.fate !== 'steered' && settled.outcome !== 'done') throw new NotDone(settled);
    return settled.reply;
  }

  then(done, failed) {
    return this.#reply().then(done, failed);
  }

  catch(failed) {
    return this.#reply().catch(failed);
  }
}

/** A message on its way; the promise is of the receipt's handle. */
export async function admitted(port, engine, message) {
  const at = room();
  try {
    C.submit_nowait(engine, messageToC(message), at);
  } catch (error) {
    // A duplicate has an admission, which refuses it again, with the receipt of the first.
    if (handleIn(at) === 0) throw error;
  }
  const admission = handleIn(at);
  const decided = () => receiptIn(port, message, (out) => C.admission_wait(admission, 0, out));
  try {
    return decided();
  } catch (error) {
    if (!(error instanceof TimedOut)) throw error;
    await port.told(C.port_watch_admission, admission);
    return decided();
  } finally {
    C.admission_free(admission);
  }
}

/** What `call` puts down; a duplicate's refusal has the receipt of the first. */
export function receiptIn(port, message, call) {
  const at = room();
  try {
    call(at);
  } catch (error) {
    const first = handleIn(at);
    if (error instanceof Refused && first !== 0) error.receipt = new Receipt(port, message, Promise.resolve(first));
    throw error;
  }
  return handleIn(at);
}
