//! The entries of a session that wait, the oldest of them in place.

use std::collections::VecDeque;

use super::entry::{Code, Entry, Item};

/// In order of admission.
///
/// All of it may be taken out at once, in the buffer in which it waited: as much memory once more,
/// for a hundred thousand of them, would have to be touched for the first time.
#[repr(C)]
pub(crate) struct Waiting<C> {
    rest: VecDeque<Entry<C>>,
    /// The oldest entry, in place: most sessions never hold a second, and need no buffer.
    first: Option<Entry<C>>,
}

impl<C: Code> Waiting<C> {
    /// Entries of a buffer that a session at rest may keep for a while: who gives one back on
    /// another thread than it came from fights for a lock of the allocator.
    const KEPT: usize = 64;
    /// Of those that are dealt with at once, one is asked for while so many before it are.
    const AHEAD: usize = 8;

    pub(super) fn new() -> Self {
        Self { rest: VecDeque::new(), first: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none() && self.rest.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.rest.len() + usize::from(self.first.is_some())
    }

    /// The newest entry, made where it stays: each hand that it goes through would copy it. Answers
    /// where the next one will lie.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "each call would copy the closure once more")]
    pub(super) fn push(&mut self, entry: impl FnOnce() -> Entry<C>) -> *const Entry<C> {
        // In this order: a long queue leaves the cache lines of the first entry alone.
        if self.rest.is_empty() && self.first.is_none() {
            self.first = Some(entry());
            return self.next_place();
        }
        if self.rest.len() == self.rest.capacity() {
            return self.push_growing(entry());
        }
        let next = std::ptr::from_mut(self.rest.push_back_mut(entry())).wrapping_add(1);
        // The next place, which a worker had last, comes to this core while other sessions are
        // served: else the unlock behind its entry waits for it. Its last byte: it begins where
        // this one ends.
        C::prefetch(next.wrapping_add(1).cast::<u8>().wrapping_sub(1));
        next
    }

    /// Apart, so that the other way never has an entry in its hands while a buffer may not come.
    ///
    /// To 4 entries, 9, 16, and twice as many from there. Nearly all queues are short, and what a
    /// short one costs is memory that nobody has touched: ten that wait, the first in place, have
    /// 9 places and not 16.
    #[cold]
    fn push_growing(&mut self, entry: Entry<C>) -> *const Entry<C> {
        let more = match self.rest.capacity() {
            0 => 4,
            4 => 5,
            9 => 7,
            full => full,
        };
        self.rest.reserve_exact(more);
        self.rest.push_back(entry);
        self.next_place()
    }

    /// Where the next entry will lie, if others are before it: to ask for it. At the end of the
    /// buffer that is a neighbour's place, whom it costs a miss.
    #[inline]
    pub(super) fn next_place(&self) -> *const Entry<C> {
        match self.rest.back() {
            Some(last) => std::ptr::from_ref(last).wrapping_add(1),
            None => self.rest.as_slices().0.as_ptr(),
        }
    }

    #[inline]
    pub(super) fn front(&self) -> Option<&Entry<C>> {
        self.first.as_ref().or_else(|| self.rest.front())
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<Entry<C>> {
        // Not with `or_else`: it would write the first place each time.
        if self.first.is_some() { self.first.take() } else { self.rest.pop_front() }
    }

    /// Takes the oldest entry out, and to `put`, if it suits.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "each call would copy the closure once more")]
    pub(super) fn pop_if<R>(
        &mut self,
        suits: impl Fn(&Entry<C>) -> bool,
        put: impl FnOnce(Entry<C>) -> R,
    ) -> Option<R> {
        if self.first.is_some() {
            self.first.take_if(|first| suits(first)).map(put)
        } else {
            self.rest.pop_front_if(|next| suits(next)).map(put)
        }
    }

    /// Asks for what the oldest two entries are made of: the first is about to start.
    #[inline]
    pub(super) fn ask_first(&self) {
        let next = self.rest.get(usize::from(self.first.is_none()));
        self.front().into_iter().chain(next).for_each(|entry| entry.item.ask());
    }

    /// Asks for what the second of those that are left is made of, or the only one: it takes longer
    /// than a short run, and so the next one was asked for a run ago.
    #[inline]
    pub(super) fn ask_second(&self) {
        if let Some(soon) = self.rest.get(1).or_else(|| self.rest.front()) {
            soon.item.ask();
        }
    }

    pub(super) fn retain(&mut self, stays: impl Fn(&Entry<C>) -> bool) {
        self.first.take_if(|first| !stays(first));
        self.rest.retain(stays);
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry<C>> {
        self.first.iter().chain(&self.rest)
    }

    /// The same, for whoever deals with each: asks ahead.
    pub(super) fn each(&self) -> impl Iterator<Item = &Entry<C>> {
        let mut soon = self.rest.iter().skip(Self::AHEAD);
        self.iter().inspect(move |_| soon.next().map_or((), |entry| entry.item.ask()))
    }

    pub(crate) fn into_items(self) -> impl Iterator<Item = Item<C>> {
        let Self { first, mut rest } = self;
        let next = move || {
            if let Some(soon) = rest.get(Self::AHEAD) {
                soon.item.ask();
            }
            rest.pop_front()
        };
        first.into_iter().chain(std::iter::from_fn(next)).map(|entry| entry.item)
    }

    /// Nothing waits: a large buffer is given back, a small one stays until its session falls asleep,
    /// if it ever does. It begins at its front again, so that few of its cache lines are ever
    /// touched. P10.
    pub(super) fn free(&mut self) {
        debug_assert!(self.is_empty(), "what waits needs its buffer");
        if self.rest.capacity() > Self::KEPT {
            self.rest = VecDeque::new();
        } else {
            self.rest.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::Joins;
    use super::*;
    use crate::model::{LaneId, Priority};

    fn entry(n: u64) -> Entry<u64> {
        Entry::new(Item::Closure(n), 0, LaneId(0), Priority::Normal, Joins::Nobody)
    }

    fn fill(all: &mut Waiting<u64>, numbers: std::ops::Range<u64>) {
        for n in numbers {
            all.push(|| entry(n));
        }
    }

    fn waiting(numbers: std::ops::Range<u64>) -> Waiting<u64> {
        let mut all = Waiting::new();
        fill(&mut all, numbers);
        all
    }

    fn number(item: &Item<u64>) -> u64 {
        match item {
            Item::Closure(n) => *n,
            Item::Message(_) => unreachable!("these are closures"),
        }
    }

    #[test]
    fn it_comes_out_in_order_and_whole() {
        for n in [0, 1, 2, 8, 9, 100] {
            let mut all = waiting(0..n);
            assert_eq!((all.is_empty(), all.len() as u64), (n == 0, n));
            assert!(all.each().map(|entry| number(&entry.item)).eq(0..n));
            all.retain(|entry| number(&entry.item).is_multiple_of(3));
            let stay = (0..n).filter(|n| n % 3 == 0);
            assert!(all.into_items().map(|item| number(&item)).eq(stay));
        }
    }

    #[test]
    fn what_does_not_suit_stays_where_it_is() {
        let mut all = waiting(0..3);
        for n in 0..3 {
            let mut pop = |suits: bool| all.pop_if(|_| suits, |entry| number(&entry.item));
            assert_eq!((pop(false), pop(true)), (None, Some(n)));
        }
        assert!(all.is_empty() && all.pop_if(|_| true, drop).is_none());
    }

    #[test]
    fn p10_a_large_buffer_is_given_back_and_a_small_one_begins_at_its_front() {
        let most = Waiting::<u64>::KEPT as u64;
        // Not a whole turn of the buffer: it would begin in the middle.
        for (n, stays) in [(most / 2 + 1, true), (most + 1, false)] {
            let mut all = waiting(0..n + 1);
            while all.pop().is_some() {}
            all.free();
            assert_eq!(all.rest.capacity() > 0, stays);
            fill(&mut all, 0..n + 1);
            assert_eq!(all.rest.as_slices().1.len(), 0, "it begins at its front");
        }
    }

    #[test]
    fn the_next_entry_comes_to_lie_where_it_is_foretold() {
        let mut all = waiting(0..6);
        let mut foretold = all.next_place();
        for k in 6..8 {
            assert!(all.rest.len() < all.rest.capacity(), "it does not grow");
            let next = all.push(|| entry(k));
            assert_eq!(all.rest.back().map(std::ptr::from_ref), Some(foretold));
            foretold = next;
        }
    }

    #[test]
    fn a_buffer_grows_in_steps_that_leave_a_short_queue_little_to_touch() {
        let places = [(1, 0), (2, 4), (5, 4), (6, 9), (10, 9), (11, 16), (18, 32), (34, 64)];
        for (n, capacity) in places {
            assert_eq!(waiting(0..n).rest.capacity(), capacity, "{n} wait");
        }
    }
}
