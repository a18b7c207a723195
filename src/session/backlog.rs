//! A session's waiting messages. Taking one out leaves a gap, so that nothing is ever searched
//! for; gaps go when they come to the front, or when they are the majority.

use std::collections::VecDeque;

use super::cell::Cell;
use super::entry::{Code, Entry, Item, Joins};
use super::standing::Place;
use super::waiting::Waiting;
use crate::sync::Arc;

/// Rank 2, in order of admission.
///
/// Only what is not a waiting closure is counted: a closure behind others changes the buffer alone.
#[repr(C)]
pub(crate) struct Backlog<C> {
    rest: VecDeque<Entry<C>>,
    /// Entries that are gone.
    gaps: u32,
    /// Entries that are held for a steer in the inbox.
    reserved: u32,
    /// Messages that are neither.
    messages: u32,
    /// The oldest entry, in place: most sessions never hold a second, and need no buffer.
    first: Option<Entry<C>>,
}

impl<C: Code> Backlog<C> {
    /// Entries of a buffer that a session at rest may keep for a while: who gives one back on
    /// another thread than it came from fights for a lock of the allocator.
    const KEPT: usize = 64;

    pub(crate) fn new() -> Self {
        Self { rest: VecDeque::new(), gaps: 0, reserved: 0, messages: 0, first: None }
    }

    /// Entries that are neither gone nor held for a steer.
    pub(crate) fn live(&self) -> u32 {
        let places = self.rest.len() + usize::from(self.first.is_some());
        // Far fewer than 2^32: the caps are of 32 bits.
        u32::try_from(places).unwrap_or(u32::MAX) - self.gaps - self.reserved
    }

    /// The messages among them.
    pub(crate) fn messages(&self) -> u32 {
        self.messages
    }

    /// The closures among them.
    pub(crate) fn closures(&self) -> u32 {
        self.live() - self.messages
    }

    #[inline]
    pub(crate) fn push(&mut self, entry: Entry<C>) {
        if let Item::Message(_) = entry.item {
            self.messages += 1;
        }
        self.push_place(entry);
    }

    /// A place for the later turn of a steer that waits in the inbox: not live yet.
    pub(crate) fn reserve(&mut self, entry: Entry<C>) {
        self.reserved += 1;
        self.push_place(entry);
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "each call would copy the closure once more")]
    fn push_place(&mut self, entry: Entry<C>) {
        // In this order: a long queue leaves the cache lines of the first entry alone.
        if self.rest.is_empty() && self.first.is_none() {
            self.first = Some(entry);
        } else {
            if self.rest.len() == self.rest.capacity() {
                self.grow();
            }
            self.rest.push_back(entry);
            // The next place, which a worker had last, comes to this core while other sessions are
            // served: else the unlock behind its entry waits for it. Its last byte: it begins where
            // this one ends.
            C::prefetch(self.next_place().wrapping_add(1).cast::<u8>().wrapping_sub(1));
        }
    }

    /// To 4 entries, 9, 16, and twice as many from there. Nearly all queues are short, and what a
    /// short one costs is memory that nobody has touched: ten that wait, the first in place, have
    /// 9 places and not 16.
    #[cold]
    fn grow(&mut self) {
        let more = match self.rest.capacity() {
            0 => 4,
            4 => 5,
            9 => 7,
            full => full,
        };
        self.rest.reserve_exact(more);
    }

    /// Where the next entry will lie, if others are before it: to ask for it. At the end of the
    /// buffer that is a neighbour's place, whom it costs a miss.
    #[inline]
    pub(crate) fn next_place(&self) -> *const Entry<C> {
        match self.rest.back() {
            Some(last) => std::ptr::from_ref(last).wrapping_add(1),
            None => self.rest.as_slices().0.as_ptr(),
        }
    }

    /// A reserved place becomes one that waits: its steer was delivered.
    pub(crate) fn unreserve(&mut self) {
        self.reserved -= 1;
        self.messages += 1;
    }

    /// The entry of this waiting message has been given up; its place says so already.
    pub(crate) fn forget_message(&mut self) {
        self.messages -= 1;
        self.gap();
    }

    /// The same of a closure.
    pub(crate) fn forget_closure(&mut self) {
        self.gap();
    }

    /// A reserved place has been given up.
    pub(crate) fn forget_reserved(&mut self) {
        self.reserved -= 1;
        self.gap();
    }

    fn gap(&mut self) {
        self.gaps += 1;
        if self.gaps > 16 && self.gaps as usize * 2 > self.rest.len() {
            self.rest.retain(|entry| !entry.item.gone());
            self.gaps = 0;
            if self.first.as_ref().is_some_and(|entry| entry.item.gone()) {
                self.gaps = 1;
            }
        }
    }

    #[inline]
    fn drop_gaps(&mut self) {
        if self.gaps > 0 {
            self.drop_front_gaps();
        }
    }

    #[cold]
    fn drop_front_gaps(&mut self) {
        while self.front_raw().is_some_and(|entry| entry.item.gone()) {
            self.pop_raw();
            self.gaps -= 1;
        }
    }

    #[inline]
    fn front_raw(&self) -> Option<&Entry<C>> {
        self.first.as_ref().or_else(|| self.rest.front())
    }

    #[inline]
    fn pop_raw(&mut self) -> Option<Entry<C>> {
        self.first.take().or_else(|| self.rest.pop_front())
    }

    /// The oldest entry.
    #[inline]
    pub(crate) fn front(&mut self) -> Option<&Entry<C>> {
        self.drop_gaps();
        self.front_raw()
    }

    /// The newest message, if the newest entry that waits is one. An accepted steer does not wait
    /// here yet.
    pub(crate) fn newest(&self) -> Option<(&Arc<Cell>, Joins)> {
        let entry = self.rest.iter().rev().chain(self.first.as_ref()).find(|e| e.item.waits())?;
        match &entry.item {
            Item::Message(cell) => Some((cell, entry.joins())),
            Item::Closure(_) => None,
        }
    }

    /// Asks for what the oldest entry is made of: it is about to start.
    #[inline]
    pub(crate) fn ask_first(&self) {
        if let Some(entry) = self.front_raw() {
            entry.item.ask();
        }
    }

    /// Takes the oldest entry out.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Entry<C>> {
        self.drop_gaps();
        let entry = self.pop_raw()?;
        if let Item::Message(_) = entry.item {
            self.messages -= 1;
        }
        // What the next two are made of, and the text of this one, come to the worker's core
        // while it has other things to do.
        entry.item.ask_text();
        self.rest.iter().take(2).for_each(|soon| soon.item.ask());
        Some(entry)
    }

    /// Takes the oldest entry out, which is a closure.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "each call would copy the closure once more")]
    pub(crate) fn pop_closure(&mut self, place: &mut Option<C>) {
        let entry = self.pop_raw().expect("a closure waits");
        let code = place.insert(entry.into_closure());
        // A receipt's closure lies elsewhere, and nearly always those behind it do too. The next one
        // was asked for a run ago: it takes longer than a short one.
        if code.standing().is_some()
            && let Some(next) = self.rest.get(1)
        {
            next.item.ask();
        }
    }

    /// The oldest message that `suits`, which may not be one whose steer waits for delivery.
    pub(crate) fn oldest(&self, suits: impl Fn(&Cell) -> bool) -> Option<Arc<Cell>> {
        self.first.iter().chain(&self.rest).find_map(|entry| match &entry.item {
            Item::Message(cell) if cell.standing.place() == Place::Queued && suits(cell) => {
                Some(Arc::clone(cell))
            }
            _ => None,
        })
    }

    /// Takes out all that waits. The later turn of a steer that a run has in its hands keeps its
    /// place.
    pub(crate) fn take_waiting(&mut self) -> Waiting<C> {
        let mut all = Waiting::new(self.first.take(), std::mem::take(&mut self.rest));
        let others = self.gaps + self.reserved;
        (self.gaps, self.reserved, self.messages) = (0, 0, 0);
        if others > 0 {
            all.iter().filter_map(Entry::of_taken).for_each(|entry| self.reserve(entry));
            all.retain(|entry| entry.item.waits());
        }
        all
    }

    /// Whether it has no entry, not even a gap.
    pub(crate) fn is_free(&self) -> bool {
        self.first.is_none() && self.rest.is_empty() && self.gaps == 0
    }

    /// Nothing waits: a large buffer is given back, a small one stays until its session falls asleep,
    /// if it ever does.
    /// It begins at its front again, so that few of its cache lines are ever touched. P10.
    pub(crate) fn free(&mut self) {
        if !self.rest.is_empty() {
            return;
        }
        self.gaps = 0;
        if self.rest.capacity() > Self::KEPT {
            self.rest = VecDeque::new();
        } else {
            self.rest.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{LaneId, Message, Priority};
    use crate::time::Moment;

    impl Code for u64 {}

    fn message(number: u64) -> Arc<Cell> {
        let cell = Arc::new(Cell::new(Message::new("k", "x"), 1, LaneId(0)));
        cell.standing.admit(number, Moment::START);
        cell.standing.put(Place::Queued);
        cell
    }

    fn entry(item: Item<u64>) -> Entry<u64> {
        Entry::new(item, 0, LaneId(0), Priority::Normal, Joins::Nobody)
    }

    #[test]
    fn what_was_taken_out_is_skipped_and_its_gap_goes() {
        let mut backlog = Backlog::new();
        let cells: Vec<_> = (0..100).map(message).collect();
        cells.iter().for_each(|c| backlog.push(entry(Item::Message(Arc::clone(c)))));
        for cell in cells.iter().take(99) {
            cell.standing.put(Place::Settled);
            backlog.forget_message();
        }
        assert_eq!((backlog.live(), backlog.messages(), backlog.closures()), (1, 1, 0));
        assert!(backlog.rest.len() < 50, "gaps are not kept: {}", backlog.rest.len());
        let left = backlog.pop().expect("one is left");
        assert!(matches!(left.item, Item::Message(c) if c.standing.number() == 99));
        assert!(backlog.pop().is_none());
    }

    #[test]
    fn p10_at_rest_a_large_buffer_is_given_back_and_a_small_one_begins_at_its_front() {
        let most = Backlog::<u64>::KEPT as u64;
        // Not a whole turn of the buffer: it would begin in the middle.
        for (n, stays) in [(most / 2 + 1, true), (most + 1, false)] {
            let fill = |b: &mut Backlog<u64>| (0..=n).for_each(|k| b.push(entry(Item::Closure(k))));
            let mut backlog = Backlog::new();
            fill(&mut backlog);
            backlog.free();
            let mut pop = || {
                let mut place = None;
                backlog.pop_closure(&mut place);
                place
            };
            assert!((0..=n).all(|k| pop() == Some(k)) && backlog.is_free());
            backlog.free();
            assert_eq!(backlog.rest.capacity() > 0, stays);
            fill(&mut backlog);
            assert_eq!(backlog.rest.as_slices().1.len(), 0, "it begins at its front");
        }
    }

    #[test]
    fn the_next_entry_comes_to_lie_where_it_is_foretold() {
        let mut backlog = Backlog::new();
        (0..6).for_each(|k| backlog.push(entry(Item::Closure(k))));
        for k in 6..8 {
            assert!(backlog.rest.len() < backlog.rest.capacity(), "it does not grow");
            let place = backlog.next_place();
            backlog.push(entry(Item::Closure(k)));
            assert_eq!(backlog.rest.back().map(std::ptr::from_ref), Some(place));
        }
    }

    #[test]
    fn a_buffer_grows_in_steps_that_leave_a_short_queue_little_to_touch() {
        let mut backlog = Backlog::new();
        let places = [(2, 4), (5, 4), (6, 9), (10, 9), (11, 16), (18, 32), (34, 64)];
        for (waiting, capacity) in places {
            while backlog.live() < waiting {
                backlog.push(entry(Item::Closure(7)));
            }
            assert_eq!(backlog.rest.capacity(), capacity, "{waiting} wait");
        }
    }

    #[test]
    fn one_entry_needs_no_buffer() {
        let mut backlog = Backlog::new();
        backlog.push(entry(Item::Closure(7)));
        assert_eq!(backlog.rest.capacity(), 0);
        assert!(matches!(backlog.pop(), Some(Entry { item: Item::Closure(7), .. })));
    }
}
