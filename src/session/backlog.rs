//! A session's waiting messages. Taking one out leaves a gap, so that nothing is ever searched
//! for; gaps go when they come to the front, or when they are the majority.

use super::cell::Cell;
use super::entry::{Code, Entry, Item, Joins};
use super::standing::Place;
use super::waiting::Waiting;
use crate::model::{LaneId, Priority};
use crate::sync::Arc;

/// Rank 2, in order of admission.
///
/// Only what is not a waiting closure is counted: a closure behind others changes the buffer alone.
#[repr(C)]
pub(crate) struct Backlog<C> {
    all: Waiting<C>,
    /// Entries that are gone.
    gaps: u32,
    /// Entries that are held for a steer in the inbox.
    reserved: u32,
    /// Messages that are neither.
    messages: u32,
}

impl<C: Code> Backlog<C> {
    pub(crate) fn new() -> Self {
        Self { all: Waiting::new(), gaps: 0, reserved: 0, messages: 0 }
    }

    /// Entries that are neither gone nor held for a steer.
    pub(crate) fn live(&self) -> u32 {
        // Far fewer than 2^32: the caps are of 32 bits.
        u32::try_from(self.all.len()).unwrap_or(u32::MAX) - self.gaps - self.reserved
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
        self.all.push(|| entry);
    }

    /// Code that waits; answers where the next entry will lie.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "each call would copy the closure once more")]
    pub(crate) fn push_closure(
        &mut self,
        code: &mut Option<C>,
        number: u32,
        lane: LaneId,
        priority: Priority,
    ) -> *const Entry<C> {
        self.all.push(|| {
            let item = Item::Closure(code.take().expect("the caller has a closure"));
            Entry::new(item, number, lane, priority, Joins::Nobody)
        })
    }

    /// A place for the later turn of a steer that waits in the inbox: not live yet.
    pub(crate) fn reserve(&mut self, entry: Entry<C>) {
        self.reserved += 1;
        self.all.push(|| entry);
    }

    /// Where the next entry will lie, if others are before it: to ask for it.
    #[inline]
    pub(crate) fn next_place(&self) -> *const Entry<C> {
        self.all.next_place()
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
        if self.gaps > 16 && self.gaps as usize * 2 > self.all.len() {
            self.all.retain(|entry| !entry.item.gone());
            self.gaps = 0;
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
        while self.all.front().is_some_and(|entry| entry.item.gone()) {
            self.all.pop();
            self.gaps -= 1;
        }
    }

    /// The oldest entry.
    #[inline]
    pub(crate) fn front(&mut self) -> Option<&Entry<C>> {
        self.drop_gaps();
        self.all.front()
    }

    /// The newest message, if the newest entry that waits is one. An accepted steer does not wait
    /// here yet.
    pub(crate) fn newest(&self) -> Option<(&Arc<Cell>, Joins)> {
        let entry = self.all.iter().rev().find(|entry| entry.item.waits())?;
        match &entry.item {
            Item::Message(cell) => Some((cell, entry.joins())),
            Item::Closure(_) => None,
        }
    }

    /// Asks for what the oldest entries are made of: the first is about to start.
    #[inline]
    pub(crate) fn ask_first(&self) {
        self.all.ask_first();
    }

    /// Takes the oldest entry out.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Entry<C>> {
        self.drop_gaps();
        let entry = self.all.pop()?;
        if let Item::Message(_) = entry.item {
            self.messages -= 1;
        }
        // It comes to the worker's core while that has other things to do.
        entry.item.ask_text();
        self.all.ask_second();
        Some(entry)
    }

    /// Takes the oldest entry out if it suits, which only a closure may; answers its number and its
    /// priority.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "each call would copy the closure once more")]
    pub(crate) fn pop_closure(
        &mut self,
        place: &mut Option<C>,
        suits: impl Fn(&Entry<C>) -> bool,
    ) -> Option<(u32, Priority)> {
        self.drop_gaps();
        self.all.pop_if(suits, |entry| {
            let marks = (entry.number, entry.priority());
            *place = Some(entry.into_closure());
            marks
        })
    }

    /// A closure with a receipt was taken out: what is behind it lies elsewhere as well, nearly
    /// always.
    #[inline]
    pub(crate) fn ask_second(&self) {
        self.all.ask_second();
    }

    /// The oldest message that `suits`, which may not be one whose steer waits for delivery.
    pub(crate) fn oldest(&self, suits: impl Fn(&Cell) -> bool) -> Option<Arc<Cell>> {
        self.all.iter().find_map(|entry| match &entry.item {
            Item::Message(cell) if cell.standing.place() == Place::Queued && suits(cell) => {
                Some(Arc::clone(cell))
            }
            _ => None,
        })
    }

    /// Takes out all that waits. The later turn of a steer that a run has in its hands keeps its
    /// place.
    pub(crate) fn take_waiting(&mut self) -> Waiting<C> {
        let mut all = std::mem::replace(&mut self.all, Waiting::new());
        let others = self.gaps + self.reserved;
        (self.gaps, self.reserved, self.messages) = (0, 0, 0);
        if others > 0 {
            all.each().filter_map(Entry::of_taken).for_each(|entry| self.reserve(entry));
            all.retain(|entry| entry.item.waits());
        }
        all
    }

    /// Whether it has no entry, not even a gap.
    pub(crate) fn is_free(&self) -> bool {
        self.all.is_empty() && self.gaps == 0
    }

    /// Nothing waits: a large buffer is given back. P10.
    pub(crate) fn free(&mut self) {
        if self.all.is_empty() {
            self.gaps = 0;
            self.all.free();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Message;
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
        assert!(backlog.all.len() < 50, "gaps are not kept: {}", backlog.all.len());
        let left = backlog.pop().expect("one is left");
        assert!(matches!(left.item, Item::Message(c) if c.standing.number() == 99));
        assert!(backlog.pop().is_none());
    }
}
