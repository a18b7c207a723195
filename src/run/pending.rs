//! What a receipt asks: a message on its way, what is kept of one, or a closure's task.

use std::ops::Deref;
use std::time::Instant;

use crate::model::{Message, MessageId, Reply, Settled};
use crate::session::{Cell, Place, Standing, Telling, Watch, Watched};
use crate::sync::Arc;

/// A message or closure whose fate somebody may ask for.
pub(crate) trait Pending<T>: Watched {
    /// Its fate, if that is known.
    fn settled(&self) -> Option<Settled<T>>;
    /// Blocks for its fate, at most until `until`.
    fn wait(&self, until: Option<Instant>) -> Option<Settled<T>>;
    fn id(&self) -> MessageId;
    /// The key of a message. A closure has none of its own: its receipt knows it.
    fn key(&self) -> Option<&Arc<str>> {
        None
    }
    /// Serial number of its session.
    fn serial(&self) -> u64;
    fn standing(&self) -> &Standing;
    /// The message itself, if this is one.
    fn message(&self) -> Option<&Message> {
        None
    }
    /// The same, so that it can be withdrawn.
    fn cell(self: Arc<Self>) -> Option<Arc<Cell>> {
        None
    }
    /// The last receipt is gone, and so is its engine's part: the memory may be used again.
    fn leave(self: Arc<Self>) {}
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

    fn key(&self) -> Option<&Arc<str>> {
        Some(&self.message.key)
    }

    fn serial(&self) -> u64 {
        self.serial
    }

    fn standing(&self) -> &Standing {
        &self.standing
    }

    fn message(&self) -> Option<&Message> {
        Some(&self.message)
    }

    fn leave(self: Arc<Self>) {
        Cell::leave(self);
    }

    fn cell(self: Arc<Self>) -> Option<Arc<Cell>> {
        Some(self)
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
pub(super) struct Settling {
    id: MessageId,
    key: Arc<str>,
    serial: u64,
    standing: Standing,
    telling: Telling<Reply>,
}

impl Settling {
    pub(super) fn new(id: MessageId, key: Arc<str>, serial: u64, settled: Settled) -> Self {
        let (standing, telling) = (Standing::default(), Telling::default());
        standing.put(Place::Settled);
        telling.tell(settled);
        Self { id, key, serial, standing, telling }
    }
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

    fn key(&self) -> Option<&Arc<str>> {
        Some(&self.key)
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

/// A receipt's part in what it asks.
pub(crate) struct Share<T>(Option<Arc<dyn Pending<T>>>);

impl<T> Share<T> {
    pub(crate) fn of(pending: Arc<impl Pending<T> + 'static>) -> Self {
        Self(Some(pending))
    }
}

impl<T> Deref for Share<T> {
    type Target = Arc<dyn Pending<T>>;

    fn deref(&self) -> &Self::Target {
        self.0.as_ref().expect("a share is taken when it is dropped")
    }
}

impl<T> Clone for Share<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Drop for Share<T> {
    fn drop(&mut self) {
        if let Some(last) = self.0.take().filter(|pending| Arc::strong_count(pending) == 1) {
            last.leave();
        }
    }
}
