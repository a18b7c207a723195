//! What has come in and what became of it, as the events tell it; and who waits for that.
//!
//! A message is written down under the lock that its submit runs under, so that no event of it is
//! read before. Only the program's own threads wait here, never the engine's.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use laneq::{Event, Fate, MessageId, Outcome, Receipt, Refused};

/// Parked messages that can be requeued; the oldest is forgotten beyond this. P9.
const PARKED: usize = 10_000;

/// Why the program ends. A later one replaces an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// It does not, yet.
    Open,
    /// The input has ended: when everything has its fate.
    InputEnded,
    /// Somebody asked to drain within this time.
    Drain(Duration),
    /// At once.
    Close,
}

/// What the main thread should do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Everything has its fate.
    Complete,
    /// Only what paused lanes hold is left.
    Stranded,
    Drain(Duration),
    Close,
}

/// Sums for the status line and the summary.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    pub accepted: u64,
    pub refused: u64,
    pub fates: [u64; 7],
    pub outcomes: [u64; 4],
    /// Runs of more than one message, and their messages.
    pub merged: (u64, u64),
    pub promoted: u64,
    pub delivered: u64,
    pub retries: u64,
    pub invalid: u64,
}

struct Pending {
    receipt: Receipt,
    bytes: usize,
    /// Messages with the same id; nearly always 1.
    count: u32,
}

struct State {
    pending: HashMap<MessageId, Pending>,
    parked: VecDeque<(MessageId, Receipt)>,
    /// Messages that wait in a session, by key: for those who wait for room.
    waiting: HashMap<Arc<str>, u32>,
    /// Bytes of the lines of everything pending.
    bytes: u64,
    executing: u32,
    totals: Totals,
    ending: Ending,
}

/// Shared by the input, the control and the observer.
pub struct Books {
    state: Mutex<State>,
    /// Something happened that somebody may wait for.
    changed: Condvar,
}

/// Bounds that a reader keeps itself, so that nothing is refused that could wait.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub cap: u32,
    pub pending: u32,
    pub bytes: u64,
}

impl Books {
    pub fn new() -> Self {
        let state = State {
            pending: HashMap::new(),
            parked: VecDeque::new(),
            waiting: HashMap::new(),
            bytes: 0,
            executing: 0,
            totals: Totals::default(),
            ending: Ending::Open,
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Submits, and writes down what was accepted. A refusal is told by its event.
    pub fn admit(
        &self,
        bytes: usize,
        submit: impl FnOnce() -> Result<Receipt, Refused>,
    ) -> Result<Receipt, Refused> {
        let mut state = self.lock();
        let receipt = submit()?;
        *state.waiting.entry(receipt.key().into()).or_default() += 1;
        state.bytes += bytes as u64;
        let entry = state.pending.entry(receipt.id());
        let fresh = Pending { receipt: receipt.clone(), bytes: 0, count: 0 };
        let entry = entry.or_insert(fresh);
        (entry.count, entry.bytes) = (entry.count + 1, entry.bytes + bytes);
        Ok(receipt)
    }

    /// Blocks until a message for this key has room, or the program ends. The bounds are asked for
    /// again each time: directives and reloads change them.
    pub fn wait_room(&self, key: &str, bytes: usize, bounds: impl Fn() -> Bounds) {
        let mut state = self.lock();
        while state.ending == Ending::Open && !state.has_room(key, bytes, bounds()) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Blocks until `at`, or until the program ends.
    pub fn wait_until(&self, at: Instant) {
        let mut state = self.lock();
        while state.ending == Ending::Open {
            let left = at.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether the input should go on.
    pub fn is_open(&self) -> bool {
        self.lock().ending == Ending::Open
    }

    /// Whether controls are still of use.
    pub fn is_controlled(&self) -> bool {
        self.lock().ending != Ending::Close
    }

    /// The program is to end, unless something stronger was said before.
    pub fn end(&self, ending: Ending) {
        let mut state = self.lock();
        state.ending = state.ending.max(ending);
        self.changed.notify_all();
    }

    /// Blocks until the program is over: with the input, once everything that came in by it and
    /// at least `fates` messages in all have their fate. `stranded` says whether only paused lanes
    /// hold work.
    pub fn wait_over(&self, fates: u64, stranded: impl Fn() -> bool) -> Over {
        let mut state = self.lock();
        loop {
            match state.ending {
                Ending::Close => return Over::Close,
                Ending::Drain(within) => return Over::Drain(within),
                Ending::InputEnded if state.has_settled(fates) => return Over::Complete,
                // The engine is asked under our lock, which it never takes: events wait meanwhile.
                Ending::InputEnded if state.executing == 0 && stranded() => return Over::Stranded,
                Ending::InputEnded | Ending::Open => {}
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The receipt of a message that is pending.
    pub fn receipt(&self, id: &str) -> Option<Receipt> {
        let state = self.lock();
        // Made-up ids are not keys of their words: a walk, which only `withdraw` makes.
        let given = state.pending.get(&MessageId::Given(id.into()));
        let known = given.or_else(|| {
            let mut all = state.pending.iter();
            all.find_map(|(known, pending)| (known.to_string() == id).then_some(pending))
        });
        known.map(|pending| pending.receipt.clone())
    }

    /// Takes a parked message out, to be submitted anew.
    pub fn unpark(&self, id: &str) -> Option<Receipt> {
        let mut state = self.lock();
        let at = state.parked.iter().position(|(parked, _)| parked.to_string() == id)?;
        state.parked.remove(at).map(|(_, receipt)| receipt)
    }

    /// Puts a parked message back that was not taken again.
    pub fn park(&self, receipt: Receipt) {
        self.lock().park(receipt.id(), receipt);
    }

    /// The receipts of everything pending.
    pub fn all(&self) -> Vec<Receipt> {
        self.lock().pending.values().map(|pending| pending.receipt.clone()).collect()
    }

    pub fn totals(&self) -> Totals {
        self.lock().totals.clone()
    }

    pub fn note_invalid(&self) {
        self.lock().totals.invalid += 1;
    }

    pub fn note_refused(&self) {
        self.lock().totals.refused += 1;
    }

    /// Writes one event down. Called in order, on the events' thread.
    pub fn keep(&self, event: &Event) {
        self.lock().keep(event);
    }

    /// Wakes whoever waits here.
    pub fn tell(&self) {
        self.changed.notify_all();
    }
}

impl State {
    fn has_settled(&self, fates: u64) -> bool {
        self.pending.is_empty() && self.totals.fates.iter().sum::<u64>() >= fates
    }

    fn has_room(&self, key: &str, bytes: usize, bounds: Bounds) -> bool {
        let waiting = self.waiting.get(key).copied().unwrap_or(0);
        let room = self.bytes + bytes as u64 <= bounds.bytes
            && self.pending.len() < bounds.pending as usize;
        waiting < bounds.cap && (room || self.pending.is_empty())
    }

    /// `n` messages of this key wait no more.
    fn started(&mut self, key: &str, n: u32) {
        if let Some(waiting) = self.waiting.get_mut(key) {
            *waiting = waiting.saturating_sub(n);
            if *waiting == 0 {
                self.waiting.remove(key);
            }
        }
    }

    fn keep(&mut self, event: &Event) {
        match event {
            Event::Accepted { .. } => self.totals.accepted += 1,
            Event::Refused { .. } => self.totals.refused += 1,
            Event::Promoted { .. } => self.totals.promoted += 1,
            Event::Steered { .. } => self.totals.delivered += 1,
            Event::RunRetrying { .. } => self.totals.retries += 1,
            Event::RunStarted { key, messages, attempt, .. } => {
                self.executing += 1;
                // A retried batch left the backlog when it first started.
                if *attempt == 1 {
                    let n = u32::try_from(messages.len()).unwrap_or(u32::MAX);
                    self.started(key, n);
                    if n > 1 {
                        self.totals.merged.0 += 1;
                        self.totals.merged.1 += u64::from(n);
                    }
                }
            }
            Event::RunFinished { outcome, .. } => {
                self.executing = self.executing.saturating_sub(1);
                self.totals.outcomes[place(*outcome)] += 1;
            }
            Event::Fate { id, key, fate, run, .. } => self.settled(id, key, *fate, run.is_none()),
            _ => {}
        }
    }

    fn settled(&mut self, id: &MessageId, key: &str, fate: Fate, never_ran: bool) {
        self.totals.fates[fate as usize] += 1;
        let waited = match fate {
            Fate::Ran | Fate::Parked => false,
            Fate::Returned => never_ran,
            _ => true,
        };
        if waited {
            self.started(key, 1);
        }
        let Some(pending) = self.pending.get_mut(id) else { return };
        pending.count -= 1;
        if pending.count > 0 {
            return;
        }
        if let Some(gone) = self.pending.remove(id) {
            self.bytes -= gone.bytes as u64;
            if fate == Fate::Parked {
                self.park(id.clone(), gone.receipt);
            }
        }
    }

    fn park(&mut self, id: MessageId, receipt: Receipt) {
        self.parked.push_back((id, receipt));
        if self.parked.len() > PARKED {
            self.parked.pop_front();
        }
    }
}

fn place(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Done => 0,
        Outcome::Failed => 1,
        Outcome::Stopped => 2,
        _ => 3,
    }
}
