//! Drives the machine and the model with the same steps, and compares them after each.

use super::calls::{Ending, failed};
use super::compare::{Same, same};
use super::desk::Desk;
use super::model::{Model, Plant, millis};
use super::model_run::{How, Lane};
use super::spec::{Spec, ms};
use super::steps::{Hold, Knob, Start, Step, Which};
use crate::model::Cause;
use crate::session::live::Inbox;
use crate::session::machine::{Door, End, Phase};
use crate::time::Moment;

pub(super) struct Driver {
    pub(super) desk: Desk,
    pub(super) model: Model,
    /// The number of the machine's newest guard.
    guard: u64,
}

impl Driver {
    pub(super) fn new(start: &Start, plant: Option<Plant>) -> Self {
        let desk = Desk::with(|queue| {
            queue.steer_rounds = start.steer_rounds;
            queue.backoff = ms(100);
            queue.backoff_max = ms(300);
            queue.max_wait = Some(ms(1500));
        });
        let model = Model {
            msgs: Vec::new(),
            live: None,
            retry: None,
            window: None,
            own_mode: None,
            stopped_below: 0,
            returned_below: 0,
            dropped: Vec::new(),
            now: 0,
            queue: desk.world.queue.clone(),
            stop_authorities: Vec::new(),
            closure_cap: desk.world.closure_cap as usize,
            door: Door::Open,
            rested: Phase::Idle,
            plant,
        };
        let mut driver = Self { desk, model, guard: 0 };
        start.knobs.iter().for_each(|knob| driver.turn(knob));
        driver
    }

    pub(super) fn run(mut self, steps: &[Step]) -> Same {
        for (idx, step) in steps.iter().enumerate() {
            self.model.now = self.now();
            let done = self.step(step).and_then(|()| self.compare());
            done.map_err(|why| format!("step {idx}, {step:?}: {why}"))?;
        }
        Ok(())
    }

    fn now(&self) -> u64 {
        millis(self.desk.world.now.since(Moment::START))
    }

    fn step(&mut self, step: &Step) -> Same {
        let (desk, model) = (&mut self.desk, &mut self.model);
        match step {
            Step::Submit(spec) => self.submit(spec),
            Step::Closure(spec) => self.closure(spec),
            Step::Stop => same("stop", &desk.stop().withdrawn, &model.stop()),
            Step::Interrupt(which) => {
                let only = which.map(|which| self.run_of(which));
                self.model.interrupt(only);
                self.desk.interrupt(only);
                Ok(())
            }
            Step::Withdraw(index) if !desk.things.is_empty() => {
                let number = index.index(desk.things.len());
                let expected = model.withdraw(number);
                same("withdraw", &desk.withdraw(number as u64), &expected)
            }
            Step::OwnMode(mode) => {
                desk.machine.set_own(mode.map(|mode| {
                    Box::new(crate::model::Knobs { mode: Some(mode), ..Default::default() })
                }));
                model.own_mode = *mode;
                Ok(())
            }
            Step::Abandon(which) => {
                let run = self.run_of(*which);
                let expected = self.model.abandon(run, Cause::Abandon);
                same("abandon", &self.desk.abandon(run, Cause::Abandon), &expected)
            }
            Step::Close(cause) => self.close(*cause),
            _ => self.step_of_run(step),
        }
    }

    fn step_of_run(&mut self, step: &Step) -> Same {
        match step {
            Step::Claim(index) if !self.desk.out.is_empty() => {
                let tag = self.desk.out[index.index(self.desk.out.len())];
                let lane = self.lane();
                let expected = self.model.claim(tag, lane);
                same("claim", &self.desk.redeem(tag), &expected)
            }
            Step::ComeBack(which, how, slice) => self.come_back(*which, *how, *slice),
            Step::Take(which, caller) => self.take(*which, *caller),
            Step::Commit(which, hold) => self.commit(*which, *hold),
            Step::Restore(which, hold) => {
                self.restore(*which, *hold);
                Ok(())
            }
            Step::End(which, caller) => self.end(*which, *caller),
            Step::Hold(which, open) => {
                let inbox = if *open { Inbox::Open } else { Inbox::Held };
                let run = self.run_of(*which);
                self.model.set_steerable(run, inbox);
                let known = self.desk.set_steerable(run, inbox).is_ok();
                same("set_steerable", &known, &self.model.is_live(run))
            }
            _ => self.step_of_time(step),
        }
    }

    /// Time, and what changes for every session at once.
    fn step_of_time(&mut self, step: &Step) -> Same {
        match step {
            Step::Pass(millis) => return self.pass(*millis),
            Step::PassUnnoticed(millis) => self.desk.pass_unnoticed(*millis),
            Step::Fire => return self.fire(),
            Step::Turn(knob) => self.turn(knob),
            Step::Drain => self.shut(Door::Draining),
            // Nothing to claim or to withdraw yet.
            _ => {}
        }
        Ok(())
    }

    /// The live run, or the one that a pending retry is for; or one that is neither.
    fn run_of(&self, which: Which) -> u64 {
        let retry = self.model.retry.as_ref().map_or(0, |retry| retry.run);
        match (which, &self.model.live) {
            (Which::Live, Some(live)) => live.id,
            (Which::Live, None) => retry,
            (Which::Other, live) => live.as_ref().map_or(7000, |live| live.id + 7000),
        }
    }

    fn guard_of(&self, hold: Hold) -> u64 {
        match hold {
            Hold::Current => self.guard,
            Hold::Stale => self.guard + 7000,
        }
    }

    fn lane(&self) -> Lane {
        let run = self.desk.next_run();
        Lane { run, inbox: self.desk.inbox, deadline: self.desk.lane_deadline }
    }

    fn submit(&mut self, spec: &Spec) -> Same {
        let live = self.model.live.as_ref().map_or(998, |live| live.id);
        let expect = spec.expect.map(|run| if run == 0 { live } else { run });
        let spec = Spec { expect, ..spec.clone() };
        let expected = self.model.submit(&spec);
        let found = self.desk.offer(&spec);
        let found = found.map(|l| (l.placement, l.fallback)).map_err(|refused| refused.reason);
        same("submit", &found, &expected)
    }

    /// Closures have no mode, route, attempts or time to live: what is left of a description.
    fn closure(&mut self, spec: &Spec) -> Same {
        let (lane, priority, origin) = (spec.lane, spec.priority, spec.origin);
        let spec = Spec { lane, priority, origin, ..Spec::new(None) };
        let expected = self.model.submit_closure(&spec);
        let found = self.desk.offer_closure(&spec);
        let found = found.map(|l| (l.placement, l.fallback)).map_err(|refused| refused.reason);
        same("closure", &found, &expected)
    }

    fn come_back(&mut self, which: Which, how: How, slice: bool) -> Same {
        let (run, lane) = (self.run_of(which), self.lane());
        let tag = self.desk.run.as_ref().map(|(_, tag)| *tag);
        let slice_of = tag.filter(|_| slice).map(|tag| (tag, lane));
        let end = match how {
            How::Done => End::Done(None),
            How::Failed => failed(),
            How::Panicked => End::Panicked { error: "boom".into() },
        };
        let expected = self.model.come_back(run, how, slice_of);
        same("come back", &self.desk.come_back(run, &end, slice), &expected)
    }

    fn took(&mut self, guard: u64) {
        self.guard = guard;
        if let Some(open) = self.model.live.as_mut().and_then(|live| live.guard.as_mut()) {
            open.0 = guard;
        }
    }

    fn take(&mut self, which: Which, caller: usize) -> Same {
        let run = self.run_of(which);
        let expected = self.model.take(run, caller);
        let found = self.desk.take(run, caller).ok();
        if let Some((guard, cells)) = &found
            && !cells.is_empty()
        {
            self.took(*guard);
        }
        same("take", &found.map(|(_, cells)| cells), &expected)
    }

    fn commit(&mut self, which: Which, hold: Hold) -> Same {
        let (run, guard) = (self.run_of(which), self.guard_of(hold));
        let expected = self.model.commit(run, guard);
        same("commit", &self.desk.commit(run, guard).is_ok(), &expected)
    }

    fn restore(&mut self, which: Which, hold: Hold) {
        let (run, guard) = (self.run_of(which), self.guard_of(hold));
        self.model.restore(run, guard);
        self.desk.restore(run, guard);
    }

    fn end(&mut self, which: Which, caller: usize) -> Same {
        let run = self.run_of(which);
        let expected = self.model.end(run, caller);
        let mut found = self.desk.end(run, caller);
        if let Ok(Ending::Steers(guard, _)) = &mut found {
            self.took(std::mem::take(guard));
        }
        same("end", &found, &expected)
    }

    fn fire(&mut self) -> Same {
        self.model.now = self.now();
        if self.desk.machine.armed().is_some_and(|at| at <= self.desk.world.now) {
            self.model.notice();
        }
        self.desk.fire();
        self.compare()
    }

    /// The timer alone must be enough: after it has fired, the machine is where the model is.
    fn pass(&mut self, millis: u64) -> Same {
        let until = self.desk.world.now.plus(ms(millis));
        while let Some(at) = self.desk.machine.armed().filter(|at| *at <= until) {
            self.desk.world.now = self.desk.world.now.max(at);
            self.fire()?;
        }
        self.desk.world.now = until;
        self.model.now = self.now();
        match self.model.due() {
            Some(due) if due <= self.model.now => Err(format!("{due} has passed unnoticed")),
            _ => Ok(()),
        }
    }

    fn turn(&mut self, knob: &Knob) {
        let queue = &mut self.desk.world.queue;
        match knob {
            Knob::Cap(cap) => queue.cap = *cap,
            Knob::Drop(drop) => queue.drop = *drop,
            Knob::Debounce(millis) => queue.debounce = ms(*millis),
            Knob::Reset(reset) => queue.reset_on_new_message = *reset,
            Knob::MaxBatch(most) => queue.max_batch = *most,
            Knob::Mode(mode) => queue.mode = *mode,
            Knob::StopAuthority(listed) => {
                self.desk.world.inbound.stop_authorities =
                    listed.then(|| "b".to_owned()).into_iter().collect();
            }
            Knob::Steerable(open) => {
                self.desk.inbox = if *open { Inbox::Open } else { Inbox::Never };
            }
            Knob::LaneDeadline(deadline) => self.desk.lane_deadline = *deadline,
        }
        self.model.queue = self.desk.world.queue.clone();
        self.model.stop_authorities = self.desk.world.inbound.stop_authorities.clone();
        self.shut(self.desk.world.door);
    }

    /// Every session is told when the door or a setting has changed.
    fn shut(&mut self, door: Door) {
        let further = if self.model.door == Door::Closed { Door::Closed } else { door };
        self.model.door = further;
        self.desk.shut(further);
        self.model.notice();
    }

    fn close(&mut self, cause: Cause) -> Same {
        self.shut(if cause == Cause::Close { Door::Closed } else { Door::Draining });
        same("close", &self.desk.close(cause).withdrawn, &self.model.close(cause))
    }
}
