//! What the simulator knows by itself: every message with the place where it is, every run with
//! what it has been told. It is written from the promises, and knows nothing of how the engine works.

use std::collections::{BTreeMap, BTreeSet};

use laneq::{Cause, Fate, Mode, Receipt, RunId};

pub type Check<T = ()> = Result<T, String>;

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// In the backlog, among the interrupts, or in the inbox of the run that it steers.
    Waits,
    /// In that run's hands, and not committed.
    Taken,
    Started(RunId),
    /// In a batch that is to run again, or whose start the journal has refused.
    Retry,
    Gone(Fate),
}

/// How its fate can be asked for.
pub enum Handle {
    Message(Receipt),
    Code(Receipt<u64>),
    /// Only whether its code was executed, or dropped.
    Fired,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    NotWatched,
    Due,
    Once,
}

pub struct Msg {
    pub key: String,
    pub lane: String,
    /// What its mode came to be when it was admitted.
    pub mode: Mode,
    pub authority: String,
    pub source: Option<u64>,
    pub attempts: u32,
    pub deadline: Option<u64>,
    /// When its time is over.
    pub expires: Option<u64>,
    pub id: Option<String>,
    pub accepted: u64,
    /// The run that took it as a steer.
    pub steers: Option<RunId>,
    /// It left that run's inbox undelivered.
    pub promoted: bool,
    /// A delivered steer with a later turn.
    pub seen: bool,
    /// An interrupt that may stop what it meets.
    pub urgent: bool,
    /// It asked to steer or to interrupt, and may not.
    pub fell_back: bool,
    pub at: At,
    /// It was in a run's hands when its key was stopped.
    pub stopped: bool,
    /// Somebody has taken it back, its parent has ended, or its key was stopped.
    pub withdrawable: bool,
    pub watched: Told,
    pub handle: Handle,
    /// Levels of runs above it.
    pub depth: u32,
    /// Crashes that it was in the middle of.
    pub interrupted: u32,
    /// Runs of it that were counted.
    pub tried: u32,
}

impl Msg {
    pub fn is_code(&self) -> bool {
        !matches!(self.handle, Handle::Message(_))
    }

    pub fn is_open(&self) -> bool {
        !matches!(self.at, At::Gone(_))
    }

    /// P2: the rank of what waits for a turn.
    pub fn rank(&self) -> u8 {
        match (self.urgent, self.steers) {
            (true, _) => 0,
            (false, Some(_)) if !self.seen => 1,
            _ => 2,
        }
    }

    /// Whether both may be messages of one batch. A leading window merges what comes in any mode.
    pub fn merges_with(&self, other: &Self, leading: bool) -> bool {
        let mode = |m: &Self| m.mode == Mode::Collect || leading && m.mode != Mode::Interrupt;
        let collects = |m: &Self| mode(m) && m.rank() == 2 && !m.is_code();
        let like =
            |m: &Self| (m.lane.clone(), m.authority.clone(), m.source, m.attempts, m.deadline);
        collects(self) && collects(other) && like(self) == like(other)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inbox {
    Never,
    Open,
    Held,
    Closed,
}

/// A run in the host's hands.
pub struct Live {
    pub key: String,
    pub lane: String,
    pub batch: Vec<usize>,
    pub attempt: u32,
    pub stop: Option<Cause>,
    /// A notice of it was read.
    pub stop_told: bool,
    /// A steer became visible, and no notice of it was read since.
    pub steer_due: bool,
    pub inbox: Inbox,
    pub rounds: u32,
    /// It has steers in its hands: others are not visible.
    pub taking: bool,
    pub deadline: Option<u64>,
    /// Messages that it waits for, until it is told that all waits are over.
    pub waits: Vec<usize>,
    /// Its slot is another's, as far as has been told.
    pub lent: bool,
    /// Its children, in order, that go with it.
    pub family: Vec<usize>,
    pub depth: u32,
}

/// Whether the engine takes messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub enum Door {
    Open,
    Draining,
    /// A drain is over, or a close has begun: what waits is returned.
    Over,
}

/// Whether the journal can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pen {
    Writes,
    /// For a while: a run that is to start waits, and what has happened is written later.
    Refuses,
    /// Never again: what is to start is returned.
    Broken,
}

pub struct Truth {
    pub msgs: Vec<Msg>,
    /// Labels of messages without a fate.
    pub open: BTreeSet<usize>,
    pub lives: BTreeMap<RunId, Live>,
    /// The slots of each lane; 0 is paused.
    pub lanes: BTreeMap<String, (u32, bool)>,
    pub door: Door,
    pub now: u64,
    pub steer_rounds: u32,
    pub max_batch: u32,
    pub leading: bool,
    /// Keys to which something came in this step: something there may give way.
    pub arrivals: BTreeSet<String>,
    pub pen: Pen,
    /// Messages whose end or delivery no commit has taken yet: a crash undoes it.
    pub unwritten: BTreeSet<usize>,
    /// Steers whose delivery is among that.
    pub unseen: BTreeSet<usize>,
    /// What was pending when a drain was over, or a close began.
    pub unfinished: BTreeSet<usize>,
    /// Runs that were abandoned.
    pub fenced: BTreeSet<RunId>,
}

impl Truth {
    pub fn live_of(&self, key: &str) -> Option<RunId> {
        self.lives.iter().find(|(_, live)| live.key == key).map(|(id, _)| *id)
    }

    pub fn all(&self, key: &str, at: At) -> Vec<usize> {
        let here = |n: &&usize| self.msgs[**n].key == key && self.msgs[**n].at == at;
        self.open.iter().filter(here).copied().collect()
    }

    /// What a run would find if it took its steers.
    pub fn inbox(&self, run: RunId) -> Vec<usize> {
        let here = |n: &&usize| {
            let m = &self.msgs[**n];
            m.steers == Some(run) && m.at == At::Waits && !m.promoted && !m.seen
        };
        self.open.iter().filter(here).copied().collect()
    }

    pub fn sees_steers(&self, run: RunId) -> bool {
        let live = &self.lives[&run];
        let open = live.stop.is_none() && live.inbox == Inbox::Open && !live.taking;
        open && live.rounds < self.steer_rounds && !self.inbox(run).is_empty()
    }

    /// A message that a run has to wait for still.
    pub fn waits_for(&self, live: &Live) -> Option<usize> {
        let open = |n: &usize| live.stop.is_none() && self.msgs[*n].is_open();
        live.waits.iter().copied().find(open)
    }

    /// Messages that count towards a cap.
    pub fn depth(&self, key: &str) -> usize {
        let counts = |n: &&usize| {
            let m = &self.msgs[**n];
            m.key == key && !m.is_code() && matches!(m.at, At::Waits | At::Taken)
        };
        self.open.iter().filter(counts).count()
    }

    /// What waits for a turn under a key, in the order of P2.
    pub fn line(&self, key: &str) -> Vec<usize> {
        let mut line = self.all(key, At::Waits);
        line.sort_by_key(|n| (self.msgs[*n].rank(), *n));
        line
    }

    pub fn executing(&self, lane: &str) -> u32 {
        let here = |live: &&Live| live.lane == lane && !live.lent;
        u32::try_from(self.lives.values().filter(here).count()).expect("few")
    }

    pub fn slots(&self, lane: &str) -> u32 {
        let (slots, paused) = self.lanes[lane];
        if paused { 0 } else { slots }
    }

    /// A run starts: it is the right one, and it may.
    pub fn starts(
        &mut self,
        run: RunId,
        key: &str,
        lane: &str,
        batch: &[usize],
        attempt: u32,
    ) -> Check {
        self.may_start(&format!("run {run}"), key, lane, batch)?;
        for n in batch {
            let msg = &mut self.msgs[*n];
            if attempt != msg.tried + 1 {
                let tried = msg.tried;
                return Err(format!(
                    "run {run} is attempt {attempt}, and {n} was tried {tried} times"
                ));
            }
            (msg.at, msg.tried) = (At::Started(run), attempt);
        }
        Ok(())
    }

    /// The journal did not count the attempt, so that nothing has started: it was the right batch,
    /// which goes before everything from now on; but for an interrupt, which ends it like any retry.
    /// Whether there is one is answered.
    pub fn is_refused(&mut self, batch: &[usize]) -> Check<bool> {
        let first = batch.first().ok_or("P2: the start of nothing was refused")?;
        let (key, lane) = (self.msgs[*first].key.clone(), self.msgs[*first].lane.clone());
        self.may_start("a run that was refused", &key, &lane, batch)?;
        let behind = |n: &&usize| !batch.contains(n);
        let next = self.line(&key).iter().find(behind).copied();
        let ends = next.is_some_and(|n| self.msgs[n].urgent);
        let nobody = RunId::new(0);
        for n in batch {
            self.msgs[*n].at = if ends { At::Started(nobody) } else { At::Retry };
        }
        Ok(ends)
    }

    fn may_start(&self, run: &str, key: &str, lane: &str, batch: &[usize]) -> Check {
        if let Some(other) = self.live_of(key) {
            return Err(format!("P1: {run} of {key} starts while run {other} lives"));
        }
        let (executing, slots) = (self.executing(lane), self.slots(lane));
        if executing >= slots {
            return Err(format!("P3: {run} starts in {lane}: {executing} execute, {slots} may"));
        }
        if self.door == Door::Over {
            return Err(format!("P12: {run} starts although the engine is closed"));
        }
        if let Some(wrong) = batch.iter().find(|n| self.msgs[**n].lane != lane) {
            return Err(format!("{run} of message {wrong} is in the wrong lane, {lane}"));
        }
        let (retry, line) = (self.all(key, At::Retry), self.line(key));
        if retry.is_empty() {
            return self.is_first(run, &line, batch);
        }
        if line.first().is_some_and(|n| self.msgs[*n].rank() == 0) || batch != retry {
            return Err(format!("P2: {run}: {batch:?} before the retry of {retry:?}"));
        }
        Ok(())
    }

    fn is_first(&self, run: &str, line: &[usize], batch: &[usize]) -> Check {
        if batch.is_empty() || !line.starts_with(batch) {
            return Err(format!("P2: {run} starts {batch:?}, and {line:?} wait in this order"));
        }
        let first = &self.msgs[batch[0]];
        let merges = batch[1..].iter().all(|n| first.merges_with(&self.msgs[*n], self.leading));
        if !merges || batch.len() > self.max_batch as usize {
            return Err(format!("P2: {batch:?} are no batch"));
        }
        Ok(())
    }

    /// A stop reaches a run, and its children with it.
    pub fn stops(&mut self, run: RunId, cause: Cause) {
        let Some(live) = self.lives.get_mut(&run).filter(|live| live.stop.is_none()) else {
            return;
        };
        live.stop = Some(cause);
        let family = std::mem::take(&mut live.family);
        self.recall(&family);
    }

    /// The children of a run that ended other than done, or was stopped.
    pub fn recall(&mut self, family: &[usize]) {
        for child in family.iter().rev() {
            let msg = &mut self.msgs[*child];
            msg.withdrawable = true;
            if let At::Started(run) = msg.at {
                self.stops(run, Cause::Parent);
            }
        }
    }

    /// What a run leaves undelivered becomes turns of their own.
    pub fn promotes(&mut self, run: RunId) {
        for n in self.inbox(run) {
            self.msgs[n].promoted = true;
        }
    }

    /// Runs whose time is over are stopped.
    pub fn deadlines(&mut self) {
        let now = self.now;
        let over = |live: &Live| live.deadline.is_some_and(|at| at <= now);
        let due: Vec<_> = self.lives.iter().filter(|(_, l)| over(l)).map(|(id, _)| *id).collect();
        due.into_iter().for_each(|run| self.stops(run, Cause::Deadline));
    }

    /// Everything that waits under a key may go, and must.
    pub fn clears(&mut self, key: &str) -> Vec<usize> {
        let waiting = self.all(key, At::Waits);
        for n in self.all(key, At::Taken) {
            self.msgs[n].stopped = true;
            self.msgs[n].withdrawable = true;
        }
        for n in &waiting {
            self.msgs[*n].withdrawable = true;
        }
        waiting
    }

    /// Whether this fate can be, and whether another would have to be told in its place.
    pub fn may_end(&self, n: usize, fate: Fate) -> Check {
        let msg = &self.msgs[n];
        let over = msg.expires.is_some_and(|at| at <= self.now);
        let fits = match (fate, msg.at) {
            (Fate::Ran, At::Started(_) | At::Retry) => true,
            (Fate::Parked, At::Started(_) | At::Retry) => msg.attempts > 1 || msg.interrupted >= 3,
            (Fate::Steered, At::Taken) => !msg.seen,
            (Fate::Dropped, At::Waits) => {
                msg.rank() == 2 && !msg.is_code() && self.arrivals.contains(&msg.key)
            }
            (Fate::Withdrawn, At::Waits | At::Taken) => msg.withdrawable,
            (Fate::Expired, At::Waits | At::Taken) => over,
            (Fate::Returned, _) if self.door == Door::Over || self.unfinished.contains(&n) => true,
            (Fate::Returned, At::Waits | At::Retry) => self.pen == Pen::Broken && !msg.is_code(),
            _ => false,
        };
        if fits {
            return Ok(());
        }
        Err(format!("P4: message {n} ({:?}, {:?}) has the fate {fate}", msg.mode, msg.at))
    }

    pub fn ends(&mut self, n: usize, fate: Fate) -> Check {
        self.may_end(n, fate)?;
        self.msgs[n].at = At::Gone(fate);
        self.open.remove(&n);
        self.happens(n);
        Ok(())
    }

    /// Something of which the journal has to hear.
    pub fn happens(&mut self, n: usize) {
        if self.pen != Pen::Writes && !self.msgs[n].is_code() {
            self.unwritten.insert(n);
        }
    }
}
