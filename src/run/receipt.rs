//! The answer to a submit: where the message landed, and a handle to wait for its fate.

use std::time::{Duration, Instant};

use super::Session;
use super::pending::{Settling, Share};
use crate::model::{Fallback, Message, MessageId, Reply, RunId, Settled, WaitError};
use crate::session::{Cell, Landed};
use crate::sync::on::{Thread, kind};
use crate::sync::{Arc, oneshot};
use crate::watch::Placement;

/// Where an accepted message landed, and a handle to wait for what became of it.
///
/// Cheap to clone. Dropping it changes nothing: the message goes its way.
#[must_use = "the receipt is the only way to learn of the fate, short of events"]
pub struct Receipt<T = Reply> {
    pub(crate) pending: Share<T>,
    /// Set for a closure: who submits counts the references to the key, and no worker.
    pub(crate) key: Option<Arc<str>>,
    /// Set for a closure without a key: no table finds its session.
    pub(crate) session: Option<Arc<Session>>,
    pub(crate) landed: Landed,
    pub(crate) priority: crate::model::Priority,
    /// Set for a message that a journal brought back.
    pub(crate) came_back: Option<Arc<CameBack>>,
}

/// What a message that a journal brought back has behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CameBack {
    /// When it was accepted.
    pub accepted: std::time::SystemTime,
    /// Runs of it that have started; 0 if it has waited so far.
    pub attempt: u32,
}

impl<T> Clone for Receipt<T> {
    fn clone(&self) -> Self {
        Self {
            pending: self.pending.clone(),
            key: self.key.clone(),
            session: self.session.clone(),
            landed: self.landed,
            priority: self.priority,
            came_back: self.came_back.clone(),
        }
    }
}

impl<T> std::fmt::Debug for Receipt<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receipt")
            .field("id", &self.id())
            .field("key", &self.key())
            .field("placement", &self.placement())
            .finish_non_exhaustive()
    }
}

impl<T> Receipt<T> {
    /// The message's id: the given one, or the made-up one.
    #[must_use]
    pub fn id(&self) -> MessageId {
        self.pending.id()
    }

    /// Its session key; "" for a closure without one.
    #[must_use]
    pub fn key(&self) -> &str {
        self.shared_key()
    }

    pub(super) fn shared_key(&self) -> &Arc<str> {
        let key = self.key.as_ref().or_else(|| self.pending.key());
        key.expect("a message has a key, and a closure's receipt")
    }

    /// The message as it was submitted. A parked one can be submitted anew. None for a closure,
    /// and for the first receipt of a [`Refused`](super::Refused) duplicate whose fate is known.
    #[must_use]
    pub fn message(&self) -> Option<&Message> {
        self.pending.message()
    }

    pub(crate) fn cell(&self) -> Option<Arc<Cell>> {
        Arc::clone(&self.pending).cell()
    }

    /// Where it landed.
    #[must_use]
    pub fn placement(&self) -> Placement {
        self.landed.placement
    }

    /// Messages of its session that were before it.
    #[must_use]
    pub fn position(&self) -> u32 {
        self.landed.position
    }

    /// The run that it steers.
    #[must_use]
    pub fn run(&self) -> Option<RunId> {
        self.landed.run
    }

    /// Its past, if it came back from a journal.
    #[must_use]
    pub fn came_back(&self) -> Option<CameBack> {
        self.came_back.as_deref().copied()
    }

    /// Why it waits its turn, if it asked to steer or to interrupt.
    #[must_use]
    pub fn fallback(&self) -> Option<Fallback> {
        self.landed.fallback
    }
}

impl Receipt {
    pub(crate) fn of(cell: Arc<Cell>, landed: Landed) -> Self {
        let priority = cell.message.priority;
        let pending = Share::of(cell);
        Self { pending, key: None, session: None, landed, priority, came_back: None }
    }

    /// The same receipt for a message that settled so, without the message. P9: whoever remembers
    /// it for long does not keep what the host sent.
    pub(crate) fn without_message(&self, settled: Settled) -> Self {
        let (id, key) = (self.id(), Arc::clone(self.shared_key()));
        let told = Settling::new(id, key, self.pending.serial(), settled);
        let pending = Share::of(Arc::new(told));
        let (landed, priority, came_back) = (self.landed, self.priority, self.came_back.clone());
        Self { pending, key: None, session: None, landed, priority, came_back }
    }
}

impl<T: Clone> Receipt<T> {
    /// What became of it, if that is known. Never blocks.
    #[must_use]
    pub fn settled(&self) -> Option<Settled<T>> {
        self.pending.settled()
    }

    /// Blocks until its fate is known.
    ///
    /// # Errors
    /// `OnEngineThread` inside a handler (use [`Run::wait`](super::Run::wait), which lends the
    /// lane slot) and inside an observer.
    pub fn wait(&self) -> Result<Settled<T>, WaitError> {
        self.wait_until(None)
    }

    /// Blocks until its fate is known, at most for `timeout`.
    ///
    /// # Errors
    /// As [`wait`](Self::wait), and `TimedOut`.
    pub fn wait_for(&self, timeout: Duration) -> Result<Settled<T>, WaitError> {
        self.wait_until(oneshot::deadline(timeout))
    }

    fn wait_until(&self, until: Option<Instant>) -> Result<Settled<T>, WaitError> {
        if let Some(settled) = self.settled() {
            return Ok(settled);
        }
        // Looked at only before blocking: the fast answer above is right anywhere.
        if kind() != Thread::Host {
            return Err(WaitError::OnEngineThread);
        }
        self.pending.wait(until).ok_or(WaitError::TimedOut)
    }
}
