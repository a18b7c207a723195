//! Counters that many threads change at once, each on a stripe of its own.

use super::stripes::{BySeat, Seat, stripe, stripes};
use crate::model::{Fate, Outcome};
use crate::sync::Padded;
use crate::sync::tally::{AtomicU64, Ordering};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    Accepted,
    Refused,
    Fate(Fate),
    Run(Outcome),
    /// A key's messages started out of order. P2: must stay 0.
    OrderViolation,
    /// Two live runs of one key met. P1: must stay 0.
    DoubleRun,
}

const CELLS: usize = 2 + 7 + 4 + 2;

impl Count {
    fn cell(self) -> usize {
        match self {
            Self::Accepted => 0,
            Self::Refused => 1,
            Self::Fate(fate) => 2 + fate as usize,
            Self::Run(outcome) => 9 + outcome as usize,
            Self::OrderViolation => 13,
            Self::DoubleRun => 14,
        }
    }
}

/// One number for each [`Count`], striped over the threads.
pub(crate) struct Counters {
    stripes: Box<[Padded<[AtomicU64; CELLS]>]>,
    seats: BySeat<[AtomicU64; CELLS]>,
}

/// The numbers that one thread alone adds to: no locked instruction.
pub(crate) struct Own<'a>(&'a [AtomicU64; CELLS]);

impl Own<'_> {
    #[inline]
    pub(crate) fn add(&self, what: Count, n: u64) {
        let cell = &self.0[what.cell()];
        cell.store(cell.load(Ordering::Relaxed) + n, Ordering::Relaxed);
    }
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self { stripes: (0..stripes()).map(|_| Padded::default()).collect(), seats: BySeat::new() }
    }

    #[inline]
    pub(crate) fn add(&self, what: Count, n: u64) {
        self.stripes[stripe(self.stripes.len())].0[what.cell()].fetch_add(n, Ordering::Relaxed);
    }

    /// Those of a thread with a seat.
    #[inline]
    pub(crate) fn own(&self, seat: &Seat) -> Own<'_> {
        Own(self.seats.of(seat))
    }

    pub(crate) fn sum(&self, what: Count) -> u64 {
        let shared = self.stripes.iter().map(|Padded(counts)| counts);
        let all = shared.chain(self.seats.iter());
        all.map(|counts| counts[what.cell()].load(Ordering::Relaxed)).sum()
    }
}
