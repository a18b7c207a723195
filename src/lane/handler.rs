//! The host's code for messages, and what it can do.

use crate::model::{BoxError, Reply};
use crate::run::Run;
use crate::session::Inbox;

/// What a handler, or whoever takes the runs of a port, can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandlerOptions {
    /// Whether it takes steers. If not, they are follow-ups. Default: true.
    pub steerable: bool,
}

impl Default for HandlerOptions {
    fn default() -> Self {
        Self { steerable: true }
    }
}

impl HandlerOptions {
    /// For handlers that never look at their boundary: plain agents.
    #[must_use]
    pub fn unsteerable() -> Self {
        Self { steerable: false }
    }

    pub(super) fn inbox(self) -> Inbox {
        if self.steerable { Inbox::Open } else { Inbox::Never }
    }
}

pub(crate) type Handle = Box<dyn Fn(&Run) -> Result<Reply, BoxError> + Send + Sync>;

/// A handler with what it can do.
pub(crate) struct Handler {
    pub(crate) options: HandlerOptions,
    pub(crate) handle: Handle,
}
