//! What waits in a session: a message, or a closure as the session sees it.

use super::cell::Cell;
use super::standing::{Place, Standing};
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

    /// Asks for the cache line of a place that will be written soon: a hint, where there is one.
    fn prefetch<T>(_place: *const T) {}

    /// The same for all that it shares with a receipt.
    fn ask(&self) {}
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
    pub(super) fn waits(&self) -> bool {
        self.standing().is_none_or(|s| s.place() == Place::Queued)
    }

    /// Whether it has left the backlog for another place. A steer-backlog keeps its place here
    /// while its other half waits in the inbox.
    pub(super) fn gone(&self) -> bool {
        self.standing()
            .is_some_and(|s| !matches!(s.place(), Place::Queued | Place::Inbox | Place::Taken))
    }
}

impl<C: Code> Item<C> {
    /// Asks for what starts, ends and settles it: its turn comes soon.
    #[inline]
    pub(super) fn ask(&self) {
        match self {
            Self::Closure(code) => code.ask(),
            Self::Message(cell) => ask_for_shared::<C, _>(cell),
        }
    }

    /// Asks for what its handler reads first, the beginning of its text. It runs now.
    #[inline]
    pub(super) fn ask_text(&self) {
        if let Self::Message(cell) = self {
            C::prefetch(cell.message.text.as_ptr());
        }
    }
}

/// Bytes of a cache line.
pub(super) const LINE: usize = 64;

/// Asks for the cache lines of a place that will be written soon, the first four or five. It may end
/// on a line more than it is long.
#[inline]
pub(crate) fn ask_for<C: Code>(start: *const u8, bytes: usize) {
    let bytes = bytes.min(4 * LINE);
    (0..bytes).step_by(LINE).for_each(|at| C::prefetch(start.wrapping_add(at)));
    C::prefetch(start.wrapping_add(bytes.saturating_sub(1)));
}

/// The same for what is shared, with the counts before it.
#[inline]
pub(crate) fn ask_for_shared<C: Code, T: ?Sized>(shared: &Arc<T>) {
    const COUNTS: usize = 2 * size_of::<usize>();
    let start = Arc::as_ptr(shared).cast::<u8>().wrapping_sub(COUNTS);
    ask_for::<C>(start, COUNTS + size_of_val(&**shared));
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

    /// The same place once more, if it is that of a steer which a run has in its hands.
    pub(super) fn of_taken(&self) -> Option<Self> {
        let Self { item: Item::Message(cell), number, lane, marks } = self else { return None };
        let item = || Item::Message(Arc::clone(cell));
        let again = || Self { item: item(), number: *number, lane: *lane, marks: *marks };
        (cell.standing.place() == Place::Taken).then(again)
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "each call would copy the closure once more")]
    pub(super) fn into_closure(self) -> C {
        match self.item {
            Item::Closure(code) => code,
            Item::Message(_) => unreachable!("it is a closure"),
        }
    }

    #[inline]
    pub(crate) fn priority(&self) -> Priority {
        // A table, and not a match: it is an index of whoever asks.
        const BY_MARKS: [Priority; 4] =
            [Priority::Background, Priority::Normal, Priority::Foreground, Priority::Foreground];
        BY_MARKS[usize::from(self.marks & 3)]
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn an_entry_with_a_boxed_closure_is_24_bytes() {
        assert_eq!(size_of::<Entry<Box<dyn FnOnce()>>>(), 24);
    }
}
