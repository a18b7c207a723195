//! What becomes of messages and runs.

use serde::{Deserialize, Serialize};

use super::RunId;
use super::mode::words;

/// The one final state of an accepted message. P4: each reaches exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Fate {
    /// It was part of the batch of a run that has ended.
    Ran,
    /// It was delivered to a run in progress.
    Steered,
    /// It gave way when the backlog was full.
    Dropped,
    /// It was taken back before it started.
    Withdrawn,
    /// Its `ttl` passed before it started.
    Expired,
    /// Its attempts are used up; it waits for somebody to look at it.
    Parked,
    /// The engine closed first; the message is the host's again.
    Returned,
}

impl Fate {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 7] = [
        Self::Ran,
        Self::Steered,
        Self::Dropped,
        Self::Withdrawn,
        Self::Expired,
        Self::Parked,
        Self::Returned,
    ];

    /// Whether the id of a message with this fate stays known: its host got what it wanted, or was
    /// told otherwise by the engine.
    pub(crate) fn is_remembered(self) -> bool {
        match self {
            Self::Ran | Self::Steered | Self::Dropped | Self::Parked => true,
            Self::Withdrawn | Self::Expired | Self::Returned => false,
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Outcome {
    /// The handler returned a reply, even if a stop had been set.
    Done,
    /// The handler returned an error.
    Failed,
    /// The handler returned an error or panicked after a stop, or was abandoned.
    Stopped,
    /// The handler panicked.
    Panicked,
}

/// What stopped a run, or made it fail. The first cause decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// An interrupt, with or without a message.
    Interrupt,
    /// `stop(key)`.
    Stop,
    /// The deadline of its message or lane.
    Deadline,
    /// The run that spawned it ended other than done.
    Parent,
    /// `abandon(run)`.
    Abandon,
    /// The deadline of a drain.
    Drain,
    /// `close`.
    Close,
    /// The agent's process ended by itself with an error (program).
    Exit,
    /// The host let go of the run without completing it.
    Dropped,
    /// The host cancelled a token of its own.
    Host,
}

impl Cause {
    /// Every cause, by its bits less one.
    const ALL: [Self; 10] = [
        Self::Interrupt,
        Self::Stop,
        Self::Deadline,
        Self::Parent,
        Self::Abandon,
        Self::Drain,
        Self::Close,
        Self::Exit,
        Self::Dropped,
        Self::Host,
    ];

    /// In four bits, where it is kept in an atomic; 0 is none.
    pub(crate) const fn bits(self) -> u8 {
        self as u8 + 1
    }

    pub(crate) fn of_bits(bits: u8) -> Option<Self> {
        Self::ALL.get(usize::from(bits.checked_sub(1)?)).copied()
    }
}

/// Which overflow policy dropped a message.
pub type Policy = super::Drop;

/// Whether a returned message is still in the journal and comes back when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kept {
    /// It is the host's alone now.
    No,
    /// The journal has it.
    Journal,
}

words!(
    Fate,
    "fate",
    Ran = "ran",
    Steered = "steered",
    Dropped = "dropped",
    Withdrawn = "withdrawn",
    Expired = "expired",
    Parked = "parked",
    Returned = "returned"
);
words!(
    Outcome,
    "outcome",
    Done = "done",
    Failed = "failed",
    Stopped = "stopped",
    Panicked = "panicked"
);
words!(
    Cause,
    "cause",
    Interrupt = "interrupt",
    Stop = "stop",
    Deadline = "deadline",
    Parent = "parent",
    Abandon = "abandon",
    Drain = "drain",
    Close = "close",
    Exit = "exit",
    Dropped = "dropped",
    Host = "host"
);

/// What became of a message or closure: the answer to its receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settled<T = super::Reply> {
    /// The final state.
    pub fate: Fate,
    /// The run that executed or received it.
    pub run: Option<RunId>,
    /// How that run ended; `None` for a fate without an ended run.
    pub outcome: Option<Outcome>,
    /// The run's one reply (or the closure's value). Only with [`lead`](Self::lead), so that a
    /// host answers once.
    pub reply: Option<T>,
    /// Set on exactly one receipt of each run's batch.
    pub lead: bool,
    /// What the handler said when it failed, or the text of its panic.
    pub error: Option<std::sync::Arc<str>>,
}
