//! The session machine: a pure file tree. No lock, thread, channel or clock: `now` is an argument.
//!
//! Every transition first settles what is due (`settle`), then acts, then calls `rest`, the only
//! place that chooses Idle, Collecting, Ready or Backoff, issues the ticket and arms the timer. Who
//! queues up behind others leaves nothing to choose, and is done without it.
//! What it returns says what the caller must do after unlock.

mod admit;
mod claim;
mod end;
mod extra;
mod finish;
#[cfg_attr(not(feature = "journal"), allow(dead_code, reason = "nothing comes back then"))]
mod recover;
mod rest;
mod steer;
mod stop;
mod stride;
mod windows;
#[cfg(test)]
mod tests;

pub(crate) use admit::Origin;
pub(crate) use claim::{Started, Ticketed, Work};
pub(crate) use end::{End, Ended, Finished};
pub(crate) use finish::Slice;
#[cfg(feature = "journal")]
pub(crate) use recover::{Back, LastRun};
pub use steer::Verdict;
pub(crate) use steer::{EndRun, Take, Taken};
pub(crate) use stop::Halted;
pub use stop::Withdrawn;
pub(crate) use stride::{Behind, Strode, TheLongWay};

use extra::{Expiry, Extra};

use super::backlog::Backlog;
use super::cell::Cell;
use super::entry::Code;
use super::live::{Companions, Live};
use super::next::Tag;
use super::window::Window;
use crate::config::{Inbound, Queue};
use crate::model::{Cause, Knobs, LaneId, Priority, RunId};
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

    fn is_empty(&self) -> bool {
        self.one.is_none() && self.more.is_none()
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

/// All state of one session.
///
/// In the order of who touches it: the admission of a closure behind others the first 64 bytes,
/// a run that follows a run all but the tickets and the timer.
#[repr(C)]
pub(crate) struct Machine<C> {
    extra: Option<Box<Extra>>,
    phase: Phase,
    /// Which of sixteen closures is timed: sessions that live for one closure take turns.
    lot: u8,
    /// What waits to run, by priority; a pending retry included.
    waiting: [u32; 3],
    /// The next admission number; all accepted so far. P4.
    accepted: u64,
    /// Rank 2. Its buffer ends the first 64 bytes.
    backlog: Backlog<C>,
    /// The last admission number that started, for the sentinel of P2.
    started: u32,
    /// The number of the closure that is timed, while there is one.
    timed: u32,
    /// Apart: of all sessions with something to do hardly any run at the same time, and whoever runs
    /// them one after the other has it in the same place.
    live: Option<Box<Live<C>>>,
    /// All that have their fate. P4: accepted = settled + pending.
    settled: u64,
    /// When the closure that is timed was admitted.
    timed_from: Option<Moment>,
    tickets: Tickets,
    /// The live timer entry.
    armed: Option<Moment>,
}

/// What is left of a machine that has nothing to do: all that it accepted has its fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Books {
    started: u32,
    accepted: u64,
}

impl<C: Code> Machine<C> {
    #[cfg(test)]
    pub(crate) fn new(lot: u64) -> Self {
        Self::wake(lot, Books::default())
    }

    /// The machine of a session that had nothing to do.
    pub(crate) fn wake(lot: u64, books: Books) -> Self {
        let Books { started, accepted } = books;
        Self {
            phase: Phase::Idle,
            #[allow(clippy::cast_possible_truncation, reason = "there are sixteen lots")]
            lot: (lot % u64::from(LOTS)) as u8,
            tickets: Tickets::default(),
            backlog: Backlog::new(),
            live: None,
            extra: None,
            accepted,
            settled: accepted,
            waiting: [0; 3],
            started,
            armed: None,
            timed: 0,
            timed_from: None,
        }
    }

    /// Its books, if there is nothing else to keep: not even a ticket is out.
    #[inline]
    pub(crate) fn falls_asleep(&self) -> Option<Books> {
        if self.phase != Phase::Idle || self.extra.is_some() || self.armed.is_some() {
            return None;
        }
        if !self.tickets.is_empty() || !self.backlog.is_free() {
            return None;
        }
        assert_eq!(self.accepted, self.settled, "P4: accepted = settled + pending");
        Some(Books { started: self.started, accepted: self.accepted })
    }

    #[cfg(test)]
    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    pub(crate) fn live(&self) -> Option<&Live<C>> {
        self.live.as_deref()
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
        self.backlog.messages() + extra
    }

    /// Everything admitted and without a fate, counted part by part. P4.
    pub(crate) fn pending(&self) -> u64 {
        let running = self.live.as_ref().map_or(0, |live| live.held.len());
        let retry = self.extra.as_deref().and_then(|e| e.retry.as_ref());
        let retry = retry.map_or(0, |retry| retry.batch.len());
        u64::from(self.depth() + self.backlog.closures() + running + retry)
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
        if own.is_none() && self.phase == Phase::Idle {
            // P10: there is nothing else in it, and a session without it can fall asleep.
            self.extra = None;
        } else if own.is_some() || self.extra.is_some() {
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
        Self::signal_of(live.id) | steer << 4 | u64::from(live.stop.map_or(0, Cause::bits))
    }

    /// The same for a run to which nothing has happened yet.
    #[inline]
    pub(crate) fn signal_of(run: RunId) -> u64 {
        run.get() << 8
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
