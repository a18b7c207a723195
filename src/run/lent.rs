//! Waiting without a thread: the slot is lent, and when the wait is due it is asked for by itself.

use super::wait::take_back;
use super::wait_graph::EdgeId;
use super::{Crew, Receipt, Run, Session, Shared};
use crate::model::{LaneId, RunId, WaitError};
use crate::session::{Registration, Resume, SlotState, Wake, Watch, Watched};
use crate::sync::{Arc, Mutex, Weak};

/// The run that lends its slot.
#[derive(Clone)]
struct Lender {
    shared: Arc<Shared>,
    session: Arc<Session>,
    lane: LaneId,
    run: RunId,
}

/// What of a wait must be ended, once.
struct Open {
    edge: EdgeId,
    stop: Option<Registration>,
}

/// A wait in progress.
pub(super) struct Lent {
    lender: Lender,
    crew: Arc<Crew>,
    /// What is waited for: this is one of its watchers.
    awaited: Weak<dyn Watched>,
    /// None once it is due. A leaf lock.
    open: Mutex<Option<Open>>,
}

impl Run {
    /// Lends the slot until the receipt has its fate or the run is stopped; `heard` hears that the
    /// run waits, and once that a slot is taken again and no wait of it goes on. Never blocks.
    pub(crate) fn lend_until<T: Clone>(
        &self,
        receipt: &Receipt<T>,
        heard: &Arc<dyn Watch>,
    ) -> Result<(), WaitError> {
        let edge = self.lend_for(receipt)?;
        let numbered = self.session.lock().machine.heard_by(self.id, Arc::clone(heard));
        let number = numbered.map_err(|_| {
            self.crew.waits.end(edge);
            WaitError::Stale(self.id)
        })?;
        // Before anything can end this wait: what is heard later is about it, too.
        heard.wake(Wake::Waits(number));
        let (shared, session) = (Arc::clone(&self.shared), Arc::clone(&self.session));
        let lender = Lender { shared, session, lane: self.lane, run: self.id };
        let open = Mutex::new(Some(Open { edge, stop: None }));
        let awaited = Arc::clone(&receipt.pending) as Arc<dyn Watched>;
        let (crew, awaited) = (Arc::clone(&self.crew), Arc::downgrade(&awaited));
        let lent = Arc::new(Lent { lender, crew, awaited, open });
        self.remember(&lent);
        let on_stop = Arc::clone(&lent);
        let stop = self.token().on_cancel(move |cause| on_stop.wake(Wake::Stop(cause)));
        lent.ends_with(stop);
        receipt.pending.watch(Arc::clone(&lent) as Arc<dyn Watch>);
        if lent.open.lock().is_none() {
            // A stop was faster than its watching.
            lent.leave();
        }
        Ok(())
    }

    /// The run may end before its wait does.
    fn remember(&self, lent: &Arc<Lent>) {
        let mut all = self.rare().lent.lock();
        // P9: only those that go on.
        all.retain(|other| other.strong_count() > 0);
        all.push(Arc::downgrade(lent));
    }

    /// It has ended: what it waited for, it waits for no more. P9: nothing of it stays there.
    pub(crate) fn end_waits(&self) {
        self.crew.waits.forget(self.session.serial, self.id);
        let Some(rare) = self.rare_if_any() else { return };
        let all = std::mem::take(&mut *rare.lent.lock());
        all.iter().filter_map(Weak::upgrade).for_each(|lent| lent.end());
    }
}

impl Lent {
    /// Keeps the registration until the wait is due, unless it is so already.
    fn ends_with(&self, stop: Registration) {
        match self.open.lock().as_mut() {
            Some(open) => open.stop = Some(stop),
            None => stop.take_back(),
        }
    }

    /// It is due, for the first reason of all.
    fn due(&self) {
        let Some(Open { edge, stop }) = self.open.lock().take() else { return };
        // The registration may be what calls us: it is taken back without waiting. P9: it is the
        // ring of token, callback and registration that ends here.
        if let Some(stop) = stop {
            stop.take_back();
        }
        self.crew.waits.end(edge);
        let Lender { shared, session, lane, run, .. } = &self.lender;
        let waits = session.lock().machine.wait_over(*run);
        if waits == Ok(0) {
            shared.doors.get(*lane).gate.resume_by(Arc::new(self.lender.clone()));
        }
    }

    /// Ends it before its time.
    fn end(&self) {
        self.due();
        self.leave();
    }

    /// It is no watcher of what it waits for.
    fn leave(&self) {
        if let Some(awaited) = self.awaited.upgrade() {
            awaited.unwatch(self);
        }
    }
}

impl Watch for Lent {
    fn wake(&self, why: Wake) {
        if why == Wake::Settled {
            self.due();
        } else {
            self.end();
        }
    }
}

impl Resume for Lender {
    fn resumed(&self) {
        let door = self.shared.doors.get(self.lane);
        let state = take_back(&self.shared, &self.session, door, self.run);
        if state == Ok(SlotState::Held) {
            // As any resumer: what it was served before must not wait for another arrival.
            let call = door.gate.call_if_needed();
            self.shared.answer_call(door, call);
        }
    }
}
