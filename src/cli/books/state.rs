//! What the books say: changed by what comes in, and by each event.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use laneq::{Event, Fate, Kept, MessageId, Outcome, Receipt};

use super::Ending;

/// Parked messages that can be requeued; the oldest is forgotten beyond this. P9.
const PARKED: usize = 10_000;

/// Bounds that a reader keeps itself, so that nothing is refused that could wait.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub cap: u32,
    pub pending: u32,
    pub bytes: u64,
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
    /// Returned messages that the journal keeps.
    pub kept: u64,
}

/// A message that has not gone: pending or parked.
#[derive(Clone)]
pub struct Known {
    pub receipt: Receipt,
    /// When it was accepted.
    pub since: SystemTime,
    /// Runs of it that have started.
    pub attempt: u32,
}

impl Known {
    pub(super) fn new(receipt: Receipt) -> Self {
        match receipt.came_back() {
            Some(past) => Self { receipt, since: past.accepted, attempt: past.attempt },
            None => Self { receipt, since: SystemTime::now(), attempt: 0 },
        }
    }
}

pub(super) struct Pending {
    /// None while it is on its way into the journal.
    pub(super) known: Option<Known>,
    /// Its last run that has started.
    pub(super) attempt: u32,
    pub(super) bytes: usize,
    /// Messages with the same id; nearly always 1.
    pub(super) count: u32,
}

pub(super) struct State {
    pub(super) pending: HashMap<MessageId, Pending>,
    pub(super) parked: VecDeque<Known>,
    /// Events that wait until everything that comes back from the journal is written down.
    pub(super) early: Option<Vec<Event>>,
    /// Messages that wait in a session, by key: for those who wait for room.
    pub(super) waiting: HashMap<Arc<str>, u32>,
    /// Bytes of the lines of everything pending.
    pub(super) bytes: u64,
    pub(super) executing: u32,
    pub(super) totals: Totals,
    pub(super) ending: Ending,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            pending: HashMap::new(),
            parked: VecDeque::new(),
            early: None,
            waiting: HashMap::new(),
            bytes: 0,
            executing: 0,
            totals: Totals::default(),
            ending: Ending::Open,
        }
    }

    pub(super) fn has_settled(&self, fates: u64) -> bool {
        self.pending.is_empty() && self.totals.fates.iter().sum::<u64>() >= fates
    }

    pub(super) fn has_room(&self, key: &str, bytes: usize, bounds: Bounds) -> bool {
        let waiting = self.waiting.get(key).copied().unwrap_or(0);
        let room = self.bytes + bytes as u64 <= bounds.bytes
            && self.pending.len() < bounds.pending as usize;
        waiting < bounds.cap && (room || self.pending.is_empty())
    }

    /// One more message is pending, and waits.
    pub(super) fn enter(&mut self, id: MessageId, key: &str, bytes: usize) {
        *self.waiting.entry(key.into()).or_default() += 1;
        self.bytes += bytes as u64;
        let fresh = Pending { known: None, attempt: 0, bytes: 0, count: 0 };
        let entry = self.pending.entry(id).or_insert(fresh);
        (entry.count, entry.bytes) = (entry.count + 1, entry.bytes + bytes);
    }

    /// The receipt of a pending message.
    pub(super) fn know(&mut self, known: Known) {
        if let Some(entry) = self.pending.get_mut(&known.receipt.id()) {
            entry.attempt = entry.attempt.max(known.attempt);
            entry.known.get_or_insert(known);
        }
    }

    /// `n` messages of this key wait no more.
    pub(super) fn started(&mut self, key: &str, n: u32) {
        if let Some(waiting) = self.waiting.get_mut(key) {
            *waiting = waiting.saturating_sub(n);
            if *waiting == 0 {
                self.waiting.remove(key);
            }
        }
    }

    pub(super) fn keep(&mut self, event: &Event) {
        let of_one = matches!(
            event,
            Event::RunStarted { .. } | Event::RunFinished { .. } | Event::Fate { .. }
        );
        if let Some(early) = self.early.as_mut().filter(|_| of_one) {
            return early.push(event.clone());
        }
        match event {
            Event::Accepted { .. } => self.totals.accepted += 1,
            Event::Refused { .. } => self.totals.refused += 1,
            Event::Promoted { .. } => self.totals.promoted += 1,
            Event::Steered { .. } => self.totals.delivered += 1,
            Event::RunRetrying { .. } => self.totals.retries += 1,
            Event::RunStarted { key, messages, attempt, .. } => {
                self.executing += 1;
                for id in messages.iter() {
                    if let Some(pending) = self.pending.get_mut(id) {
                        pending.attempt = *attempt;
                    }
                }
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
            Event::Fate { id, key, fate, run, kept, .. } => {
                self.totals.kept += u64::from(*kept == Some(Kept::Journal));
                self.settled(id, key, *fate, run.is_none());
            }
            _ => {}
        }
    }

    pub(super) fn settled(&mut self, id: &MessageId, key: &str, fate: Fate, never_ran: bool) {
        self.totals.fates[fate as usize] += 1;
        let waited = match fate {
            Fate::Ran | Fate::Parked => false,
            Fate::Returned => never_ran,
            _ => true,
        };
        if waited {
            self.started(key, 1);
        }
        let gone = self.leave(id, 0);
        if let Some(known) = gone.filter(|_| fate == Fate::Parked) {
            self.park(known);
        }
    }

    /// One message of this id is pending no more; `bytes` of it were given back before. Answers
    /// what is known of it if it was the last.
    pub(super) fn leave(&mut self, id: &MessageId, given: usize) -> Option<Known> {
        let pending = self.pending.get_mut(id)?;
        (pending.count, pending.bytes) = (pending.count - 1, pending.bytes - given);
        if pending.count > 0 {
            return None;
        }
        let gone = self.pending.remove(id)?;
        self.bytes -= gone.bytes as u64;
        gone.known.map(|known| Known { attempt: gone.attempt, ..known })
    }

    pub(super) fn park(&mut self, known: Known) {
        self.parked.push_back(known);
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
