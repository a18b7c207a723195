//! The settings of an engine, as Rust values.

use std::collections::BTreeMap;
use std::time::Duration;

use super::agents::Agent;
use super::cron::CronJob;
use super::durable::{JournalKnobs, TranscriptKnobs};
use super::ingress::{Inbound, SessionKnobs};
use super::{Concurrency, Lane};
use crate::model::{Drop, Knobs, Mode, PendingTools};

/// All settings of an engine. `Config::default()` is what `laneq.example.toml` documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Lanes by name. `main`, `subagent` and `cron` always exist.
    pub lanes: BTreeMap<String, Lane>,
    /// What happens to messages of a busy session.
    pub queue: Queue,
    /// Which messages share a session.
    pub session: SessionKnobs,
    /// What happens to a message before it is admitted.
    pub inbound: Inbound,
    /// The agents, in the order of the file. Default: none.
    pub agents: Vec<Agent>,
    /// The jobs of the clock, in the order of the file. Default: none.
    pub cron: Vec<CronJob>,
    /// Bounds. P9: each is visible when it is reached.
    pub limits: Limits,
    /// Times and threads.
    pub engine: Engine,
    /// The journal of accepted messages. Default: none.
    pub journal: JournalKnobs,
    /// A file for each session. Default: none.
    pub transcripts: TranscriptKnobs,
}

impl Default for Config {
    fn default() -> Self {
        let cron = Lane { isolated: true, ..Lane::new(Concurrency::Unlimited) };
        let lanes = [("main", Lane::new(4)), ("subagent", Lane::new(8)), ("cron", cron)];
        Self {
            lanes: lanes.into_iter().map(|(name, lane)| (name.to_owned(), lane)).collect(),
            queue: Queue::default(),
            session: SessionKnobs::default(),
            inbound: Inbound::default(),
            agents: Vec::new(),
            cron: Vec::new(),
            limits: Limits::default(),
            engine: Engine::default(),
            journal: JournalKnobs::default(),
            transcripts: TranscriptKnobs::default(),
        }
    }
}

impl Config {
    /// These settings with the concurrency of `lane` changed; a new lane is made for a new name.
    #[must_use]
    pub fn with_lane(mut self, lane: &str, concurrency: impl Into<Concurrency>) -> Self {
        let concurrency = concurrency.into();
        self.lanes
            .entry(lane.to_owned())
            .and_modify(|l| l.concurrency = concurrency)
            .or_insert_with(|| Lane::new(concurrency));
        self
    }

    /// These settings with the queue changed by `change`.
    #[must_use]
    pub fn with_queue(mut self, change: impl FnOnce(&mut Queue)) -> Self {
        change(&mut self.queue);
        self
    }
}

/// What happens to messages of a busy session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Mode of a message that names none. Default: collect.
    pub mode: Mode,
    /// Quiet window of collect. Unit: ms. Range: 0 to 10 min. Default: 1 s.
    /// Source: `debounceMs` of `OpenClaw`.
    pub debounce: Duration,
    /// Whether each message restarts the window. Default: true.
    pub reset_on_new_message: bool,
    /// Longest a window lasts. Range: 0 to 1 h. Default: 5 x debounce.
    pub max_wait: Option<Duration>,
    /// Most messages of one run. Range: 1 to 1,000. Default: 20.
    pub max_batch: u32,
    /// Most waiting messages of a session, undelivered steers included. Range: 1 to 100,000.
    /// Default: 20.
    pub cap: u32,
    /// What gives way when the cap is reached. Default: summarize.
    pub drop: Drop,
    /// How long a message may wait. Range: 1 ms to 30 d. Default: none.
    pub ttl: Option<Duration>,
    /// Runs of a failing batch. Range: 1 to 100. Default: 1.
    pub attempts: u32,
    /// First pause between attempts, doubling. Range: 1 ms to 1 h. Default: 1 s.
    pub backoff: Duration,
    /// Longest pause between attempts. Range: 1 ms to 1 d. Default: 1 min.
    pub backoff_max: Duration,
    /// What happens to calls that have not started when a steer arrives. Default: skip.
    pub pending_tools: PendingTools,
    /// Deliveries to one run. Range: 1 to 1,000. Default: 16.
    pub steer_rounds: u32,
    /// What is different for messages of a channel, by its name. Default: nothing.
    pub channels: BTreeMap<String, Knobs>,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            mode: Self::MODE,
            debounce: Self::DEBOUNCE,
            reset_on_new_message: true,
            max_wait: None,
            max_batch: 20,
            cap: Self::CAP,
            drop: Self::DROP,
            ttl: None,
            attempts: 1,
            backoff: Duration::from_secs(1),
            backoff_max: Duration::from_secs(60),
            pending_tools: PendingTools::Skip,
            steer_rounds: 16,
            channels: BTreeMap::new(),
        }
    }
}

impl Queue {
    // The defaults of the knobs that every message asks for, without a `Queue` around them.
    pub(super) const MODE: Mode = Mode::Collect;
    pub(super) const DEBOUNCE: Duration = Duration::from_secs(1);
    pub(super) const CAP: u32 = 20;
    pub(super) const DROP: Drop = Drop::Summarize;

    /// The longest a window lasts: `max_wait`, else five times the debounce.
    #[must_use]
    pub fn window_max(&self) -> Duration {
        self.max_wait.unwrap_or_else(|| self.debounce.saturating_mul(5))
    }
}

/// Bounds. P9: reaching one is a refusal, a fate or an event, never silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a session key. Range: 16 to 65,536. Default: 1,024.
    pub key_bytes: usize,
    /// Bytes of a message with all its parts. Range: 1 KiB to 1 GiB. Default: 1 MiB.
    pub message_bytes: usize,
    /// Waiting closures of a session. Default: 2^20.
    pub closure_cap: u32,
    /// Messages and closures in the engine. Default: 2^22, which is also the most.
    pub max_pending: u32,
    /// Bytes of messages in the engine. Default: 1 GiB.
    pub max_bytes: u64,
    /// Sessions with settings of their own. Default: 10,000.
    pub overrides: usize,
    /// Waiting closures without a key, for each lane. Default: 2^20.
    pub keyless_cap: u32,
    /// Levels of runs spawned by runs. Range: 0 to 64. Default: 8.
    pub spawn_depth: u8,
    /// Live children of one run. Range: 0 to 4,096. Default: 64.
    pub children: usize,
    /// Events that wait for a reader or an observer. Default: 65,536.
    pub ring_events: usize,
    /// Abandoned threads before `abandon` is refused. Default: 64.
    pub abandoned: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            key_bytes: 1024,
            message_bytes: 1 << 20,
            closure_cap: 1 << 20,
            max_pending: 1 << 22,
            max_bytes: 1 << 30,
            overrides: 10_000,
            keyless_cap: 1 << 20,
            spawn_depth: 8,
            children: 64,
            ring_events: 65_536,
            abandoned: 64,
        }
    }
}

/// Times and threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// A background ticket that waited this long goes before normal. Default: 30 s.
    pub ageing: Duration,
    /// No ledger activity for this long, or past the deadline and its grace: `run.stuck`.
    /// Default: 15 min.
    pub stuck_after: Duration,
    /// From a stop to SIGTERM, and from SIGTERM to SIGKILL (program); the grace of a deadline.
    /// Default: 5 s.
    pub stop_grace: Duration,
    /// Deadline of a drain (program). Default: 10 s.
    pub drain: Duration,
    /// Idle workers beyond the first retire after this. Default: 10 s.
    pub worker_idle: Duration,
    /// Workers of a lane beyond its concurrency, for lent slots. Range: 0 to 4,096. Default: 256.
    pub spare_workers: u32,
    /// Threads of `start_all`; 0 is one a core. Default: 0.
    pub tool_threads: usize,
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            ageing: Duration::from_secs(30),
            stuck_after: Duration::from_secs(15 * 60),
            stop_grace: Duration::from_secs(5),
            drain: Duration::from_secs(10),
            worker_idle: Duration::from_secs(10),
            spare_workers: 256,
            tool_threads: 0,
        }
    }
}
