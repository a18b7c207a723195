//! Stripes: what many threads write at once lies on several cache lines, so that each nearly always
//! writes one of its own.

use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Padded, thread};

/// Stripes that the threads of this machine share: a power of two, so many that neighbours are
/// rarely two that write at once.
pub(super) fn stripes() -> usize {
    match thread::cores() {
        1 => 2,
        cores => (cores * 8).next_power_of_two().min(64),
    }
}

/// At most so many threads have a stripe that they alone write, without a locked instruction. A
/// power of two. In a model one has.
const SEATS: usize = if cfg!(any(loom, shuttle)) { 1 } else { 64 };

/// Seats on this machine.
fn seats() -> usize {
    match thread::cores() {
        1 => 1,
        cores => (cores * 8).min(SEATS),
    }
}

/// One for each seat. There is memory for all that there may be: to find one's own takes no look at
/// how many there are.
pub(super) struct BySeat<T>(Box<[Padded<T>; SEATS]>);

impl<T: Default> BySeat<T> {
    pub(super) fn new() -> Self {
        Self(Box::new(std::array::from_fn(|_| Padded::default())))
    }
}

impl<T> BySeat<T> {
    /// That of whoever has this seat.
    #[inline]
    pub(super) fn of(&self, seat: &Seat) -> &T {
        &self.0[seat.0 % SEATS].0
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().take(seats()).map(|Padded(one)| one)
    }
}

/// The stripe of this thread, of so many: a power of two.
#[inline]
pub(super) fn stripe(of: usize) -> usize {
    thread::number() & (of - 1)
}

/// The place of one thread, for as long as it keeps it.
pub(crate) struct Seat(usize);

impl Seat {
    pub(crate) fn number(&self) -> usize {
        self.0
    }
}

/// Who sits where.
pub(crate) struct Seats {
    /// A bit for each seat that is taken.
    taken: AtomicU64,
    all: usize,
}

impl Seats {
    pub(crate) fn new() -> Self {
        Self { taken: AtomicU64::new(0), all: seats() }
    }

    /// A seat, if there is one: whoever finds none shares a stripe.
    pub(crate) fn take(&self) -> Option<Seat> {
        let free = |taken: u64| taken.trailing_ones() as usize;
        // SeqCst: who sits down sees what was written there before.
        let took = self.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |taken| {
            (free(taken) < self.all).then(|| taken | 1 << free(taken))
        });
        took.ok().map(|taken| Seat(free(taken)))
    }

    #[allow(clippy::needless_pass_by_value, reason = "whoever leaves has no seat any more")]
    pub(crate) fn leave(&self, seat: Seat) {
        self.taken.fetch_and(!(1 << seat.0), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_shares_a_seat_and_a_free_one_is_found() {
        let sat = Seats { taken: AtomicU64::new(0), all: 5 };
        let mut taken: Vec<_> = std::iter::from_fn(|| sat.take()).collect();
        assert_eq!(taken.iter().map(|seat| seat.0).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        sat.leave(taken.swap_remove(3));
        assert_eq!(sat.take().map(|seat| seat.0), Some(3));
        assert!(sat.take().is_none());
    }
}
