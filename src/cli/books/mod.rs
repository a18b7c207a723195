//! What has come in and what became of it, as the events tell it; and who waits for that.
//!
//! A message is written down under the lock that its submit runs under, so that no event of it is
//! read before. Only the program's own threads wait here, never the engine's.

mod state;

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use laneq::{Admission, Event, Fate, MessageId, Receipt, Refused};

pub use self::state::{Bounds, Known, Totals};

use self::state::State;

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

/// Shared by the input, the control and the observer.
pub struct Books {
    state: Mutex<State>,
    /// Something happened that somebody may wait for.
    changed: Condvar,
}

impl Books {
    pub fn new() -> Self {
        Self { state: Mutex::new(State::new()), changed: Condvar::new() }
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
        state.enter(receipt.id(), receipt.key(), bytes);
        state.know(Known::new(receipt.clone()));
        Ok(receipt)
    }

    /// Sends a message of this key on its way into the journal; [`land`](Self::land) says what came
    /// of it. Until then it counts as one that waits.
    pub fn send(
        &self,
        key: &str,
        bytes: usize,
        submit: impl FnOnce() -> Result<Admission, Refused>,
    ) -> Result<Admission, Refused> {
        let mut state = self.lock();
        let admission = submit()?;
        if let Some(id) = admission.id() {
            state.enter(id.clone(), key, bytes);
        }
        Ok(admission)
    }

    /// A message that was sent is accepted, or refused, which its event has told.
    pub fn land(&self, id: &MessageId, key: &str, bytes: usize, answer: Result<Receipt, Refused>) {
        let mut state = self.lock();
        match answer {
            Ok(receipt) if state.pending.contains_key(id) => state.know(Known::new(receipt)),
            // It has its fate already.
            Ok(receipt) if receipt.settled().is_some_and(|s| s.fate == Fate::Parked) => {
                state.park(Known::new(receipt));
            }
            Ok(_) => {}
            Err(_) => {
                state.started(key, 1);
                state.bytes -= bytes as u64;
                let gone = state.leave(id, bytes);
                debug_assert!(gone.is_none(), "what was refused was not known");
                self.changed.notify_all();
            }
        }
    }

    /// From now on what comes back is written down while its events come.
    pub fn begin_recovery(&self) {
        self.lock().early = Some(Vec::new());
    }

    /// A message came back from the journal.
    pub fn bring_back(&self, receipt: &Receipt) {
        let mut state = self.lock();
        let known = Known::new(receipt.clone());
        if receipt.settled().is_some_and(|settled| settled.fate == Fate::Parked) {
            return state.park(known);
        }
        let bytes = receipt.message().map_or(0, |message| message.text().len());
        state.enter(receipt.id(), receipt.key(), bytes);
        if known.attempt > 0 {
            // It left the backlog when it first started.
            state.started(receipt.key(), 1);
        }
        state.know(known);
    }

    /// Everything that came back is written down: now what became of it.
    pub fn end_recovery(&self) {
        let mut state = self.lock();
        let early = state.early.take().unwrap_or_default();
        early.iter().for_each(|event| state.keep(event));
        self.changed.notify_all();
    }

    /// Whether a message for this key has room now.
    pub fn has_room(&self, key: &str, bytes: usize, bounds: Bounds) -> bool {
        self.lock().has_room(key, bytes, bounds)
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
        known.and_then(|pending| Some(pending.known.as_ref()?.receipt.clone()))
    }

    /// Takes a parked message out, to be submitted anew.
    pub fn unpark(&self, id: &str) -> Option<Known> {
        let mut state = self.lock();
        let at = state.parked.iter().position(|parked| parked.receipt.id().to_string() == id)?;
        state.parked.remove(at)
    }

    /// Puts a parked message back that was not taken again.
    pub fn park(&self, known: Known) {
        self.lock().park(known);
    }

    /// Everything pending, then everything parked.
    pub fn all(&self) -> (Vec<Known>, Vec<Known>) {
        let state = self.lock();
        let pending = state.pending.values().filter_map(|pending| {
            let known = pending.known.clone()?;
            Some(Known { attempt: pending.attempt, ..known })
        });
        (pending.collect(), state.parked.iter().cloned().collect())
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
