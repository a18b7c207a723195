//! Where something lies that will be written soon, as whoever was there last saw it.

use super::entry::{Code, ask_for};
use crate::sync::tally::{AtomicUsize, Ordering};

/// The address of a session's next entry, or of its machine; 0 before the first. For the entry a
/// session has one for whoever comes by its key, and each handle one of its own.
///
/// Whoever queues the next entry asks for its cache line, and for the lock's, before it does
/// anything else: a worker had both, and the lock and its release each wait until all that was
/// written before them has arrived. It decides nothing. No address is wrong; an old one costs a
/// miss.
#[derive(Debug, Default)]
pub(crate) struct Hint(AtomicUsize);

impl Clone for Hint {
    /// A handle of its own has seen nothing.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Hint {
    /// Asks for the place, in which a `T` lies, or will.
    #[inline]
    pub(super) fn ask<C: Code, T>(&self) {
        let place = self.0.load(Ordering::Relaxed);
        if place != 0 {
            ask_for::<C>(std::ptr::without_provenance(place), size_of::<T>());
        }
    }

    /// Said by whoever was there, under the session's lock.
    #[inline]
    pub(crate) fn note<T>(&self, place: *const T) {
        self.0.store(place.addr(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use super::super::entry::{Entry, LINE, ask_for_shared};
    use super::*;
    use crate::sync::Arc;

    /// Writes down what is asked for.
    struct Asked;
    std::thread_local! {
        static ASKED: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
    }

    impl Code for Asked {
        fn prefetch<T>(place: *const T) {
            ASKED.with_borrow_mut(|asked| asked.push(place.addr()));
        }
    }

    #[test]
    fn a_hint_asks_for_both_ends_of_the_place_that_was_noted_last() {
        let asks = |hint: &Hint| {
            hint.ask::<Asked, Entry<Asked>>();
            ASKED.take()
        };
        let hint = Hint::default();
        assert_eq!(asks(&hint), [0; 0]);
        for place in [64, 4096] {
            hint.note(std::ptr::without_provenance::<Entry<Asked>>(place));
        }
        assert_eq!(asks(&hint), [4096, 4096 + size_of::<Entry<Asked>>() - 1]);
        assert_eq!(asks(&hint.clone()), [0; 0], "a clone has seen nothing");
    }

    /// The lines of these addresses.
    fn lines(all: impl IntoIterator<Item = usize>) -> BTreeSet<usize> {
        all.into_iter().map(|at| at / LINE).collect()
    }

    #[test]
    fn each_line_of_a_place_is_asked_for_wherever_it_begins() {
        for (bytes, start) in [1, 48, 104, 120, 216, 256].map(|n| (n, 4096..4096 + LINE)) {
            for start in start.step_by(16) {
                ask_for::<Asked>(std::ptr::without_provenance(start), bytes);
                assert_eq!(lines(ASKED.take()), lines(start..start + bytes), "{bytes} at {start}");
            }
        }
    }

    #[test]
    fn of_what_is_shared_the_counts_are_asked_for_too() {
        // With what an allocator adds, no whole number of lines: they begin anywhere in one.
        let all = [(); 32].map(|()| Arc::new([0_u8; 88]));
        for shared in &all {
            let start = Arc::as_ptr(shared).addr() - 16;
            ask_for_shared::<Asked, _>(shared);
            assert_eq!(lines(ASKED.take()), lines(start..start + 104));
        }
    }
}
