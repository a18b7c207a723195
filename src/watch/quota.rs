//! Quotas that many threads take from and give back to at once, each on a stripe of its own.

use super::stripes::{BySeat, Seat, stripe, stripes};
use crate::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use crate::sync::{Mutex, Padded, planted};

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
    /// Held by whoever gathers: who finds nothing meanwhile waits for what is on its way. A leaf.
    gathering: Mutex<()>,
    stripes: Box<[Padded<AtomicI64>]>,
    seats: BySeat<Returns>,
}

/// What one thread alone gives back, ever: no locked instruction.
#[derive(Default)]
struct Returns {
    /// Written by who has the seat.
    given: AtomicU64,
    /// How much of it was handed out again. Written by whoever gathers.
    gathered: AtomicU64,
}

impl Returns {
    /// All that was given and not handed out yet.
    fn gather(&self) -> i64 {
        let given = self.given.load(Ordering::SeqCst);
        // Another may have gathered later gifts already.
        let before = self.gathered.fetch_max(given, Ordering::SeqCst);
        i64::try_from(given.saturating_sub(before)).unwrap_or(i64::MAX)
    }

    /// The same, left where it is.
    fn left(&self) -> i64 {
        // In this order: what is gathered meanwhile is not counted twice.
        let given = self.given.load(Ordering::SeqCst);
        let gathered = self.gathered.fetch_add(0, Ordering::SeqCst);
        i64::try_from(given.saturating_sub(gathered)).unwrap_or(i64::MAX)
    }
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
            gathering: Mutex::new(()),
            stripes: (0..n).map(|_| Padded::default()).collect(),
            seats: BySeat::new(),
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
        &self.stripes[stripe(self.stripes.len())].0
    }

    /// Takes `n`, or nothing.
    #[inline]
    pub(crate) fn take(&self, n: u64) -> Room {
        let n = i64::try_from(n).unwrap_or(i64::MAX);
        let own = self.own();
        if own.fetch_sub(n, Ordering::SeqCst) >= n {
            return Room::Taken;
        }
        own.fetch_add(n, Ordering::Relaxed);
        self.take_slow(own, n)
    }

    /// Out of the common rest; before anybody is refused, all that was given back and all that other
    /// stripes hold goes there.
    #[cold]
    fn take_slow(&self, own: &AtomicI64, n: i64) -> Room {
        // P9: nobody is refused for what another has gathered, and not brought back yet.
        let _turn = self.gathering.lock();
        self.bring_back(self.seats.iter().map(Returns::gather).sum());
        if self.take_from_rest(own, n) == Room::Taken {
            return Room::Taken;
        }
        self.gather_stripes();
        self.take_from_rest(own, n)
    }

    fn take_from_rest(&self, own: &AtomicI64, n: i64) -> Room {
        let wish = n.saturating_add(self.chunk);
        let took = self.rest.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |rest| {
            // What is below zero was out when the bound was lowered: it is paid first.
            (rest >= n).then(|| rest - rest.min(wish))
        });
        let Ok(rest) = took else { return Room::Full };
        self.moved();
        own.fetch_add(rest.min(wish) - n, Ordering::SeqCst);
        Room::Taken
    }

    fn gather_stripes(&self) {
        let all = |stripe: &Padded<AtomicI64>| {
            let none = |credits: i64| (credits > 0).then_some(0);
            stripe.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, none).unwrap_or(0)
        };
        self.bring_back(self.stripes.iter().map(all).sum());
    }

    /// Credits that are in nobody's place go to the common rest.
    fn bring_back(&self, credits: i64) {
        if credits > 0 {
            self.moved();
            self.rest.0.fetch_add(credits, Ordering::SeqCst);
        }
    }

    /// Credits have moved, or a take was made while somebody adds up to see whether nothing is out.
    pub(crate) fn moved(&self) {
        if !planted!(MovesUnsaid) {
            self.moves.fetch_add(1, Ordering::SeqCst);
        }
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
        // A bound that was lowered is paid first: then nothing is kept.
        let keep = if self.rest.0.load(Ordering::Relaxed) < 0 { 0 } else { self.chunk };
        if credits > 2 * keep {
            let back = credits - keep;
            let room = own.fetch_sub(back, Ordering::SeqCst) >= back;
            self.moved();
            let to = if room { &self.rest.0 } else { own };
            to.fetch_add(back, Ordering::SeqCst);
        }
    }

    /// Gives `n` back at the seat of this thread. Nobody is to be told: more will be given back
    /// after it, by [`give`](Self::give).
    #[inline]
    pub(crate) fn give_own(&self, seat: &Seat, n: u64) {
        let given = &self.seats.of(seat).given;
        given.store(given.load(Ordering::Relaxed) + n, Ordering::Release);
    }

    /// Changes the bound. What is out stays out, also beyond a lower one, and is paid before
    /// anything more is handed out. One at a time.
    pub(crate) fn set_max(&self, max: u64) {
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        let more = max - self.max.load(Ordering::SeqCst);
        // Whoever adds up in between finds too many out, not too few.
        if more > 0 {
            self.max.store(max, Ordering::SeqCst);
            self.moved();
        }
        self.rest.0.fetch_add(more, Ordering::SeqCst);
        if more < 0 {
            self.moved();
            self.max.store(max, Ordering::SeqCst);
            let _turn = self.gathering.lock();
            self.gather_stripes();
        }
    }

    /// How many are out. Exact whenever no call is in flight. While calls are, it is never 0 too
    /// early, if whoever takes then calls [`moved`](Self::moved) before what depends on it is given
    /// back: else a take that is read too early and a gift that is read too late could cancel out.
    pub(crate) fn taken(&self) -> u64 {
        let moves = self.moves.load(Ordering::SeqCst);
        // Read by changes of nothing, since only a change is sure to see the newest: who gives after
        // it sees in turn what was done before it, that somebody waits.
        let read = |credits: &AtomicI64| credits.fetch_add(0, Ordering::SeqCst);
        let free: i64 = self.stripes.iter().map(|s| read(&s.0)).sum();
        let returned: i64 = self.seats.iter().map(Returns::left).sum();
        let out = self.max.load(Ordering::SeqCst) - read(&self.rest.0) - free - returned;
        let moved = self.moves.load(Ordering::SeqCst) != moves;
        // Whoever moves credits looks afterwards whether somebody waits.
        let out = if moved { out.max(1) } else { out };
        u64::try_from(out).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Seats;
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
    fn p9_a_lowered_bound_binds_before_anything_more_is_handed_out() {
        let (quota, seat) = (Quota::new(10_000), Seats::new().take().expect("there is one"));
        assert_eq!(quota.take(9_000), Room::Taken);
        quota.set_max(100);
        quota.give_own(&seat, 5_000);
        assert_eq!((quota.take(1), quota.taken()), (Room::Full, 4_000));
        quota.give(3_900);
        assert_eq!((quota.take(1), quota.taken()), (Room::Full, 100));
        quota.give(1);
        assert_eq!((quota.take(1), quota.take(1), quota.taken()), (Room::Taken, Room::Full, 100));
        quota.set_max(101);
        assert_eq!((quota.take(1), quota.taken()), (Room::Taken, 101));
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
