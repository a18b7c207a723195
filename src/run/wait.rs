//! Waiting inside a run: the lane slot is lent meanwhile, so that no wait can starve what it
//! waits for. P8.

use std::time::Duration;

use super::wait_graph::{EdgeId, Stop};
use super::{Closure, Receipt, Run, Session, Shared};
use crate::model::{Error, RunId, Settled, WaitError};
use crate::session::{Door, Regained, Registration, SlotState, Wake, Watch};
use crate::sync::atomic::Ordering;
use crate::sync::on::{Thread, kind};
use crate::sync::oneshot::{Latch, deadline};
use crate::sync::{Arc, Mutex, caught};

/// Wakes a wait, and whoever listens to the run.
struct Bell {
    latch: Latch,
    signals: Mutex<Option<Arc<super::run::Signals>>>,
}

impl Watch for Bell {
    fn wake(&self, why: Wake) {
        self.latch.set();
        if why == Wake::Settled {
            // P7: unlocked before the host is called.
            let signals = self.signals.lock().take();
            if let Some(signals) = signals {
                signals.wake(Wake::Settled);
            }
        }
    }
}

/// A wait that has begun: the slot is lent until [`finish`](Self::finish).
#[must_use = "the run has lent its slot: finish the wait to take one again"]
pub struct Waiting<'run, T: Clone> {
    run: &'run Run,
    receipt: Receipt<T>,
    edge: EdgeId,
    bell: Arc<Bell>,
    stop: Option<Registration>,
}

impl Run {
    /// Waits for a message's fate, at most for `timeout`. The lane slot is lent meanwhile; the
    /// call returns only after a slot is taken again, also if it timed out or was stopped.
    ///
    /// # Errors
    /// `WouldDeadlock` with the cycle, at once; `TimedOut`; `Stopped` if this run is stopped;
    /// `Stale` if it was abandoned.
    pub fn wait<T: Clone>(
        &self,
        receipt: &Receipt<T>,
        timeout: Option<Duration>,
    ) -> Result<Settled<T>, WaitError> {
        if let Some(settled) = receipt.settled() {
            return Ok(settled);
        }
        let waiting = self.wait_begin(receipt)?;
        // Set or timed out: what it came to is read from the receipt and the run below.
        let _ = waiting.bell.latch.wait_until(timeout.and_then(deadline));
        waiting.finish()
    }

    /// Begins a wait: lends the slot at once, and does not block. [`on_signal`](Self::on_signal)
    /// hears `Waited` when it is due.
    ///
    /// # Errors
    /// `WouldDeadlock` with the cycle; `Stale` if the run was abandoned.
    pub fn wait_begin<T: Clone>(&self, receipt: &Receipt<T>) -> Result<Waiting<'_, T>, WaitError> {
        let edge = self.lend_for(receipt)?;
        let again = self.session.lock().machine.blocks(self.id);
        if let Some((heard, number)) = again {
            // P8: before anything can end this wait: the end of those before it is no news now.
            heard.wake(Wake::Blocks(number));
        }
        let bell = Bell { latch: Latch::default(), signals: Mutex::new(self.signals()) };
        let bell = Arc::new(bell);
        let on_stop = Arc::clone(&bell);
        let stop = Some(self.token().on_cancel(move |cause| on_stop.wake(Wake::Stop(cause))));
        receipt.pending.watch(Arc::clone(&bell) as Arc<dyn Watch>);
        Ok(Waiting { run: self, receipt: receipt.clone(), edge, bell, stop })
    }

    /// The slot is lent for this wait, which closes no cycle.
    pub(super) fn lend_for<T: Clone>(&self, receipt: &Receipt<T>) -> Result<EdgeId, WaitError> {
        if kind() == Thread::Tools {
            let cycle = vec!["the tool pool".to_owned(), format!("{:?}", receipt.key())];
            return Err(WaitError::WouldDeadlock(cycle));
        }
        let from = Stop { serial: self.session.serial, key: Arc::clone(&self.session.key) };
        let to = Stop { serial: receipt.pending.serial(), key: Arc::clone(receipt.shared_key()) };
        let begun = self.crew.waits.begin(self.id, &from, to);
        let edge = begun.map_err(WaitError::WouldDeadlock)?;
        self.lend_slot().inspect_err(|_| self.crew.waits.end(edge))?;
        Ok(edge)
    }

    /// Lends the slot with the first wait, if that leaves the lane a thread for whoever takes it.
    /// P8, P9: beyond the spare workers everybody in the lane would wait, for ever.
    fn lend_slot(&self) -> Result<(), WaitError> {
        let door = self.shared.doors.get(self.lane);
        let spares = self.shared.config().engine.spare_workers;
        let most = door.gate.word().cap.max(1) + spares;
        let one_more = |lent: u32| (lent + 1 < most).then_some(lent + 1);
        if door.lent.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more).is_err() {
            let all = format!("a worker of lane {:?}, whose {spares} spares all wait", door.name);
            return Err(WaitError::WouldDeadlock(vec![format!("{:?}", self.key()), all]));
        }
        let before = self.session.lock().machine.lend(self.id);
        if before == Ok(SlotState::Held) {
            let call = door.gate.leave();
            self.shared.answer_call(door, call);
            return Ok(());
        }
        // Lent already, by another wait of this run; or fenced.
        door.lent.fetch_sub(1, Ordering::SeqCst);
        before.map(drop).map_err(|_| WaitError::Stale(self.id))
    }

    /// Takes a slot again, unless another wait of this run goes on.
    fn regain_slot(&self) -> Result<(), WaitError> {
        let stale = |_| WaitError::Stale(self.id);
        let waits = self.session.lock().machine.wait_over(self.id).map_err(stale)?;
        if waits > 0 {
            return Ok(());
        }
        let door = self.shared.doors.get(self.lane);
        let call = door.gate.resume();
        self.shared.answer_call(door, call);
        take_back(&self.shared, &self.session, door, self.id).map(drop).map_err(stale)
    }
}

/// A slot was taken for a run that waited: it is the run's again, and whoever hears of its waits is
/// told, whichever was the last; or it is free, if the run has no use for it any more.
pub(super) fn take_back(
    shared: &Arc<Shared>,
    session: &Session,
    door: &Arc<Door<Closure>>,
    run: RunId,
) -> Result<SlotState, Error> {
    let regained = session.lock().machine.regain(run);
    if let Ok(Regained::Held(waited)) = regained {
        door.lent.fetch_sub(1, Ordering::SeqCst);
        if let Some(waited) = waited {
            waited.tell();
        }
        return Ok(SlotState::Held);
    }
    let call = door.gate.leave();
    shared.answer_call(door, call);
    regained.map(|_| SlotState::Lent)
}

impl<T: Clone> Waiting<'_, T> {
    /// Whether the fate is known or the run is stopped: `finish` will say which.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.receipt.settled().is_some() || self.run.stopped().is_some()
    }

    /// The receipt that is waited for.
    pub fn receipt(&self) -> &Receipt<T> {
        &self.receipt
    }

    /// Ends the wait. Blocks until a slot of the lane is free.
    ///
    /// # Errors
    /// `TimedOut` if the fate is not known yet; `Stopped`; `Stale`.
    pub fn finish(mut self) -> Result<Settled<T>, WaitError> {
        self.over()?;
        if let Some(settled) = self.receipt.settled() {
            return Ok(settled);
        }
        match self.run.stopped() {
            Some(cause) => Err(WaitError::Stopped(cause)),
            None => Err(WaitError::TimedOut),
        }
    }

    fn over(&mut self) -> Result<(), WaitError> {
        let Some(stop) = self.stop.take() else { return Ok(()) };
        drop(stop);
        // P9: neither the message nor the host hears any more of a wait that is over.
        self.receipt.pending.unwatch(&*self.bell);
        let signals = self.bell.signals.lock().take();
        // P7: the host's, let go with no lock held.
        caught::let_go(signals);
        self.run.crew.waits.end(self.edge);
        self.run.regain_slot()
    }
}

impl<T: Clone> Drop for Waiting<'_, T> {
    /// Also while a panicking handler unwinds: it still counts as executing afterwards.
    fn drop(&mut self) {
        let _ = self.over();
    }
}
