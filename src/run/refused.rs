//! The other answer to a submit: the message comes home, with the reason.

use std::fmt;

use super::{Receipt, Shared};
use crate::model::{Message, Reason};

/// A message that was not accepted: it comes home, with the reason.
pub struct Refused<M = Message> {
    /// The message, unchanged (or the closure).
    pub message: M,
    /// The reason, as a word.
    pub reason: Reason,
    /// What was wrong, and what would be right.
    pub detail: String,
    /// Set for a [`Duplicate`](Reason::Duplicate), and only then: the receipt of the message that
    /// came first. Once that one has its fate, the receipt is without its
    /// [`message`](Receipt::message).
    pub first: Option<Box<Receipt>>,
}

impl<M> Refused<M> {
    pub(crate) fn new(message: M, reason: Reason, detail: impl Into<String>) -> Self {
        Self { message, reason, detail: detail.into(), first: None }
    }
}

impl Refused {
    /// A refused message, counted and told.
    #[cold]
    pub(crate) fn told(shared: &Shared, message: Message, reason: Reason, detail: String) -> Self {
        shared.say_refused(&message, reason, &detail);
        Self::new(message, reason, detail)
    }
}

impl<M> fmt::Debug for Refused<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused, {}: {}", self.reason, self.detail)
    }
}

impl<M> fmt::Display for Refused<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.detail)
    }
}

impl<M> std::error::Error for Refused<M> {}

/// A refused message of `run.spawn`; the same as a refused submit.
pub type SpawnRefused = Refused<Message>;
