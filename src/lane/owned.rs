//! A run in the host's hands, until the host completes it.

use std::ops::Deref;

use super::Port;
use super::execute::{After, Execution, end_of};
use super::staff::Seat;
use crate::model::{BoxError, Cause, Error, Reply, WaitError};
use crate::run::{Receipt, Run};
use crate::session::{End, SlotState};
use crate::sync::on::{acting_as, kind};
use crate::sync::{Arc, caught};

/// A run that was taken from a port: a [`Run`] that owns all it needs. It holds a slot of its lane
/// until it is completed, wherever it is carried meanwhile; nothing of it is bound to a thread.
///
/// Dropping it uncompleted ends it `failed`, cause `dropped`. Completing and dropping never block,
/// and may be done from any thread, also from handlers.
///
/// The port hears of its steers and its stop. A function set with [`Run::on_signal`] hears of them
/// instead.
#[must_use = "dropping it ends it: failed, cause `dropped`"]
pub struct OwnedRun {
    run: Run,
    port: Arc<Port>,
    /// None once it has ended.
    seat: Option<Seat>,
}

impl OwnedRun {
    pub(super) fn new(run: Run, port: Arc<Port>, seat: Seat) -> Self {
        Self { run, port, seat: Some(seat) }
    }

    /// Ends it, done: its messages ran, and one of their receipts has the reply.
    ///
    /// # Errors
    /// `Stale` if it was abandoned: nobody gets the reply.
    pub fn complete(mut self, reply: impl Into<Reply>) -> Result<(), Error> {
        self.finish(End::Done(Some(reply.into())))
    }

    /// Ends it, failed (stopped, if it was told to stop); it is retried like any other. Its cause
    /// is the one given with [`Run::fail_with`], if any.
    ///
    /// # Errors
    /// `Stale` if it was abandoned.
    pub fn fail(mut self, error: impl Into<BoxError>) -> Result<(), Error> {
        let end = end_of(&self.run, Ok(Err(error.into())));
        self.finish(end)
    }

    /// Executes it here and ends it as a worker would: a panic of the handler ends there, and a run
    /// of an isolated lane is confined to it. The thread stays the host's: `receipt.wait()` is
    /// allowed, and lends nothing.
    ///
    /// # Errors
    /// `Stale` if it was abandoned meanwhile.
    pub fn execute(
        mut self,
        handler: impl FnOnce(&Run) -> Result<Reply, BoxError>,
    ) -> Result<(), Error> {
        let door = self.run.door();
        let own = door.settings().isolated.then_some(door.id.0);
        let came = acting_as(kind(), own, || caught::call(|| handler(&self.run)));
        let end = end_of(&self.run, came);
        self.finish(end)
    }

    /// Lends the slot at once, until the receipt has its fate or this run is stopped. The port
    /// tells `Waited` once every wait of the run is over and it has a slot again: after this call,
    /// nothing of a wait before it is told any more. Never blocks: for loops that go on meanwhile,
    /// where [`Run::wait`] would block the thread. If the run is completed first, nothing is told.
    ///
    /// # Errors
    /// `WouldDeadlock` with the cycle; `Stale` if the run was abandoned.
    pub fn wait_begin<T: Clone>(&self, receipt: &Receipt<T>) -> Result<(), WaitError> {
        self.run.lend_until(receipt, &self.port.ear(self.run.id()))
    }

    /// Hears what happens to it, for the port.
    #[cfg(feature = "capi")]
    pub(crate) fn ear(&self) -> Arc<dyn crate::session::Watch> {
        self.port.ear(self.run.id())
    }

    /// The same end as that of a worker's run: one step with its session.
    fn finish(&mut self, end: End) -> Result<(), Error> {
        let Some(seat) = self.seat.take() else { return Ok(()) };
        let (run, port) = (&self.run, &self.port);
        let door = run.door();
        let mut execution = Execution::new(&port.staff, &port.shared, door, port.shared.now());
        let answer = match execution.finish_batch(run, end, None) {
            After::Over { slot, .. } => {
                if slot == SlotState::Lent {
                    run.end_waits();
                }
                port.free(door, slot);
                Ok(())
            }
            After::Replaced => Err(Error::Stale(run.id())),
        };
        port.forget(run.id());
        drop(seat);
        answer
    }
}

impl Deref for OwnedRun {
    type Target = Run;

    fn deref(&self) -> &Run {
        &self.run
    }
}

impl Drop for OwnedRun {
    fn drop(&mut self) {
        let error = "the host let go of the run without completing it".into();
        let end = End::Failed { error, cause: Some(Cause::Dropped) };
        // Stale: it was abandoned before.
        let _ = self.finish(end);
        self.run.leave();
    }
}

impl std::fmt::Debug for OwnedRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.run.fmt(f)
    }
}
