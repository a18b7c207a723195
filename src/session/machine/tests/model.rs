//! A session as the promises describe it, written down naively: a list of messages, each with the
//! place where it is. It knows nothing of how the machine works.

use std::time::Duration;

use super::spec::Spec;
use crate::config::Queue;
use crate::model::{Cause, Fate, LaneId, Mode, Priority};
use crate::session::live::Inbox;
use crate::session::machine::{Door, Phase};
use crate::session::next::Tag;
use crate::session::standing::Place;

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// It waits with this rank. P2.
    Rank(u8),
    Inbox,
    Taken,
    Run,
    Retry,
    Gone(Fate),
}

#[allow(clippy::struct_excessive_bools, reason = "a plain list of facts")]
#[derive(Clone, Debug)]
pub(super) struct Msg {
    pub(super) at: At,
    pub(super) lane: u16,
    pub(super) priority: Priority,
    pub(super) authority: &'static str,
    pub(super) route: Option<&'static str>,
    pub(super) attempts: u32,
    pub(super) deadline: Option<u64>,
    pub(super) expires: Option<u64>,
    /// It came with mode collect.
    pub(super) merges: bool,
    pub(super) closure: bool,
    /// An accepted steer with a later turn.
    pub(super) half: bool,
    pub(super) seen: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) id: u64,
    pub(super) batch: Vec<usize>,
    pub(super) attempt: u32,
    /// Dropped messages that the batch stands for; frozen with it.
    pub(super) summary_of: u32,
    pub(super) inbox: Inbox,
    pub(super) stop: Option<Cause>,
    pub(super) rounds: u32,
    /// Its number, and whose it is.
    pub(super) guard: Option<(u64, usize)>,
    pub(super) deadline: Option<u64>,
}

#[derive(Clone, Debug)]
pub(super) struct Retry {
    pub(super) batch: Vec<usize>,
    pub(super) due: u64,
    pub(super) run: u64,
    pub(super) attempt: u32,
    pub(super) summary_of: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Window {
    pub(super) members: Vec<usize>,
    pub(super) opened: u64,
    pub(super) latest: u64,
}

/// A mistake in the model, put there on purpose: the property must find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plant {
    PromotedGoLast,
    RestoreForgetsTheStop,
    TakenExpire,
    AnythingMerges,
    WindowsNeverRestart,
    StopAfterOkIsStopped,
    RetryGoesAfterSteers,
    InterruptsAreVictims,
    PriorityIsTheHeads,
    CloseReturnsNoRetry,
}

pub(super) struct Model {
    pub(super) msgs: Vec<Msg>,
    pub(super) live: Option<Live>,
    pub(super) retry: Option<Retry>,
    pub(super) window: Option<Window>,
    pub(super) own_mode: Option<Mode>,
    pub(super) stopped_below: usize,
    pub(super) returned_below: usize,
    /// Route and authority of each dropped message that waits for a batch.
    pub(super) dropped: Vec<(&'static str, Option<&'static str>)>,
    pub(super) now: u64,
    pub(super) queue: Queue,
    pub(super) stop_authorities: Vec<String>,
    pub(super) closure_cap: usize,
    pub(super) door: Door,
    /// The phase that the last transition came to.
    pub(super) rested: Phase,
    pub(super) plant: Option<Plant>,
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).expect("a short time")
}

impl Msg {
    pub(super) fn new(spec: &Spec, at: At, merges: bool, now: u64) -> Self {
        Self {
            at,
            lane: spec.lane,
            priority: spec.priority,
            authority: spec.authority,
            route: spec.route,
            attempts: spec.attempts,
            deadline: spec.deadline,
            expires: spec.ttl.map(|ttl| now + ttl),
            merges,
            closure: false,
            half: false,
            seen: false,
        }
    }

    pub(super) fn origin(&self) -> (&'static str, Option<&'static str>) {
        (self.authority, self.route)
    }

    pub(super) fn waits(&self) -> bool {
        matches!(self.at, At::Rank(_) | At::Inbox)
    }

    /// Equal in all that a batch must be equal in.
    fn equals(&self, other: &Self) -> bool {
        self.origin() == other.origin()
            && self.lane == other.lane
            && self.attempts == other.attempts
            && self.deadline == other.deadline
    }

    pub(super) fn place(&self) -> Place {
        match self.at {
            At::Rank(0) => Place::Urgent,
            At::Rank(1) => Place::Promoted,
            At::Rank(_) => Place::Queued,
            At::Inbox => Place::Inbox,
            At::Taken => Place::Taken,
            At::Run | At::Retry => Place::Started,
            At::Gone(_) => Place::Settled,
        }
    }
}

impl Model {
    pub(super) fn all(&self, at: At) -> Vec<usize> {
        (0..self.msgs.len()).filter(|n| self.msgs[*n].at == at).collect()
    }

    pub(super) fn is_live(&self, run: u64) -> bool {
        self.live.as_ref().is_some_and(|live| live.id == run)
    }

    pub(super) fn planted(&self, plant: Plant) -> bool {
        self.plant == Some(plant)
    }

    /// Messages that count towards the cap.
    pub(super) fn depth(&self) -> usize {
        let counts = |m: &&Msg| !m.closure && (m.waits() || m.at == At::Taken);
        self.msgs.iter().filter(counts).count()
    }

    pub(super) fn joined(&self, first: usize, second: usize) -> bool {
        let (first, second) = (&self.msgs[first], &self.msgs[second]);
        let equal = self.planted(Plant::AnythingMerges) || first.equals(second);
        first.merges && second.merges && equal
    }

    /// P2: interrupts, a pending retry, undelivered steers, the rest; the batch that would start.
    pub(super) fn head(&self) -> Option<Vec<usize>> {
        let first = |rank| self.all(At::Rank(rank)).first().map(|n| vec![*n]);
        let retry = self.retry.as_ref().map(|retry| retry.batch.clone());
        if self.planted(Plant::RetryGoesAfterSteers) {
            return first(0).or(first(1)).or(retry).or_else(|| self.head_of_rest());
        }
        first(0).or(retry).or(first(1)).or_else(|| self.head_of_rest())
    }

    fn head_of_rest(&self) -> Option<Vec<usize>> {
        let rest = self.all(At::Rank(2));
        let mut batch = vec![*rest.first()?];
        let most = self.queue.max_batch as usize;
        for next in &rest[1..] {
            if batch.len() >= most || !self.joined(batch[0], *next) {
                break;
            }
            batch.push(*next);
        }
        Some(batch)
    }

    pub(super) fn phase(&self) -> Phase {
        if self.live.is_some() {
            return Phase::Running;
        }
        let Some(head) = self.head() else { return Phase::Idle };
        match (self.msgs[head[0]].at, &self.retry, &self.window) {
            (At::Retry, Some(retry), _) if retry.due > self.now => Phase::Backoff,
            (At::Rank(2), _, Some(window)) if window.members.contains(&head[0]) => {
                Phase::Collecting
            }
            _ => Phase::Ready,
        }
    }

    /// The lane of the head at the highest priority of anything that waits to run.
    pub(super) fn wanted(&self) -> Option<Tag> {
        let head = self.head()?[0];
        let runs = |m: &&Msg| matches!(m.at, At::Rank(_) | At::Retry);
        let mut priority = self.msgs.iter().filter(runs).map(|m| m.priority).max()?;
        if self.planted(Plant::PriorityIsTheHeads) {
            priority = self.msgs[head].priority;
        }
        Some(Tag { lane: LaneId(self.msgs[head].lane), priority })
    }

    pub(super) fn closes(&self) -> Option<u64> {
        let window = self.window.as_ref()?;
        let quiet = window.latest + millis(self.queue.debounce);
        Some(quiet.min(window.opened + millis(self.queue.window_max())))
    }

    /// When something comes due by itself.
    pub(super) fn due(&self) -> Option<u64> {
        let head = match self.rested {
            Phase::Collecting => self.closes(),
            Phase::Backoff => self.retry.as_ref().map(|retry| retry.due),
            Phase::Running => self.live.as_ref().and_then(|live| live.deadline),
            Phase::Idle | Phase::Ready => None,
        };
        let expires = |m: &Msg| m.expires.filter(|_| m.waits() && !m.seen);
        head.into_iter().chain(self.msgs.iter().filter_map(expires)).min()
    }

    /// Everything that is due at this moment.
    pub(super) fn settle(&mut self) {
        if self.door != Door::Open || self.closes().is_some_and(|at| at <= self.now) {
            self.window = None;
        }
        let (now, taken_too) = (self.now, self.planted(Plant::TakenExpire));
        for msg in &mut self.msgs {
            let waits = msg.waits() || taken_too && msg.at == At::Taken;
            if waits && !msg.seen && msg.expires.is_some_and(|at| at <= now) {
                msg.at = At::Gone(Fate::Expired);
            }
        }
        if let Some(live) = self.live.as_mut().filter(|l| l.deadline.is_some_and(|at| at <= now)) {
            live.deadline = None;
            live.stop = live.stop.or(Some(Cause::Deadline));
        }
    }

    /// What follows from where everything is now.
    pub(super) fn rest(&mut self) {
        self.rested = self.phase();
        match self.rested {
            Phase::Idle => {
                self.window = None;
                self.dropped.clear();
            }
            Phase::Ready => self.window = None,
            _ => {}
        }
    }

    /// The timer, or anything else that only lets time be noticed.
    pub(super) fn notice(&mut self) {
        self.settle();
        self.rest();
    }
}
