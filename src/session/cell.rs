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

/// Something with a fate, whose watchers come and go.
pub(crate) trait Watched: Send + Sync {
    /// Wakes `watcher` when the fate is told, at once if it already is.
    fn watch(&self, watcher: Arc<dyn Watch>);
    /// Takes it out, if it is there.
    fn unwatch(&self, watcher: &dyn Watch);
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
    /// This run begins its wait of this number, without a thread.
    Waits(u32),
    /// This run begins its wait of this number, with a thread that knows the end of it by itself.
    Blocks(u32),
    /// All its waits up to this number are over, and it has its slot again.
    Waited(u32),
}

struct Told<T> {
    settled: Option<Settled<T>>,
    #[allow(clippy::box_collection, reason = "8 bytes in every message instead of 24")]
    watchers: Option<Box<Vec<Arc<dyn Watch>>>>,
}

/// The fate of one message or closure, to be told to whoever waits. A leaf lock.
pub(crate) struct Telling<T> {
    told: Mutex<Told<T>>,
    changed: Condvar,
}

impl<T> Default for Telling<T> {
    fn default() -> Self {
        let told = Told { settled: None, watchers: None };
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
            told.watchers.take()
        };
        if !planted!(TellsInSilence) {
            self.changed.notify_all();
        }
        watchers.iter().flat_map(|all| all.iter()).for_each(|w| w.wake(Wake::Settled));
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

    /// Takes a watcher out that has no use for the fate any more. P9: a message that waits for long
    /// does not collect them.
    pub(crate) fn unwatch(&self, watcher: &dyn Watch) {
        let is_it = |w: &Arc<dyn Watch>| std::ptr::addr_eq(Arc::as_ptr(w), watcher);
        let taken = {
            let mut told = self.told.lock();
            let at = told.watchers.as_ref().and_then(|all| all.iter().position(is_it));
            at.and_then(|at| told.watchers.as_mut().map(|all| all.remove(at)))
        };
        // P7: with no lock held.
        drop(taken);
    }

    #[cfg(all(test, feature = "capi"))]
    pub(crate) fn watchers(&self) -> usize {
        self.told.lock().watchers.as_ref().map_or(0, |all| all.len())
    }

    /// Wakes `watcher` when the fate is told, at once if it already is.
    pub(crate) fn watch(&self, watcher: Arc<dyn Watch>) {
        let mut told = self.told.lock();
        if told.settled.is_none() {
            told.watchers.get_or_insert_default().push(watcher);
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
    /// Serial number of its session.
    pub(crate) serial: u64,
    pub(crate) attempts: u32,
    pub(crate) lane: LaneId,
    /// Levels of runs above it: 0 for a message from outside.
    pub(crate) depth: u8,
    /// What most messages have none of.
    rare: Option<Box<Rare>>,
    /// What has happened to it: bits, each set once.
    marks: AtomicU8,
}

/// The rarer parts of a message on its way.
#[derive(Default)]
struct Rare {
    deadline: Option<Duration>,
    line: Option<Box<str>>,
    /// Its number in the journal; 0 without one.
    journaled: u64,
    /// Runs of it that the end of a process interrupted.
    #[cfg(feature = "journal")]
    interrupted: u32,
}

impl Cell {
    /// The steer half of a steer-backlog was delivered. Set under the session's lock.
    const SEEN: u8 = 1;
    /// It was accepted as a steer-backlog. Set under the session's lock.
    const HALF: u8 = 2;
    /// The journal is about to forget it. Read under the lock of the journal's line, which is
    /// taken after it is set.
    #[cfg(feature = "journal")]
    const GONE: u8 = 4;
    /// Its lane had no slot to spare when it came: then it is told that it waits.
    const CROWDED: u8 = 8;

    pub(crate) fn new(message: Message, serial: u64, lane: LaneId) -> Self {
        Self {
            message,
            standing: Standing::default(),
            telling: Telling::default(),
            expires: None,
            serial,
            attempts: 1,
            lane,
            depth: 0,
            rare: None,
            marks: AtomicU8::new(0),
        }
    }

    pub(crate) fn id(&self) -> MessageId {
        match &self.message.id {
            Some(id) => MessageId::Given(Arc::clone(id)),
            // The same after a restart; no session has the serial number 0.
            None if self.journaled() > 0 => MessageId::Made(0, self.journaled()),
            None => MessageId::Made(self.serial, self.standing.number()),
        }
    }

    /// How long its run may take.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.rare.as_ref()?.deadline
    }

    pub(crate) fn set_deadline(&mut self, deadline: Option<Duration>) {
        if deadline.is_some() {
            self.rare.get_or_insert_default().deadline = deadline;
        }
    }

    /// The host's line about it, should it have to give way.
    pub(crate) fn line(&self) -> Option<&str> {
        self.rare.as_ref()?.line.as_deref()
    }

    pub(crate) fn keep_line(&mut self, line: Option<Box<str>>) {
        if line.is_some() {
            self.rare.get_or_insert_default().line = line;
        }
    }

    /// Its number in the journal; 0 without one.
    pub(crate) fn journaled(&self) -> u64 {
        self.rare.as_ref().map_or(0, |rare| rare.journaled)
    }

    #[cfg(feature = "journal")]
    pub(crate) fn set_journaled(&mut self, number: u64) {
        self.rare.get_or_insert_default().journaled = number;
    }

    /// Runs of it that the end of a process interrupted.
    #[cfg(feature = "journal")]
    pub(crate) fn interrupted(&self) -> u32 {
        self.rare.as_ref().map_or(0, |rare| rare.interrupted)
    }

    #[cfg(feature = "journal")]
    pub(crate) fn set_interrupted(&mut self, times: u32) {
        self.rare.get_or_insert_default().interrupted = times;
    }

    fn mark(&self, what: u8) {
        self.marks.fetch_or(what, Ordering::Relaxed);
    }

    fn has(&self, mark: u8) -> bool {
        self.marks.load(Ordering::Relaxed) & mark != 0
    }

    /// Whether a later turn of its own waits in the backlog while it is a steer.
    pub(crate) fn has_half(&self) -> bool {
        self.has(Self::HALF)
    }

    pub(crate) fn mark_half(&self) {
        self.mark(Self::HALF);
    }

    /// Whether it came to a lane without a slot to spare.
    pub(crate) fn is_crowded(&self) -> bool {
        self.has(Self::CROWDED)
    }

    pub(crate) fn mark_crowded(&self) {
        self.mark(Self::CROWDED);
    }

    /// Whether a journal has nothing of it, or is about to forget it.
    #[cfg(feature = "journal")]
    pub(crate) fn is_gone(&self) -> bool {
        self.journaled() == 0 || self.has(Self::GONE)
    }

    #[cfg(feature = "journal")]
    pub(crate) fn mark_gone(&self) {
        self.mark(Self::GONE);
    }

    /// `ttl` runs to the first start or to the delivery.
    pub(crate) fn may_expire(&self) -> bool {
        let place = self.standing.place();
        let waits = [Place::Queued, Place::Urgent, Place::Promoted, Place::Inbox].contains(&place);
        waits && !self.seen()
    }

    pub(crate) fn mark_seen(&self) {
        self.mark(Self::SEEN);
    }

    pub(crate) fn seen(&self) -> bool {
        self.has(Self::SEEN)
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
            && self.deadline() == other.deadline()
            && self.same_origin(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With the two counts of its `Arc` and malloc's own word it takes 256 bytes.
    #[test]
    fn a_message_on_its_way_is_232_bytes_beside_its_text() {
        assert_eq!(size_of::<Cell>(), 232);
    }
}
