//! The end of a run, by its worker or by `abandon`; and the start of the next in one step.

use super::claim::{Started, Ticketed};
use super::end::{Abandoned, End, Ended, Finished};
use super::{Cx, Door, Machine};
use crate::model::{Cause, Fate, Outcome, RunId};
use crate::session::batch::Batch;
use crate::session::entry::{Code, Item};
use crate::session::live::{Guard, Held, Live, Retry};
use crate::session::next::{Next, Note, Settlement};
use crate::session::standing::Place;
use crate::sync::Arc;
use crate::time::Moment;

/// The right to go on with the next run of the session without a new ticket.
pub(crate) struct Slice<'a, C> {
    pub(crate) ticket: &'a Ticketed,
    pub(crate) run: RunId,
    /// Where the next run goes, if there is one: it is made in place.
    pub(crate) next: &'a mut Option<Started<C>>,
    /// When a closure that starts by the short way was admitted, if it is timed.
    pub(crate) admitted: Option<Moment>,
}

impl<C> Slice<'_, C> {
    pub(crate) fn lend(&mut self) -> Slice<'_, C> {
        Slice { ticket: self.ticket, run: self.run, next: self.next, admitted: None }
    }
}

impl<C: Code> Machine<C> {
    /// Ends the run and, if the slice goes on, starts the next in the same step.
    #[inline]
    pub(crate) fn finish(
        &mut self,
        run: RunId,
        end: &End,
        slice: Option<Slice<'_, C>>,
        cx: &Cx<'_>,
    ) -> (Next<C>, Finished) {
        let mut next = Next::nothing();
        let Some(live) = self.live.take_if(|live| live.id == run) else {
            return (next, Finished::Stale);
        };
        if self.extra.is_some() {
            self.live_settle(&live, cx, &mut next);
        }
        let ended = match &live.held {
            Held::Messages(batch) => self.end_messages(&live, batch, end, cx, &mut next),
            _ => self.end_closure(&live, end, cx, &mut next),
        };
        match slice {
            Some(slice) if self.slice_goes_on(slice.ticket.tag, cx) => {
                self.start(slice.run, slice.ticket, slice.next, cx, &mut next);
            }
            _ => self.rest(cx, &mut next),
        }
        (next, Finished::Ended(ended))
    }

    /// What is due at the end of a run, and what it leaves undelivered. P5: closing the inbox and
    /// checking it is this one step.
    fn live_settle(&mut self, live: &Live<C>, cx: &Cx<'_>, next: &mut Next<C>) {
        // The deadline belongs to the run that has just come back: too late to stop it.
        self.extra_mut().run.deadline = None;
        self.settle(cx, next);
        self.promote(live.id, cx, next);
        let remains = std::mem::take(&mut self.extra_mut().run);
        if remains.token.is_some() || remains.watch.is_some() {
            next.effects().remains.push(remains);
        }
    }

    fn outcome(live: &Live<C>, end: &End) -> (Outcome, Option<Cause>) {
        match (end, live.stop) {
            // Ok is done even if a stop was set.
            (End::Done(_), _) => (Outcome::Done, None),
            (_, Some(cause)) => (Outcome::Stopped, Some(cause)),
            (End::Failed { cause, .. }, None) => (Outcome::Failed, *cause),
            (End::Panicked { .. }, None) => (Outcome::Panicked, None),
            (End::NotStarted { .. }, None) => (Outcome::Failed, None),
        }
    }

    #[inline]
    fn end_closure(&mut self, live: &Live<C>, end: &End, cx: &Cx<'_>, next: &mut Next<C>) -> Ended {
        let (outcome, cause) = Self::outcome(live, end);
        let fate = Self::fate_of_stopped(outcome, cause).unwrap_or(Fate::Ran);
        self.settled += 1;
        if let Held::Closure(kept) = &live.held {
            kept.standing().put(Place::Settled);
        }
        if cx.listening {
            let run = live.id;
            let took = cx.now.since(live.started);
            let number = self.number_of(live.number);
            let (run_of, outcome_of) = (Some(run), Some(outcome));
            let notes = &mut next.effects().notes;
            notes.push(Note::Finished { run, outcome, cause, took });
            notes.push(Note::ClosureFate { number, fate, run: run_of, outcome: outcome_of });
        }
        Ended {
            outcome,
            cause,
            fate: Some(fate),
            started: live.started,
            error: end.error(),
            slot: live.slot,
        }
    }

    /// The admission number whose low half this is: the newest that can be meant.
    pub(super) fn number_of(&self, low: u32) -> u64 {
        #[allow(clippy::cast_possible_truncation, reason = "the low half is meant")]
        let behind = (self.accepted as u32).wrapping_sub(low);
        self.accepted.wrapping_sub(u64::from(behind))
    }

    /// The table of section 3: stopped by the engine's end is returned, by anything else ran.
    fn fate_of_stopped(outcome: Outcome, cause: Option<Cause>) -> Option<Fate> {
        if outcome != Outcome::Stopped {
            return None;
        }
        match cause {
            Some(Cause::Close | Cause::Drain) => Some(Fate::Returned),
            _ => Some(Fate::Ran),
        }
    }

    fn end_messages(
        &mut self,
        live: &Live<C>,
        batch: &Batch,
        end: &End,
        cx: &Cx<'_>,
        next: &mut Next<C>,
    ) -> Ended {
        let (outcome, cause) = Self::outcome(live, end);
        let attempts = match end {
            // P11: what did not begin is tried again, in its place.
            End::NotStarted { .. } => u32::MAX,
            _ => live.held.first().map_or(1, |first| first.attempts),
        };
        let fate = self.fate_of_batch(live, attempts, outcome, cause, cx);
        if cx.listening {
            Self::note_end(live, batch, end, (outcome, cause), cx, next);
        }
        let error = end.error();
        match fate {
            Some(fate) => self.settle_batch(live.id, batch, fate, outcome, cx, next),
            None => {
                let counts = u32::from(!matches!(end, End::NotStarted { .. }));
                let attempt = live.attempt - 1 + counts;
                self.retry(live, (batch, attempt), outcome, error.clone(), cx, next);
            }
        }
        Ended { outcome, cause, fate, started: live.started, error, slot: live.slot }
    }

    /// The whole table; `None` is a retry.
    fn fate_of_batch(
        &self,
        live: &Live<C>,
        attempts: u32,
        outcome: Outcome,
        cause: Option<Cause>,
        cx: &Cx<'_>,
    ) -> Option<Fate> {
        match Self::fate_of_stopped(outcome, cause) {
            Some(fate) => Some(fate),
            None if outcome == Outcome::Done => Some(Fate::Ran),
            None if live.attempt >= attempts => {
                Some(if attempts > 1 { Fate::Parked } else { Fate::Ran })
            }
            // It would have run again, but for the close.
            None if cx.door == Door::Closed => Some(Fate::Returned),
            // An interrupt that waits already precedes the retry, and so ends it.
            None if self.extra.as_deref().is_some_and(|e| e.urgent.live() > 0) => Some(Fate::Ran),
            None => None,
        }
    }

    fn note_end(
        live: &Live<C>,
        batch: &Batch,
        end: &End,
        (outcome, cause): (Outcome, Option<Cause>),
        cx: &Cx<'_>,
        next: &mut Next<C>,
    ) {
        let (run, attempt) = (live.id, live.attempt);
        let notes = &mut next.effects().notes;
        if let Some(reply) = end.reply() {
            let (batch, reply) = (batch.clone(), reply.clone());
            notes.push(Note::Said { run, batch, attempt, reply, last: true });
        }
        let took = cx.now.since(live.started);
        notes.push(Note::Finished { run, outcome, cause, took });
    }

    /// The worker tells the receipts; here only the books and the events. P4.
    fn settle_batch(
        &mut self,
        run: RunId,
        batch: &Batch,
        fate: Fate,
        outcome: Outcome,
        cx: &Cx<'_>,
        next: &mut Next<C>,
    ) {
        self.settled += u64::from(batch.len());
        for cell in batch.iter() {
            cell.standing.put(Place::Settled);
            if cx.listening {
                let (cell, run, outcome) = (Arc::clone(cell), Some(run), Some(outcome));
                let note = Note::Fate { cell, fate, run, outcome, policy: None };
                next.effects().notes.push(note);
            }
        }
    }

    fn retry(
        &mut self,
        live: &Live<C>,
        (batch, attempt): (&Batch, u32),
        outcome: Outcome,
        error: Option<Arc<str>>,
        cx: &Cx<'_>,
        next: &mut Next<C>,
    ) {
        let doublings = attempt.saturating_sub(1).min(31);
        let delay = cx.queue().backoff.saturating_mul(1 << doublings).min(cx.queue().backoff_max);
        for cell in batch.iter() {
            self.waits(cell);
        }
        let run = live.id;
        let (batch, due) = (batch.clone(), cx.now.plus(delay));
        self.extra_mut().retry = Some(Retry { batch, due, run, attempt, outcome, error });
        if cx.listening {
            let note = Note::Retrying { run, attempt: attempt + 1, delay };
            next.effects().notes.push(note);
        }
    }

    /// P5: what the run did not take, or took and did not commit, becomes a turn of its own before
    /// every older follow-up; after a `stop` it is withdrawn, at a close it is returned.
    pub(super) fn promote(&mut self, run: RunId, cx: &Cx<'_>, next: &mut Next<C>) {
        let Some(extra) = self.extra.as_deref_mut() else { return };
        let guard = extra.run.guard.take();
        let mut cells = guard.map_or_else(Vec::new, |Guard { cells, .. }| cells);
        cells.extend(extra.inbox.take_all());
        for cell in cells {
            if let Some(fate) = self.overtaken(&cell, cx) {
                self.forget_half_of(&cell);
                self.give_fate(cx, next, cell, fate, None);
            } else {
                if cx.listening {
                    let cell = Arc::clone(&cell);
                    next.effects().notes.push(Note::Promoted { cell, run });
                }
                self.waits(&cell);
                // It has left its old place when that one is counted as a gap: counting may tidy up.
                self.extra_mut().promoted.insert(Arc::clone(&cell));
                self.forget_half(&cell);
            }
        }
    }

    /// Ends a run whose handler may still execute. Its id is fenced: every later call of it, and
    /// its claim's drop, is without effect. P1.
    pub(crate) fn abandon(
        &mut self,
        run: RunId,
        cause: Cause,
        cx: &Cx<'_>,
    ) -> (Next<C>, Option<Abandoned>) {
        let mut next = Next::nothing();
        let Some(mut live) = self.live.take_if(|live| live.id == run) else {
            return (next, None);
        };
        let extra = self.extra.as_deref();
        if let Some(token) = extra.and_then(|e| e.run.token.clone()) {
            next.effects().cancel = Some((token, live.stop.unwrap_or(cause)));
        }
        let watch = extra.and_then(|e| e.run.watch.clone());
        if self.extra.is_some() {
            self.live_settle(&live, cx, &mut next);
        }
        let cause = *live.stop.get_or_insert(cause);
        let fate = Self::fate_of_stopped(Outcome::Stopped, Some(cause)).unwrap_or(Fate::Ran);
        if cx.listening {
            let took = cx.now.since(live.started);
            let (outcome, cause) = (Outcome::Stopped, Some(cause));
            next.effects().notes.push(Note::Finished { run, outcome, cause, took });
        }
        if let Some(watch) = watch {
            next.effects().wakes.push((watch, crate::session::telling::Wake::Stop(cause)));
        }
        let (outcome, cause, started) = (Outcome::Stopped, Some(cause), live.started);
        let (slot, error) = (live.slot, None);
        let ended = Ended { outcome, cause, fate: Some(fate), started, error, slot };
        let batch = live.held.first().is_some().then_some(ended);
        let abandoned = Abandoned { slot, batch };
        match live.held {
            Held::Messages(batch) => {
                self.give_batch_fate(cx, &mut next, &batch, fate, (run, Outcome::Stopped, None));
            }
            Held::Closure(kept) => {
                self.settled += 1;
                kept.standing().put(Place::Settled);
                self.note_closure(cx, &mut next, live.number, fate, run);
                next.effects().settled.push(Settlement {
                    item: Item::Closure(kept.back()),
                    fate,
                    run: Some(run),
                    outcome: Some(Outcome::Stopped),
                    error: None,
                });
            }
            Held::Nothing => {
                self.settled += 1;
                self.note_closure(cx, &mut next, live.number, fate, run);
                next.effects().lost_closures.push(fate);
            }
        }
        self.rest(cx, &mut next);
        (next, Some(abandoned))
    }

    fn note_closure(&self, cx: &Cx<'_>, next: &mut Next<C>, number: u32, fate: Fate, run: RunId) {
        if cx.listening {
            let (number, run, outcome) =
                (self.number_of(number), Some(run), Some(Outcome::Stopped));
            next.effects().notes.push(Note::ClosureFate { number, fate, run, outcome });
        }
    }
}
