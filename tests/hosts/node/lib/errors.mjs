// What can go wrong. Every message says what was wrong and what would be right.

const REASONS = {
  [-101]: 'full', [-102]: 'duplicate', [-103]: 'directive', [-104]: 'mismatch', [-105]: 'draining', [-106]: 'closed',
  [-107]: 'unknown lane', [-108]: 'isolated', [-109]: 'too large', [-110]: 'invalid', [-111]: 'journal',
};

/** Any failure of a call. `status` is the number of laneq.h. */
export class LaneqError extends Error {
  constructor(message, status) {
    super(message);
    this.name = new.target.name;
    this.status = status;
  }
}

/**
 * A message was not accepted, for `reason`. A duplicate has the `receipt` of the message which came first; a directive
 * (`/stop`) was carried out, and the text is the answer for the person.
 */
export class Refused extends LaneqError {
  constructor(message, status) {
    super(message, status);
    this.reason = REASONS[status];
    this.receipt = null;
  }
}

/** The run, or the handle, is not live any more. */
export class Stale extends LaneqError {}
/** The wait would never end; the message names who waits for whom. */
export class WouldDeadlock extends LaneqError {}
/** The engine is closed. */
export class Closed extends LaneqError {}
/** The time is over. */
export class TimedOut extends LaneqError {}
/** The run is stopped, for `cause`. */
export class Stopped extends LaneqError {
  constructor(message, status, cause = null) {
    super(message, status);
    this.cause = cause;
  }
}
/** The engine is closed, but runs are still in hand: `running` has `run`, `key`, `lane` and `age_ms` of each. */
export class Stuck extends LaneqError {
  constructor(message, status) {
    super(message, status);
    this.running = [];
  }
}
/** A message was accepted and has no reply to wait for: `settled` says what became of it. */
export class NotDone extends LaneqError {
  constructor(settled) {
    super(settled.error ?? `the message ${settled.outcome ?? settled.fate}`, 0);
    this.settled = settled;
  }
}

const KINDS = { [-5]: Stale, [-11]: Stale, [-13]: WouldDeadlock, [-15]: Closed, [-17]: TimedOut, [-18]: Stopped,
  [-20]: Stuck };

/** The error for a status. */
export function raised(status, message) {
  const Kind = status in REASONS ? Refused : KINDS[status] ?? LaneqError;
  return new Kind(message, status);
}
