//! A message on its way: what the session, the run and the receipt share.

use std::time::Duration;

use super::telling::Telling;
use crate::model::{LaneId, Message, MessageId, Reply};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicU8, AtomicU64, Ordering};
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
    /// Its admission number, and its place in the lowest bits. Both are written under the session's
    /// lock.
    word: AtomicU64,
    admitted: AtomicU64,
}

impl Default for Standing {
    fn default() -> Self {
        Self { word: AtomicU64::new(Place::Outside as u64), admitted: AtomicU64::new(0) }
    }
}

impl Standing {
    /// Bits of the place.
    const BITS: u32 = 3;

    fn word(&self) -> u64 {
        // The session's lock orders the writes; readers outside it only want a hint.
        self.word.load(Ordering::Relaxed)
    }

    fn set(&self, number: u64, place: Place) {
        self.word.store(number << Self::BITS | place as u64, Ordering::Relaxed);
    }

    pub(crate) fn place(&self) -> Place {
        Place::ALL[(self.word() & ((1 << Self::BITS) - 1)) as usize]
    }

    pub(crate) fn put(&self, place: Place) {
        self.set(self.number(), place);
    }

    pub(crate) fn admit(&self, number: u64, at: Moment) {
        self.set(number, self.place());
        self.admitted.store(at.nanos(), Ordering::Relaxed);
    }

    pub(crate) fn number(&self) -> u64 {
        self.word() >> Self::BITS
    }

    pub(crate) fn admitted(&self) -> Moment {
        Moment::from_nanos(self.admitted.load(Ordering::Relaxed))
    }
}

/// A message that was, or is about to be, admitted.
///
/// Two allocations of at most 120 bytes each, since one thread makes them and another lets them go:
/// what is larger takes the lock of glibc's arena on both ways, and threads sleep on it.
pub(crate) struct Cell {
    pub(crate) message: Box<Message>,
    pub(crate) standing: Standing,
    pub(crate) telling: Telling<Reply>,
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

/// On what terms a message enters its session.
pub(crate) struct Terms {
    /// How often its batch may run.
    pub(crate) attempts: u32,
    /// Levels of runs above it.
    pub(crate) depth: u8,
    /// When it may no longer start or be delivered.
    pub(crate) expires: Option<Moment>,
    /// How long its run may take.
    pub(crate) deadline: Option<Duration>,
    /// The host's line about it, should it have to give way.
    pub(crate) line: Option<Box<str>>,
    /// Whether its lane has no slot to spare.
    pub(crate) crowded: bool,
}

impl Default for Terms {
    fn default() -> Self {
        Self { attempts: 1, depth: 0, expires: None, deadline: None, line: None, crowded: false }
    }
}

/// The rarer parts of a message on its way.
#[derive(Default)]
struct Rare {
    /// When it may no longer start or be delivered.
    expires: Option<Moment>,
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

    #[cfg(test)]
    pub(crate) fn new(message: Message, serial: u64, lane: LaneId) -> Self {
        Self::on(Terms::default(), message, serial, lane)
    }

    /// Made whole at once: what is added later is copied once more.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "its caller puts it where it stays")]
    pub(crate) fn on(terms: Terms, message: Message, serial: u64, lane: LaneId) -> Self {
        let Terms { attempts, depth, expires, deadline, line, crowded } = terms;
        let rare = (expires.is_some() || deadline.is_some() || line.is_some())
            .then(|| Box::new(Rare { expires, deadline, line, ..Rare::default() }));
        Self {
            message: Box::new(message),
            standing: Standing::default(),
            telling: Telling::default(),
            serial,
            attempts,
            lane,
            depth,
            rare,
            marks: AtomicU8::new(if crowded { Self::CROWDED } else { 0 }),
        }
    }

    pub(crate) fn id(&self) -> MessageId {
        match &self.message.id {
            Some(id) => MessageId::Given(Arc::clone(id)),
            // The same after a restart; no session has the serial number 0.
            None if self.journaled() > 0 => MessageId::Made(0, self.journaled()),
            None => MessageId::made(self.serial, self.standing.number()),
        }
    }

    /// As limits count them.
    pub(crate) fn bytes(&self) -> u64 {
        self.message.bytes() as u64
    }

    /// When it may no longer start or be delivered.
    pub(crate) fn expires(&self) -> Option<Moment> {
        self.rare.as_ref()?.expires
    }

    /// How long its run may take.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.rare.as_ref()?.deadline
    }

    /// The host's line about it, should it have to give way.
    pub(crate) fn line(&self) -> Option<&str> {
        self.rare.as_ref()?.line.as_deref()
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

    /// With the two counts of its `Arc`. What fits 120 bytes goes around the lock of glibc's arena.
    #[test]
    fn a_message_on_its_way_is_two_small_allocations_beside_its_text() {
        assert!(size_of::<Message>() <= 120);
        assert!(size_of::<Cell>() + 2 * size_of::<usize>() <= 120, "{}", size_of::<Cell>());
    }

    #[test]
    fn a_place_and_a_number_share_a_word() {
        let standing = Standing::default();
        let number = (1 << 61) - 1;
        standing.admit(number, Moment::START);
        for place in Place::ALL {
            standing.put(place);
            assert_eq!((standing.place(), standing.number()), (place, number));
        }
    }
}
