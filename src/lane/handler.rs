//! The host's code for messages, lane by lane.

use crate::model::{BoxError, Error, LaneId, Reply};
use crate::run::Run;
use crate::sync::{Arc, OnceLock};

/// What a handler can do.
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
}

pub(crate) type Handle = Box<dyn Fn(&Run) -> Result<Reply, BoxError> + Send + Sync>;

/// A handler with what it can do.
pub(crate) struct Handler {
    pub(crate) options: HandlerOptions,
    pub(crate) handle: Handle,
}

/// One handler a lane, and one for all others. Each is set once.
pub(crate) struct Handlers {
    lanes: Box<[OnceLock<Arc<Handler>>]>,
    any: OnceLock<Arc<Handler>>,
}

impl Handlers {
    pub(crate) fn new(lanes: usize) -> Self {
        Self { lanes: (0..lanes).map(|_| OnceLock::new()).collect(), any: OnceLock::new() }
    }

    pub(crate) fn set(&self, lane: Option<LaneId>, handler: Handler) -> Result<(), Error> {
        let slot = lane.map_or(&self.any, |lane| &self.lanes[usize::from(lane.0)]);
        slot.set(Arc::new(handler))
            .map_err(|_| Error::invalid("the handler is set already: it is set once"))
    }

    pub(crate) fn get(&self, lane: LaneId) -> Option<&Arc<Handler>> {
        self.lanes[usize::from(lane.0)].get().or_else(|| self.any.get())
    }
}
