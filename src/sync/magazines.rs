//! Small allocations that are used again: what one thread lets go of, another takes.
//!
//! A message is made by one thread and mostly let go of by another, and as many are on their way
//! as wait: tens of thousands, by turns. An allocator pays for that with a walk through memory that
//! the other core wrote last. Here each thread has a magazine of its own, and passes half of it on
//! to a depot when it is full.
//!
//! In a model nothing is kept: no checker needs to look at memory that nobody has.

use std::cell::RefCell;
use std::thread::LocalKey;

use parking_lot::Mutex;

use super::Padded;
use super::tally::{AtomicUsize, Ordering};

/// Of code, larger ones are not worth keeping, in bytes.
pub(crate) const SMALL: usize = 128;
/// So many change hands at once. A magazine has twice as many.
const MANY: usize = 64;
/// P9: so many, of one kind, are in its depot.
const MOST: usize = 512 * MANY;
/// The one that is taken after so many others is asked for now.
const AHEAD: usize = 8;
/// So many are looked at for one that fits.
const TRIED: usize = 4;

/// Allocations of one kind that hold nothing of anybody's any more, those let go of last first.
/// They are a process's, as its allocator is, and no engine's.
pub(crate) struct Magazines<P: 'static> {
    mine: &'static LocalKey<Magazine<P>>,
    depot: &'static Padded<Depot<P>>,
}

/// Declares the magazines of one type of pointer, and their depot.
macro_rules! magazines {
    ($(#[$meta:meta])* $seen:vis static $name:ident: $type:ty;) => {
        $(#[$meta])*
        $seen static $name: $crate::sync::magazines::Magazines<$type> = {
            use $crate::sync::Padded;
            use $crate::sync::magazines::{Depot, Magazine, Magazines};
            std::thread_local! {
                static MAGAZINE: Magazine<$type> = const { Magazine::empty() };
            }
            static DEPOT: Padded<Depot<$type>> = Padded(Depot::empty());
            Magazines::new(&MAGAZINE, &DEPOT)
        };
    };
}
pub(crate) use magazines;

/// What belongs to a thread.
pub(crate) struct Magazine<P>(RefCell<Vec<P>>);

impl<P> Magazine<P> {
    pub(crate) const fn empty() -> Self {
        Self(RefCell::new(Vec::new()))
    }
}

/// What belongs to no thread.
pub(crate) struct Depot<P> {
    all: Mutex<Vec<P>>,
    /// How many these are. Written under the lock, read by whoever might take it in vain.
    len: AtomicUsize,
}

impl<P> Depot<P> {
    pub(crate) const fn empty() -> Self {
        Self { all: Mutex::new(Vec::new()), len: AtomicUsize::new(0) }
    }
}

impl<P> Magazines<P> {
    pub(crate) const fn new(
        mine: &'static LocalKey<Magazine<P>>,
        depot: &'static Padded<Depot<P>>,
    ) -> Self {
        Self { mine, depot }
    }

    /// Keeps what holds nothing any more. Of a thread that ends, it is freed.
    #[inline]
    pub(crate) fn give(&self, emptied: P) {
        if cfg!(any(loom, shuttle)) {
            return;
        }
        let _ = self.mine.try_with(|Magazine(mine)| {
            let mut mine = mine.borrow_mut();
            if mine.len() >= 2 * MANY {
                self.pass_on(&mut mine);
            }
            mine.push(emptied);
        });
    }

    /// The last one, or one of those before it, as what `fit` makes of it: one that does not fit comes
    /// back from there. Asks for those that come next with `ahead`.
    #[inline]
    pub(crate) fn take<T>(&self, fit: impl Fn(P) -> Result<T, P>, ahead: impl Fn(&P)) -> Option<T> {
        if cfg!(any(loom, shuttle)) {
            return None;
        }
        let taken = self.mine.try_with(|Magazine(mine)| {
            let mut mine = mine.borrow_mut();
            if mine.is_empty() {
                self.fetch(&mut mine, &ahead);
            }
            let last = mine.pop()?;
            if let Some(next) = mine.len().checked_sub(AHEAD) {
                ahead(&mine[next]);
            }
            fit(last).map_or_else(|last| Self::take_before(&mut mine, last, fit), Some)
        });
        taken.ok().flatten()
    }

    /// The last one does not fit: it takes the place of one before it that does.
    #[cold]
    fn take_before<T>(mine: &mut [P], last: P, fit: impl Fn(P) -> Result<T, P>) -> Option<T> {
        let mut other = last;
        for place in mine.iter_mut().rev().take(TRIED - 1) {
            match fit(std::mem::replace(place, other)) {
                Ok(fits) => return Some(fits),
                Err(one) => other = std::mem::replace(place, one),
            }
        }
        // What fits nobody makes room, else it would stay at the top for ever.
        None
    }

    /// Makes room in a magazine. What is too much is freed.
    #[cold]
    fn pass_on(&self, mine: &mut Vec<P>) {
        let Padded(Depot { all, len }) = self.depot;
        let mut oldest = mine.drain(..MANY);
        let mut all = all.lock();
        let room = MOST - all.len();
        all.extend(oldest.by_ref().take(room));
        len.store(all.len(), Ordering::Relaxed);
        drop(all);
        // P7: with no lock held, though there is nothing of the host's in them.
        drop(oldest);
    }

    #[cold]
    fn fetch(&self, mine: &mut Vec<P>, ahead: &impl Fn(&P)) {
        let Padded(Depot { all, len }) = self.depot;
        if len.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut all = all.lock();
        let rest = all.len().saturating_sub(MANY);
        mine.extend(all.drain(rest..));
        len.store(rest, Ordering::Relaxed);
        drop(all);
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
        magazines! { static KEPT: Arc<usize>; }
        let asked = RefCell::new(Vec::new());
        let take = || KEPT.take(Ok, |next| asked.borrow_mut().push(**next)).map(|taken| *taken);
        on_a_thread(|| (0..3 * MANY).for_each(|n| KEPT.give(Arc::new(n))));
        let first = (0..MANY).rev().map(Some);
        assert!(first.eq((0..MANY).map(|_| take())), "its own, it has freed");
        assert_eq!(take(), None);
        let asked = asked.into_inner();
        assert!(asked.into_iter().eq((0..MANY).rev()), "each once, before it is taken");
    }

    #[test]
    fn one_that_fits_is_found_among_others_and_what_fits_nobody_makes_room() {
        magazines! { static KEPT: usize; }
        let take = |kind| KEPT.take(|n| if n % 10 == kind { Ok(n) } else { Err(n) }, |_| ());
        [11, 21, 12, 13, 14].into_iter().for_each(|n| KEPT.give(n));
        assert_eq!((take(1), take(4)), (Some(21), Some(14)));
        assert_eq!((take(9), take(3), take(2), take(1)), (None, Some(13), None, None));
    }

    #[test]
    fn p9_there_is_an_end_to_what_is_kept() {
        magazines! { static KEPT: Arc<usize>; }
        let held = Arc::new(0);
        on_a_thread(|| {
            (0..2 * MOST).for_each(|_| KEPT.give(Arc::clone(&held)));
            assert!(Arc::strong_count(&held) <= 1 + MOST + 2 * MANY);
        });
        assert_eq!(Arc::strong_count(&held), 1 + MOST, "a thread that ends keeps nothing");
    }
}
