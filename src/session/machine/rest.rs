//! Settling what is due, and coming to rest.

use super::{Cx, Door, Extra, Machine, Phase};
use crate::model::{Cause, Fate, LaneId, Outcome, Policy, RunId};
use crate::session::batch::Batch;
use crate::session::cell::Cell;
use crate::session::entry::{Code, Item, Joins};
use crate::session::live::Retry;
use crate::session::next::{Alarm, Next, Note, Settlement};
use crate::session::standing::Place;
use crate::session::telling::Wake;
use crate::sync::Arc;
use crate::time::Moment;

/// What would run next.
pub(super) enum Head {
    Nothing,
    /// An interrupt.
    Urgent(LaneId),
    /// A failed batch, not before this moment.
    Retry(LaneId, Moment),
    /// A steer that was not delivered.
    Promoted(LaneId),
    /// The oldest of the backlog; by its number, if a window may hold it.
    Backlog(LaneId, Option<u32>),
}

impl<C: Code> Machine<C> {
    /// The head of the session, by rank: P2.
    #[inline]
    pub(super) fn head(&mut self) -> Head {
        let before = self.extra.as_deref_mut().and_then(Extra::head);
        before.unwrap_or_else(|| self.head_of_backlog())
    }

    #[inline]
    fn head_of_backlog(&mut self) -> Head {
        match self.backlog.front() {
            Some(entry) => {
                // Later turns of delivered steers were never messages of a window.
                let number = (entry.joins() != Joins::Nobody).then_some(entry.number);
                Head::Backlog(entry.lane, number)
            }
            None => Head::Nothing,
        }
    }

    pub(super) fn head_lane(&mut self) -> Option<LaneId> {
        match self.head() {
            Head::Nothing => None,
            Head::Urgent(lane)
            | Head::Retry(lane, _)
            | Head::Promoted(lane)
            | Head::Backlog(lane, _) => Some(lane),
        }
    }

    /// Whether the head may start at `now`; a window or a backoff may hold it back.
    #[inline]
    pub(super) fn head_phase(&mut self, cx: &Cx<'_>) -> Phase {
        match self.head() {
            Head::Nothing => Phase::Idle,
            Head::Retry(_, due) if due > cx.now => Phase::Backoff,
            Head::Backlog(_, Some(number))
                if self
                    .extra
                    .as_deref()
                    .and_then(|e| e.window)
                    .is_some_and(|w| w.holds(number)) =>
            {
                Phase::Collecting
            }
            _ => Phase::Ready,
        }
    }

    /// What came due since the last transition: windows, `ttl`, the run's deadline.
    #[inline]
    pub(crate) fn settle(&mut self, cx: &Cx<'_>, next: &mut Next<C>) {
        if self.extra.is_some() {
            self.settle_extra(cx, next);
        }
    }

    fn settle_extra(&mut self, cx: &Cx<'_>, next: &mut Next<C>) {
        let extra = self.extra_mut();
        let closed = |w: &super::Window| cx.door != Door::Open || w.closes(cx.queue()) <= cx.now;
        if extra.window.as_ref().is_some_and(closed) {
            extra.window = None;
        }
        while let Some(cell) = self.extra_mut().next_expired(cx.now) {
            if self.take_out(&cell) {
                self.give_fate(cx, next, cell, Fate::Expired, None);
            }
        }
        let deadline = self.extra_mut().run.deadline;
        if deadline.is_some_and(|at| at <= cx.now) && self.live.is_some() {
            self.extra_mut().run.deadline = None;
            self.extra_mut().run.stopped_at = Some(cx.now);
            self.stop_live(Cause::Deadline, next);
        }
    }

    /// The only place that chooses the phase, issues the ticket and arms the timer.
    pub(crate) fn rest(&mut self, cx: &Cx<'_>, next: &mut Next<C>) {
        debug_assert!(self.balances(), "P4: accepted = settled + pending");
        if self.live.is_some() {
            self.phase = Phase::Running;
        } else {
            let before = self.phase;
            self.phase = self.head_phase(cx);
            match self.phase {
                Phase::Ready => self.ready(next),
                Phase::Idle => self.idle(before, cx, next),
                Phase::Collecting | Phase::Backoff => {}
                Phase::Running => unreachable!("nothing is live"),
            }
        }
        if self.extra.is_some() || self.armed.is_some() {
            self.keep_lines(cx, next);
            self.alarm(cx, next);
        }
    }

    fn ready(&mut self, next: &mut Next<C>) {
        // A ticket closes the window: what it held is no longer held.
        if let Some(extra) = self.extra.as_deref_mut() {
            extra.window = None;
        }
        let tag = self.wanted().expect("a ready session has a head");
        if !self.tickets.has(tag) {
            self.tickets.add(tag);
            next.ticket = Some(tag);
        }
    }

    fn idle(&mut self, before: Phase, cx: &Cx<'_>, next: &mut Next<C>) {
        self.backlog.free();
        self.discard_summaries(cx, next);
        self.keep_lines(cx, next);
        if cx.listening && before != Phase::Idle {
            next.effects().notes.push(Note::Idle);
        }
        let own = self.extra.as_deref_mut().and_then(|e| e.own.take());
        self.extra = None;
        self.set_own(own);
    }

    pub(super) fn discard_summaries(&mut self, cx: &Cx<'_>, next: &mut Next<C>) {
        let Some(extra) = self.extra.as_deref_mut() else { return };
        let count = extra.overflow.discard();
        if count > 0 && cx.listening {
            next.effects().notes.push(Note::SummaryDiscarded { count });
        }
    }

    /// One live timer entry, never later than what is due first. An entry that comes early finds
    /// nothing due and arms the next.
    fn alarm(&mut self, cx: &Cx<'_>, next: &mut Next<C>) {
        let due = self.due(cx);
        match (due, self.armed) {
            (Some(at), armed) if armed.is_none_or(|armed| at < armed) => {
                next.alarm = armed.map_or(Alarm::Arm(at), |_| Alarm::Rearm(at));
                self.armed = Some(at);
            }
            (None, Some(_)) => {
                next.alarm = Alarm::GiveUp;
                self.armed = None;
            }
            _ => {}
        }
    }

    fn due(&self, cx: &Cx<'_>) -> Option<Moment> {
        let extra = self.extra.as_deref()?;
        let head = match self.phase {
            Phase::Collecting => extra.window.as_ref().map(|w| w.closes(cx.queue())),
            Phase::Backoff => extra.retry.as_ref().map(|r| r.due),
            Phase::Running => extra.run.deadline,
            Phase::Idle | Phase::Ready => None,
        };
        let expiry = extra.expiries.peek().map(|e| e.0.0);
        head.into_iter().chain(expiry).min()
    }

    /// A timer entry that was armed for `at` has come. A stale one does nothing.
    pub(crate) fn fire(&mut self, at: Moment, cx: &Cx<'_>) -> Next<C> {
        let mut next = Next::nothing();
        if self.armed == Some(at) {
            self.armed = None;
            self.settle(cx, &mut next);
            self.rest(cx, &mut next);
        }
        next
    }

    /// The door was shut while this session had a window open: windows close at a drain.
    pub(crate) fn notice_door(&mut self, cx: &Cx<'_>) -> Next<C> {
        let mut next = Next::nothing();
        if self.extra.is_some() {
            self.settle(cx, &mut next);
            self.rest(cx, &mut next);
        }
        next
    }

    /// Takes a waiting message out of its place; false if it waits no longer.
    pub(super) fn take_out(&mut self, cell: &Arc<Cell>) -> bool {
        let place = cell.standing.place();
        cell.standing.put(Place::Settled);
        match place {
            Place::Queued => {
                self.backlog.forget_message();
                self.waits_no_more(cell);
            }
            Place::Urgent => {
                self.extra_mut().urgent.forget();
                self.waits_no_more(cell);
            }
            Place::Promoted => {
                self.extra_mut().promoted.forget();
                self.waits_no_more(cell);
            }
            Place::Inbox => {
                self.extra_mut().inbox.forget();
                self.forget_half(cell);
            }
            Place::Outside | Place::Taken | Place::Started | Place::Settled => {
                cell.standing.put(place);
                return false;
            }
        }
        true
    }

    /// The later turn of a steer-backlog goes with its steer.
    pub(super) fn forget_half(&mut self, cell: &Cell) {
        if cell.has_half() {
            self.backlog.forget_reserved();
        }
    }

    /// P4: one message reaches its fate.
    pub(super) fn give_fate(
        &mut self,
        cx: &Cx<'_>,
        next: &mut Next<C>,
        cell: Arc<Cell>,
        fate: Fate,
        policy: Option<Policy>,
    ) {
        self.reaches(cx, next, &cell, fate, policy);
        next.effects().settled.push(Settlement::of_waiting(Item::Message(cell), fate));
    }

    /// The same of one that is told of it with others.
    pub(super) fn reaches(
        &mut self,
        cx: &Cx<'_>,
        next: &mut Next<C>,
        cell: &Arc<Cell>,
        fate: Fate,
        policy: Option<Policy>,
    ) {
        self.settled += 1;
        cell.standing.put(Place::Settled);
        if cx.listening {
            let cell = Arc::clone(cell);
            let note = Note::Fate { cell, fate, run: None, outcome: None, policy };
            next.effects().notes.push(note);
        }
    }

    /// P4: a batch reaches its fate; its worker does not get it back.
    pub(super) fn give_batch_fate(
        &mut self,
        cx: &Cx<'_>,
        next: &mut Next<C>,
        batch: &Batch,
        fate: Fate,
        ended: (RunId, Outcome, Option<Arc<str>>),
    ) {
        let (run, outcome, error) = ended;
        self.settled += u64::from(batch.len());
        let effects = next.effects();
        for cell in batch.iter() {
            cell.standing.put(Place::Settled);
            if cx.listening {
                let (cell, run, outcome) = (Arc::clone(cell), Some(run), Some(outcome));
                effects.notes.push(Note::Fate { cell, fate, run, outcome, policy: None });
            }
            effects.settled.push(Settlement {
                item: Item::Message(Arc::clone(cell)),
                fate,
                run: Some(run),
                outcome: Some(outcome),
                error: error.clone(),
            });
        }
    }

    /// Ends a pending retry: its batch has its fate, with the last outcome.
    pub(super) fn end_retry(&mut self, cx: &Cx<'_>, next: &mut Next<C>, fate: Fate) {
        let Some(retry) = self.extra.as_deref_mut().and_then(|e| e.retry.take()) else { return };
        let Retry { batch, run, outcome, error, .. } = retry;
        for cell in batch.iter() {
            self.waits_no_more(cell);
        }
        self.give_batch_fate(cx, next, &batch, fate, (run, outcome, error));
    }

    /// Stops the run in progress; the first cause wins.
    pub(super) fn stop_live(&mut self, cause: Cause, next: &mut Next<C>) {
        let Some(live) = &mut self.live else { return };
        if live.stop.is_some() {
            return;
        }
        live.stop = Some(cause);
        let Some(extra) = self.extra.as_deref() else { return };
        if let Some(token) = &extra.run.token {
            next.effects().cancel = Some((token.clone(), cause));
        }
        if let Some(watch) = &extra.run.watch {
            next.effects().wakes.push((Arc::clone(watch), Wake::Stop(cause)));
        }
    }
}

impl Extra {
    /// What goes before the backlog.
    fn head(&mut self) -> Option<Head> {
        if let Some(cell) = self.urgent.front() {
            return Some(Head::Urgent(cell.lane));
        }
        if let Some(retry) = &self.retry {
            return Some(Head::Retry(retry.batch.first().lane, retry.due));
        }
        self.promoted.front().map(|cell| Head::Promoted(cell.lane))
    }

    /// The next message whose time to wait is over, if it still waits.
    fn next_expired(&mut self, now: Moment) -> Option<Arc<Cell>> {
        // P9: what has started long before its time was over must not pile up here.
        if self.expiries.len() > 2 * self.expiries_kept + 64 {
            // A steer in a run's hands may come back, and expire then.
            let keep = |cell: &Cell| cell.may_expire() || cell.standing.place() == Place::Taken;
            self.expiries.retain(|expiry| keep(&expiry.0.1));
            self.expiries_kept = self.expiries.len();
        }
        while self.expiries.peek().is_some_and(|first| first.0.0 <= now) {
            let cell = self.expiries.pop()?.0.1;
            if cell.may_expire() {
                return Some(cell);
            }
        }
        None
    }
}
