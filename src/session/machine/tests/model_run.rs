//! The model of what a run does: start, take, commit, restore, end, come back.

use super::calls::Ending;
use super::desk::{Back, Begun};
use super::model::{At, Live, Model, Plant, Retry, millis};
use crate::model::{Cause, Error, Fate, Outcome, RunId};
use crate::session::live::Inbox;
use crate::session::machine::{Door, Phase};
use crate::session::next::Tag;

/// How a handler comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Done,
    Failed,
    Panicked,
}

/// What the worker knows of its lane when it starts a run.
#[derive(Clone, Copy)]
pub(super) struct Lane {
    pub(super) run: u64,
    pub(super) inbox: Inbox,
    pub(super) deadline: Option<u64>,
}

impl Model {
    pub(super) fn claim(&mut self, tag: Tag, lane: Lane) -> Option<Begun> {
        self.settle();
        let fits = self.phase() == Phase::Ready && self.wanted() == Some(tag);
        let begun = fits.then(|| self.start(lane));
        self.rest();
        begun
    }

    fn start(&mut self, lane: Lane) -> Begun {
        let batch = self.head().expect("a ready session has a head");
        let first = self.msgs[batch[0]].clone();
        let again = self.retry.take_if(|retry| retry.batch == batch);
        let attempt = again.as_ref().map_or(1, |retry| retry.attempt + 1);
        let before = self.dropped.len();
        if again.is_none() && !first.closure {
            self.dropped.retain(|origin| *origin != first.origin());
        }
        let fresh = u32::try_from(before - self.dropped.len()).expect("few");
        let summary_of = again.map_or(fresh, |retry| retry.summary_of);
        for number in &batch {
            self.msgs[*number].at = At::Run;
        }
        self.window = None;
        let numbers = batch.iter().map(|n| *n as u64).collect();
        self.live = Some(Live {
            id: lane.run,
            batch,
            attempt,
            summary_of,
            inbox: if first.closure { Inbox::Never } else { lane.inbox },
            stop: None,
            rounds: 0,
            guard: None,
            deadline: first.deadline.or(lane.deadline).map(|d| self.now + d),
        });
        Begun { run: lane.run, batch: numbers, attempt, summary_of }
    }

    fn goes_on(&self, tag: Tag) -> bool {
        let wanted = self.wanted();
        self.phase() == Phase::Ready
            && wanted.is_some_and(|w| w.lane == tag.lane && w.priority >= tag.priority)
    }

    /// The handler comes back; with a slice, its worker would go on.
    pub(super) fn come_back(
        &mut self,
        run: u64,
        how: How,
        slice: Option<(Tag, Lane)>,
    ) -> Option<(Back, Option<Begun>)> {
        let live = self.leave(run)?;
        let outcome = match (how, live.stop) {
            (How::Done, Some(_)) if self.planted(Plant::StopAfterOkIsStopped) => Outcome::Stopped,
            (How::Done, _) => Outcome::Done,
            (_, Some(_)) => Outcome::Stopped,
            (How::Failed, None) => Outcome::Failed,
            (How::Panicked, None) => Outcome::Panicked,
        };
        let fate = self.fate_of_batch(&live, outcome);
        match fate {
            Some(fate) => self.place(&live.batch, At::Gone(fate)),
            None => {
                self.place(&live.batch, At::Retry);
                let pause = millis(self.queue.backoff) << (live.attempt - 1);
                let due = self.now + pause.min(millis(self.queue.backoff_max));
                let Live { batch, attempt, summary_of, .. } = live;
                self.retry = Some(Retry { batch, due, run, attempt, summary_of });
            }
        }
        let next = slice.filter(|(tag, _)| self.goes_on(*tag)).map(|(_, lane)| self.start(lane));
        self.rest();
        Some(((outcome, fate), next))
    }

    /// The table of how a run ended and what that means for its batch.
    fn fate_of_batch(&self, live: &Live, outcome: Outcome) -> Option<Fate> {
        let attempts = self.msgs[live.batch[0]].attempts;
        let left = live.attempt < attempts;
        match (outcome, live.stop) {
            (Outcome::Stopped, Some(Cause::Close | Cause::Drain)) => Some(Fate::Returned),
            (Outcome::Stopped | Outcome::Done, _) => Some(Fate::Ran),
            _ if left && self.door == Door::Closed => Some(Fate::Returned),
            // An interrupt ends the retry: ran, with the last outcome.
            _ if left && !self.all(At::Rank(0)).is_empty() => Some(Fate::Ran),
            _ if left => None,
            _ if attempts > 1 => Some(Fate::Parked),
            _ => Some(Fate::Ran),
        }
    }

    fn place(&mut self, batch: &[usize], at: At) {
        for number in batch {
            self.msgs[*number].at = at;
        }
    }

    /// The run is over: what it did not deliver is promoted. P5.
    fn leave(&mut self, run: u64) -> Option<Live> {
        // It has come back by itself: too late for its deadline.
        self.live.as_mut().filter(|live| live.id == run)?.deadline = None;
        self.settle();
        self.promote();
        self.live.take()
    }

    fn promote(&mut self) {
        for number in 0..self.msgs.len() {
            if !matches!(self.msgs[number].at, At::Inbox | At::Taken) {
                continue;
            }
            let rank = if self.planted(Plant::PromotedGoLast) { 2 } else { 1 };
            self.msgs[number].at = self.overtaken(number).map_or(At::Rank(rank), At::Gone);
        }
    }

    fn cleared(&self, number: usize) -> Option<Fate> {
        if self.door == Door::Closed || number < self.returned_below {
            return Some(Fate::Returned);
        }
        (number < self.stopped_below).then_some(Fate::Withdrawn)
    }

    fn overtaken(&self, number: usize) -> Option<Fate> {
        let expired = self.msgs[number].expires.is_some_and(|at| at <= self.now);
        self.cleared(number).or(expired.then_some(Fate::Expired))
    }

    pub(super) fn abandon(&mut self, run: u64, cause: Cause) -> bool {
        let Some(mut live) = self.leave(run) else { return false };
        live.stop = live.stop.or(Some(cause));
        let fate = self.fate_of_batch(&live, Outcome::Stopped).expect("stopped is never retried");
        self.place(&live.batch, At::Gone(fate));
        self.rest();
        true
    }

    /// The steers that `caller` gets, if any; `None` is a stale run.
    pub(super) fn take(&mut self, run: u64, caller: usize) -> Option<Vec<u64>> {
        self.live.as_ref().filter(|live| live.id == run)?;
        self.settle();
        let stopped = self.live.as_ref().is_some_and(|live| live.stop.is_some());
        let cells = if stopped { Vec::new() } else { self.take_settled(caller) };
        self.rest();
        Some(cells)
    }

    fn take_settled(&mut self, caller: usize) -> Vec<u64> {
        let (waiting, most) = (self.all(At::Inbox), self.queue.steer_rounds);
        let Some(live) = &mut self.live else { return Vec::new() };
        let none = waiting.is_empty() || live.inbox != Inbox::Open || live.rounds >= most;
        match live.guard {
            Some((_, owner)) if owner != caller => return Vec::new(),
            Some(_) => {}
            None if none => return Vec::new(),
            None => {
                (live.rounds, live.guard) = (live.rounds + 1, Some((0, caller)));
                self.place(&waiting, At::Taken);
            }
        }
        self.all(At::Taken).into_iter().map(|number| number as u64).collect()
    }

    /// The guard is over, if it is this run's: what it held.
    fn let_go(&mut self, run: u64, guard: u64) -> Option<Vec<usize>> {
        let live = self.live.as_mut().filter(|live| live.id == run)?;
        live.guard.take_if(|(id, _)| *id == guard)?;
        Some(self.all(At::Taken))
    }

    pub(super) fn commit(&mut self, run: u64, guard: u64) -> bool {
        let Some(cells) = self.let_go(run, guard) else { return false };
        self.settle();
        for number in cells {
            let later = self.cleared(number).map_or(At::Rank(2), At::Gone);
            let msg = &mut self.msgs[number];
            (msg.seen, msg.at) = (msg.half, if msg.half { later } else { At::Gone(Fate::Steered) });
        }
        self.rest();
        true
    }

    pub(super) fn restore(&mut self, run: u64, guard: u64) {
        let Some(cells) = self.let_go(run, guard) else { return };
        self.settle();
        let rounds = self.live.as_ref().map_or(0, |live| live.rounds);
        for number in cells {
            let forgets = self.planted(Plant::RestoreForgetsTheStop);
            let fate = self.overtaken(number).filter(|_| !forgets);
            self.msgs[number].at = fate.map_or(At::Inbox, At::Gone);
        }
        if rounds >= self.queue.steer_rounds {
            self.promote();
        }
        self.rest();
    }

    pub(super) fn end(&mut self, run: u64, caller: usize) -> Result<Ending, Error> {
        if !self.is_live(run) {
            return Err(Error::Stale(RunId::new(run)));
        }
        self.settle();
        let answer = self.end_settled(caller);
        self.rest();
        answer
    }

    fn end_settled(&mut self, caller: usize) -> Result<Ending, Error> {
        let live = self.live.as_ref().filter(|live| live.guard.is_none());
        let Some(live) = live else { return Err(Error::GuardOpen) };
        if let Some(cause) = live.stop.filter(|_| live.inbox != Inbox::Closed) {
            return Ok(Ending::Stop(cause));
        }
        let cells = self.take_settled(caller);
        if !cells.is_empty() {
            return Ok(Ending::Steers(0, cells));
        }
        if let Some(live) = self.live.as_mut().filter(|live| live.inbox != Inbox::Never) {
            live.inbox = Inbox::Closed;
        }
        self.promote();
        Ok(Ending::Closed)
    }

    pub(super) fn set_steerable(&mut self, run: u64, inbox: Inbox) {
        let open = |live: &&mut Live| matches!(live.inbox, Inbox::Open | Inbox::Held);
        if let Some(live) = self.live.as_mut().filter(|live| live.id == run).filter(open) {
            live.inbox = inbox;
        }
    }
}
