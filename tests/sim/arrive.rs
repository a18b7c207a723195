//! Steps in which something comes in.

use std::time::Duration;

use laneq::{
    Cause, Fallback, Fate, Message, Mode, Placement, Priority, Reason, Receipt, Refused, RunId,
    Source,
};

use crate::truth::{At, Check, Door, Handle, Inbox, Msg, Pen, Told};
use crate::world::{Witness, World};

/// A message with all that the checks want to know of it.
pub struct Sent {
    pub message: Message,
    mode: Mode,
    source: Option<u64>,
    expects: Option<RunId>,
    plain: Msg,
}

impl World {
    pub fn key(&mut self) -> String {
        format!("k{}", self.dice.below(self.plan.keys))
    }

    pub fn submit(&mut self) -> Check {
        let key = self.key();
        self.submit_to(&key)
    }

    /// Chatter: several messages of one person at once.
    pub fn burst(&mut self) -> Check {
        let key = self.key();
        for _ in 0..2 + self.dice.below(8) {
            self.submit_to(&key)?;
            self.after()?;
        }
        Ok(())
    }

    fn submit_to(&mut self, key: &str) -> Check {
        let sent = self.compose(key);
        let (before, line) = (self.before(&sent), describe(&sent));
        match self.seam.submit(sent.message.clone()) {
            Ok(receipt) => {
                self.note(format!("{line}: {}", landed(&receipt)));
                self.admitted(sent, &receipt, before, None)
            }
            Err(refused) => {
                self.note(format!("{line}: refused, {}", refused.reason));
                self.turned_away(&sent, &refused, before, false)
            }
        }
    }

    /// How many wait before it comes, and how many may.
    pub fn before(&self, sent: &Sent) -> (usize, usize) {
        let key = sent.message.key();
        let cap = self.seam.engine.knobs(key).cap.unwrap_or(self.config.queue.cap);
        (self.truth.depth(key), cap as usize)
    }

    pub fn compose(&mut self, key: &str) -> Sent {
        let n = self.truth.msgs.len();
        let mut message = Message::new(key, format!("n{n}"));
        let asked = (!self.dice.percent(15)).then(|| self.dice.pick(&self.plan.modes));
        let mode = asked.or(self.seam.engine.knobs(key).mode).unwrap_or(self.config.queue.mode);
        if let Some(asked) = asked {
            message = message.with_mode(asked);
        }
        let authority = match self.dice.below(self.plan.authorities) {
            0 => String::new(),
            one => format!("a{}", one - 1),
        };
        let source = (self.plan.sources > 0).then(|| self.dice.below(self.plan.sources));
        if let Some(source) = source {
            let channel = format!("c{source}");
            message = message.with_source(Source { channel, ..Source::default() });
        }
        message = message.with_authority(authority.as_str());
        let lane = if self.dice.percent(self.plan.astray) {
            self.dice.pick(&crate::plan::LANES)
        } else {
            "main"
        };
        message = message.with_lane(lane);
        let mut plain = Msg {
            key: key.to_owned(),
            lane: lane.to_owned(),
            mode,
            authority,
            source,
            attempts: 1,
            deadline: None,
            expires: None,
            id: None,
            accepted: self.truth.now,
            steers: None,
            promoted: false,
            seen: false,
            urgent: false,
            fell_back: false,
            at: At::Waits,
            stopped: false,
            withdrawable: false,
            watched: Told::NotWatched,
            handle: Handle::Fired,
            depth: 0,
            interrupted: 0,
            tried: 0,
        };
        let mut expects = None;
        let message = self.season(message, &mut plain, &mut expects);
        Sent { message, mode, source, expects, plain }
    }

    /// The rarer things.
    fn season(
        &mut self,
        mut message: Message,
        plain: &mut Msg,
        expects: &mut Option<RunId>,
    ) -> Message {
        let spice = self.plan.spice;
        if self.dice.percent(spice) {
            let ttl = self.dice.pick(&[1, 500, 5000, 3_600_000]);
            plain.expires = Some(self.truth.now + ttl);
            message = message.with_ttl(Duration::from_millis(ttl));
        }
        if self.dice.percent(spice) {
            let deadline = self.dice.pick(&[100, 10_000]);
            plain.deadline = Some(deadline);
            message = message.with_deadline(Duration::from_millis(deadline));
        }
        if self.dice.percent(spice) {
            plain.attempts = self.dice.pick(&[2, 3]);
            message = message.with_attempts(plain.attempts);
        }
        if self.dice.percent(spice) {
            let id = format!("id{}", self.dice.below(6));
            plain.id = Some(id.clone());
            message = message.with_id(id);
        }
        if self.dice.percent(spice / 4) {
            let run = RunId::new(1 + self.dice.below(20));
            let run =
                self.truth.live_of(&plain.key).filter(|_| self.dice.percent(50)).unwrap_or(run);
            *expects = Some(run);
            message = message.with_expect_run(run);
        }
        message.with_priority(self.dice.pick(&[
            Priority::Normal,
            Priority::Normal,
            Priority::Foreground,
            Priority::Background,
        ]))
    }

    /// It was accepted: where it is now, and what follows for others.
    pub fn admitted(
        &mut self,
        sent: Sent,
        receipt: &Receipt,
        (depth, cap): (usize, usize),
        parent: Option<RunId>,
    ) -> Check {
        let key = sent.plain.key.clone();
        if self.truth.door == Door::Over || self.truth.door == Door::Draining && parent.is_none() {
            return Err("P12: a message was accepted, and the engine takes none".to_owned());
        }
        if self.truth.pen != Pen::Writes {
            return Err("P11: a message was accepted, and the journal takes none".to_owned());
        }
        if self.truth.open.len() >= self.config.limits.max_pending as usize {
            return Err("P9: a message was accepted, and max_pending wait".to_owned());
        }
        if sent.expects.is_some() && sent.expects != self.truth.live_of(&key) {
            return Err("a message was accepted for a run that is not the live one".to_owned());
        }
        let n = self.truth.msgs.len();
        let mut msg = sent.plain;
        msg.handle = Handle::Message(receipt.clone());
        msg.fell_back = receipt.fallback().is_some();
        self.steers_as_it_should(&msg, sent.mode, receipt)?;
        if receipt.placement() == Placement::Steered {
            msg.steers = receipt.run();
        }
        msg.urgent = sent.mode == Mode::Interrupt && !msg.fell_back;
        let urgent = msg.urgent;
        self.truth.msgs.push(msg);
        self.truth.open.insert(n);
        self.accepted += 1;
        self.numbered(n);
        self.caps.push((key.clone(), cap.max(depth)));
        self.truth.arrivals.insert(key.clone());
        if urgent {
            self.must
                .extend(self.truth.all(&key, At::Retry).into_iter().map(|n| (n, vec![Fate::Ran])));
            if let Some(run) = self.truth.live_of(&key) {
                self.truth.stops(run, Cause::Interrupt);
            }
        }
        if let Some(run) = self.truth.msgs[n].steers {
            // Told now, or as soon as it is visible.
            self.truth.lives.get_mut(&run).expect("it is live").steer_due = true;
        }
        Ok(())
    }

    /// P5: whether it steers, and whom.
    fn steers_as_it_should(&self, msg: &Msg, mode: Mode, receipt: &Receipt) -> Check {
        let asks = matches!(mode, Mode::Steer | Mode::SteerBacklog);
        let live = self.truth.live_of(&msg.key);
        let takes = live.is_some_and(|run| {
            let live = &self.truth.lives[&run];
            let first = &self.truth.msgs[live.batch[0]];
            let open = matches!(live.inbox, Inbox::Open | Inbox::Held) && live.stop.is_none();
            let like = first.authority == msg.authority && first.source == msg.source;
            open && live.rounds < self.truth.steer_rounds && like
        });
        let steered = receipt.placement() == Placement::Steered;
        if steered != (asks && takes) || steered && receipt.run() != live {
            let run = receipt.run();
            return Err(format!(
                "P5: {mode}: steered {steered}, run {run:?}, and {live:?} takes it: {takes}"
            ));
        }
        let why = receipt.fallback();
        let stays = asks && !steered;
        if stays != why.is_some_and(|why| why != Fallback::Authority || asks)
            && mode != Mode::Interrupt
        {
            return Err(format!("P5: {mode} fell back: {why:?}"));
        }
        Ok(())
    }

    /// It was refused: for a reason.
    pub fn turned_away(
        &mut self,
        sent: &Sent,
        refused: &Refused,
        (depth, cap): (usize, usize),
        spawned: bool,
    ) -> Check {
        let full = depth >= cap || self.truth.open.len() >= self.config.limits.max_pending as usize;
        let key = &sent.plain.key;
        let fits = match refused.reason {
            Reason::Full => full || spawned,
            Reason::Duplicate => self.is_known(sent),
            Reason::Mismatch => sent.expects.is_some() && sent.expects != self.truth.live_of(key),
            Reason::Draining => self.truth.door == Door::Draining && !spawned,
            Reason::Closed => self.truth.door == Door::Over,
            Reason::Isolated => spawned,
            Reason::Journal => self.truth.pen != Pen::Writes,
            _ => false,
        };
        if fits { Ok(()) } else { Err(format!("refused: {refused}")) }
    }

    /// Whether an id like this may still be known.
    fn is_known(&self, sent: &Sent) -> bool {
        let window = u64::try_from(self.config.inbound.dedupe_window.as_millis()).expect("short");
        let same = |m: &&Msg| {
            let id = m.id.is_some() && m.id == sent.plain.id;
            id && m.key == sent.plain.key && m.source == sent.source
        };
        // A journal counts from the end of a message.
        let fresh = |m: &&Msg| self.plan.journal || m.accepted + window > self.truth.now;
        let gone = |at| matches!(at, At::Gone(Fate::Withdrawn | Fate::Expired | Fate::Returned));
        self.truth.msgs.iter().filter(same).filter(fresh).any(|m| !gone(m.at))
    }

    pub fn closure(&mut self) -> Check {
        let key = self.key();
        self.code(Some(key))
    }

    pub fn keyless(&mut self) -> Check {
        self.code(None)
    }

    fn code(&mut self, key: Option<String>) -> Check {
        let n = self.truth.msgs.len();
        let lane = self.dice.pick(&crate::plan::LANES);
        let (fired, panics) = (self.dice.percent(50), self.dice.percent(10));
        let mut witness = Witness { n, log: self.log.clone(), ran: false };
        let code = move |_: &laneq::Run| {
            witness.runs();
            if panics {
                std::panic::resume_unwind(Box::new("planned panic"));
            }
            n as u64
        };
        let engine = self.seam.engine.clone();
        let answer = match (&key, fired) {
            (Some(key), true) => engine
                .fire(lane, key, |run| {
                    let _ = once(code)(run);
                })
                .map(|()| Handle::Fired),
            (Some(key), false) => engine.enqueue(lane, key, once(code)).map(Handle::Code),
            (None, true) => engine
                .fire_keyless(lane, |run| {
                    let _ = once(code)(run);
                })
                .map(|()| Handle::Fired),
            (None, false) => engine.enqueue_keyless(lane, once(code)).map(Handle::Code),
        };
        drop(engine);
        let named = key.clone().unwrap_or_else(|| format!("~{n}"));
        self.note(format!(
            "closure {n} of {named} into {lane}: {}",
            if answer.is_ok() { "queued" } else { "refused" }
        ));
        match answer {
            Ok(handle) => self.queued(named, lane, handle),
            Err(refused) => {
                // Its witness has spoken of a closure that there is not.
                self.log.lock().expect("no panic under it").clear();
                self.may_refuse_code(refused.reason, key.as_deref())
            }
        }
    }

    fn queued(&mut self, key: String, lane: &str, handle: Handle) -> Check {
        if self.truth.door != Door::Open {
            return Err("P12: a closure was accepted, and the engine takes none".to_owned());
        }
        let mut sent = self.compose(&key).plain;
        (sent.lane, sent.mode, sent.attempts) = (lane.to_owned(), Mode::Followup, 1);
        (sent.deadline, sent.expires, sent.id, sent.handle) = (None, None, None, handle);
        self.truth.open.insert(self.truth.msgs.len());
        self.truth.msgs.push(sent);
        self.accepted += 1;
        Ok(())
    }

    fn may_refuse_code(&self, reason: Reason, key: Option<&str>) -> Check {
        let waiting = |key: &str| {
            let here =
                |n: &&usize| self.truth.msgs[**n].key == key && self.truth.msgs[**n].is_code();
            self.truth.open.iter().filter(here).count()
        };
        let all = self.truth.open.len() >= self.config.limits.max_pending as usize;
        // A withdrawn closure's ticket still counts in its lane.
        let full = key.is_none_or(|key| waiting(key) >= self.config.limits.closure_cap as usize);
        match reason {
            Reason::Full if all || full => Ok(()),
            Reason::Draining if self.truth.door == Door::Draining => Ok(()),
            Reason::Closed if self.truth.door == Door::Over => Ok(()),
            reason => Err(format!("a closure was refused: {reason}")),
        }
    }
}

fn once<T>(mut code: impl FnMut(&laneq::Run) -> T) -> impl FnOnce(&laneq::Run) -> T {
    move |run| code(run)
}

pub fn describe(sent: &Sent) -> String {
    let m = &sent.plain;
    let mut line = format!("{} {} {} into {}", sent.message.text(), sent.mode, m.key, m.lane);
    let mut part = |name: &str, part: Option<String>| {
        if let Some(part) = part {
            line.push_str(&format!(" {name} {part}"));
        }
    };
    part("by", Some(m.authority.clone()).filter(|a| !a.is_empty()));
    part("from", m.source.map(|s| format!("c{s}")));
    part("until", m.expires.map(|at| format!("{at} ms")));
    part("deadline", m.deadline.map(|d| format!("{d} ms")));
    part("attempts", (m.attempts > 1).then(|| m.attempts.to_string()));
    part("id", m.id.clone());
    part("for", sent.expects.map(|run| format!("run {run}")));
    let priority = sent.message.priority();
    part("priority", (priority != Priority::Normal).then(|| priority.to_string()));
    line
}

pub fn landed(receipt: &Receipt) -> String {
    let run = receipt.run().map_or_else(String::new, |run| format!(" run {run}"));
    let why = receipt.fallback().map_or_else(String::new, |why| format!(" ({why})"));
    format!("{}{run}{why}", receipt.placement().as_str())
}

impl Sent {
    /// A run of an isolated lane may only spawn into it.
    pub fn lane_of_child(&mut self, parent: &str) {
        if parent == "cron" {
            self.plain.lane = "cron".to_owned();
            self.message = self.message.clone().with_lane("cron");
        }
    }

    pub fn below(&mut self, depth: u32) {
        self.plain.depth = depth;
    }
}
