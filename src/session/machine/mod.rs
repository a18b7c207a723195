//! The session machine: a pure file tree. No lock, thread, channel or clock: `now` is an argument.
//!
//! Every transition first settles what is due (`settle`), then acts, then calls `rest`, the only
//! place that chooses Idle, Collecting, Ready or Backoff, issues the ticket and arms the timer.
//! What it returns says what the caller must do after unlock.

mod admit;
mod claim;
mod finish;
#[cfg_attr(not(feature = "journal"), allow(dead_code, reason = "nothing comes back then"))]
mod recover;
mod rest;
mod steer;
mod stop;
mod windows;
#[cfg(test)]
mod tests;

pub(crate) use admit::Origin;
pub(crate) use claim::{Claimed, Started, Ticketed, Work};
pub(crate) use finish::{End, Ended, Finished, Slice};
#[cfg(feature = "journal")]
pub(crate) use recover::{Back, LastRun};
pub use steer::Verdict;
pub(crate) use steer::{EndRun, Take, Taken};
pub(crate) use stop::Halted;
pub use stop::Withdrawn;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::backlog::{Backlog, Code, Shelf};
use super::cell::{Cell, Place};
use super::live::{Companions, Live, Retry};
use super::next::Tag;
use super::overflow::Overflow;
use super::window::Window;
use crate::config::{Inbound, Queue};
use crate::model::{Cause, Knobs, LaneId, Priority};
use crate::sync::Arc;
use crate::time::Moment;

/// What a session is doing. Windows, a pending retry and a take guard are data beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing to do.
    Idle,
    /// The head is held back by its window; nothing runs.
    Collecting,
    /// A ticket that fits is out.
    Ready,
    /// A run is in progress.
    Running,
    /// A failed batch waits to be retried.
    Backoff,
}

/// Whether the engine takes messages. Loaded inside the session's lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Open,
    /// Messages of admitted work only.
    Draining,
    Closed,
}

/// The settings and circumstances of one transition.
#[derive(Clone, Copy)]
pub(crate) struct Cx<'a> {
    pub(crate) now: Moment,
    pub(crate) rules: &'a dyn Rules,
    pub(crate) closure_cap: u32,
    pub(crate) door: Door,
    /// Whether anybody listens: only then are notes made.
    pub(crate) listening: bool,
    /// Whether a journal keeps lines about dropped messages.
    pub(crate) journaled: bool,
}

/// The settings in force during one transition. They are read when they are first asked for:
/// a closure asks for none of them.
pub(crate) trait Rules {
    fn queue(&self) -> &Queue;
    fn inbound(&self) -> &Inbound;
}

impl Cx<'_> {
    fn queue(&self) -> &Queue {
        self.rules.queue()
    }

    fn inbound(&self) -> &Inbound {
        self.rules.inbound()
    }

    /// Whether an interrupt on this authority may stop a run on that one.
    fn may_stop(&self, authority: &str, run: &str) -> bool {
        authority == run
            || self.inbound().stop_authorities.iter().any(|a| a == authority || a == "*")
    }
}

/// What most sessions never need; made on first use, gone at rest.
pub(crate) struct Extra {
    /// Rank 0.
    urgent: Shelf,
    /// Rank 1.
    promoted: Shelf,
    inbox: Shelf,
    window: Option<Window>,
    retry: Option<Retry>,
    overflow: Overflow,
    /// What a journal knows of the lines: how many messages had given way, how many had lines.
    lines_kept: (u64, u32),
    run: Companions,
    /// Messages with a `ttl`, earliest first; those that have started stay until swept.
    expiries: BinaryHeap<Reverse<Expiry>>,
    /// How many were left when they were last swept.
    expiries_kept: usize,
    /// The session's own knobs (`/queue`).
    own: Option<Box<Knobs>>,
    /// Messages with a smaller number were stopped: a restore withdraws them.
    stopped_below: u64,
    /// Messages with a smaller number were the host's again at the end of the engine: a restore
    /// returns them.
    returned_below: u64,
    guards: u64,
}

impl Default for Extra {
    fn default() -> Self {
        Self {
            urgent: Shelf::new(Place::Urgent),
            promoted: Shelf::new(Place::Promoted),
            inbox: Shelf::new(Place::Inbox),
            window: None,
            retry: None,
            overflow: Overflow::default(),
            lines_kept: (0, 0),
            run: Companions::default(),
            expiries: BinaryHeap::new(),
            expiries_kept: 0,
            own: None,
            stopped_below: 0,
            returned_below: 0,
            guards: 0,
        }
    }
}

/// A message that may not wait for ever.
struct Expiry(Moment, Arc<Cell>);

impl PartialEq for Expiry {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl Eq for Expiry {}
impl PartialOrd for Expiry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Expiry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

/// Tickets that are out: at most one for each lane and priority.
#[derive(Default)]
struct Tickets {
    /// Nearly always the only one.
    one: Option<Tag>,
    #[allow(clippy::box_collection, reason = "8 bytes in every session instead of 24")]
    more: Option<Box<Vec<Tag>>>,
}

impl Tickets {
    fn has(&self, tag: Tag) -> bool {
        self.one == Some(tag) || self.more.as_ref().is_some_and(|more| more.contains(&tag))
    }

    fn add(&mut self, tag: Tag) {
        match self.one {
            None => self.one = Some(tag),
            Some(_) => self.more.get_or_insert_default().push(tag),
        }
    }

    fn remove(&mut self, tag: Tag) {
        if self.one == Some(tag) {
            self.one = None;
        } else if let Some(more) = &mut self.more {
            more.retain(|t| *t != tag);
            if more.is_empty() {
                self.more = None;
            }
        }
    }

    #[cfg(test)]
    fn count(&self) -> usize {
        usize::from(self.one.is_some()) + self.more.as_ref().map_or(0, |more| more.len())
    }
}

/// One fire-and-forget closure in so many is timed.
const LOTS: u8 = 16;

/// A timed one: its number and its admission.
#[derive(Clone, Copy)]
struct Sample {
    number: u32,
    admitted: Moment,
}

/// All state of one session.
///
/// In the order of who touches it: an admission the first lines, a run all of them.
#[repr(C)]
pub(crate) struct Machine<C> {
    phase: Phase,
    /// Which of sixteen fired closures is timed: sessions that live for one closure take turns.
    lot: u8,
    /// Closures in the backlog; the rest of it are messages.
    closures: u32,
    /// What waits to run, by priority; a pending retry included.
    waiting: [u32; 3],
    /// The last admission number that started, for the sentinel of P2.
    started: u32,
    /// The next admission number; all accepted so far. P4.
    accepted: u64,
    extra: Option<Box<Extra>>,
    /// Rank 2.
    backlog: Backlog<C>,
    /// All that have their fate. P4: accepted = settled + pending.
    settled: u64,
    sample: Option<Sample>,
    tickets: Tickets,
    live: Option<Live<C>>,
    /// The live timer entry.
    armed: Option<Moment>,
}

impl<C: Code> Machine<C> {
    pub(crate) fn new(lot: u64) -> Self {
        Self {
            phase: Phase::Idle,
            #[allow(clippy::cast_possible_truncation, reason = "there are sixteen lots")]
            lot: (lot % u64::from(LOTS)) as u8,
            tickets: Tickets::default(),
            backlog: Backlog::new(),
            live: None,
            extra: None,
            accepted: 0,
            settled: 0,
            waiting: [0; 3],
            closures: 0,
            started: 0,
            armed: None,
            sample: None,
        }
    }

    #[cfg(test)]
    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    pub(crate) fn live(&self) -> Option<&Live<C>> {
        self.live.as_ref()
    }

    pub(crate) fn companions(&mut self) -> &mut Companions {
        &mut self.extra_mut().run
    }

    /// Whether it has nothing of what most sessions never need. Then neither a steer nor a timer
    /// entry can come of a closure.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.extra.is_none()
    }

    fn extra_mut(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    /// Messages that count towards the cap: waiting ones, pending and taken steers.
    pub(crate) fn depth(&self) -> u32 {
        let extra = self.extra.as_deref().map_or(0, |e| {
            let taken = e.run.guard.as_ref().map_or(0, |g| g.cells.len());
            e.urgent.live() + e.promoted.live() + e.inbox.live() + u32::try_from(taken).unwrap_or(0)
        });
        self.backlog.live() - self.closures + extra
    }

    /// Everything admitted and without a fate, counted part by part. P4.
    pub(crate) fn pending(&self) -> u64 {
        let running = self.live.as_ref().map_or(0, |live| live.held.len());
        let retry = self.extra.as_deref().and_then(|e| e.retry.as_ref());
        let retry = retry.map_or(0, |retry| retry.batch.len());
        u64::from(self.depth() + self.closures + running + retry)
    }

    /// P4, exact under the session's lock.
    pub(crate) fn balances(&self) -> bool {
        self.accepted == self.settled + self.pending()
    }

    /// Number of tickets that are out.
    #[cfg(test)]
    pub(crate) fn tickets_out(&self) -> usize {
        self.tickets.count()
    }

    /// When the live timer entry is due.
    pub(crate) fn armed(&self) -> Option<Moment> {
        self.armed
    }

    /// The session's own knobs.
    pub(crate) fn set_own(&mut self, own: Option<Box<Knobs>>) {
        if own.is_some() || self.extra.is_some() {
            self.extra_mut().own = own;
        }
    }

    pub(crate) fn own(&self) -> Option<&Knobs> {
        self.extra.as_deref()?.own.as_deref()
    }

    /// What a run reads at its boundary, in one word: its id, whether a steer is visible, and the
    /// cause of its stop. 0 when nothing runs.
    pub(crate) fn signal(&self) -> u64 {
        let Some(live) = &self.live else { return 0 };
        let steer = u64::from(self.steer_is_visible());
        live.id.get() << 8 | steer << 4 | u64::from(live.stop.map_or(0, Cause::bits))
    }

    /// The lane of a session that is ready, and waits for nothing else.
    pub(crate) fn waits_for(&mut self) -> Option<LaneId> {
        (self.phase == Phase::Ready).then(|| self.head_lane()).flatten()
    }

    /// The lane and priority that a ticket must have now to fit.
    fn wanted(&mut self) -> Option<Tag> {
        let lane = self.head_lane()?;
        Some(Tag { lane, priority: self.priority_waiting() })
    }

    /// The highest priority of anything that waits to run.
    fn priority_waiting(&self) -> Priority {
        if self.waiting[Priority::Foreground as usize] > 0 {
            Priority::Foreground
        } else if self.waiting[Priority::Normal as usize] > 0 {
            Priority::Normal
        } else {
            Priority::Background
        }
    }

    fn waits(&mut self, cell: &Cell) {
        self.waiting[cell.message.priority as usize] += 1;
    }

    fn waits_no_more(&mut self, cell: &Cell) {
        self.waiting[cell.message.priority as usize] -= 1;
    }
}
