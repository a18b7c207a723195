//! What must be told once a run has ended, by what it worked on. P4.
//!
//! A type each, so that a fired closure does not pay for what only messages need.

use crate::model::{Fate, Outcome, Reply, Settled};
use crate::run::{Run, Shared, Task};
use crate::session::{Batch, End, Ended, Ending, Finished};
use crate::sync::{Arc, caught};
use crate::time::Moment;

/// Whoever must hear of the end of a run.
pub(super) trait Due {
    /// Whether telling it calls nothing of the host's: then the session's ticket may wait for it.
    const QUIET: bool = false;

    /// Whether each of its runs is timed, and not one in so many.
    const TIMED: bool = false;

    /// Said as soon as the session's lock is free, before another worker can tell of its next start.
    fn ended(&self, _run: &Run, _end: &End, _finished: &Finished, _now: Moment) {}

    /// How many messages it is, and their bytes.
    fn weight(&self) -> (u64, u64) {
        (1, 0)
    }

    /// Tells the fate of what it worked on, with the reply to messages.
    fn tell(self, run: &Run, told: Settled<()>, reply: Option<Reply>);
}

/// A closure without a receipt: the counters are all there is.
pub(super) struct Fired;

impl Due for Fired {
    const QUIET: bool = true;

    #[inline]
    fn tell(self, _: &Run, _: Settled<()>, _: Option<Reply>) {}
}

/// A closure with a receipt.
pub(super) struct Asked(pub(super) Arc<dyn Task>);

impl Due for Asked {
    fn tell(self, _: &Run, told: Settled<()>, _: Option<Reply>) {
        self.0.tell(told);
        // P7: whichever part of the host is left goes here, with no lock held.
        let _ = caught::call(|| self.0.leave());
    }
}

/// A batch of messages.
pub(super) struct Handled<'a> {
    pub(super) shared: &'a Shared,
    pub(super) batch: &'a Batch,
}

impl Due for Handled<'_> {
    const TIMED: bool = true;

    fn ended(&self, run: &Run, end: &End, finished: &Finished, now: Moment) {
        run.transcribe_end(end.reply(), finished, now);
        // P11: what has its fate does not come back.
        let Finished::Ended(Ended { fate: Some(fate), outcome, .. }) = finished else { return };
        let (attempt, outcome) = (run.attempt(), Some(*outcome));
        let ending = Ending { fate: *fate, run: Some(run.id()), outcome, attempt };
        self.batch.iter().for_each(|cell| self.shared.keep_fate(cell, ending));
    }

    fn weight(&self) -> (u64, u64) {
        (u64::from(self.batch.len()), self.batch.iter().map(|cell| cell.bytes()).sum())
    }

    fn tell(self, run: &Run, told: Settled<()>, mut reply: Option<Reply>) {
        for (idx, cell) in self.batch.iter().enumerate() {
            self.shared.report(cell, &run.session().key, told.fate);
            // One run has one reply, and exactly one receipt of its batch has the lead.
            let lead = idx + 1 == self.batch.as_slice().len();
            let reply = if lead { reply.take() } else { None };
            let Settled { fate, run, outcome, ref error, .. } = told;
            let error = error.clone();
            cell.telling.tell(Settled { fate, run, outcome, reply, lead, error });
        }
    }
}

/// What the receipts of a run are told.
pub(super) fn settled(run: &Run, ended: &Ended, fate: Fate) -> Settled<()> {
    let error = ended.error.clone().filter(|_| ended.outcome != Outcome::Done);
    let (run, outcome) = (Some(run.id()), Some(ended.outcome));
    Settled { fate, run, outcome, reply: None, lead: false, error }
}
