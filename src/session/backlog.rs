//! A session's waiting messages. Taking one out leaves a gap, so that nothing is ever searched
//! for; gaps go when they come to the front, or when they are the majority.

use std::collections::VecDeque;

use super::cell::{Cell, Place, Standing};
use crate::model::{LaneId, Priority, Settled};
use crate::sync::Arc;

/// A closure as the session sees it: something to hand to a worker.
pub(crate) trait Code: Send + Sized + 'static {
    /// Where it stands, if anybody holds a receipt for it.
    fn standing(&self) -> Option<&Standing> {
        None
    }

    /// What the session keeps while it runs, so that an abandoned one still gets its fate.
    fn keep(&self) -> Option<Arc<dyn Kept<Self>>> {
        None
    }

    /// Tells its receipt, if any, of a fate that it reached without running to its end. Called
    /// with no lock held; the host's code is dropped here.
    fn tell(self, _told: Settled<()>) {}
}

/// What a session keeps of a closure with a receipt while it runs.
pub(crate) trait Kept<C>: Send + Sync {
    fn standing(&self) -> &Standing;

    /// The closure itself, for its fate.
    fn back(self: Arc<Self>) -> C;
}

/// A message whose body is text, or one whose body is code.
pub(crate) enum Item<C> {
    Closure(C),
    Message(Arc<Cell>),
}

impl<C: Code> Item<C> {
    fn standing(&self) -> Option<&Standing> {
        match self {
            Self::Closure(code) => code.standing(),
            Self::Message(cell) => Some(&cell.standing),
        }
    }

    /// Whether it waits here, and not for the delivery of its steer.
    fn waits(&self) -> bool {
        self.standing().is_none_or(|s| s.place() == Place::Queued)
    }

    /// Whether it has left the backlog for another place. A steer-backlog keeps its place here
    /// while its other half waits in the inbox.
    fn gone(&self) -> bool {
        self.standing()
            .is_some_and(|s| !matches!(s.place(), Place::Queued | Place::Inbox | Place::Taken))
    }
}

/// Whether a message may share its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joins {
    /// Only messages of mode collect.
    Others,
    /// Parts of the leading window, whatever their mode.
    Leading,
    Nobody,
}

/// One place in the backlog: 48 bytes with a closure in place, 24 with a boxed one.
pub(crate) struct Entry<C> {
    pub(crate) item: Item<C>,
    /// The low half of the admission number: enough to tell neighbours apart.
    pub(crate) number: u32,
    pub(crate) lane: LaneId,
    /// The priority, and whether it joins others, as bare bits: an enum in the last byte would
    /// become the tag of every `Option` of an entry, and what has its tag there is copied in
    /// pieces that overlap, which stalls the processor at each copy.
    marks: u8,
}

impl<C> Entry<C> {
    #[inline]
    pub(crate) fn new(
        item: Item<C>,
        number: u32,
        lane: LaneId,
        priority: Priority,
        joins: Joins,
    ) -> Self {
        Self { item, number, lane, marks: priority as u8 | (joins as u8) << 2 }
    }

    #[inline]
    pub(crate) fn priority(&self) -> Priority {
        match self.marks & 3 {
            0 => Priority::Background,
            1 => Priority::Normal,
            _ => Priority::Foreground,
        }
    }

    #[inline]
    pub(crate) fn joins(&self) -> Joins {
        match self.marks >> 2 {
            0 => Joins::Others,
            1 => Joins::Leading,
            _ => Joins::Nobody,
        }
    }
}

/// Rank 2, in order of admission.
#[repr(C)]
pub(crate) struct Backlog<C> {
    /// Entries that are not gone and not held for a steer in the inbox.
    live: u32,
    /// Entries that are gone.
    gaps: u32,
    rest: VecDeque<Entry<C>>,
    /// The oldest entry, in place: most sessions never hold a second, and need no buffer.
    first: Option<Entry<C>>,
}

impl<C: Code> Backlog<C> {
    pub(crate) fn new() -> Self {
        Self { first: None, rest: VecDeque::new(), live: 0, gaps: 0 }
    }

    pub(crate) fn live(&self) -> u32 {
        self.live
    }

    #[inline]
    pub(crate) fn push(&mut self, entry: Entry<C>) {
        self.live += 1;
        self.push_place(entry);
    }

    /// A place for the later turn of a steer that waits in the inbox: not live yet.
    pub(crate) fn reserve(&mut self, entry: Entry<C>) {
        self.push_place(entry);
    }

    #[inline]
    fn push_place(&mut self, entry: Entry<C>) {
        // In this order: a long queue leaves the cache lines of the first entry alone.
        if self.rest.is_empty() && self.first.is_none() {
            self.first = Some(entry);
        } else {
            self.rest.push_back(entry);
        }
    }

    /// A reserved place becomes one that waits: its steer was delivered.
    pub(crate) fn unreserve(&mut self) {
        self.live += 1;
    }

    /// The entry of this live message has been given up; its place says so already.
    pub(crate) fn forget(&mut self) {
        self.live -= 1;
        self.gap();
    }

    /// A reserved place has been given up.
    pub(crate) fn forget_reserved(&mut self) {
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

    /// Takes the oldest entry out.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Entry<C>> {
        self.drop_gaps();
        let entry = self.pop_raw()?;
        self.live -= 1;
        Some(entry)
    }

    /// Takes the oldest entry out if it suits.
    #[inline]
    pub(crate) fn pop_if(&mut self, suits: impl FnOnce(&Entry<C>) -> bool) -> Option<Entry<C>> {
        if self.front().is_some_and(suits) { self.pop() } else { None }
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

    /// Takes everything out.
    pub(crate) fn take_all(&mut self) -> Vec<Entry<C>> {
        let all = self.first.take().into_iter().chain(std::mem::take(&mut self.rest));
        let live: Vec<_> = all.filter(|entry| !entry.item.gone()).collect();
        self.live = 0;
        self.gaps = 0;
        live
    }

    /// Whether it has neither an entry nor a buffer.
    pub(crate) fn is_free(&self) -> bool {
        self.first.is_none() && self.rest.capacity() == 0 && self.gaps == 0
    }

    /// Gives the buffer back. P10: an idle session holds none.
    pub(crate) fn free(&mut self) {
        if self.rest.capacity() > 0 && self.rest.is_empty() {
            self.rest = VecDeque::new();
            self.gaps = 0;
        }
    }
}

/// Messages of one place other than the backlog: interrupts, promoted steers, the inbox.
pub(crate) struct Shelf {
    cells: VecDeque<Arc<Cell>>,
    live: u32,
    place: Place,
}

impl Shelf {
    pub(crate) fn new(place: Place) -> Self {
        Self { cells: VecDeque::new(), live: 0, place }
    }

    pub(crate) fn live(&self) -> u32 {
        self.live
    }

    /// Puts a message at its place in the order of admission: nearly always the end.
    pub(crate) fn insert(&mut self, cell: Arc<Cell>) {
        cell.standing.put(self.place);
        self.live += 1;
        let number = cell.standing.number();
        let later = self.cells.iter().rev().take_while(|c| c.standing.number() > number).count();
        self.cells.insert(self.cells.len() - later, cell);
    }

    /// One message has been given up; its place says so already.
    pub(crate) fn forget(&mut self) {
        self.live -= 1;
        if self.cells.len() > 16 && (self.live as usize) * 2 < self.cells.len() {
            let place = self.place;
            self.cells.retain(|cell| cell.standing.place() == place);
        }
    }

    pub(crate) fn front(&mut self) -> Option<&Arc<Cell>> {
        while self.cells.front().is_some_and(|c| c.standing.place() != self.place) {
            self.cells.pop_front();
        }
        self.cells.front()
    }

    pub(crate) fn pop(&mut self) -> Option<Arc<Cell>> {
        self.front()?;
        self.live -= 1;
        self.cells.pop_front()
    }

    /// Takes everything out, oldest first.
    pub(crate) fn take_all(&mut self) -> Vec<Arc<Cell>> {
        let place = self.place;
        self.live = 0;
        let all = std::mem::take(&mut self.cells);
        all.into_iter().filter(|cell| cell.standing.place() == place).collect()
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
            backlog.forget();
        }
        assert_eq!(backlog.live(), 1);
        assert!(backlog.rest.len() < 50, "gaps are not kept: {}", backlog.rest.len());
        let left = backlog.pop().expect("one is left");
        assert!(matches!(left.item, Item::Message(c) if c.standing.number() == 99));
        assert!(backlog.pop().is_none());
    }

    #[test]
    fn a_shelf_keeps_the_order_of_admission_whatever_the_order_of_insertion() {
        let mut shelf = Shelf::new(Place::Promoted);
        [3, 1, 2].into_iter().for_each(|n| shelf.insert(message(n)));
        let order: Vec<_> = shelf.take_all().iter().map(|c| c.standing.number()).collect();
        assert_eq!(order, [1, 2, 3]);
    }

    #[test]
    fn an_entry_keeps_its_marks() {
        for priority in [Priority::Foreground, Priority::Normal, Priority::Background] {
            for joins in [Joins::Others, Joins::Leading, Joins::Nobody] {
                let entry = Entry::new(Item::Closure(7_u64), 1, LaneId(2), priority, joins);
                assert_eq!((entry.priority(), entry.joins()), (priority, joins));
            }
        }
    }

    #[test]
    fn one_entry_needs_no_buffer() {
        let mut backlog = Backlog::new();
        backlog.push(entry(Item::Closure(7)));
        assert_eq!(backlog.rest.capacity(), 0);
        assert!(matches!(backlog.pop(), Some(Entry { item: Item::Closure(7), .. })));
    }

    #[test]
    fn an_entry_with_a_boxed_closure_is_24_bytes() {
        assert_eq!(size_of::<Entry<Box<dyn FnOnce()>>>(), 24);
    }
}
