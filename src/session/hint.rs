//! What a handle remembers of its session: where the next closure will lie.

use super::entry::{Code, Entry};
use super::session::{Locked, Session};
use crate::sync::tally::{AtomicUsize, Ordering};

/// The address of a session's next entry, as the last who queued a closure by this handle saw it;
/// 0 before.
///
/// Whoever queues the next one asks for that cache line and for the lock's before it does anything
/// else: a worker had both, and the lock and its release each wait until all that was written has
/// arrived. It decides nothing. No address is wrong; an old one costs a miss.
#[derive(Debug, Default)]
pub(crate) struct Hint(AtomicUsize);

impl Clone for Hint {
    /// A handle of its own has seen nothing.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Hint {
    /// Asks for what the next closure of this session will write.
    #[inline]
    pub(crate) fn ask<C: Code>(&self, session: &Session<C>) {
        C::prefetch(session.lock_place());
        let place = self.0.load(Ordering::Relaxed);
        if place != 0 {
            let place = std::ptr::without_provenance::<Entry<C>>(place);
            // It may begin on one line and end on the next.
            C::prefetch(place);
            C::prefetch(place.wrapping_add(1).cast::<u8>().wrapping_sub(1));
        }
    }

    #[inline]
    pub(crate) fn note<C>(&self, place: *const Entry<C>) {
        self.0.store(place.addr(), Ordering::Relaxed);
    }
}

impl<C: Code> Locked<'_, C> {
    /// For whoever comes by the same handle next.
    #[inline]
    pub(super) fn notes_next_place(&self, hint: Option<&Hint>) {
        if let Some(hint) = hint {
            hint.note(self.machine.next_place());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::tally::AtomicU32;

    /// Counts what is asked for.
    struct Counted;
    static ASKED: AtomicU32 = AtomicU32::new(0);

    impl Code for Counted {
        fn prefetch<T>(_place: *const T) {
            ASKED.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_hint_asks_for_the_lock_and_from_the_first_closure_on_for_the_next_place() {
        let session = Session::<Counted>::new("k".into(), 0, 1);
        let asks = |hint: &Hint| {
            let before = ASKED.load(Ordering::Relaxed);
            hint.ask(&session);
            ASKED.load(Ordering::Relaxed) - before
        };
        let hint = Hint::default();
        assert_eq!(asks(&hint), 1);
        hint.note(std::ptr::without_provenance::<Entry<Counted>>(4096));
        assert_eq!(asks(&hint), 3);
        assert_eq!(asks(&hint.clone()), 1, "a clone has seen nothing");
    }
}
