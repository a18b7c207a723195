//! Stop, interrupt, withdraw, close: what comes from outside the run.

use super::{Cx, Machine};
use crate::model::{Cause, Fate, LaneId, RunId};
use crate::session::cell::Cell;
use crate::session::entry::{Code, Item};
use crate::session::live::SlotState;
use crate::session::next::{Next, Note};
use crate::session::standing::{Place, Standing};
use crate::sync::Arc;

/// What a stop or an interrupt met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Halted {
    /// Messages and closures withdrawn.
    pub(crate) withdrawn: u32,
    /// The run that was told to stop.
    pub(crate) run: Option<RunId>,
    /// Whether a pending retry was ended.
    pub(crate) retry: Option<RunId>,
}

/// What became of an attempt to take a message back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Withdrawn {
    /// It will not start.
    Withdrawn,
    /// A run has taken it and not yet committed it: ask again.
    InDelivery,
    /// It has started, in this run or one whose retry is pending.
    Started,
    /// It has its fate already; the receipt knows which.
    Settled,
}

impl<C: Code> Machine<C> {
    /// Everything that waits reaches `fate`; answers how many.
    fn clear(&mut self, fate: Fate, cx: &Cx<'_>, next: &mut Next<C>) -> u32 {
        let mut cleared = 0;
        if let Some(extra) = self.extra.as_deref_mut() {
            let mut cells = extra.urgent.take_all();
            cells.extend(extra.promoted.take_all());
            let waited = cells.len();
            cells.extend(extra.inbox.take_all());
            for (idx, cell) in cells.into_iter().enumerate() {
                if idx < waited {
                    self.waits_no_more(&cell);
                }
                self.give_fate(cx, next, cell, fate, None);
                cleared += 1;
            }
        }
        let waiting = self.backlog.take_waiting();
        for entry in waiting.each() {
            self.waiting[entry.priority() as usize] -= 1;
            cleared += 1;
            match &entry.item {
                Item::Message(cell) => self.reaches(cx, next, cell, fate, None),
                Item::Closure(code) => self.closure_reaches(cx, next, code, entry.number, fate),
            }
        }
        if !waiting.is_empty() {
            let before = next.effects().waited.replace((waiting, fate));
            assert!(before.is_none(), "P4: all that waits is cleared once");
        }
        cleared
    }

    fn closure_reaches(
        &mut self,
        cx: &Cx<'_>,
        next: &mut Next<C>,
        code: &C,
        number: u32,
        fate: Fate,
    ) {
        self.settled += 1;
        // Else it would keep every later closure from being timed.
        let _ = self.admission_of(number);
        if let Some(standing) = code.standing() {
            standing.put(Place::Settled);
        }
        if cx.listening {
            let number = self.number_of(number);
            let note = Note::ClosureFate { number, fate, run: None, outcome: None };
            next.effects().notes.push(note);
        }
    }

    /// Withdraws everything queued, then stops the run: one critical section, nothing is promoted.
    pub(crate) fn stop(&mut self, cx: &Cx<'_>) -> (Next<C>, Halted) {
        let mut next = Next::nothing();
        self.settle(cx, &mut next);
        let retry = self.extra.as_deref().and_then(|e| e.retry.as_ref()).map(|r| r.run);
        // P2: in the order in which they would have run.
        self.end_retry(cx, &mut next, Fate::Ran);
        let withdrawn = self.clear(Fate::Withdrawn, cx, &mut next);
        self.discard_summaries(cx, &mut next);
        let below = self.accepted;
        let run = self.live.as_ref().map(|live| live.id);
        if self.live.is_some() {
            // What a take guard restores afterwards is withdrawn too.
            self.extra_mut().stopped_below = below;
            self.extra_mut().window = None;
            self.stop_live(Cause::Stop, &mut next);
        }
        self.rest(cx, &mut next);
        (next, Halted { withdrawn, run, retry })
    }

    /// Stops the run in progress (only that one, if it is named) or ends a pending retry. The
    /// backlog goes on.
    pub(crate) fn interrupt(
        &mut self,
        only: Option<RunId>,
        cause: Cause,
        cx: &Cx<'_>,
    ) -> (Next<C>, Halted) {
        let mut next = Next::nothing();
        self.settle(cx, &mut next);
        let mut halted = Halted::default();
        let named = |run: RunId| only.is_none_or(|only| only == run);
        let retry = self.extra.as_deref().and_then(|e| e.retry.as_ref()).map(|r| r.run);
        if let Some(live) = self.live.as_ref().filter(|live| named(live.id)) {
            halted.run = Some(live.id);
            self.stop_live(cause, &mut next);
        } else if let Some(run) = retry.filter(|run| named(*run)) {
            halted.retry = Some(run);
            self.end_retry(cx, &mut next, Fate::Ran);
        }
        self.rest(cx, &mut next);
        (next, halted)
    }

    /// Everything that waits is the host's again, and the run is told to stop.
    pub(crate) fn close(&mut self, cause: Cause, cx: &Cx<'_>) -> (Next<C>, Halted) {
        let mut next = Next::nothing();
        self.settle(cx, &mut next);
        let retry = self.extra.as_deref().and_then(|e| e.retry.as_ref()).map(|r| r.run);
        // P2: in the order in which they would have run.
        self.end_retry(cx, &mut next, Fate::Returned);
        let withdrawn = self.clear(Fate::Returned, cx, &mut next);
        self.discard_summaries(cx, &mut next);
        let run = self.live.as_ref().map(|live| live.id);
        if self.live.is_some() {
            // What a take guard holds is in delivery; without a commit it is returned, too.
            self.extra_mut().returned_below = self.accepted;
        }
        self.stop_live(cause, &mut next);
        self.rest(cx, &mut next);
        (next, Halted { withdrawn, run, retry })
    }

    /// Takes a message back that has not started.
    pub(crate) fn withdraw(&mut self, cell: &Arc<Cell>, cx: &Cx<'_>) -> (Next<C>, Withdrawn) {
        let mut next = Next::nothing();
        self.settle(cx, &mut next);
        let answer = match cell.standing.place() {
            Place::Taken => Withdrawn::InDelivery,
            Place::Started => Withdrawn::Started,
            Place::Settled | Place::Outside => Withdrawn::Settled,
            Place::Queued | Place::Urgent | Place::Promoted | Place::Inbox => {
                self.take_out(cell);
                self.give_fate(cx, &mut next, Arc::clone(cell), Fate::Withdrawn, None);
                Withdrawn::Withdrawn
            }
        };
        self.rest(cx, &mut next);
        (next, answer)
    }

    /// Takes a closure back that has not started. Its entry stays as a gap; whoever holds the
    /// receipt drops the host's code.
    pub(crate) fn withdraw_closure(
        &mut self,
        standing: &Standing,
        priority: crate::model::Priority,
        cx: &Cx<'_>,
    ) -> (Next<C>, Withdrawn) {
        let mut next = Next::nothing();
        self.settle(cx, &mut next);
        let answer = match standing.place() {
            Place::Queued => {
                standing.put(Place::Settled);
                #[allow(clippy::cast_possible_truncation, reason = "the low half is meant")]
                let _ = self.admission_of(standing.number() as u32);
                self.backlog.forget_closure();
                self.waiting[priority as usize] -= 1;
                self.settled += 1;
                if cx.listening {
                    let (number, fate) = (standing.number(), Fate::Withdrawn);
                    let note = Note::ClosureFate { number, fate, run: None, outcome: None };
                    next.effects().notes.push(note);
                }
                Withdrawn::Withdrawn
            }
            Place::Started => Withdrawn::Started,
            _ => Withdrawn::Settled,
        };
        self.rest(cx, &mut next);
        (next, answer)
    }

    /// Takes back a message whose parent ended, or stops the run that it is in.
    pub(crate) fn recall(&mut self, cell: &Arc<Cell>, cx: &Cx<'_>) -> Next<C> {
        if cell.standing.place() != Place::Started {
            return self.withdraw(cell, cx).0;
        }
        let holds = |cells: &[Arc<Cell>]| cells.iter().any(|c| Arc::ptr_eq(c, cell));
        let live = self.live.as_ref().filter(|live| match &live.held {
            crate::session::live::Held::Messages(batch) => holds(batch.as_slice()),
            _ => false,
        });
        let retry = self.extra.as_deref().and_then(|e| e.retry.as_ref());
        let retry = retry.filter(|r| holds(r.batch.as_slice())).map(|r| r.run);
        let run = live.map(|live| live.id).or(retry);
        self.interrupt(run, Cause::Parent, cx).0
    }

    /// Says so if the run shows no sign of life: no ledger activity for `after`, or past its
    /// deadline and `grace`. Once for each span.
    pub(crate) fn look_for_stuck(
        &mut self,
        after: std::time::Duration,
        grace: std::time::Duration,
        cx: &Cx<'_>,
    ) -> Next<C> {
        let mut next = Next::nothing();
        let Some(live) = &self.live else { return next };
        let (run, started, stop) = (live.id, live.started, live.stop);
        let extra = self.extra.as_deref();
        let active = extra.and_then(|e| e.run.active).unwrap_or(started);
        let said = extra.and_then(|e| e.run.said_stuck).unwrap_or(started);
        let overdue = stop == Some(Cause::Deadline)
            && extra.and_then(|e| e.run.stopped_at).is_some_and(|at| at.plus(grace) <= cx.now)
            && extra.is_some_and(|e| e.run.said_stuck.is_none());
        let silent = active.max(said).plus(after) <= cx.now;
        if !(silent || overdue) || !cx.listening {
            return next;
        }
        let calls = extra.and_then(|e| e.run.calls.clone());
        self.companions().said_stuck = Some(cx.now);
        next.effects().notes.push(Note::Stuck { run, calls, age: cx.now.since(started) });
        next
    }

    /// The run in progress and the one whose retry is pending: what an interrupt can name.
    pub(crate) fn runs(&self) -> [Option<RunId>; 2] {
        let retry = self.extra.as_deref().and_then(|e| e.retry.as_ref());
        [self.live.as_ref().map(|live| live.id), retry.map(|retry| retry.run)]
    }

    /// The run in progress, for reports: its id, its start and whether it executes.
    pub(crate) fn running(&self) -> Option<(RunId, LaneId, crate::time::Moment, SlotState)> {
        self.live.as_ref().map(|live| (live.id, live.lane, live.started, live.slot))
    }
}
