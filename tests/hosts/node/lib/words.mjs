// The words that stand for the numbers of the ABI: those of the settings, the events and the program.

class Words {
  #what;
  #words;

  constructor(what, words) {
    this.#what = what;
    this.#words = words.split(' ');
  }

  /** 0 for none. */
  number(word) {
    if (word == null) return 0;
    const at = this.#words.indexOf(word);
    if (at < 0) throw new TypeError(`${this.#what} is ${JSON.stringify(word)}: it is one of ${this.#words.join(', ')}`);
    return at + 1;
  }

  /** Null for 0; a number that a later library has made up is told as it is. */
  word(number) {
    return number === 0 ? null : this.#words[number - 1] ?? `${this.#what} ${number}`;
  }
}

export const MODE = new Words('mode', 'followup collect steer steer-backlog interrupt');
export const PRIORITY = new Words('priority', 'foreground normal background');
export const DROP = new Words('drop', 'old new summarize');
export const KIND = new Words('kind', 'direct group channel subagent cron hook node');
export const PLACEMENT = new Words('placement', 'scheduled queued steered');
export const FALLBACK = new Words('fallback', 'no_run not_steerable closed authority route');
export const FATE = new Words('fate', 'ran steered dropped withdrawn expired parked returned');
export const OUTCOME = new Words('outcome', 'done failed stopped panicked');
export const CAUSE = new Words('cause', 'interrupt stop deadline parent abandon drain close exit dropped host');
export const CALL_STATE = new Words('state', 'completed failed cancelled rejected timed_out late');
export const EFFECTS = new Words('effects', 'none unknown done');
export const CODE = new Words('code', 'steer stop deadline rejected');
export const WITHDRAWN = new Words('answer', 'withdrawn in_delivery started settled');
export const VERDICT = new Words('verdict', 'go steer stop');
export const LAUNCH = new Words('launch', 'go skip stop');
