//! One tool call: whether it may start, and the one result that it ends in.

use crate::model::Cause;
use crate::model::mode_words as words;
use crate::sync::Arc;

/// Where a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallState {
    /// It ran and succeeded.
    Completed,
    /// It ran and failed.
    Failed,
    /// It was skipped, or was cut short.
    Cancelled,
    /// It was found wrong before it started.
    Rejected,
    /// Its own deadline passed.
    TimedOut,
    /// It succeeded after it had been given up.
    Late,
}

/// What a call that did not complete may have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effects {
    /// It never started.
    None,
    /// It started and was not seen to end.
    Unknown,
    /// It ran to its end.
    Done,
}

/// Why a call did not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Code {
    /// A steer arrived before it started.
    Steer,
    /// The run was stopped.
    Stop,
    /// Its deadline passed.
    Deadline,
    /// It was found wrong, or never asked to start.
    Rejected,
}

words!(
    CallState,
    "call state",
    Completed = "completed",
    Failed = "failed",
    Cancelled = "cancelled",
    Rejected = "rejected",
    TimedOut = "timed_out",
    Late = "late"
);
words!(Effects, "effects", None = "none", Unknown = "unknown", Done = "done");
words!(Code, "code", Steer = "steer", Stop = "stop", Deadline = "deadline", Rejected = "rejected");

/// Why a call is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// A steer waits: the run takes it first.
    Steer,
}

/// Whether a call may start.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Launch {
    /// It counts as executing from now on.
    Go,
    /// It is cancelled, and so is every other call that has not started.
    Skip(Why),
    /// The run is stopped: nothing starts any more.
    Stop(Cause),
}

/// The one result of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallResult {
    /// The call's id.
    pub call: Arc<str>,
    /// Where it ended.
    pub state: CallState,
    /// What it may have done.
    pub effects: Effects,
    /// Why it did not complete.
    pub code: Option<Code>,
    /// Whether a model should read it as an error.
    pub error: bool,
    /// What the tool gave.
    pub result: Option<String>,
}
