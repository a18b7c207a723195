//! One simulated life: a step at a time, and after each everything is looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use laneq::{Fate, OwnedRun, Settled};

use crate::books::Book;
use crate::dice::Dice;
use crate::plan::{Plan, Step};
use crate::seam::{Plant, Seam};
use crate::truth::{At, Check, Door, Handle, Pen, Told, Truth};

/// What became of a closure's code.
#[derive(Clone, Copy, Debug)]
pub enum Said {
    Ran(usize),
    Dropped(usize),
}

/// One per closure: it tells whether its code was executed or let go.
pub struct Witness {
    pub n: usize,
    pub log: Arc<Mutex<Vec<Said>>>,
    pub ran: bool,
}

impl Witness {
    pub fn runs(&mut self) {
        self.ran = true;
        self.log.lock().expect("no panic under it").push(Said::Ran(self.n));
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        if !self.ran {
            self.log.lock().expect("no panic under it").push(Said::Dropped(self.n));
        }
    }
}

pub struct World {
    pub dice: Dice,
    pub plan: Plan,
    pub config: laneq::Config,
    pub seam: Seam,
    pub truth: Truth,
    /// Runs that are not lent to a step just now.
    pub hands: Vec<OwnedRun>,
    /// Abandoned runs that have not come back.
    pub ghosts: Vec<OwnedRun>,
    pub log: Arc<Mutex<Vec<Said>>>,
    pub history: Vec<String>,
    /// Each line is printed as it comes: for a seed that never ends.
    pub live: bool,
    /// What must have one of these fates once the step is over.
    pub must: Vec<(usize, Vec<Fate>)>,
    /// Keys with the most that may wait there once the step is over.
    pub caps: Vec<(String, usize)>,
    /// Runs that have ended, and whose batch has to have one answer.
    pub answers: Vec<(Vec<usize>, usize)>,
    /// Accepted in this life of the engine.
    pub accepted: u64,
    /// Messages by their numbers in the journal.
    pub numbers: BTreeMap<u64, usize>,
    pub book: Option<Arc<Book>>,
    /// How many steps are open around this one.
    pub nested: u32,
}

impl World {
    pub fn new(seed: u64, plant: Option<Plant>, listens: bool) -> Self {
        let mut dice = Dice::new(seed);
        let plan = Plan::new(&mut dice);
        let seam = Seam::new(&plan.config, plan.steerable, plan.journal, plant);
        let listens = listens || dice.percent(15);
        let book = listens.then(|| Book::of(&seam.engine));
        let config = plan.config.clone();
        let truth = Truth {
            msgs: Vec::new(),
            open: BTreeSet::new(),
            lives: BTreeMap::new(),
            lanes: crate::control::lanes(&config),
            door: Door::Open,
            now: 0,
            steer_rounds: config.queue.steer_rounds,
            max_batch: config.queue.max_batch,
            arrivals: BTreeSet::new(),
            leading: !config.inbound.debounce.is_zero(),
            pen: Pen::Writes,
            unwritten: BTreeSet::new(),
            unseen: BTreeSet::new(),
            unfinished: BTreeSet::new(),
            fenced: BTreeSet::new(),
        };
        Self {
            dice,
            plan,
            config,
            seam,
            truth,
            hands: Vec::new(),
            ghosts: Vec::new(),
            log: Arc::default(),
            history: Vec::new(),
            live: std::env::var_os("LANEQ_LIVE").is_some(),
            must: Vec::new(),
            caps: Vec::new(),
            answers: Vec::new(),
            accepted: 0,
            numbers: BTreeMap::new(),
            book,
            nested: 0,
        }
    }

    pub fn note(&mut self, line: String) {
        let line = format!("{:>9} ms {}{line}", self.truth.now, "  ".repeat(self.nested as usize));
        if self.live {
            eprintln!("{line}");
        }
        self.history.push(line);
    }

    pub fn play(&mut self) -> Check {
        for _ in 0..self.plan.steps {
            self.step()?;
        }
        self.finish()
    }

    pub fn step(&mut self) -> Check {
        let step = self.plan.step(&mut self.dice);
        let alone = matches!(step, Step::Calm | Step::Crash | Step::Drain);
        if alone && self.nested > 0 {
            return Ok(());
        }
        self.act(step)?;
        self.after()
    }

    fn act(&mut self, step: Step) -> Check {
        match step {
            Step::Submit => self.submit(),
            Step::Burst => self.burst(),
            Step::Closure => self.closure(),
            Step::Keyless => self.keyless(),
            Step::Directive => self.directive(),
            Step::Pull => self.pull().map(drop),
            Step::PullAll => self.pull_all(),
            Step::Boundary => self.boundary(),
            Step::Take => self.take(),
            Step::End => self.end(),
            Step::Hold => self.hold(),
            Step::Complete => self.complete(),
            Step::Fail => self.fail(),
            Step::Panic => self.panic(),
            Step::LetGo => self.let_go(),
            Step::Spawn => self.spawn(),
            Step::Wait => self.wait(),
            Step::Watch => self.watch(),
            Step::Withdraw => self.withdraw(),
            Step::Stop => self.stop(),
            Step::Interrupt => self.interrupt(),
            Step::InterruptRun => self.interrupt_run(),
            Step::Abandon => self.abandon(),
            Step::Ghost => self.ghost(),
            Step::Lane => self.lane(),
            Step::Pause => self.pause(),
            Step::Knobs => self.knobs(),
            Step::Reload => self.reload(),
            Step::Tick => self.tick(),
            Step::Sleep => self.sleep(),
            Step::Calm => self.calm(),
            Step::Drain => self.drain(),
            Step::Crash => self.crash(),
            Step::Journal => self.journal(),
        }
    }

    /// Looks at everything after a step.
    pub fn after(&mut self) -> Check {
        self.seam.settle();
        self.hear_code()?;
        self.learn()?;
        for (n, fates) in std::mem::take(&mut self.must) {
            let at = self.truth.msgs[n].at;
            if !fates.iter().any(|fate| at == At::Gone(*fate)) {
                return Err(format!("P4: message {n} is {at:?}, and should be one of {fates:?}"));
            }
        }
        for (key, most) in std::mem::take(&mut self.caps) {
            let depth = self.truth.depth(&key);
            if depth > most {
                return Err(format!("P9: {depth} messages wait under {key}: {most} may"));
            }
        }
        self.leads()?;
        self.look()?;
        self.look_at_journal();
        self.truth.arrivals.clear();
        Ok(())
    }

    /// Closures that were executed or let go in this step. They are first seen as runs of their
    /// own, in order.
    pub fn hear_code(&mut self) -> Check {
        self.hear_returned()?;
        let said = std::mem::take(&mut *self.log.lock().expect("no panic under it"));
        for said in said {
            match said {
                Said::Ran(n) => {
                    let (key, lane) =
                        (self.truth.msgs[n].key.clone(), self.truth.msgs[n].lane.clone());
                    let nobody = laneq::RunId::new(0);
                    self.truth.starts(nobody, &key, &lane, &[n], 1)?;
                    self.note(format!("closure {n} of {key} is executed"));
                    if matches!(self.truth.msgs[n].handle, Handle::Fired) {
                        self.truth.ends(n, Fate::Ran)?;
                    }
                }
                Said::Dropped(n) => {
                    if matches!(self.truth.msgs[n].handle, Handle::Fired)
                        && self.truth.msgs[n].is_open()
                    {
                        let returned =
                            self.truth.door == Door::Over || self.truth.unfinished.contains(&n);
                        let fate = if returned { Fate::Returned } else { Fate::Withdrawn };
                        self.truth.ends(n, fate)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Every receipt is asked: fates come once, and only for a reason. P4.
    pub fn learn(&mut self) -> Check {
        let open: Vec<usize> = self.truth.open.iter().copied().collect();
        for n in open {
            let fate = match &self.truth.msgs[n].handle {
                Handle::Message(receipt) => self.seam.settled(receipt).map(|s: Settled| s.fate),
                Handle::Code(receipt) => self.seam.settled(receipt).map(|s| s.fate),
                Handle::Fired => None,
            };
            if let Some(fate) = fate {
                self.truth.ends(n, fate)?;
                self.note(format!("  {n}: {fate}"));
                continue;
            }
            let msg = &self.truth.msgs[n];
            let over = msg.expires.is_some_and(|at| at <= self.truth.now);
            if over && msg.at == At::Waits && !msg.seen {
                return Err(format!("P4: the ttl of {n} is over, and it is not expired"));
            }
        }
        Ok(())
    }

    /// One run has one reply, and exactly one receipt has it.
    fn leads(&mut self) -> Check {
        for (batch, most) in std::mem::take(&mut self.answers) {
            let mut leads = 0;
            for n in &batch {
                let Handle::Message(receipt) = &self.truth.msgs[*n].handle else { continue };
                if let Some(settled) = receipt.settled() {
                    leads += usize::from(self.seam.leads(&settled));
                }
            }
            if leads != most {
                return Err(format!("{leads} receipts of {batch:?} have the lead, not {most}"));
            }
        }
        Ok(())
    }

    /// The engine's own figures, against ours.
    fn look(&mut self) -> Check {
        let (stats, audit) = (self.seam.engine.stats(), self.seam.engine.audit());
        let pending = self.truth.open.len() as u64;
        if (stats.order_violations, stats.double_runs, audit.unbalanced) != (0, 0, 0) {
            return Err(format!("a sentinel is not 0: {stats:?}, {audit:?}"));
        }
        if !stats.balances() || stats.accepted != self.accepted {
            return Err(format!("P4: {} are accepted, not {}", stats.accepted, self.accepted));
        }
        if (stats.pending, audit.pending) != (pending, pending) {
            let (counted, found) = (stats.pending, audit.pending);
            return Err(format!("P4: {counted} and {found} are pending, not {pending}"));
        }
        for lane in stats.lanes.iter().filter(|lane| self.truth.lanes.contains_key(&lane.name)) {
            let sure = self.truth.executing(&lane.name);
            let lent = self.truth.lives.values().filter(|l| l.lane == lane.name && l.lent).count();
            let most = sure + u32::try_from(lent).expect("few");
            if !(sure..=most).contains(&lane.executing) {
                let (name, executing) = (&lane.name, lane.executing);
                return Err(format!("P3: {executing} execute in {name}, not {sure} to {most}"));
            }
            if lane.concurrency != self.truth.slots(&lane.name) {
                return Err(format!("lane {}: {} slots", lane.name, lane.concurrency));
            }
        }
        for run in &self.hands {
            let told = self.truth.lives[&run.id()].stop;
            if run.stopped().is_some() != told.is_some() {
                let stopped = run.stopped();
                return Err(format!("P6: {run:?} is stopped: {stopped:?}, not {told:?}"));
            }
        }
        Ok(())
    }

    /// The port says that there is nothing: so everything was told, and nothing can start.
    pub fn drained(&mut self) -> Check {
        for (run, live) in &self.truth.lives {
            if live.stop.is_some() && !live.stop_told {
                return Err(format!("the port never told that run {run} is stopped"));
            }
            if live.steer_due && self.truth.sees_steers(*run) {
                return Err(format!("the port never told that a steer waits for run {run}"));
            }
        }
        for (run, live) in &self.truth.lives {
            let (executing, slots) =
                (self.truth.executing(&live.lane), self.truth.slots(&live.lane).max(1));
            if live.lent && self.truth.waits_for(live).is_none() && executing < slots {
                return Err(format!("P8: the port never told that run {run} has waited"));
            }
        }
        for (n, msg) in self.truth.msgs.iter().enumerate() {
            if msg.watched == Told::Due && !msg.is_open() {
                return Err(format!("the port never told that {n} has its fate"));
            }
        }
        if self.truth.door == Door::Over {
            return Ok(());
        }
        let keys: BTreeSet<&str> =
            self.truth.open.iter().map(|n| self.truth.msgs[*n].key.as_str()).collect();
        for key in keys {
            if let Some(n) = self.forgotten(key) {
                let lane = &self.truth.msgs[n].lane;
                return Err(format!("message {n} could start in {lane}, and nobody is told"));
            }
        }
        Ok(())
    }

    /// The head of a key, if nothing keeps it from starting.
    fn forgotten(&self, key: &str) -> Option<usize> {
        let truth = &self.truth;
        if truth.live_of(key).is_some() || !truth.all(key, At::Retry).is_empty() {
            return None;
        }
        let head = *truth.line(key).first()?;
        let msg = &truth.msgs[head];
        let windows = !self.config.inbound.debounce.is_zero() || msg.mode == laneq::Mode::Collect;
        let held = msg.rank() == 2 && windows && truth.door == Door::Open;
        let free = truth.executing(&msg.lane) < truth.slots(&msg.lane);
        (free && !held).then_some(head)
    }
}
