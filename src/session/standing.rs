//! Where a message or closure stands in its session.

use crate::sync::atomic::{AtomicU64, Ordering};
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

#[cfg(test)]
mod tests {
    use super::*;

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
