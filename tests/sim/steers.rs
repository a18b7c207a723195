//! Boundaries: taking, committing and putting back steers, and the end of an inbox.

use laneq::{End, Fate, OwnedRun, RunId, Steers, Verdict};

use crate::runs::label;
use crate::truth::{At, Check, Door, Inbox, Pen};
use crate::world::World;

impl World {
    pub fn boundary(&mut self) -> Check {
        let Some(run) = self.hand() else { return Ok(()) };
        let verdict = run.boundary();
        let live = &self.truth.lives[&run.id()];
        let right = match verdict {
            Verdict::Stop(_) => live.stop.is_some(),
            Verdict::Steer => live.stop.is_none() && self.truth.sees_steers(run.id()),
            Verdict::Go => live.stop.is_none() && !self.truth.sees_steers(run.id()),
        };
        self.note(format!("{run:?}: {}", verdict.as_str()));
        self.hands.push(run);
        if right { Ok(()) } else { Err(format!("P6: the boundary says {verdict:?}")) }
    }

    pub fn take(&mut self) -> Check {
        let Some(run) = self.hand() else { return Ok(()) };
        let taken = run.take_steers();
        self.note(format!("{run:?} takes {} steers", taken.len()));
        self.hold_steers(&run, taken)?;
        self.back(run);
        Ok(())
    }

    /// A run is back in hand, unless it was abandoned meanwhile.
    pub fn back(&mut self, run: OwnedRun) {
        let live = self.truth.lives.contains_key(&run.id());
        if live { self.hands.push(run) } else { self.ghosts.push(run) }
    }

    /// Other things happen while the steers are in the run's hands.
    pub fn hold_steers(&mut self, run: &OwnedRun, taken: Steers<'_>) -> Check {
        let id = run.id();
        let found: Vec<usize> = taken.messages().map(|m| label(m.message().text())).collect();
        let right = if self.truth.sees_steers(id) { self.truth.inbox(id) } else { Vec::new() };
        if found != right {
            return Err(format!("P5: run {id} takes {found:?}, and {right:?} wait"));
        }
        if found.is_empty() {
            return Ok(());
        }
        let live = self.truth.lives.get_mut(&id).expect("it lives");
        (live.rounds, live.taking) = (live.rounds + 1, true);
        for n in &found {
            self.truth.msgs[*n].at = At::Taken;
        }
        self.after()?;
        self.nested += 1;
        for _ in 0..self.dice.below(4) {
            if self.nested < 4 {
                self.step()?;
            }
        }
        self.nested -= 1;
        if let Some(live) = self.truth.lives.get_mut(&id) {
            live.taking = false;
        }
        if self.dice.percent(70) {
            self.commit(id, taken, &found)
        } else {
            self.restore(id, taken, &found)
        }
    }

    pub fn commit(&mut self, run: RunId, taken: Steers<'_>, found: &[usize]) -> Check {
        let lives = self.truth.lives.contains_key(&run);
        self.note(format!("run {run} commits {found:?}"));
        if self.seam.commit(taken).is_ok() != lives {
            return Err(format!("P5: the commit of run {run}, which lives: {lives}"));
        }
        if !lives {
            return Ok(());
        }
        for n in found {
            let (half, cleared) =
                (self.truth.msgs[*n].mode == laneq::Mode::SteerBacklog, self.cleared(*n));
            if !half {
                self.must.push((*n, vec![Fate::Steered]));
                continue;
            }
            let msg = &mut self.truth.msgs[*n];
            (msg.seen, msg.at) = (true, At::Waits);
            self.truth.happens(*n);
            if self.truth.pen != Pen::Writes {
                self.truth.unseen.insert(*n);
            }
            if let Some(fate) = cleared {
                self.must.push((*n, vec![fate]));
            }
        }
        Ok(())
    }

    /// What a stop, or the end of the engine, has decided while it was in a run's hands.
    pub fn cleared(&self, n: usize) -> Option<Fate> {
        if self.truth.unfinished.contains(&n) || self.truth.door == Door::Over {
            return Some(Fate::Returned);
        }
        self.truth.msgs[n].stopped.then_some(Fate::Withdrawn)
    }

    pub fn restore(&mut self, run: RunId, taken: Steers<'_>, found: &[usize]) -> Check {
        self.note(format!("run {run} puts {found:?} back"));
        drop(taken);
        if self.truth.lives.contains_key(&run) {
            self.undelivered(found);
            if self.truth.lives[&run].rounds >= self.truth.steer_rounds {
                self.truth.promotes(run);
            } else if self.truth.sees_steers(run) {
                self.truth.lives.get_mut(&run).expect("it lives").steer_due = true;
            }
        }
        Ok(())
    }

    /// Steers that leave a run's hands without a commit.
    pub fn undelivered(&mut self, found: &[usize]) {
        for n in found {
            self.truth.msgs[*n].at = At::Waits;
            let over = self.truth.msgs[*n].expires.is_some_and(|at| at <= self.truth.now);
            match self.cleared(*n) {
                Some(fate) => self.must.push((*n, vec![fate])),
                None if over => self.must.push((*n, vec![Fate::Expired])),
                None => {}
            }
        }
    }

    pub fn end(&mut self) -> Check {
        let Some(run) = self.hand() else { return Ok(()) };
        self.would_end(&run)?;
        self.back(run);
        Ok(())
    }

    pub fn would_end(&mut self, run: &OwnedRun) -> Check {
        let id = run.id();
        let live = &self.truth.lives[&id];
        let (stopped, inbox) = (live.stop.is_some(), live.inbox);
        let ended = run.end().map_err(|e| format!("run {id} cannot end: {e}"))?;
        self.note(format!("run {id} would end: {ended:?}"));
        match ended {
            End::Stop(_) if stopped && inbox != Inbox::Closed => {}
            End::Steers(taken) if !stopped && self.truth.sees_steers(id) => {
                self.hold_steers(run, taken)?;
            }
            End::Closed if !stopped && !self.truth.sees_steers(id) || inbox == Inbox::Closed => {
                let live = self.truth.lives.get_mut(&id).expect("it lives");
                if live.inbox != Inbox::Never {
                    live.inbox = Inbox::Closed;
                }
                self.truth.promotes(id);
            }
            ended => return Err(format!("P5: run {id} may not end like this: {ended:?}")),
        }
        Ok(())
    }
}
