//! How a run came back, and what its end came to.

use crate::model::{Cause, Fate, Outcome, Reply};
use crate::session::live::SlotState;
use crate::sync::Arc;
use crate::time::Moment;

/// How the handler came back.
pub(crate) enum End {
    Done(Option<Reply>),
    Failed {
        error: Arc<str>,
        cause: Option<Cause>,
    },
    Panicked {
        error: Arc<str>,
    },
    /// The handler was not called, since its attempt could not be counted: it is none.
    NotStarted {
        error: Arc<str>,
    },
}

impl End {
    pub(crate) fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Done(reply) => reply.as_ref(),
            _ => None,
        }
    }

    pub(crate) fn into_reply(self) -> Option<Reply> {
        match self {
            Self::Done(reply) => reply,
            _ => None,
        }
    }

    pub(super) fn error(&self) -> Option<Arc<str>> {
        match self {
            Self::Done(_) => None,
            Self::Failed { error, .. } | Self::Panicked { error } | Self::NotStarted { error } => {
                Some(Arc::clone(error))
            }
        }
    }
}

/// A run that has ended, and what became of its batch: the worker tells the receipts.
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    pub(crate) cause: Option<Cause>,
    /// `None`: the batch will run again.
    pub(crate) fate: Option<Fate>,
    pub(crate) started: Moment,
    pub(crate) error: Option<Arc<str>>,
    /// Whether it held its slot to the end: a pulled run may end while it waits.
    pub(crate) slot: SlotState,
}

/// What a finish came to. Its tag is a word of its own: see [`Entry`](crate::session::entry::Entry).
#[repr(u64)]
pub(crate) enum Finished {
    /// P1: the run was abandoned before; its claim is without effect.
    Stale,
    Ended(Ended),
}

/// What an abandoned run leaves behind.
pub(crate) struct Abandoned {
    /// Whether it held a slot of its lane, which is free now.
    pub(crate) slot: SlotState,
    /// How its batch ended; none for a closure, which the transcript does not know.
    pub(crate) batch: Option<Ended>,
}
