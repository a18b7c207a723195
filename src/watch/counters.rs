//! Counters and quotas that many threads change at once, each on a stripe of its own.

use crate::model::{Fate, Outcome};
use crate::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use crate::sync::tally::AtomicU64;
use crate::sync::{Padded, thread};

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
}

/// Stripes for this machine: a power of two, twice the processors.
pub(crate) fn stripes() -> usize {
    (thread::cores() * 2).next_power_of_two().clamp(2, 64)
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self { stripes: (0..stripes()).map(|_| Padded::default()).collect() }
    }

    #[inline]
    pub(crate) fn add(&self, what: Count, n: u64) {
        let stripe = thread::number() & (self.stripes.len() - 1);
        self.stripes[stripe].0[what.cell()].fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn sum(&self, what: Count) -> u64 {
        self.stripes.iter().map(|s| s.0[what.cell()].load(Ordering::Relaxed)).sum()
    }
}

/// A bound on something that many threads take from and give back to at once.
///
/// Each stripe holds credits of its own and exchanges them with the rest in chunks, so that the
/// bound is exact (never more than `max` are out) and a take costs one write to a line that is
/// nearly always this thread's. P9.
pub(crate) struct Quota {
    /// Written by a reload.
    max: AtomicI64,
    chunk: i64,
    rest: Padded<AtomicI64>,
    /// Moves of credits from one place to another so far. Counted while they are in neither, so
    /// that nobody who adds up takes the same credits for two.
    moves: AtomicU32,
    stripes: Box<[Padded<AtomicI64>]>,
}

/// Whether a quota had room.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    Taken,
    Full,
}

impl Quota {
    pub(crate) fn new(max: u64) -> Self {
        let n = stripes();
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        Self {
            max: AtomicI64::new(max),
            chunk: Self::chunk(max),
            rest: Padded(AtomicI64::new(max)),
            moves: AtomicU32::new(0),
            stripes: (0..n).map(|_| Padded::default()).collect(),
        }
    }

    /// What a stripe takes at once: little enough that all stripes together hold a quarter.
    fn chunk(max: i64) -> i64 {
        /// For quotas that count messages, and for those that count bytes.
        const MESSAGES: i64 = 256;
        const BYTES: i64 = 1 << 16;
        let most = if max > 1 << 24 { BYTES } else { MESSAGES };
        let stripes = i64::try_from(stripes()).unwrap_or(64);
        (max / (4 * stripes)).clamp(1, most)
    }

    fn own(&self) -> &AtomicI64 {
        &self.stripes[thread::number() & (self.stripes.len() - 1)].0
    }

    /// Takes `n`, or nothing.
    #[inline]
    pub(crate) fn take(&self, n: u64) -> Room {
        let n = i64::try_from(n).unwrap_or(i64::MAX);
        let own = self.own();
        if own.fetch_sub(n, Ordering::Relaxed) >= n {
            return Room::Taken;
        }
        own.fetch_add(n, Ordering::Relaxed);
        self.take_slow(own, n)
    }

    #[cold]
    fn take_slow(&self, own: &AtomicI64, n: i64) -> Room {
        let mut found = 0;
        let wish = n.saturating_add(self.chunk);
        let _ = self.rest.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |rest| {
            found = rest.clamp(0, wish);
            Some(rest - found)
        });
        // Out of the common rest: gather what other stripes hold, before anybody is refused.
        for stripe in &self.stripes {
            if found >= n {
                break;
            }
            let mut got = 0;
            let _ = stripe.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |credits| {
                got = credits.max(0);
                Some(credits - got)
            });
            found += got;
        }
        self.moves.fetch_add(1, Ordering::SeqCst);
        if found >= n {
            own.fetch_add(found - n, Ordering::SeqCst);
            return Room::Taken;
        }
        self.rest.0.fetch_add(found, Ordering::SeqCst);
        Room::Full
    }

    /// Takes `n` whether there is room or not: what came back from a journal is there already.
    #[cfg(feature = "journal")]
    pub(crate) fn take_all(&self, n: u64) {
        self.rest.0.fetch_sub(i64::try_from(n).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// Gives `n` back.
    #[inline]
    pub(crate) fn give(&self, n: u64) {
        let n = i64::try_from(n).unwrap_or(i64::MAX);
        let own = self.own();
        // SeqCst: whoever gives looks next whether somebody waits, and whoever waits says so before
        // it adds up. One of them sees the other.
        let credits = own.fetch_add(n, Ordering::SeqCst) + n;
        if credits > 2 * self.chunk {
            let back = credits - self.chunk;
            let room = own.fetch_sub(back, Ordering::SeqCst) >= back;
            self.moves.fetch_add(1, Ordering::SeqCst);
            let to = if room { &self.rest.0 } else { own };
            to.fetch_add(back, Ordering::SeqCst);
        }
    }

    /// Changes the bound. What is out stays out, also beyond a lower one.
    pub(crate) fn set_max(&self, max: u64) {
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        let before = self.max.swap(max, Ordering::Relaxed);
        self.rest.0.fetch_add(max - before, Ordering::Relaxed);
    }

    /// How many are out. Exact whenever no call is in flight.
    pub(crate) fn taken(&self) -> u64 {
        let moves = self.moves.load(Ordering::SeqCst);
        // Read by changes of nothing, since only a change is sure to see the newest: who gives after
        // it sees in turn what was done before it, that somebody waits.
        let read = |credits: &AtomicI64| credits.fetch_add(0, Ordering::SeqCst);
        let free: i64 = self.stripes.iter().map(|s| read(&s.0)).sum();
        let out = self.max.load(Ordering::SeqCst) - read(&self.rest.0) - free;
        let moved = self.moves.load(Ordering::SeqCst) != moves;
        // Whoever moves credits looks afterwards whether somebody waits.
        let out = if moved { out.max(1) } else { out };
        u64::try_from(out).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Arc;

    #[test]
    fn p9_a_quota_hands_out_exactly_its_bound() {
        let quota = Quota::new(10);
        assert_eq!((0..20).filter(|_| quota.take(1) == Room::Taken).count(), 10);
        quota.give(3);
        assert_eq!(quota.taken(), 7);
        assert_eq!(quota.take(4), Room::Full);
        assert_eq!(quota.take(3), Room::Taken);
    }

    #[test]
    fn p9_credits_of_other_threads_are_gathered_before_anybody_is_refused() {
        let quota = Arc::new(Quota::new(1000));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let quota = Arc::clone(&quota);
                std::thread::spawn(move || {
                    assert_eq!(quota.take(100), Room::Taken);
                    quota.give(100);
                })
            })
            .collect();
        threads.into_iter().for_each(|t| t.join().expect("no panic"));
        assert_eq!(quota.take(1000), Room::Taken);
        assert_eq!(quota.taken(), 1000);
    }
}
