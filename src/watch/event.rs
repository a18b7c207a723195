//! The events, by the names and fields of the protocol. Texts are in them only on request.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{
    Cause, Details, Fallback, Fate, Kept, MessageId, Outcome, Policy, Reason, Reply, RunId, Source,
};

/// One event with its place in the order of all.
#[derive(Clone, Debug)]
pub struct Record {
    /// 1, 2, 3, ...: drawn inside the transition that the event tells of, and delivered in order.
    pub seq: u64,
    /// Time since the engine started.
    pub at: Duration,
    /// What happened.
    pub event: Event,
}

/// Where an accepted message landed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Placement {
    /// It starts as soon as its lane has a slot.
    Scheduled,
    /// It waits behind its session's run, window or older messages.
    Queued,
    /// It waits for the next boundary of the run in progress.
    Steered,
}

impl Placement {
    /// The word for it in events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Queued => "queued",
            Self::Steered => "steered",
        }
    }
}

/// Which instant a boundary is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Before a tool call.
    Before,
    /// After a tool call.
    After,
    /// Between calls: the run asked.
    Between,
    /// The run wants to end.
    End,
}

impl Phase {
    /// The word for it in events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
            Self::Between => "between",
            Self::End => "end",
        }
    }
}

/// What a run said, with all that a host needs to send it to the right place.
#[derive(Clone)]
pub struct Spoken {
    /// The run.
    pub run: RunId,
    /// Its session.
    pub key: Arc<str>,
    /// The messages of its batch, in order.
    pub messages: Arc<[MessageId]>,
    /// 1 for the first run of the batch.
    pub attempt: u32,
    /// The text.
    pub reply: Reply,
    /// Whether it is the run's last.
    pub last: bool,
    pub(crate) details: Option<Arc<Details>>,
}

/// Shows sizes, never text: events may be logged as they are.
impl std::fmt::Debug for Spoken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spoken")
            .field("run", &self.run)
            .field("key", &self.key)
            .field("messages", &self.messages)
            .field("attempt", &self.attempt)
            .field("reply", &self.reply)
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

impl Spoken {
    /// Where the batch's last message came from.
    #[must_use]
    pub fn source(&self) -> Option<&Source> {
        self.details.as_ref()?.source.as_ref()
    }

    /// The `meta` of the batch's last message, as JSON.
    #[must_use]
    pub fn meta(&self) -> Option<&str> {
        self.details.as_ref()?.meta.as_deref()
    }
}

/// Something that happened in the engine. [`name`](Self::name) gives the stable name.
#[allow(missing_docs, reason = "the fields are those of the protocol, described there once")]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The engine takes messages.
    EngineStarted,
    /// The engine finishes what it has.
    EngineDraining,
    /// A message was admitted.
    Accepted {
        id: MessageId,
        key: Arc<str>,
        lane: Arc<str>,
        placement: Placement,
        position: u32,
        run: Option<RunId>,
        fallback: Option<Fallback>,
    },
    /// A message was handed back.
    Refused { id: Option<MessageId>, key: Arc<str>, reason: Reason, detail: String },
    /// A message cannot start at once: the host's typing indicator.
    Queued { id: MessageId, key: Arc<str>, depth: u32 },
    /// A steer was delivered and committed.
    Steered { id: MessageId, run: RunId },
    /// An accepted steer was not delivered and is now a turn of its own.
    Promoted { id: MessageId, run: RunId },
    /// A message reached its fate.
    Fate {
        id: MessageId,
        key: Arc<str>,
        fate: Fate,
        run: Option<RunId>,
        outcome: Option<Outcome>,
        policy: Option<Policy>,
        kept: Option<Kept>,
    },
    /// A session's ticket went into a lane.
    LaneEnqueue { lane: Arc<str>, key: Arc<str>, depth: u32 },
    /// A worker took it out.
    LaneDequeue { lane: Arc<str>, key: Arc<str>, depth: u32, wait: Duration },
    /// It had waited longer than the lane's warning.
    WaitExceeded { lane: Arc<str>, key: Arc<str>, depth: u32, wait: Duration },
    /// A run began. `text` only for observers that ask for it.
    RunStarted {
        run: RunId,
        key: Arc<str>,
        lane: Arc<str>,
        messages: Arc<[MessageId]>,
        attempt: u32,
        summary_of: u32,
        text: Option<Arc<str>>,
    },
    /// A run read its boundary.
    Boundary { run: RunId, phase: Phase, call: Option<Arc<str>>, verdict: &'static str },
    /// A run said something.
    Reply(Spoken),
    /// A run ended.
    RunFinished {
        run: RunId,
        key: Arc<str>,
        outcome: Outcome,
        cause: Option<Cause>,
        took: Duration,
    },
    /// A failed batch will run again.
    RunRetrying { run: RunId, key: Arc<str>, attempt: u32, delay: Duration },
    /// A run shows no sign of life; its slot is not freed.
    RunStuck { run: RunId, key: Arc<str>, calls: Vec<Arc<str>>, age: Duration },
    /// An unlimited lane has reached its ceiling.
    LaneSaturated { lane: Arc<str>, ceiling: u32 },
    /// A thread could not be started; the tickets stay.
    WorkerFailed { lane: Arc<str>, error: String },
    /// A session has nothing left to do.
    SessionIdle { key: Arc<str> },
    /// A second person writes into the session of all direct messages.
    SessionShared { key: Arc<str>, peers: u32 },
    /// Lines about dropped messages went with nobody to read them.
    SummaryDiscarded { key: Arc<str>, count: u32 },
    /// A record could not be written into a transcript, and the run went on; said once until one is
    /// written again.
    TranscriptFailed { key: Arc<str>, error: String },
    /// Settings were replaced (`config.reloaded`) or refused (`config.refused`).
    Config { name: &'static str, detail: String },
    /// A tick of a job met the job's own message or run: `skipped`, or `coalesced` with one run to
    /// come.
    CronSkipped { key: Arc<str>, detail: &'static str },
    /// The journal could not be written; the text says what that means.
    JournalFailed { error: String },
    /// The host's own words, in order with ours: a name and a JSON object.
    Note { name: &'static str, detail: String },
}

impl Event {
    /// The stable name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::EngineStarted => "engine.started",
            Self::EngineDraining => "engine.draining",
            Self::Accepted { .. } => "message.accepted",
            Self::Refused { .. } => "message.refused",
            Self::Queued { .. } => "message.queued",
            Self::Steered { .. } => "message.steered",
            Self::Promoted { .. } => "message.promoted",
            Self::Fate { .. } => "message.fate",
            Self::LaneEnqueue { .. } => "queue.lane.enqueue",
            Self::LaneDequeue { .. } => "queue.lane.dequeue",
            Self::WaitExceeded { .. } => "queue.lane.wait_exceeded",
            Self::RunStarted { .. } => "run.started",
            Self::Boundary { .. } => "run.boundary",
            Self::Reply(_) => "reply",
            Self::RunFinished { .. } => "run.finished",
            Self::RunRetrying { .. } => "run.retrying",
            Self::RunStuck { .. } => "run.stuck",
            Self::LaneSaturated { .. } => "lane.saturated",
            Self::WorkerFailed { .. } => "worker.failed",
            Self::SessionIdle { .. } => "session.idle",
            Self::SessionShared { .. } => "session.shared",
            Self::SummaryDiscarded { .. } => "session.summary_discarded",
            Self::CronSkipped { .. } => "cron.skipped",
            Self::JournalFailed { .. } => "journal.failed",
            Self::TranscriptFailed { .. } => "transcript.failed",
            Self::Config { name, .. } | Self::Note { name, .. } => name,
        }
    }

    /// The session it is about.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Accepted { key, .. }
            | Self::Refused { key, .. }
            | Self::Queued { key, .. }
            | Self::Fate { key, .. }
            | Self::LaneEnqueue { key, .. }
            | Self::LaneDequeue { key, .. }
            | Self::WaitExceeded { key, .. }
            | Self::RunStarted { key, .. }
            | Self::RunFinished { key, .. }
            | Self::RunRetrying { key, .. }
            | Self::RunStuck { key, .. }
            | Self::SessionIdle { key }
            | Self::SessionShared { key, .. }
            | Self::SummaryDiscarded { key, .. }
            | Self::CronSkipped { key, .. }
            | Self::TranscriptFailed { key, .. } => Some(key),
            Self::Reply(spoken) => Some(&spoken.key),
            _ => None,
        }
    }
}
