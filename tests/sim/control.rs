//! Steps from outside: stops, settings, time, and the end.

use std::collections::BTreeMap;
use std::time::Duration;

use laneq::{Cause, Closed, Concurrency, Config, Fate, Knobs, Message, Mode, Reason, Withdrawn};

use crate::plan::LANES;
use crate::runs::How;
use crate::truth::{At, Check, Door, Handle, Told};
use crate::world::World;

/// A broken engine fails a seed after this long instead of hanging it.
const LONG: Duration = Duration::from_secs(60);

pub fn lanes(config: &Config) -> BTreeMap<String, (u32, bool)> {
    let slots = |lane: &laneq::Lane| match lane.concurrency {
        Concurrency::Limit(limit) => limit,
        Concurrency::Unlimited => lane.ceiling,
    };
    config.lanes.iter().map(|(name, lane)| (name.clone(), (slots(lane), false))).collect()
}

impl World {
    fn some(&mut self) -> Option<usize> {
        let all = self.truth.msgs.len();
        // The young more often than the old.
        let from = if self.dice.percent(80) { all.saturating_sub(12) } else { 0 };
        (all > 0).then(|| from + self.dice.index(all - from))
    }

    pub fn watch(&mut self) -> Check {
        let Some(n) = self.some().filter(|n| self.truth.msgs[*n].watched == Told::NotWatched)
        else {
            return Ok(());
        };
        match &self.truth.msgs[n].handle {
            Handle::Message(receipt) => self.seam.watch(receipt, n as u64),
            Handle::Code(receipt) => self.seam.watch(receipt, n as u64),
            Handle::Fired => return Ok(()),
        }
        self.truth.msgs[n].watched = Told::Due;
        self.note(format!("{n} is watched"));
        Ok(())
    }

    pub fn withdraw(&mut self) -> Check {
        let Some(n) = self.some() else { return Ok(()) };
        let right = match self.truth.msgs[n].at {
            At::Waits => Withdrawn::Withdrawn,
            At::Taken => Withdrawn::InDelivery,
            At::Started(_) | At::Retry => Withdrawn::Started,
            At::Gone(_) => Withdrawn::Settled,
        };
        let answer = match &self.truth.msgs[n].handle {
            Handle::Message(receipt) => self.seam.withdraw(receipt),
            Handle::Code(receipt) => self.seam.withdraw(receipt),
            Handle::Fired => return Ok(()),
        };
        self.note(format!("{n} is withdrawn: {answer:?}"));
        if answer != right {
            return Err(format!("withdrawing {n} answers {answer:?}, not {right:?}"));
        }
        if answer == Withdrawn::Withdrawn {
            self.truth.msgs[n].withdrawable = true;
            self.must.push((n, vec![Fate::Withdrawn]));
        }
        Ok(())
    }

    /// What a stop of a key must come to: the run it stops, and how many it withdraws.
    fn will_stop(&mut self, key: &str) -> usize {
        let waiting = self.truth.clears(key);
        self.must.extend(waiting.iter().map(|n| (*n, vec![Fate::Withdrawn])));
        self.ends_retry(key);
        if let Some(run) = self.truth.live_of(key) {
            self.truth.stops(run, Cause::Stop);
        }
        waiting.len()
    }

    fn ends_retry(&mut self, key: &str) {
        let retry = self.truth.all(key, At::Retry);
        self.must.extend(retry.into_iter().map(|n| (n, vec![Fate::Ran])));
    }

    pub fn stop(&mut self) -> Check {
        let key = self.key();
        self.note(format!("stop {key}"));
        let live = self.truth.live_of(&key);
        let (stopped, waiting) = (self.seam.stop(&key), self.will_stop(&key));
        if stopped.withdrawn as usize != waiting || live.is_some() && stopped.run != live {
            return Err(format!("{stopped:?}: {waiting} waited, {live:?} ran"));
        }
        Ok(())
    }

    pub fn interrupt(&mut self) -> Check {
        let key = self.key();
        self.note(format!("interrupt {key}"));
        let live = self.truth.live_of(&key);
        let retry = !self.truth.all(&key, At::Retry).is_empty();
        let answer = self.seam.engine.interrupt(&key);
        match live {
            Some(run) => self.truth.stops(run, Cause::Interrupt),
            None => self.ends_retry(&key),
        }
        if live.is_some() && answer != live || answer.is_some() != (live.is_some() || retry) {
            return Err(format!("an interrupt of {key} answers {answer:?}, not {live:?}"));
        }
        Ok(())
    }

    pub fn interrupt_run(&mut self) -> Check {
        let lives: Vec<_> = self.truth.lives.keys().copied().collect();
        if lives.is_empty() {
            return Ok(());
        }
        let run = self.dice.pick(&lives);
        self.note(format!("run {run} is interrupted"));
        self.seam.engine.interrupt_run(run).map_err(|e| e.to_string())?;
        self.truth.stops(run, Cause::Interrupt);
        Ok(())
    }

    pub fn directive(&mut self) -> Check {
        let key = self.key();
        let texts = [
            "/stop",
            "/queue steer",
            "/queue followup cap:3",
            "/queue reset",
            "/queue",
            "/queue x:y",
        ];
        let text = self.dice.pick(&texts);
        self.note(format!("{text} to {key}"));
        match self.seam.engine.submit(Message::new(key.as_str(), text)) {
            Err(refused) if refused.reason == Reason::Directive => {}
            answer => return Err(format!("{text}: {answer:?}")),
        }
        if text == "/stop" {
            self.will_stop(&key);
        }
        Ok(())
    }

    pub fn lane(&mut self) -> Check {
        let (lane, slots) = (self.dice.pick(&LANES), self.dice.pick(&[0, 1, 1, 2, 3, 4]));
        self.note(format!("lane {lane} has {slots} slots"));
        self.seam.set_lane(lane, slots);
        self.truth.lanes.get_mut(lane).expect("a lane").0 = slots;
        Ok(())
    }

    pub fn pause(&mut self) -> Check {
        let (lane, paused) = (self.dice.pick(&LANES), self.dice.percent(50));
        self.note(format!("lane {lane} is paused: {paused}"));
        self.set_paused(lane, paused)
    }

    fn set_paused(&mut self, lane: &str, paused: bool) -> Check {
        let engine = &self.seam.engine;
        let answer = if paused { engine.pause(lane) } else { engine.resume(lane) };
        self.truth.lanes.get_mut(lane).expect("a lane").1 = paused;
        answer.map_err(|e| e.to_string())
    }

    pub fn knobs(&mut self) -> Check {
        let key = self.key();
        let mut knobs = Knobs::default();
        if self.dice.percent(70) {
            knobs.cap = Some(self.dice.pick(&[1, 2, 4, 30]));
            knobs.drop =
                Some(self.dice.pick(&[laneq::Drop::Old, laneq::Drop::New, laneq::Drop::Summarize]));
            knobs.mode = Some(self.dice.pick(&[Mode::Followup, Mode::Collect, Mode::Steer]));
            knobs.debounce = Some(Duration::from_millis(self.dice.pick(&[0, 500, 5000])));
        }
        self.note(format!("{key} has {knobs:?}"));
        self.seam.engine.set_knobs(&key, knobs).map_err(|e| e.to_string())
    }

    pub fn reload(&mut self) -> Check {
        crate::plan::change(&mut self.config, &mut self.dice);
        self.note("new settings".to_owned());
        let _ = self.seam.engine.reload(self.config.clone()).map_err(|e| e.to_string())?;
        for (name, (slots, _)) in lanes(&self.config) {
            self.truth.lanes.entry(name).or_default().0 = slots;
        }
        Ok(())
    }

    pub fn tick(&mut self) -> Check {
        let ms = self.dice.pick(&[1, 1, 10, 100, 700, 1000, 5000, 30_000]);
        self.pass(ms)
    }

    /// Nobody writes for hours, or days.
    pub fn sleep(&mut self) -> Check {
        let ms = self.dice.pick(&[600_000, 3_600_000, 86_400_000, 7 * 86_400_000]);
        self.pass(ms)
    }

    fn pass(&mut self, ms: u64) -> Check {
        self.note(format!("{ms} ms go by"));
        self.truth.now += ms;
        self.seam.advance(Duration::from_millis(ms));
        self.truth.deadlines();
        Ok(())
    }

    /// Nothing new comes, and nobody is in the way: everything must find its end. P4, P8.
    pub fn calm(&mut self) -> Check {
        self.note("calm".to_owned());
        self.mend()?;
        for lane in LANES {
            self.set_paused(lane, false)?;
            if self.truth.lanes[lane].0 == 0 {
                self.seam.set_lane(lane, 1);
                self.truth.lanes.get_mut(lane).expect("a lane").0 = 1;
            }
        }
        self.after()?;
        // Each round ends a run or lets time go by; a batch has at most three attempts.
        let mut quiet = 0;
        for _ in 0..40 + 20 * self.truth.open.len() {
            if self.truth.open.is_empty() {
                return Ok(());
            }
            self.pull_all()?;
            let idle = |run: &&laneq::OwnedRun| self.truth.lives[&run.id()].waits.is_empty();
            let free = self.hands.iter().filter(idle).map(|run| run.id()).next();
            if let Some(run) = free {
                self.completes(run)?;
                quiet = 0;
            } else {
                quiet += 1;
                self.pass(1000 << (2 * quiet).min(31))?;
            }
            self.after()?;
            if quiet > 14 {
                break;
            }
        }
        let left: Vec<String> =
            self.truth.open.iter().map(|n| format!("{n} {:?}", self.truth.msgs[*n].at)).collect();
        Err(format!("P8: these wait for ever: {}", left.join(", ")))
    }

    fn completes(&mut self, run: laneq::RunId) -> Check {
        let at = self.hands.iter().position(|hand| hand.id() == run).expect("it is in hand");
        let run = self.hands.remove(at);
        self.note(format!("{run:?} is done"));
        self.ends(run.id(), How::Done);
        run.complete("done").map_err(|e| e.to_string())
    }

    /// Everything that waits is returned, and every run is told to stop.
    fn all_end(&mut self, cause: Cause) {
        let lives: Vec<_> = self.truth.lives.keys().copied().collect();
        lives.into_iter().for_each(|run| self.truth.stops(run, cause));
        let open: Vec<usize> = self.truth.open.iter().copied().collect();
        for n in open {
            self.truth.unfinished.insert(n);
            let msg = &self.truth.msgs[n];
            if matches!(msg.at, At::Waits | At::Retry) {
                // Whether a child hears of the end first, or of its parent's, is nobody's promise.
                let child = if msg.at == At::Waits { Fate::Withdrawn } else { Fate::Ran };
                let fates = [Fate::Returned, child];
                let alone = !msg.withdrawable;
                self.must.push((n, fates[..2 - usize::from(alone)].to_vec()));
            }
        }
    }

    pub fn drain(&mut self) -> Check {
        // A drained engine takes nothing any more: only in the end.
        if self.dice.percent(70) || self.truth.door != Door::Open {
            return Ok(());
        }
        self.truth.door = Door::Draining;
        if self.dice.percent(60) {
            self.note("a drain begins".to_owned());
            self.seam.engine.begin_drain();
            return Ok(());
        }
        let (open, lives) = (self.truth.open.len(), self.truth.lives.len());
        self.all_end(Cause::Drain);
        let report = self.seam.engine.drain(Duration::ZERO).map_err(|e| e.to_string())?;
        self.note(format!("a drain: complete {}", report.complete));
        if report.complete != (open == 0) || report.running.len() != lives {
            return Err(format!("a drain of {open} messages and {lives} runs: {report:?}"));
        }
        Ok(())
    }

    pub fn finish(&mut self) -> Check {
        let hurried = self.dice.percent(40);
        if !hurried {
            self.calm()?;
        }
        self.truth.door = Door::Over;
        self.note("close".to_owned());
        let (lives, ghosts) = (self.truth.lives.len(), self.ghosts.len());
        self.all_end(Cause::Close);
        if lives + ghosts > 0 {
            self.stuck(lives + ghosts)?;
        }
        let closed = self.seam.engine.close(LONG).map_err(|e| e.to_string())?;
        if closed != Closed::Closed {
            return Err(format!("P12: {closed:?}"));
        }
        self.after()?;
        if !self.truth.open.is_empty() {
            return Err(format!("P4: {:?} have no fate after a close", self.truth.open));
        }
        self.pull_to_the_end()?;
        match &self.book {
            Some(book) => book.check(&self.seam.engine.stats()),
            None => Ok(()),
        }
    }

    /// Runs that do not come back before the deadline of a close are fenced, and listed.
    fn stuck(&mut self, runs: usize) -> Check {
        let closed = self.seam.engine.close(Duration::from_millis(1)).map_err(|e| e.to_string())?;
        match closed {
            Closed::Stuck(list) if list.len() == runs => {}
            closed => return Err(format!("P12: {runs} runs are in hand: {closed:?}")),
        }
        let lives: Vec<_> = self.truth.lives.keys().copied().collect();
        lives.into_iter().for_each(|run| self.ends(run, How::Abandoned));
        self.ghosts.append(&mut self.hands);
        self.after()?;
        while !self.ghosts.is_empty() {
            self.ghost()?;
        }
        Ok(())
    }

    fn pull_to_the_end(&mut self) -> Check {
        for _ in 0..self.truth.msgs.len() + 10 {
            if !self.pull()? {
                return self.drained();
            }
        }
        Err("a closed port has notices for ever".to_owned())
    }
}
