//! Steps that do something with a run in the simulator's hands.

use laneq::{Cause, Fate, Notice, OwnedRun, Reply, RunId, Verdict, WaitError};

use crate::arrive::{describe, landed};
use crate::truth::{At, Check, Door, Handle, Inbox, Live, Told};
use crate::world::World;

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Done,
    Failed,
    Abandoned,
}

/// The label in a text.
pub fn label(text: &str) -> usize {
    text.strip_prefix('n').and_then(|n| n.parse().ok()).expect("a text of the simulator's")
}

impl World {
    /// Some run in hand, taken out.
    pub fn hand(&mut self) -> Option<OwnedRun> {
        if self.hands.is_empty() {
            return None;
        }
        let at = self.dice.index(self.hands.len());
        Some(self.hands.remove(at))
    }

    pub fn pull(&mut self) -> Check<bool> {
        let notice = self.seam.next();
        self.hear_code()?;
        self.hear_refusals()?;
        match notice {
            None => {
                self.learn()?;
                self.note("pull: nothing".to_owned());
                self.drained()?;
                return Ok(false);
            }
            Some(Notice::Ready(run)) => self.ready(run)?,
            Some(Notice::Steer(run)) => {
                self.note(format!("told: a steer waits for run {run}"));
                self.heard(run, |live| live.steer_due = false)?;
            }
            Some(Notice::Stop(run, cause)) => {
                self.note(format!("told: run {run} is stopped, {cause}"));
                if let Some(live) = self.truth.lives.get_mut(&run) {
                    if live.stop.is_none() {
                        return Err(format!("P6: run {run} is stopped by nobody: {cause}"));
                    }
                    live.stop_told = true;
                }
            }
            Some(Notice::Waited(run)) => self.waited(run)?,
            Some(Notice::Settled(n)) => self.told(usize::try_from(n).expect("a label"))?,
            Some(Notice::Closed) if self.truth.door == Door::Over => return Ok(false),
            Some(notice) => return Err(format!("an unexpected notice: {notice:?}")),
        }
        Ok(true)
    }

    /// A notice of a run. Of an abandoned one, what was unread may still be told.
    pub fn heard(&mut self, run: RunId, change: impl FnOnce(&mut Live)) -> Check {
        match self.truth.lives.get_mut(&run) {
            Some(live) => change(live),
            None if self.truth.fenced.contains(&run) => {}
            None => return Err(format!("a notice of run {run}, which is over")),
        }
        Ok(())
    }

    /// P8: it waits for nothing any more, and has its slot.
    fn waited(&mut self, run: RunId) -> Check {
        self.note(format!("told: run {run} has waited"));
        self.learn()?;
        if let Some(live) = self.truth.lives.get(&run) {
            if live.waits.is_empty() {
                return Err(format!("P8: run {run} has waited, and had begun no wait"));
            }
            if let Some(n) = self.truth.waits_for(live) {
                return Err(format!("P8: run {run} has waited, and {n} has no fate"));
            }
        }
        self.heard(run, |live| {
            live.waits.clear();
            live.lent = false;
        })
    }

    pub fn told(&mut self, n: usize) -> Check {
        self.note(format!("told: {n} has its fate"));
        self.learn()?;
        let msg = &mut self.truth.msgs[n];
        if msg.is_open() || msg.watched != Told::Due {
            return Err(format!("told that {n} has its fate: {:?}, {:?}", msg.at, msg.watched));
        }
        msg.watched = Told::Once;
        Ok(())
    }

    pub fn pull_all(&mut self) -> Check {
        for _ in 0..100 {
            if !self.pull()? {
                break;
            }
            self.after()?;
        }
        Ok(())
    }

    pub fn ready(&mut self, run: OwnedRun) -> Check {
        // What became of others on the way comes first.
        let batch: Vec<usize> = run.batch().messages().map(|m| label(m.message().text())).collect();
        let (id, key, lane, attempt) =
            (run.id(), run.key().to_owned(), run.lane().to_owned(), run.attempt());
        self.note(format!("run {id} of {key} in {lane}: {batch:?}, attempt {attempt}"));
        self.learn()?;
        self.truth.starts(id, &key, &lane, &batch, attempt)?;
        let first = &self.truth.msgs[batch[0]];
        let deadline = first.deadline.map(|deadline| self.truth.now + deadline);
        let live = Live {
            key,
            lane,
            batch: batch.clone(),
            attempt,
            stop: None,
            stop_told: false,
            steer_due: false,
            inbox: if self.plan.steerable { Inbox::Open } else { Inbox::Never },
            rounds: 0,
            taking: false,
            deadline,
            waits: Vec::new(),
            lent: false,
            family: Vec::new(),
            depth: first.depth,
        };
        self.truth.lives.insert(id, live);
        self.hands.push(run);
        Ok(())
    }

    pub fn hold(&mut self) -> Check {
        let Some(run) = self.hand() else { return Ok(()) };
        let on = self.dice.percent(60);
        self.note(format!("{run:?} is steerable: {on}"));
        run.set_steerable(on).map_err(|e| e.to_string())?;
        let live = self.truth.lives.get_mut(&run.id()).expect("it lives");
        if matches!(live.inbox, Inbox::Open | Inbox::Held) {
            live.inbox = if on { Inbox::Open } else { Inbox::Held };
        }
        if on && self.truth.sees_steers(run.id()) {
            self.truth.lives.get_mut(&run.id()).expect("it lives").steer_due = true;
        }
        self.hands.push(run);
        Ok(())
    }

    pub fn complete(&mut self) -> Check {
        let Some(run) = self.hand() else { return Ok(()) };
        self.note(format!("{run:?} is done"));
        self.ends(run.id(), How::Done);
        run.complete("done").map_err(|e| e.to_string())
    }

    pub fn fail(&mut self) -> Check {
        let Some(run) = self.hand() else { return Ok(()) };
        self.note(format!("{run:?} fails"));
        self.ends(run.id(), How::Failed);
        run.fail("planned failure").map_err(|e| e.to_string())
    }

    pub fn panic(&mut self) -> Check {
        let Some(run) = self.hand() else { return Ok(()) };
        self.note(format!("{run:?} panics"));
        self.ends(run.id(), How::Failed);
        let panics = |_: &laneq::Run| -> Result<Reply, laneq::BoxError> {
            std::panic::resume_unwind(Box::new("planned panic"))
        };
        run.execute(panics).map_err(|e| e.to_string())
    }

    pub fn let_go(&mut self) -> Check {
        let Some(run) = self.hand() else { return Ok(()) };
        self.note(format!("{run:?} is let go"));
        self.ends(run.id(), How::Failed);
        drop(run);
        Ok(())
    }

    /// What the end of a run means for everybody: the table of the design.
    pub fn ends(&mut self, run: RunId, how: How) {
        let mut live = self.truth.lives.remove(&run).expect("it lives");
        if how != How::Done {
            self.truth.recall(&live.family);
        }
        if how == How::Abandoned {
            live.stop = live.stop.or(Some(Cause::Abandon));
            self.truth.fenced.insert(run);
        }
        let mine = |n: &usize| self.truth.msgs[*n].steers == Some(run);
        let taken: Vec<usize> =
            self.truth.all(&live.key, At::Taken).into_iter().filter(mine).collect();
        self.undelivered(&taken);
        self.truth.promotes(run);
        let first = &self.truth.msgs[live.batch[0]];
        let urgent = self.truth.line(&live.key).first().is_some_and(|n| self.truth.msgs[*n].urgent);
        let fates = match (how, live.stop) {
            (How::Done, _) => vec![Fate::Ran],
            // Which of the two reached a child first is nobody's promise.
            (_, Some(Cause::Parent)) if self.truth.door != Door::Open => {
                vec![Fate::Ran, Fate::Returned]
            }
            (_, Some(Cause::Drain | Cause::Close)) => vec![Fate::Returned, Fate::Ran],
            (_, Some(_)) => vec![Fate::Ran],
            (_, None) if live.attempt >= first.attempts && first.attempts > 1 => vec![Fate::Parked],
            (_, None) if live.attempt >= first.attempts => vec![Fate::Ran],
            (_, None) if self.truth.door == Door::Over => vec![Fate::Returned],
            (_, None) if urgent => vec![Fate::Ran],
            (_, None) => Vec::new(),
        };
        if fates.is_empty() {
            for n in &live.batch {
                self.truth.msgs[*n].at = At::Retry;
            }
            return;
        }
        if fates.contains(&Fate::Returned) {
            self.truth.unfinished.extend(&live.batch);
        }
        if how != How::Abandoned {
            self.answers.push((live.batch.clone(), 1));
        }
        self.must.extend(live.batch.iter().map(|n| (*n, fates.clone())));
    }

    pub fn spawn(&mut self) -> Check {
        let Some(run) = self.hand() else { return Ok(()) };
        let key = self.key();
        let mut sent = self.compose(&key);
        let live = &self.truth.lives[&run.id()];
        sent.lane_of_child(&live.lane);
        let depth = live.depth + 1;
        sent.below(depth);
        let (before, line) = (self.before(&sent), describe(&sent));
        match self.seam.spawn(&run, sent.message.clone()) {
            Ok(receipt) => {
                self.note(format!("{run:?} spawns {line}: {}", landed(&receipt)));
                let n = self.truth.msgs.len();
                self.admitted(sent, &receipt, before, Some(run.id()))?;
                self.born(run.id(), n, depth)?;
            }
            Err(refused) => {
                self.note(format!("{run:?} spawns {line}: refused, {}", refused.reason));
                self.turned_away(&sent, &refused, before, true)?;
            }
        }
        self.hands.push(run);
        Ok(())
    }

    pub fn born(&mut self, run: RunId, n: usize, depth: u32) -> Check {
        let limits = &self.config.limits;
        if depth > u32::from(limits.spawn_depth) {
            return Err(format!("P9: a child {depth} levels deep"));
        }
        let live = self.truth.lives.get_mut(&run).expect("it lives");
        if live.stop.is_some() {
            self.truth.recall(&[n]);
            return Ok(());
        }
        live.family.retain(|n| self.truth.msgs[*n].is_open());
        live.family.push(n);
        let living = live.family.len();
        if living > limits.children {
            return Err(format!("P9: {living} children of run {run}"));
        }
        Ok(())
    }

    pub fn wait(&mut self) -> Check {
        let Some(run) = self.hand() else { return Ok(()) };
        let open: Vec<usize> = self.truth.open.iter().copied().collect();
        let n = (!open.is_empty()).then(|| self.dice.pick(&open));
        if let Some(n) = n {
            let answer = match &self.truth.msgs[n].handle {
                Handle::Message(receipt) => run.wait_begin(receipt),
                Handle::Code(receipt) => run.wait_begin(receipt),
                Handle::Fired => Ok(()),
            };
            let fired = matches!(self.truth.msgs[n].handle, Handle::Fired);
            let own = self.truth.msgs[n].key == run.key();
            let word = if answer.is_ok() { "begins" } else { "refused" };
            self.note(format!("{run:?} waits for {n}: {word}"));
            match answer {
                Ok(()) if fired => {}
                Ok(()) if own => return Err(format!("P8: {run:?} waits for its own session")),
                Ok(()) => {
                    let live = self.truth.lives.get_mut(&run.id()).expect("it lives");
                    live.waits.push(n);
                    live.lent = true;
                }
                Err(WaitError::WouldDeadlock(_)) => {}
                Err(error) => return Err(format!("{run:?} cannot wait: {error}")),
            }
        }
        self.hands.push(run);
        Ok(())
    }

    pub fn abandon(&mut self) -> Check {
        let lives: Vec<RunId> = self.truth.lives.keys().copied().collect();
        if lives.is_empty() {
            return Ok(());
        }
        let run = self.dice.pick(&lives);
        self.note(format!("run {run} is abandoned"));
        self.ends(run, How::Abandoned);
        if let Some(at) = self.hands.iter().position(|hand| hand.id() == run) {
            let ghost = self.hands.remove(at);
            self.ghosts.push(ghost);
        }
        self.seam.abandon(run).map_err(|e| e.to_string())
    }

    /// An abandoned run comes back: nothing of it has any effect.
    pub fn ghost(&mut self) -> Check {
        let Some(run) = self.ghosts.pop() else { return Ok(()) };
        self.note(format!("{run:?} comes back from nowhere"));
        if !run.take_steers().is_empty() || run.boundary() != Verdict::Stop(Cause::Abandon) {
            return Err(format!("P1: {run:?} is fenced"));
        }
        match run.complete("late") {
            Err(laneq::Error::Stale(_)) => Ok(()),
            other => Err(format!("P1: an abandoned run was completed: {other:?}")),
        }
    }
}
