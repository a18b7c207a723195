//! A message on its way: one allocation that the session, the run and the receipt share.

use std::time::Duration;

use crate::model::{Cause, LaneId, Message, MessageId, Settled};
use crate::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use crate::sync::{Arc, Condvar, Mutex, planted};
use crate::time::Moment;

/// Where a message or closure stands. Written under its session's lock only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Place {
    /// Not admitted (yet).
    Outside,
    /// Rank 2: waits in the backlog.
    Queued,
    /// Rank 0: an interrupt that waits.
    Urgent,
    /// Rank 1: an accepted steer that was not delivered.
    Promoted,
    /// A steer that waits for a boundary.
    Inbox,
    /// A steer that a run has taken and not yet committed.
    Taken,
    /// In the batch of a run, or of a pending retry.
    Started,
    /// It has its fate.
    Settled,
}

impl Place {
    const ALL: [Self; 8] = [
        Self::Outside,
        Self::Queued,
        Self::Urgent,
        Self::Promoted,
        Self::Inbox,
        Self::Taken,
        Self::Started,
        Self::Settled,
    ];
}

/// The part of a message or closure that its session writes.
#[derive(Debug)]
pub(crate) struct Standing {
    /// All three are written under the session's lock; `place` alone says what they are worth.
    place: AtomicU8,
    number: AtomicU64,
    admitted: AtomicU64,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            place: AtomicU8::new(Place::Outside as u8),
            number: AtomicU64::new(0),
            admitted: AtomicU64::new(0),
        }
    }
}

impl Standing {
    pub(crate) fn place(&self) -> Place {
        // The session's lock orders the writes; readers outside it only want a hint.
        Place::ALL[self.place.load(Ordering::Relaxed) as usize]
    }

    pub(crate) fn put(&self, place: Place) {
        self.place.store(place as u8, Ordering::Relaxed);
    }

    pub(crate) fn admit(&self, number: u64, at: Moment) {
        self.number.store(number, Ordering::Relaxed);
        self.admitted.store(at.nanos(), Ordering::Relaxed);
    }

    pub(crate) fn number(&self) -> u64 {
        self.number.load(Ordering::Relaxed)
    }

    pub(crate) fn admitted(&self) -> Moment {
        Moment::from_nanos(self.admitted.load(Ordering::Relaxed))
    }
}

/// Somebody who wants to know that something is no longer as it was. Never blocks.
pub(crate) trait Watch: Send + Sync {
    fn wake(&self, why: Wake);
}

/// Why a watcher is woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// A message that is waited for has its fate.
    Settled,
    /// A steer waits for this run's boundary.
    Steer,
    /// This run is stopped, or fenced.
    Stop(Cause),
}

struct Told<T> {
    settled: Option<Settled<T>>,
    watchers: Vec<Arc<dyn Watch>>,
}

/// The fate of one message or closure, to be told to whoever waits. A leaf lock.
pub(crate) struct Telling<T> {
    told: Mutex<Told<T>>,
    changed: Condvar,
}

impl<T> Default for Telling<T> {
    fn default() -> Self {
        let told = Told { settled: None, watchers: Vec::new() };
        Self { told: Mutex::new(told), changed: Condvar::new() }
    }
}

impl<T: Clone> Telling<T> {
    /// P4: told once; a second fate is a bug of ours.
    pub(crate) fn tell(&self, settled: Settled<T>) {
        let watchers = {
            let mut told = self.told.lock();
            assert!(told.settled.is_none(), "P4: a message has one fate");
            told.settled = Some(settled);
            std::mem::take(&mut told.watchers)
        };
        if !planted!(TellsInSilence) {
            self.changed.notify_all();
        }
        watchers.iter().for_each(|w| w.wake(Wake::Settled));
    }

    pub(crate) fn get(&self) -> Option<Settled<T>> {
        self.told.lock().settled.clone()
    }

    /// Blocks until the fate is told, at most until `until`.
    pub(crate) fn wait(&self, until: Option<std::time::Instant>) -> Option<Settled<T>> {
        let mut told = self.told.lock();
        while told.settled.is_none() {
            match until {
                None => self.changed.wait(&mut told),
                Some(at) if self.changed.wait_until(&mut told, at).timed_out() => break,
                Some(_) => {}
            }
        }
        told.settled.clone()
    }

    /// Wakes `watcher` when the fate is told, at once if it already is.
    pub(crate) fn watch(&self, watcher: Arc<dyn Watch>) {
        let mut told = self.told.lock();
        if told.settled.is_none() {
            told.watchers.push(watcher);
            return;
        }
        drop(told);
        watcher.wake(Wake::Settled);
    }
}

/// A message that was, or is about to be, admitted.
pub(crate) struct Cell {
    pub(crate) message: Message,
    pub(crate) standing: Standing,
    pub(crate) telling: Telling<crate::model::Reply>,
    /// When it may no longer start or be delivered.
    pub(crate) expires: Option<Moment>,
    /// How long its run may take.
    pub(crate) deadline: Option<Duration>,
    /// Serial number of its session.
    pub(crate) serial: u64,
    /// Its number in the journal; 0 without one.
    pub(crate) journaled: u64,
    /// Runs of it that the end of a process interrupted.
    #[allow(dead_code, reason = "without a journal there are none")]
    pub(crate) interrupted: u32,
    pub(crate) attempts: u32,
    pub(crate) lane: LaneId,
    /// Levels of runs above it: 0 for a message from outside.
    pub(crate) depth: u8,
    /// Whether its lane had no slot to spare when it came: then it is told that it waits.
    pub(crate) crowded: bool,
    /// The host's line about it, should it have to give way.
    pub(crate) summary: Option<Box<str>>,
    /// 1 once the steer half of a steer-backlog was delivered. Written under the session's lock.
    seen: AtomicU8,
    /// 1 once it was accepted as a steer-backlog. Written under the session's lock.
    half: AtomicU8,
    /// 1 once the journal is about to forget it. Read under the lock of the journal's line, which
    /// is taken after it is written.
    #[cfg_attr(not(feature = "journal"), allow(dead_code, reason = "nothing reads it then"))]
    gone: AtomicU8,
}

impl Cell {
    pub(crate) fn new(message: Message, serial: u64, lane: LaneId) -> Self {
        Self {
            message,
            standing: Standing::default(),
            telling: Telling::default(),
            expires: None,
            deadline: None,
            serial,
            journaled: 0,
            interrupted: 0,
            attempts: 1,
            lane,
            depth: 0,
            crowded: false,
            summary: None,
            seen: AtomicU8::new(0),
            half: AtomicU8::new(0),
            gone: AtomicU8::new(0),
        }
    }

    pub(crate) fn id(&self) -> MessageId {
        match &self.message.id {
            Some(id) => MessageId::Given(Arc::clone(id)),
            // The same after a restart; no session has the serial number 0.
            None if self.journaled > 0 => MessageId::Made(0, self.journaled),
            None => MessageId::Made(self.serial, self.standing.number()),
        }
    }

    /// Whether a later turn of its own waits in the backlog while it is a steer.
    pub(crate) fn has_half(&self) -> bool {
        self.half.load(Ordering::Relaxed) == 1
    }

    pub(crate) fn mark_half(&self) {
        self.half.store(1, Ordering::Relaxed);
    }

    /// Whether a journal has nothing of it, or is about to forget it.
    #[cfg(feature = "journal")]
    pub(crate) fn is_gone(&self) -> bool {
        self.journaled == 0 || self.gone.load(Ordering::Relaxed) == 1
    }

    #[cfg(feature = "journal")]
    pub(crate) fn mark_gone(&self) {
        self.gone.store(1, Ordering::Relaxed);
    }

    /// `ttl` runs to the first start or to the delivery.
    pub(crate) fn may_expire(&self) -> bool {
        let place = self.standing.place();
        let waits = [Place::Queued, Place::Urgent, Place::Promoted, Place::Inbox].contains(&place);
        waits && !self.seen()
    }

    pub(crate) fn mark_seen(&self) {
        self.seen.store(1, Ordering::Relaxed);
    }

    pub(crate) fn seen(&self) -> bool {
        self.seen.load(Ordering::Relaxed) == 1
    }

    /// Whether both may answer and act together: equal route and authority, and one agent, which
    /// the host's own keys and those of hooks do not tell.
    pub(crate) fn same_origin(&self, other: &Self) -> bool {
        let (own, its) = (self.message.source(), other.message.source());
        self.message.authority == other.message.authority
            && crate::model::same_route(own, its)
            && crate::model::same_agent(own, its)
    }

    /// Whether both may be messages of one batch. P2: merging needs all of these.
    pub(crate) fn merges_with(&self, other: &Self) -> bool {
        self.lane == other.lane
            && self.attempts == other.attempts
            && self.deadline == other.deadline
            && self.same_origin(other)
    }
}
