//! A slice as its worker sees it: how many more runs, and what they are called.

use std::time::Duration;

use crate::model::RunId;
use crate::run::{Closure, Shared};
use crate::session::{Door, Goes, Slice, Started, Ticketed};
use crate::time::Moment;

/// Run ids that a worker draws at once.
const RUN_IDS: u64 = 16;
/// Runs of one slice.
const SLICE_RUNS: u32 = 64;
/// Time of one slice.
const SLICE_TIME: Duration = Duration::from_millis(1);

/// The ids of a worker's runs.
pub(super) struct RunIds {
    /// The next one; from it on, so many are drawn.
    next: RunId,
    left: u64,
    /// The run that it executed last: the one that was abandoned, if it was replaced.
    pub(super) last: Option<RunId>,
}

impl RunIds {
    pub(super) fn new() -> Self {
        Self { next: RunId::new(0), left: 0, last: None }
    }

    /// The id that the next run of this worker will have; used up only by a run.
    #[inline]
    pub(super) fn next(&mut self, shared: &Shared) -> RunId {
        if self.left == 0 {
            self.next = RunId::new(shared.draw_run_ids(RUN_IDS).start);
            self.left = RUN_IDS;
        }
        self.next
    }

    /// A run has begun under the id that was next.
    #[inline]
    pub(super) fn use_up(&mut self) -> RunId {
        let id = self.next;
        self.last = Some(id);
        self.next = id.next();
        self.left -= 1;
        id
    }
}

/// What is left of a slice: runs of one session, one after the other.
pub(super) struct Stint<'a> {
    ticket: &'a Ticketed,
    shared: &'a Shared,
    door: &'a Door<Closure>,
    ids: &'a mut RunIds,
    begun: Moment,
    /// Runs so far.
    pub(super) runs: u32,
    /// What they count for beyond one closure each.
    extra: u32,
    /// When its lane was seen to have room, by the gate's count: from slice to slice, so that few look
    /// at the word, which all workers write.
    seen: &'a mut Option<u32>,
}

impl<'a> Stint<'a> {
    pub(super) fn new(
        ticket: &'a Ticketed,
        shared: &'a Shared,
        door: &'a Door<Closure>,
        ids: &'a mut RunIds,
        seen: &'a mut Option<u32>,
        begun: Moment,
    ) -> Self {
        Self { ticket, shared, door, ids, begun, runs: 1, extra: 0, seen }
    }

    /// The right to go on with one more run, if there is one; it goes to `next`.
    #[inline]
    pub(super) fn slice<'s>(
        &'s mut self,
        now: Moment,
        next: &'s mut Option<Started<Closure>>,
    ) -> Option<Slice<'s, Closure>> {
        let goes_on = self.runs < SLICE_RUNS
            && now.since(self.begun) < SLICE_TIME
            && self.door.gate.goes_on(self.seen) == Goes::On;
        goes_on.then(|| Slice {
            ticket: self.ticket,
            run: self.ids.next(self.shared),
            next,
            admitted: None,
        })
    }

    /// One of them counts as so many closures.
    #[inline]
    pub(super) fn weighs(&mut self, closures: u32) {
        self.extra += closures - 1;
    }

    /// What its runs come to, as so many closures.
    pub(super) fn weight(&self) -> u32 {
        self.runs + self.extra
    }

    /// The next run has begun: this one.
    #[inline]
    pub(super) fn goes_on(&mut self) -> RunId {
        self.runs += 1;
        self.ids.use_up()
    }
}
