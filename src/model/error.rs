//! What can go wrong, said so that the reader knows what would be right.

use std::fmt;

use super::RunId;
use super::mode::words;

/// Any error of the host, as a handler returns it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why the engine would not do what it was asked. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A value that is out of range or cannot be understood; the text names it and the range.
    Invalid(String),
    /// No lane of this name.
    UnknownLane {
        /// The name that was asked for.
        lane: String,
        /// The lanes that exist.
        lanes: Vec<String>,
    },
    /// The run is not, or no longer, the live one of its session.
    Stale(RunId),
    /// A take guard is open: commit or drop it first.
    GuardOpen,
    /// The call would wait for itself; the text names who waits for whom.
    WouldDeadlock(Vec<String>),
    /// A bound is reached; the text names it.
    Full(String),
    /// The engine drains or is closed.
    Closed,
    /// The operating system refused; the text says what.
    System(String),
    /// The journal cannot be opened or read; the text says why.
    Journal(String),
}

impl Error {
    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::Invalid(text.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(text) | Self::Full(text) | Self::System(text) | Self::Journal(text) => {
                f.write_str(text)
            }
            Self::UnknownLane { lane, lanes } => {
                write!(f, "no lane {lane:?}: the lanes are {}", lanes.join(", "))
            }
            Self::Stale(run) => {
                write!(f, "run {run} is not the live run of its session (any more)")
            }
            Self::GuardOpen => {
                f.write_str("steers are taken and not committed: commit or drop the guard first")
            }
            Self::WouldDeadlock(cycle) => {
                write!(f, "the wait would never end: {}", cycle.join(" waits for "))
            }
            Self::Closed => f.write_str("the engine is closed"),
        }
    }
}

impl std::error::Error for Error {}

/// Why a message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// A bound is reached and nothing may give way.
    Full,
    /// The same id came over the same route a short while ago.
    Duplicate,
    /// It was a directive, and was carried out: the detail is the answer for the person.
    Directive,
    /// `expect_run` is not the live run.
    Mismatch,
    /// The engine finishes what it has and takes nothing new.
    Draining,
    /// The engine is closed.
    Closed,
    /// No lane of that name.
    UnknownLane,
    /// Runs of an isolated lane may only spawn into it.
    Isolated,
    /// The key, the text or the payload is over its bound.
    TooLarge,
    /// Something about it cannot be right; the detail says what.
    Invalid,
    /// The journal could not take it.
    Journal,
}

words!(
    Reason,
    "reason",
    Full = "full",
    Duplicate = "duplicate",
    Directive = "directive",
    Mismatch = "mismatch",
    Draining = "draining",
    Closed = "closed",
    UnknownLane = "unknown_lane",
    Isolated = "isolated",
    TooLarge = "too_large",
    Invalid = "invalid",
    Journal = "journal"
);

/// Why a wait ended without a fate. The message goes its way all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitError {
    /// The time is over.
    TimedOut,
    /// The waiting run was stopped.
    Stopped(super::Cause),
    /// The wait would never end; who waits for whom, first and last the same.
    WouldDeadlock(Vec<String>),
    /// `receipt.wait()` on an engine thread: use `run.wait(&receipt)`, which lends the lane slot.
    OnEngineThread,
    /// The waiting run was abandoned.
    Stale(RunId),
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("the time to wait is over"),
            Self::Stopped(cause) => write!(f, "the waiting run was stopped ({cause})"),
            Self::WouldDeadlock(cycle) => {
                write!(f, "the wait would never end: {}", cycle.join(" waits for "))
            }
            Self::OnEngineThread => f.write_str(
                "receipt.wait() on an engine thread would hold its lane: use run.wait(&receipt)",
            ),
            Self::Stale(run) => write!(f, "run {run} is no longer the live run of its session"),
        }
    }
}

impl std::error::Error for WaitError {}
