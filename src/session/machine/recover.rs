//! What a journal brings back: messages take their places again without being asked anything. And
//! what a machine asks it to keep beside messages. P11.

use super::{Cx, Door, Expiry, Machine};
use crate::model::{Cause, Fate, Mode, Outcome, RunId};
use crate::session::batch::Cells;
use crate::session::cell::Cell;
use crate::session::entry::{Code, Joins};
use crate::session::live::{Held, Retry};
use crate::session::next::{Landed, Next};
use crate::session::overflow::Lines;
use crate::session::standing::Place;
use crate::sync::Arc;
use crate::watch::Placement;

/// Where a message was when the journal was last told of it.
#[derive(Clone, Copy)]
pub(crate) enum Back {
    /// Rank 2.
    Turn,
    /// Rank 0.
    Urgent,
    /// Rank 1: the run that it steered is gone.
    Steer,
    /// Its attempts are used up.
    Parked,
}

/// The run that a batch was last part of.
#[derive(Clone, Copy)]
pub(crate) struct LastRun {
    pub(crate) run: RunId,
    pub(crate) attempt: u32,
    pub(crate) outcome: Outcome,
}

impl<C: Code> Machine<C> {
    /// A batch whose run a crash interrupted, or that waited to be retried: it runs again, at once,
    /// before everything but an interrupt. Like everything that is brought back, it goes its way
    /// with `all_back`.
    pub(crate) fn bring_back_batch(
        &mut self,
        cells: Vec<Arc<Cell>>,
        last: LastRun,
        cx: &Cx<'_>,
    ) -> (Next<C>, Vec<Landed>) {
        let mut next = Next::nothing();
        let landed = cells.iter().map(|cell| self.counted(cell, cx, &mut next)).collect();
        cells.iter().for_each(|cell| self.waits(cell));
        let batch = self.batch(Cells::Many(cells));
        let LastRun { run, attempt, outcome } = last;
        let retry = Retry { batch, due: cx.now, run, attempt, outcome, error: None };
        let before = self.extra_mut().retry.replace(retry);
        assert!(before.is_none(), "P1: at most one run of a key was live");
        (next, landed)
    }

    /// One message takes its place.
    pub(crate) fn bring_back(
        &mut self,
        cell: &Arc<Cell>,
        back: Back,
        cx: &Cx<'_>,
    ) -> (Next<C>, Landed) {
        let mut next = Next::nothing();
        let landed = self.counted(cell, cx, &mut next);
        match back {
            Back::Parked => self.give_fate(cx, &mut next, Arc::clone(cell), Fate::Parked, None),
            Back::Urgent => {
                self.expires(cell);
                self.waits(cell);
                self.extra_mut().urgent.insert(Arc::clone(cell));
            }
            Back::Steer => {
                self.expires(cell);
                self.waits(cell);
                self.extra_mut().promoted.insert(Arc::clone(cell));
            }
            Back::Turn => {
                self.expires(cell);
                let joins = self.joins_again(cell, cx);
                cell.standing.put(Place::Queued);
                self.waits(cell);
                self.backlog.push(Self::entry(cell, joins));
            }
        }
        (next, landed)
    }

    /// Everything has its place again: the session goes its way, in one step, so that nobody saw
    /// half of it. The end of the engine may have come first.
    pub(crate) fn all_back(&mut self, cx: &Cx<'_>) -> Next<C> {
        if cx.door == Door::Closed {
            return self.close(Cause::Close, cx).0;
        }
        let mut next = Next::nothing();
        self.settle(cx, &mut next);
        if self.extra.as_deref().is_some_and(|extra| extra.urgent.live() > 0) {
            // It had stopped that run.
            self.end_retry(cx, &mut next, Fate::Ran);
        }
        self.rest(cx, &mut next);
        next
    }

    /// The lines about messages that gave way before the end.
    pub(crate) fn bring_back_lines(&mut self, like: &Arc<Cell>, lines: Lines) {
        self.extra_mut().overflow.put_back(like, lines);
    }

    /// P11: the lines about dropped messages outlive the process, until the run that took them
    /// has ended. A close leaves them to the next engine.
    pub(super) fn keep_lines(&mut self, cx: &Cx<'_>, next: &mut Next<C>) {
        let Some(extra) = self.extra.as_deref().filter(|_| cx.journaled) else { return };
        let retry = extra.retry.as_ref().map(|retry| &retry.batch);
        let live = self.live.as_ref().and_then(|live| match &live.held {
            Held::Messages(batch) => Some(batch),
            Held::Nothing | Held::Closure(_) => None,
        });
        let taken = live.into_iter().chain(retry);
        let taken = taken.filter_map(|b| Some((Arc::clone(b.first()), b.summary().cloned()?)));
        let (dropped, waiting) = extra.overflow.counts();
        let mut kept: Vec<_> = taken.collect();
        let counts = (dropped, waiting + kept.iter().map(|(_, lines)| lines.count).sum::<u32>());
        if counts == extra.lines_kept || cx.door == Door::Closed {
            return;
        }
        kept.extend(extra.overflow.copies());
        next.effects().lines = Some(kept);
        self.extra_mut().lines_kept = counts;
    }

    /// No window is open yet, and none is opened for what has waited long enough.
    fn joins_again(&self, cell: &Cell, cx: &Cx<'_>) -> Joins {
        let mode = self.in_force(cell, cx).mode.value;
        if mode == Mode::Collect { Joins::Others } else { Joins::Nobody }
    }

    fn expires(&mut self, cell: &Arc<Cell>) {
        if let Some(at) = cell.expires() {
            self.extra_mut().expiries.push(std::cmp::Reverse(Expiry(at, Arc::clone(cell))));
        }
    }

    /// P4: the books of this engine begin with it.
    fn counted(&mut self, cell: &Arc<Cell>, cx: &Cx<'_>, next: &mut Next<C>) -> Landed {
        let depth = self.depth();
        cell.standing.admit(self.accepted, cx.now);
        self.accepted += 1;
        let (placement, run, fallback) = (Placement::Queued, None, None);
        let landed = Landed { placement, position: depth, run, fallback };
        if cx.listening {
            Self::note_admission(cell, landed, depth, next);
        }
        landed
    }
}
