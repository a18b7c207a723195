//! Small allocations that are used again: what one thread lets go of, another takes.
//!
//! A closure with a receipt is made by one thread and mostly let go of by another, and as many are
//! on their way as wait: tens of thousands, by turns. An allocator pays for that with a walk
//! through memory that the other core wrote last. Here a thread keeps a few hundred of its own,
//! and passes them on by the hundred.
//!
//! In a model there are none: no checker needs to look at memory that nobody has.

use std::cell::RefCell;
use std::thread::LocalKey;

use parking_lot::Mutex;

use super::tally::{AtomicUsize, Ordering};

/// Larger ones are not worth keeping, in bytes.
pub(crate) const SMALL: usize = 128;
/// So many change hands at once.
const MANY: usize = 256;
/// P9: so many, of one kind, wait for whichever thread comes.
const MOST: usize = 128 * MANY;
/// The one that is taken after so many others is asked for now.
const AHEAD: usize = 16;

/// Allocations of one kind that hold nothing of anybody's any more, those let go of last first.
/// They are a process's, as its allocator is, and no engine's.
pub(crate) struct Spares<P: 'static> {
    mine: &'static LocalKey<Mine<P>>,
    rest: &'static Rest<P>,
}

/// Declares the spares of one type of pointer.
macro_rules! spares {
    ($(#[$meta:meta])* $seen:vis static $name:ident: $type:ty;) => {
        $(#[$meta])*
        $seen static $name: $crate::sync::spares::Spares<$type> = {
            use $crate::sync::spares::{Mine, Rest, Spares};
            std::thread_local! {
                static MINE: Mine<$type> = const { Mine::none() };
            }
            static REST: Rest<$type> = Rest::none();
            Spares::new(&MINE, &REST)
        };
    };
}
pub(crate) use spares;

/// What belongs to a thread.
pub(crate) struct Mine<P>(RefCell<Vec<P>>);

impl<P> Mine<P> {
    pub(crate) const fn none() -> Self {
        Self(RefCell::new(Vec::new()))
    }
}

/// What belongs to no thread. On cache lines of its own.
#[repr(align(128))]
pub(crate) struct Rest<P> {
    spares: Mutex<Vec<P>>,
    /// How many these are. Written under the lock, read by whoever might take it in vain.
    len: AtomicUsize,
}

impl<P> Rest<P> {
    pub(crate) const fn none() -> Self {
        Self { spares: Mutex::new(Vec::new()), len: AtomicUsize::new(0) }
    }
}

impl<P> Spares<P> {
    pub(crate) const fn new(mine: &'static LocalKey<Mine<P>>, rest: &'static Rest<P>) -> Self {
        Self { mine, rest }
    }

    /// Keeps what holds nothing any more; of a thread that ends, it is freed.
    #[inline]
    pub(crate) fn give(&self, spare: P) {
        if cfg!(any(loom, shuttle)) {
            return;
        }
        let _ = self.mine.try_with(|Mine(mine)| {
            let mut mine = mine.borrow_mut();
            if mine.len() >= 2 * MANY {
                self.pass_on(&mut mine);
            }
            mine.push(spare);
        });
    }

    /// One that was given, if there is one. Asks for those that come next with `ahead`.
    #[inline]
    pub(crate) fn take(&self, ahead: impl Fn(&P)) -> Option<P> {
        if cfg!(any(loom, shuttle)) {
            return None;
        }
        let taken = self.mine.try_with(|Mine(mine)| {
            let mut mine = mine.borrow_mut();
            if mine.is_empty() {
                self.fetch(&mut mine, &ahead);
            }
            let spare = mine.pop();
            if let Some(next) = mine.len().checked_sub(AHEAD) {
                ahead(&mine[next]);
            }
            spare
        });
        taken.ok().flatten()
    }

    /// Makes room in a thread's own. What is too much is freed.
    #[cold]
    fn pass_on(&self, mine: &mut Vec<P>) {
        let Rest { spares, len } = self.rest;
        let mut oldest = mine.drain(..MANY);
        let mut spares = spares.lock();
        let room = MOST - spares.len();
        spares.extend(oldest.by_ref().take(room));
        len.store(spares.len(), Ordering::Relaxed);
        drop(spares);
        // P7: with no lock held, though there is nothing of the host's in them.
        drop(oldest);
    }

    #[cold]
    fn fetch(&self, mine: &mut Vec<P>, ahead: &impl Fn(&P)) {
        let Rest { spares, len } = self.rest;
        if len.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut spares = spares.lock();
        let rest = spares.len().saturating_sub(MANY);
        mine.extend(spares.drain(rest..));
        len.store(rest, Ordering::Relaxed);
        drop(spares);
        mine.iter().rev().take(AHEAD).for_each(ahead);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::sync::Arc;

    fn on_a_thread<R: Send>(body: impl FnOnce() -> R + Send) -> R {
        std::thread::scope(|scope| scope.spawn(body).join().expect("no panic"))
    }

    #[test]
    fn what_one_thread_gives_another_takes_and_the_last_comes_first() {
        spares! { static SPARES: Arc<usize>; }
        let asked = RefCell::new(Vec::new());
        let take = || SPARES.take(|next| asked.borrow_mut().push(**next)).map(|spare| *spare);
        on_a_thread(|| (0..3 * MANY).for_each(|n| SPARES.give(Arc::new(n))));
        let first = (0..MANY).rev().map(Some);
        assert!(first.eq((0..MANY).map(|_| take())), "its own, it has freed");
        assert_eq!(take(), None);
        let asked = asked.into_inner();
        assert_eq!(asked.len(), MANY, "each is asked for once, before it is taken");
        assert!(asked.iter().copied().eq((0..MANY).rev()));
    }

    #[test]
    fn p9_there_is_an_end_to_what_is_kept() {
        spares! { static SPARES: Arc<usize>; }
        let held = Arc::new(0);
        on_a_thread(|| {
            (0..2 * MOST).for_each(|_| SPARES.give(Arc::clone(&held)));
            assert!(Arc::strong_count(&held) <= 1 + MOST + 2 * MANY);
        });
        assert_eq!(Arc::strong_count(&held), 1 + MOST, "a thread that ends keeps nothing");
    }
}
