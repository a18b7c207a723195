//! Names of runs, messages and lanes.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;

/// One execution of a handler. Never reused in the life of an engine, and below 2^53, so that a
/// host whose numbers are doubles keeps it exactly.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(NonZeroU64);

impl RunId {
    /// The run with this number, as an event or a host wrote it down. (2^64 - 1, which no run has, is
    /// taken for the number before it.)
    #[must_use]
    pub fn new(number: u64) -> Self {
        // One more than its number, so that `Option` costs nothing: it is in every fate.
        Self(NonZeroU64::MIN.saturating_add(number))
    }

    /// The one that is drawn after it.
    pub(crate) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number itself.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0.get() - 1
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run {}", self.get())
    }
}

/// How a message is called: by the id that its sender gave, or by the place of its admission.
///
/// An id that was made up reads `m<session>.<number>`; a session's serial number is never reused.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum MessageId {
    /// The idempotency key that came with the message.
    Given(Arc<str>),
    /// Made up: the session's serial number and the admission number within it.
    Made(u64, u64),
}

impl MessageId {
    /// Bits of a session's serial number that count. Those above tell the engines of a process
    /// apart, so that a receipt of one is not taken for another's, and are no part of any name.
    pub(crate) const SERIAL_BITS: u32 = 40;

    /// What counts of a session's serial number.
    pub(crate) fn serial(serial: u64) -> u64 {
        serial & ((1 << Self::SERIAL_BITS) - 1)
    }

    /// Of a session's serial number and the admission number within it.
    pub(crate) fn made(serial: u64, number: u64) -> Self {
        Self::Made(Self::serial(serial), number)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(id) => f.write_str(id),
            Self::Made(session, number) => write!(f, "m{session}.{number}"),
        }
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A lane's index in the engine's list of lanes; a lane keeps it for the engine's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LaneId(pub(crate) u16);
