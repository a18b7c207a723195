//! The engine's own parts, put together; and the threads that belong to no lane.

use std::collections::HashMap;
use std::time::Duration;

use super::builder::Builder;
use super::cron::Cron;
use super::handle::Desk;
use super::overrides::Overrides;
use super::recover::Recovery;
use crate::config::Config;
use crate::ingress::Dedupe;
use crate::lane::{Handler, HandlerOptions, Staff};
use crate::model::{BoxError, Error, Reply};
use crate::run::{Closure, Run, Shared};
use crate::session::{SWEEP, SWEEP_ROUNDS, Session as Keyed, What};
use crate::sync::on::{Thread, become_kind, kind};
use crate::sync::oneshot::{Latch, Waited, deadline};
use crate::sync::{Arc, Mutex, thread};
use crate::watch::{Event, LogSink, Observer, Ring};

/// A lane queue. Cheap to clone: all clones are one engine. Dropping the last begins a close and
/// does not wait for it. P12.
#[derive(Clone)]
pub struct Engine {
    pub(super) core: Arc<Core>,
}

/// A thread of the engine that is told to end, and is joined if it does in time.
pub(super) struct Helper {
    handle: Option<thread::JoinHandle<()>>,
    ended: Arc<Latch>,
}

/// What all clones of an engine share; its drop begins a close.
pub(super) struct Core {
    pub(super) shared: Arc<Shared>,
    pub(super) staff: Arc<Staff>,
    /// The timer's and the callbacks' thread. Locked at start and close.
    pub(super) helpers: Mutex<Vec<Helper>>,
    pub(super) overrides: Overrides,
    /// The first person of each session of all direct messages; none once a second was seen.
    pub(super) people: Mutex<HashMap<Arc<str>, Option<Box<str>>>>,
    /// One reload at a time.
    pub(super) reloading: Mutex<()>,
    pub(super) cron: Cron,
    pub(super) dedupe: Arc<Dedupe>,
    /// That of lane `main`, for its handles.
    pub(super) desk: Arc<Desk>,
    /// Set with a journal: what it kept comes back once.
    #[cfg_attr(not(feature = "journal"), allow(dead_code, reason = "never set then"))]
    pub(super) recovery: Option<Recovery>,
    /// Set for tests: time moves by hand.
    pub(super) manual: Option<crate::time::ManualClock>,
}

impl Helper {
    pub(super) fn start(name: &str, body: impl FnOnce() + Send + 'static) -> Result<Self, Error> {
        let ended = Arc::new(Latch::default());
        let end = Arc::clone(&ended);
        let body = move || {
            body();
            end.set();
        };
        let handle = thread::spawn(name.to_owned(), body)
            .map_err(|e| Error::System(format!("thread {name} could not be started: {e}")))?;
        Ok(Self { handle: Some(handle), ended })
    }

    pub(super) fn join(&mut self, until: Option<std::time::Instant>) -> Waited {
        let waited = self.ended.wait_until(until);
        if waited == Waited::Set
            && let Some(handle) = self.handle.take()
        {
            // It has ended: joining does not block, and it catches what it calls.
            let _ = handle.join();
        }
        waited
    }
}

impl Core {
    /// The threads that belong to no lane.
    pub(super) fn start_helpers(&self) -> Result<(), Error> {
        let mut helpers = self.helpers.lock();
        if self.manual.is_none() {
            let shared = Arc::clone(&self.shared);
            helpers.push(Helper::start("laneq-timer", move || {
                become_kind(Thread::Timer);
                while let Some((at, what)) = shared.timer.next() {
                    shared.fire(at, what);
                }
            })?);
        }
        let shared = Arc::clone(&self.shared);
        helpers.push(Helper::start("laneq-callbacks", move || {
            become_kind(Thread::Worker);
            shared.call_back();
        })?);
        Ok(())
    }
}

impl Core {
    /// Somebody has taken a lane, or left it.
    pub(super) fn taken(&self) {
        self.staff.takers.survey(&self.shared);
        self.begin_schedules();
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        // P12: never joins; a handler may hold the last handle.
        self.begin_close();
    }
}

impl Engine {
    /// An engine with these settings, on the real clock.
    ///
    /// # Errors
    /// `Invalid` for a setting out of range; `System` if no thread can be started.
    pub fn new(config: Config) -> Result<Self, Error> {
        Self::builder(config).start()
    }

    /// To choose the clock, the renderer, or anything else before the start.
    pub fn builder(config: Config) -> Builder {
        Builder::new(config)
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.core.shared
    }

    /// Sets the handler of a lane, once: steerable, called on the lane's workers. The schedules of
    /// the settings begin when lane `cron` has one, or a [port](Self::port).
    ///
    /// # Errors
    /// `UnknownLane`; `Invalid` if it is set already, or a port is bound there.
    pub fn on_run(
        &self,
        lane: &str,
        handler: impl Fn(&Run) -> Result<Reply, BoxError> + Send + Sync + 'static,
    ) -> Result<(), Error> {
        self.on_run_with(lane, HandlerOptions::default(), handler)
    }

    /// As [`on_run`](Self::on_run), saying what the handler can do.
    ///
    /// # Errors
    /// As [`on_run`](Self::on_run).
    pub fn on_run_with(
        &self,
        lane: &str,
        options: HandlerOptions,
        handler: impl Fn(&Run) -> Result<Reply, BoxError> + Send + Sync + 'static,
    ) -> Result<(), Error> {
        let door = self.shared().doors.named(lane)?;
        let handler = Handler { options, handle: Box::new(handler) };
        self.core.staff.takers.set(Some(door.id), handler)?;
        self.core.taken();
        Ok(())
    }

    /// Sets the handler of every lane that has no handler or port of its own, now or later.
    ///
    /// # Errors
    /// `Invalid` if it is set already, or a port has all those lanes.
    pub fn on_run_any(
        &self,
        options: HandlerOptions,
        handler: impl Fn(&Run) -> Result<Reply, BoxError> + Send + Sync + 'static,
    ) -> Result<(), Error> {
        let handler = Handler { options, handle: Box::new(handler) };
        self.core.staff.takers.set(None, handler)?;
        self.core.taken();
        Ok(())
    }

    /// Adds somebody who hears every event from now on, in order.
    ///
    /// # Errors
    /// `System` if the thread for it cannot be started.
    pub fn observe(&self, observer: Arc<dyn Observer>) -> Result<(), Error> {
        let bus = &self.shared().bus;
        bus.subscribe(observer)
            .map_err(|e| Error::System(format!("thread laneq-events could not be started: {e}")))
    }

    /// Sends every event to the `log` facade: target `laneq`, with key-values.
    ///
    /// # Errors
    /// As [`observe`](Self::observe).
    pub fn log_events(&self) -> Result<(), Error> {
        self.observe(Arc::new(LogSink))
    }

    /// A ring of the newest events, to be polled; `limits.ring_events` long.
    ///
    /// # Errors
    /// As [`observe`](Self::observe).
    pub fn ring(&self) -> Result<Ring, Error> {
        self.ring_of(false)
    }

    /// As [`ring`](Self::ring), with the merged text in `run.started`.
    ///
    /// # Errors
    /// As [`observe`](Self::observe).
    pub fn ring_with_texts(&self) -> Result<Ring, Error> {
        self.ring_of(true)
    }

    fn ring_of(&self, texts: bool) -> Result<Ring, Error> {
        let ring = Ring::new(self.shared().config().limits.ring_events);
        self.observe(ring.ear(texts))?;
        Ok(ring)
    }

    /// An event of the host's own, in order with the engine's. Answers its [number](crate::Record::seq);
    /// none if nobody listens, or if too many events wait to be delivered. Never blocks.
    #[allow(clippy::must_use_candidate, reason = "few ask whether their note is heard")]
    pub fn note(&self, name: &'static str, detail: String) -> Option<u64> {
        let shared = self.shared();
        shared.bus.say_numbered(shared.now(), || Event::Note { name, detail })
    }

    /// The file with the transcript of a session: an absolute path. None if there is none, or no
    /// `transcripts.dir`. The name is made from the key; nothing is searched.
    #[must_use]
    pub fn transcript(&self, key: &str) -> Option<std::path::PathBuf> {
        self.shared().transcripts.as_ref()?.find(key)
    }

    /// How many events wait for delivery: a host that must lose none waits while there are many.
    #[must_use]
    pub fn events_behind(&self) -> u64 {
        self.shared().bus.behind()
    }

    /// Blocks until every event so far is delivered; false if the time is over first, and at once
    /// inside an observer, which would wait for itself.
    #[must_use]
    pub fn settle_events(&self, timeout: Duration) -> bool {
        kind() != Thread::Events && self.shared().bus.settle(0, deadline(timeout)) == Waited::Set
    }

    /// Turns a hand-cranked clock, and does all that comes due on the way, on this thread.
    /// Nothing happens on the real clock.
    pub fn advance(&self, by: Duration) {
        let Some(clock) = &self.core.manual else { return };
        let shared = self.shared();
        let end = clock.now().plus(by);
        // Step by step, so that what comes due first happens first and at its own time.
        let mut sweeps = 0;
        while let Some(at) = shared.timer.earliest().filter(|at| *at <= end) {
            clock.turn(at.since(clock.now()));
            while let Some((at, what)) = shared.timer.pop_due() {
                sweeps = if matches!(what, What::Sweep(_)) { sweeps + 1 } else { 0 };
                match at.plus(SWEEP_PAUSE).min(end.minus(SWEEP * SWEEP_ROUNDS)) {
                    later if sweeps > SWEEP_ROUNDS && later > at => {
                        sweeps = 0;
                        shared.timer.arm(later, what);
                    }
                    _ => shared.fire(at, what),
                }
            }
        }
        clock.turn(end.since(clock.now()));
    }
}

/// A hand-cranked clock leaves sweeps out while nothing else happens, so that days pass quickly: the
/// whole table is swept before the pause, and before the end.
const SWEEP_PAUSE: Duration = Duration::from_secs(600);

/// The session of a key, as the engine's other files call it.
pub(super) type Session = Keyed<Closure>;
