//! The line of events: records come in any order and leave in that of their numbers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::{Event, Record};
use crate::time::Moment;

pub(super) struct BySeq(pub(super) Record);
impl PartialEq for BySeq {
    fn eq(&self, other: &Self) -> bool {
        self.0.seq == other.0.seq
    }
}
impl Eq for BySeq {}
impl PartialOrd for BySeq {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for BySeq {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.seq.cmp(&other.0.seq)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Going,
    Closing,
    /// The thread has gone; whoever listens has been told.
    Ended,
}

pub(super) struct Line {
    pub(super) heap: BinaryHeap<Reverse<BySeq>>,
    /// The number that is delivered next.
    pub(super) next: u64,
    pub(super) life: Life,
}

impl Line {
    pub(super) fn head_is_next(&self) -> bool {
        self.heap.peek().is_some_and(|Reverse(head)| head.0.seq == self.next)
    }
}

/// A drawn number: the right, and the duty, to publish one event.
#[must_use = "a number that is drawn and not published stops the line"]
pub(crate) struct Draw(pub(super) u64);

impl Draw {
    pub(crate) fn record(self, at: Moment, event: Event) -> Record {
        Record { seq: self.0, at: Duration::from_nanos(at.nanos()), event }
    }
}
