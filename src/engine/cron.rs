//! Jobs of the clock: each tick submits its message, unless the job is still at work.
//!
//! The schedules begin when lane `cron` has a handler: a tick before that would only fail.

use std::time::SystemTime;

use super::Engine;
use super::admission::Admission;
use super::core::Core;
use super::journaled;
use super::submit::{self, By};
use crate::config::{Config, CronJob, Overlap};
use crate::ingress::{Dedupe, Now, Schedule, Tick, key};
use crate::model::{Error, Kind, Message, Mode, Source};
use crate::run::{Closure, Receipt, Shared};
use crate::session::{Chore, Open, Place, What};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::on::{Thread, acting_as};
use crate::sync::{Arc, Mutex, thread};
use crate::time::Moment;
use crate::watch::Event;

const LANE: &str = "cron";

/// All jobs of an engine.
pub(super) struct Cron {
    /// A leaf lock, touched when a handler is set, at a reload and at the end.
    round: Mutex<Round>,
}

/// The jobs of one configuration.
pub(super) struct Round {
    jobs: Vec<Arc<Job>>,
    begun: Begun,
    door: Arc<Turnstile>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Begun {
    No,
    Yes,
}

/// Firings under way, and whether more may begin: one word, so that whoever ends the schedules
/// knows when the last firing is over.
#[derive(Default)]
struct Turnstile(AtomicU64);

const ENDED: u64 = 1 << 63;

impl Turnstile {
    /// Lets one firing through; `None` once it is over.
    fn pass<R>(&self, fire: impl FnOnce() -> R) -> Option<R> {
        let enter = |word| (word & ENDED == 0).then_some(word + 1);
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, enter).ok()?;
        let fired = fire();
        self.0.fetch_sub(1, Ordering::SeqCst);
        Some(fired)
    }

    fn is_ended(&self) -> bool {
        self.0.load(Ordering::SeqCst) & ENDED != 0
    }

    /// Lets nobody through any more, and waits for those inside: each makes one admission, and
    /// never blocks.
    fn end(&self) {
        self.0.fetch_or(ENDED, Ordering::SeqCst);
        while self.0.load(Ordering::SeqCst) != ENDED {
            thread::yield_now();
        }
    }
}

/// One job.
struct Job {
    key: Arc<str>,
    /// As the settings have it.
    given: CronJob,
    message: Message,
    overlap: Overlap,
    door: Arc<Turnstile>,
    dedupe: Arc<Dedupe>,
    /// A leaf lock: nobody but the one call of `due` takes it after the begin.
    state: Mutex<State>,
}

struct State {
    schedule: Schedule,
    /// Whether the schedule is new: one that a reload leaves as it was goes on.
    begun: Begun,
    /// The job's messages without a fate, as far as the last tick saw: at most two.
    own: Vec<Asked>,
}

/// What a tick comes to.
#[derive(Clone, Copy)]
enum Meets {
    /// Nothing of its own: it fires.
    Nothing,
    /// Its own run, and one more is to follow: it fires, and the event says so.
    Running,
    /// Its own message or run, which stands for this tick, too.
    Enough(&'static str),
}

impl Cron {
    /// Reads the jobs of the settings; nothing fires before they begin.
    ///
    /// # Errors
    /// `Invalid`, with the job's name and what is wrong; `UnknownLane` if there is no lane for them.
    pub(super) fn new(shared: &Shared, dedupe: &Arc<Dedupe>) -> Result<Self, Error> {
        let config = shared.config();
        if !config.cron.is_empty() {
            shared.doors.named(LANE)?;
        }
        Ok(Self { round: Mutex::new(Round::new(shared, dedupe, &config)?) })
    }
}

impl Round {
    /// Reads the jobs of these settings; nothing fires before they begin.
    ///
    /// # Errors
    /// `Invalid`, with the job's name and what is wrong.
    pub(super) fn new(
        shared: &Shared,
        dedupe: &Arc<Dedupe>,
        config: &Config,
    ) -> Result<Self, Error> {
        let door = Arc::new(Turnstile::default());
        let job = |job| Job::new(shared, config, job, &door, dedupe).map(Arc::new);
        let jobs = config.cron.iter().map(job);
        Ok(Self { jobs: jobs.collect::<Result<_, _>>()?, begun: Begun::No, door })
    }

    /// Goes on where another round ends: a job of the same key knows its own messages, so that
    /// it does not overlap itself; a schedule that is as before keeps its next tick, and those that
    /// were ended stay so.
    fn follow(&mut self, before: &Self) {
        if before.door.is_ended() {
            self.door.end();
        }
        before.door.end();
        for job in &self.jobs {
            if let Some(old) = before.jobs.iter().find(|old| old.key == job.key) {
                let (was, is) = (&mut *old.state.lock(), &mut *job.state.lock());
                is.own = std::mem::take(&mut was.own);
                if was.begun == Begun::Yes && job.ticks_like(old) {
                    std::mem::swap(&mut is.schedule, &mut was.schedule);
                    is.begun = Begun::Yes;
                }
            }
        }
    }
}

/// Whether the jobs' schedules can be understood, without an engine.
///
/// # Errors
/// As [`Cron::new`].
pub(super) fn check(jobs: &[CronJob]) -> Result<(), Error> {
    let now = Now { engine: Moment::START, wall: SystemTime::now() };
    jobs.iter().try_for_each(|job| schedule(job, now).map(drop))
}

fn schedule(job: &CronJob, now: Now) -> Result<Schedule, Error> {
    Schedule::new(job, now).map_err(|what| wrong(job, &what))
}

fn wrong(job: &CronJob, what: &str) -> Error {
    Error::invalid(format!("cron job {:?}: {what}", job.id))
}

impl Core {
    /// Begins the schedules, if their lane has a handler by now.
    pub(super) fn begin_schedules(&self) {
        let shared = &self.shared;
        let ready = shared.doors.named(LANE).is_ok_and(|door| self.staff.takers.serves(door.id));
        if !ready || !self.is_recovered() {
            return;
        }
        let jobs = {
            let mut round = self.cron.round.lock();
            match std::mem::replace(&mut round.begun, Begun::Yes) {
                Begun::No => round.jobs.clone(),
                Begun::Yes => return,
            }
        };
        let now = read(shared);
        for job in jobs {
            let pause = {
                let state = &mut *job.state.lock();
                if std::mem::replace(&mut state.begun, Begun::Yes) == Begun::No {
                    state.schedule.begin(now);
                }
                state.schedule.pause(now)
            };
            shared.timer.arm(now.engine.plus(pause), What::Chore(job));
        }
    }
}

#[cfg(feature = "journal")]
impl Core {
    /// A message that a journal has brought back: if a job made it, it is that job's own again.
    pub(super) fn adopt(&self, receipt: &Receipt) {
        let cron = |message: &Message| message.source().is_some_and(|s| s.kind == Kind::Cron);
        if receipt.settled().is_some() || !receipt.message().is_some_and(cron) {
            return;
        }
        let jobs = self.cron.round.lock().jobs.clone();
        if let Some(job) = jobs.iter().find(|job| *job.key == *receipt.key()) {
            job.state.lock().own.push(Asked::Accepted(receipt.clone()));
        }
    }
}

impl Core {
    /// The jobs of new settings take over.
    pub(super) fn reload_schedules(&self, mut next: Round) {
        {
            let mut round = self.cron.round.lock();
            next.follow(&round);
            *round = next;
        }
        self.begin_schedules();
    }
}

impl Engine {
    /// Ends the schedules of the settings: no job fires any more. What has fired goes its way, and
    /// is counted and numbered when this returns. Waits at most for one admission.
    pub fn end_schedules(&self) {
        let door = Arc::clone(&self.core.cron.round.lock().door);
        door.end();
    }
}

fn read(shared: &Shared) -> Now {
    Now { engine: shared.now(), wall: shared.clock.wall() }
}

impl Job {
    fn new(
        shared: &Shared,
        config: &Config,
        job: &CronJob,
        door: &Arc<Turnstile>,
        dedupe: &Arc<Dedupe>,
    ) -> Result<Self, Error> {
        let schedule = schedule(job, read(shared))?;
        let source = Source { kind: Kind::Cron, id: job.id.clone(), ..Source::default() };
        let key = key(&source, &config.session).map_err(|what| wrong(job, &what))?;
        let key: Arc<str> = key.into();
        let message = Message::new(Arc::clone(&key), job.text.as_str())
            .with_mode(Mode::Followup)
            .with_lane(LANE)
            .with_source(source);
        // What would be refused at every tick is refused now.
        submit::check(&shared.config().limits, &message)
            .map_err(|no| wrong(job, &no.of(()).detail))?;
        let state = Mutex::new(State { schedule, begun: Begun::No, own: Vec::new() });
        Ok(Self {
            key,
            given: job.clone(),
            message,
            overlap: job.overlap,
            door: Arc::clone(door),
            dedupe: Arc::clone(dedupe),
            state,
        })
    }

    /// Whether both have the same times.
    fn ticks_like(&self, other: &Self) -> bool {
        let times = |job: &Self| {
            let CronJob { schedule, every, timezone, .. } = job.given.clone();
            (schedule, every, timezone)
        };
        times(self) == times(other)
    }

    /// Fires, or says that it does not.
    fn tick(&self, shared: &Arc<Shared>) {
        let meets = self.meets();
        let detail = match meets {
            Meets::Nothing => None,
            Meets::Running => Some("coalesced"),
            Meets::Enough(detail) => Some(detail),
        };
        if let Some(detail) = detail {
            let key = || Arc::clone(&self.key);
            shared.bus.say(shared.now(), || Event::CronSkipped { key: key(), detail });
        }
        if !matches!(meets, Meets::Enough(_)) {
            self.submit(shared);
        }
    }

    fn meets(&self) -> Meets {
        let own = &mut self.state.lock().own;
        *own = std::mem::take(own).into_iter().filter_map(Asked::still).collect();
        if own.is_empty() {
            return Meets::Nothing;
        }
        match self.overlap {
            Overlap::Skip => Meets::Enough("skipped"),
            Overlap::Coalesce if own.iter().all(Asked::runs) => Meets::Running,
            Overlap::Coalesce => Meets::Enough("coalesced"),
        }
    }

    fn ask(&self, shared: &Arc<Shared>) -> Result<Asked, (Message, submit::No)> {
        let (message, by) = (self.message.clone(), By::OUTSIDE);
        let Some(jots) = &shared.jots else {
            return submit::admit(shared, &self.dedupe, None, message, by).map(Asked::Accepted);
        };
        journaled::ready(shared, jots, &self.dedupe, None, message, by).map(Asked::Asked)
    }

    fn submit(&self, shared: &Arc<Shared>) {
        // P7: as on the timer thread, whoever turns the clock: the host's summarizer is not called.
        let asked = acting_as(Thread::Timer, None, || self.ask(shared));
        match asked {
            Ok(asked) => self.state.lock().own.push(asked),
            // A drain or a close came first: there is nobody to tell.
            Err(_) if shared.open() != Open::Open => {}
            // P4: the refusal is counted, and its event has the reason.
            Err((message, no)) => drop(no.told(shared, message)),
        }
    }
}

/// A message of a job that has no fate, as far as anybody has looked.
enum Asked {
    /// On its way through the journal: the timer does not wait for it.
    Asked(Admission),
    Accepted(Receipt),
}

impl Asked {
    /// What is left of it once it is looked at again: nothing if it was refused or has its fate.
    fn still(self) -> Option<Self> {
        match self {
            Self::Asked(asked) if !asked.is_decided() => Some(Self::Asked(asked)),
            Self::Asked(decided) => decided.wait().ok().map(Self::Accepted)?.still(),
            Self::Accepted(receipt) => {
                receipt.settled().is_none().then_some(Self::Accepted(receipt))
            }
        }
    }

    /// Only a hint: one that starts just now starts after this tick, and stands for it.
    fn runs(&self) -> bool {
        let Self::Accepted(receipt) = self else { return false };
        receipt.pending.standing().place() == Place::Started
    }
}

impl Chore<Closure> for Job {
    fn due(self: Arc<Self>, shared: &Arc<Shared>) {
        let now = read(shared);
        // One step for whoever ends the round: no tick is seen here and not fired.
        let looked = self.door.pass(|| {
            let (tick, pause) = {
                let schedule = &mut self.state.lock().schedule;
                (schedule.look(now), schedule.pause(now))
            };
            if tick == Tick::Due {
                self.tick(shared);
            }
            pause
        });
        if let Some(pause) = looked
            && shared.open() == Open::Open
        {
            shared.timer.arm(now.engine.plus(pause), What::Chore(self));
        }
    }
}

#[cfg(not(feature = "cron"))]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_refused_where_nothing_can_fire_them() {
        let every = Some(std::time::Duration::from_secs(60));
        let job = CronJob { id: "a".into(), text: "t".into(), every, ..CronJob::default() };
        let error = Engine::new(Config { cron: vec![job], ..Config::default() }).err();
        let told = "cron job \"a\": this build has no schedules: build it with the feature `cron`";
        assert_eq!(error, Some(Error::invalid(told)));
    }
}
