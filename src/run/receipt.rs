//! The answer to a submit: where the message landed, and a handle to wait for its fate.

use std::time::{Duration, Instant};

use super::Session;
use crate::model::{Fallback, MessageId, Reply, RunId, Settled, WaitError};
use crate::session::{Cell, Landed, Place, Standing, Telling, Watch, Watched};
use crate::sync::on::{Thread, kind};
use crate::sync::{Arc, oneshot};
use crate::watch::Placement;

/// A message or closure whose fate somebody may ask for.
pub(crate) trait Pending<T>: Watched {
    /// Its fate, if that is known.
    fn settled(&self) -> Option<Settled<T>>;
    /// Blocks for its fate, at most until `until`.
    fn wait(&self, until: Option<Instant>) -> Option<Settled<T>>;
    fn id(&self) -> MessageId;
    fn key(&self) -> &Arc<str>;
    /// Serial number of its session.
    fn serial(&self) -> u64;
    fn standing(&self) -> &Standing;
    /// Tells a closure's receipt that it was withdrawn, and drops the host's code. A message is
    /// told by its session.
    fn withdrawn(&self) {}
}

impl Pending<Reply> for Cell {
    fn settled(&self) -> Option<Settled> {
        self.telling.get()
    }

    fn wait(&self, until: Option<Instant>) -> Option<Settled> {
        self.telling.wait(until)
    }

    fn id(&self) -> MessageId {
        Cell::id(self)
    }

    fn key(&self) -> &Arc<str> {
        &self.message.key
    }

    fn serial(&self) -> u64 {
        self.serial
    }

    fn standing(&self) -> &Standing {
        &self.standing
    }
}

impl Watched for Cell {
    fn watch(&self, watcher: Arc<dyn Watch>) {
        self.telling.watch(watcher);
    }

    fn unwatch(&self, watcher: &dyn Watch) {
        self.telling.unwatch(watcher);
    }
}

/// What is kept of a message that has its fate: everything but the message.
struct Settling {
    id: MessageId,
    key: Arc<str>,
    serial: u64,
    standing: Standing,
    telling: Telling<Reply>,
}

impl Pending<Reply> for Settling {
    fn settled(&self) -> Option<Settled> {
        self.telling.get()
    }

    fn wait(&self, until: Option<Instant>) -> Option<Settled> {
        self.telling.wait(until)
    }

    fn id(&self) -> MessageId {
        self.id.clone()
    }

    fn key(&self) -> &Arc<str> {
        &self.key
    }

    fn serial(&self) -> u64 {
        self.serial
    }

    fn standing(&self) -> &Standing {
        &self.standing
    }
}

impl Watched for Settling {
    fn watch(&self, watcher: Arc<dyn Watch>) {
        self.telling.watch(watcher);
    }

    fn unwatch(&self, watcher: &dyn Watch) {
        self.telling.unwatch(watcher);
    }
}

/// Where an accepted message landed, and a handle to wait for what became of it.
///
/// Cheap to clone. Dropping it changes nothing: the message goes its way.
#[must_use = "the receipt is the only way to learn of the fate, short of events"]
pub struct Receipt<T = Reply> {
    pub(crate) pending: Arc<dyn Pending<T>>,
    /// Set for a message, so that it can be withdrawn.
    pub(crate) cell: Option<Arc<Cell>>,
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
            pending: Arc::clone(&self.pending),
            cell: self.cell.clone(),
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
        self.pending.key()
    }

    /// The message as it was submitted. A parked one can be submitted anew. None for a closure,
    /// and for the first receipt of a [`Refused`](super::Refused) duplicate whose fate is known.
    #[must_use]
    pub fn message(&self) -> Option<&crate::model::Message> {
        self.cell.as_deref().map(|cell| &*cell.message)
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
    pub(crate) fn of(cell: &Arc<Cell>, landed: Landed) -> Self {
        let pending: Arc<dyn Pending<_>> = Arc::clone(cell) as Arc<_>;
        let priority = cell.message.priority;
        let (cell, session, came_back) = (Some(Arc::clone(cell)), None, None);
        Self { pending, cell, session, landed, priority, came_back }
    }

    /// The same receipt for a message that settled so, without the message. P9: whoever remembers
    /// it for long does not keep what the host sent.
    pub(crate) fn without_message(&self, settled: Settled) -> Self {
        let (standing, telling) = (Standing::default(), Telling::<Reply>::default());
        standing.put(Place::Settled);
        telling.tell(settled);
        let (id, key) = (self.id(), Arc::clone(self.pending.key()));
        let serial = self.pending.serial();
        let pending = Arc::new(Settling { id, key, serial, standing, telling });
        let (landed, priority, came_back) = (self.landed, self.priority, self.came_back.clone());
        Self { pending, cell: None, session: None, landed, priority, came_back }
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
