//! The model of what comes from outside the run.

use super::model::{At, Model, Msg, Plant, Window};
use super::spec::Spec;
use crate::model::{Cause, Drop, Fallback, Fate, Mode, Reason};
use crate::session::live::Inbox;
use crate::session::machine::{Door, Origin, Phase, Withdrawn};
use crate::watch::Placement;

/// Where a message landed, and why not where it wanted to.
pub(super) type Admitted = Result<(Placement, Option<Fallback>), Reason>;

impl Model {
    pub(super) fn submit(&mut self, spec: &Spec) -> Admitted {
        self.settle();
        let answer = self.submit_settled(spec);
        self.rest();
        answer
    }

    fn submit_settled(&mut self, spec: &Spec) -> Admitted {
        self.may_enter(spec.origin)?;
        if spec.expect.is_some() && spec.expect != self.live.as_ref().map(|live| live.id) {
            return Err(Reason::Mismatch);
        }
        let mode = spec.mode.or(self.own_mode).unwrap_or(self.queue.mode);
        let (met, fallback) = (self.phase(), self.falls_back(mode, spec));
        if self.depth() >= self.queue.cap as usize {
            self.make_room(spec)?;
        }
        let merges = mode == Mode::Collect;
        let mut msg = Msg::new(spec, At::Rank(2), merges, self.now);
        let scheduled = if met == Phase::Idle { Placement::Scheduled } else { Placement::Queued };
        let placement = match mode {
            Mode::Steer | Mode::SteerBacklog if fallback.is_none() => {
                (msg.at, msg.half) = (At::Inbox, mode == Mode::SteerBacklog);
                Placement::Steered
            }
            Mode::Interrupt if fallback.is_none() => {
                msg.at = At::Rank(0);
                self.end_retry(Fate::Ran);
                self.stop_live(Cause::Interrupt);
                scheduled
            }
            _ => {
                self.minds_window(&msg, met);
                scheduled
            }
        };
        self.msgs.push(msg);
        Ok((placement, fallback))
    }

    fn may_enter(&self, origin: Origin) -> Result<(), Reason> {
        match (self.door, origin) {
            (Door::Closed, _) => Err(Reason::Closed),
            (Door::Draining, Origin::Outside) => Err(Reason::Draining),
            _ => Ok(()),
        }
    }

    /// P5: the first reason that applies.
    fn falls_back(&self, mode: Mode, spec: &Spec) -> Option<Fallback> {
        let on = |batch: &[usize]| self.msgs[batch[0]].clone();
        match mode {
            Mode::Steer | Mode::SteerBacklog => {
                let Some(live) = &self.live else { return Some(Fallback::NoRun) };
                let run = on(&live.batch);
                let closed = live.inbox == Inbox::Closed
                    || live.stop.is_some()
                    || live.rounds >= self.queue.steer_rounds;
                match () {
                    () if live.inbox == Inbox::Never => Some(Fallback::NotSteerable),
                    () if closed => Some(Fallback::Closed),
                    () if run.authority != spec.authority => Some(Fallback::Authority),
                    () if run.route != spec.route => Some(Fallback::Route),
                    () => None,
                }
            }
            Mode::Interrupt => {
                let live = self.live.as_ref().map(|live| &live.batch);
                let batch = live.or(self.retry.as_ref().map(|retry| &retry.batch))?;
                let run = on(batch).authority;
                let listed = self.stop_authorities.iter().any(|a| a == spec.authority);
                (run != spec.authority && !listed).then_some(Fallback::Authority)
            }
            _ => None,
        }
    }

    fn make_room(&mut self, spec: &Spec) -> Result<(), Reason> {
        let suits = |m: &Msg| !m.closure && m.origin() == (spec.authority, spec.route);
        let urgent =
            self.all(At::Rank(0)).into_iter().filter(|_| self.planted(Plant::InterruptsAreVictims));
        let victim = urgent.chain(self.all(At::Rank(2))).find(|n| suits(&self.msgs[*n]));
        let Some(victim) = victim.filter(|_| self.queue.drop != Drop::New) else {
            return Err(Reason::Full);
        };
        self.msgs[victim].at = At::Gone(Fate::Dropped);
        if self.queue.drop == Drop::Summarize {
            self.dropped.push((spec.authority, spec.route));
        }
        Ok(())
    }

    /// The newest that waits with rank 2. An accepted steer leaves the window alone, also one
    /// whose later turn has its place already.
    fn newest(&self) -> Option<usize> {
        (0..self.msgs.len()).rev().find(|n| self.msgs[*n].at == At::Rank(2))
    }

    fn minds_window(&mut self, msg: &Msg, met: Phase) {
        let number = self.msgs.len();
        self.msgs.push(msg.clone());
        self.msgs[number].at = At::Run;
        let joins = self.newest().is_some_and(|newest| self.joined(newest, number));
        self.msgs.pop();
        let (now, queue) = (self.now, &self.queue);
        let lasts = !queue.debounce.is_zero() && !queue.window_max().is_zero();
        let opens = msg.merges && met == Phase::Running && self.door == Door::Open;
        let restarts = queue.reset_on_new_message && !self.planted(Plant::WindowsNeverRestart);
        self.window = match self.window.take() {
            Some(mut window) if joins => {
                window.members.push(number);
                if restarts {
                    window.latest = now;
                }
                (window.members.len() < queue.max_batch as usize).then_some(window)
            }
            _ if opens && lasts && queue.max_batch > 1 => {
                Some(Window { members: vec![number], opened: now, latest: now })
            }
            _ => None,
        };
    }

    pub(super) fn submit_closure(&mut self, spec: &Spec) -> Admitted {
        self.settle();
        let waiting = self.msgs.iter().filter(|m| m.closure && m.waits()).count();
        let full = waiting >= self.closure_cap;
        let answer = self.may_enter(spec.origin);
        let answer = if answer.is_ok() && full { Err(Reason::Full) } else { answer };
        let met = self.phase();
        if answer.is_ok() {
            self.window = None;
            let mut msg = Msg::new(spec, At::Rank(2), false, self.now);
            msg.closure = true;
            self.msgs.push(msg);
        }
        self.rest();
        let placement = if met == Phase::Idle { Placement::Scheduled } else { Placement::Queued };
        answer.map(|()| (placement, None))
    }

    pub(super) fn end_retry(&mut self, fate: Fate) {
        for number in self.retry.take().map_or_else(Vec::new, |retry| retry.batch) {
            self.msgs[number].at = At::Gone(fate);
        }
    }

    pub(super) fn stop_live(&mut self, cause: Cause) {
        if let Some(live) = &mut self.live {
            live.stop = live.stop.or(Some(cause));
        }
    }

    fn clear(&mut self, fate: Fate) -> u32 {
        let mut cleared = 0;
        for msg in self.msgs.iter_mut().filter(|m| m.waits()) {
            msg.at = At::Gone(fate);
            cleared += 1;
        }
        self.dropped.clear();
        cleared
    }

    pub(super) fn stop(&mut self) -> u32 {
        self.settle();
        let withdrawn = self.clear(Fate::Withdrawn);
        self.end_retry(Fate::Ran);
        if self.live.is_some() {
            (self.stopped_below, self.window) = (self.msgs.len(), None);
        }
        self.stop_live(Cause::Stop);
        self.rest();
        withdrawn
    }

    pub(super) fn close(&mut self, cause: Cause) -> u32 {
        self.settle();
        let returned = self.clear(Fate::Returned);
        let ran = self.planted(Plant::CloseReturnsNoRetry);
        self.end_retry(if ran { Fate::Ran } else { Fate::Returned });
        if self.live.is_some() {
            self.returned_below = self.msgs.len();
        }
        self.stop_live(cause);
        self.rest();
        returned
    }

    pub(super) fn interrupt(&mut self, only: Option<u64>) {
        self.settle();
        let named = |run: u64| only.is_none_or(|only| only == run);
        if self.live.as_ref().is_some_and(|live| named(live.id)) {
            self.stop_live(Cause::Interrupt);
        } else if self.retry.as_ref().is_some_and(|retry| named(retry.run)) {
            self.end_retry(Fate::Ran);
        }
        self.rest();
    }

    pub(super) fn withdraw(&mut self, number: usize) -> Withdrawn {
        self.settle();
        let answer = match self.msgs[number].at {
            At::Taken => Withdrawn::InDelivery,
            At::Run | At::Retry => Withdrawn::Started,
            At::Gone(_) => Withdrawn::Settled,
            At::Rank(_) | At::Inbox => {
                self.msgs[number].at = At::Gone(Fate::Withdrawn);
                Withdrawn::Withdrawn
            }
        };
        self.rest();
        answer
    }
}
