//! Waiting without a thread: the slot is lent, and when the wait is due it is asked for by itself.

use super::wait::take_back;
use super::wait_graph::EdgeId;
use super::{Crew, Receipt, Run, Session, Shared};
use crate::model::{LaneId, RunId, WaitError};
use crate::session::{Registration, Resume, SlotState, Wake, Watch};
use crate::sync::{Arc, Mutex};

/// The run that lends its slot, and who hears when it has one again.
#[derive(Clone)]
struct Lender {
    shared: Arc<Shared>,
    session: Arc<Session>,
    lane: LaneId,
    run: RunId,
    heard: Arc<dyn Watch>,
}

/// What of a wait must be ended, once.
struct Open {
    edge: EdgeId,
    stop: Option<Registration>,
}

/// A wait in progress.
struct Lent {
    lender: Lender,
    crew: Arc<Crew>,
    /// None once it is due. A leaf lock.
    open: Mutex<Option<Open>>,
}

impl Run {
    /// Lends the slot until the receipt has its fate or the run is stopped; `heard` is woken once
    /// a slot is taken again and no other wait of the run goes on. Never blocks.
    pub(crate) fn lend_until<T: Clone>(
        &self,
        receipt: &Receipt<T>,
        heard: Arc<dyn Watch>,
    ) -> Result<(), WaitError> {
        let edge = self.lend_for(receipt)?;
        let (shared, session) = (Arc::clone(&self.shared), Arc::clone(&self.session));
        let lender = Lender { shared, session, lane: self.lane, run: self.id, heard };
        let open = Mutex::new(Some(Open { edge, stop: None }));
        let lent = Arc::new(Lent { lender, crew: Arc::clone(&self.crew), open });
        let on_stop = Arc::clone(&lent);
        let stop = self.token().on_cancel(move |cause| on_stop.wake(Wake::Stop(cause)));
        lent.ends_with(stop);
        receipt.pending.watch(lent);
        Ok(())
    }
}

impl Lent {
    /// Keeps the registration until the wait is due, unless it is so already.
    fn ends_with(&self, stop: Registration) {
        match self.open.lock().as_mut() {
            Some(open) => open.stop = Some(stop),
            None => stop.forget(),
        }
    }
}

impl Watch for Lent {
    /// It is due, for the first reason of all.
    fn wake(&self, _: Wake) {
        let Some(Open { edge, stop }) = self.open.lock().take() else { return };
        // The registration may be what calls us: it is let go without waiting. It also ends the
        // ring of token, callback and registration.
        if let Some(stop) = stop {
            stop.forget();
        }
        self.crew.waits.end(edge);
        let Lender { shared, session, lane, run, .. } = &self.lender;
        let waits = session.lock().machine.wait_over(*run);
        if waits == Ok(0) {
            shared.doors.get(*lane).gate.resume_by(Arc::new(self.lender.clone()));
        }
    }
}

impl Resume for Lender {
    fn resumed(&self) {
        let door = self.shared.doors.get(self.lane);
        let state = take_back(&self.shared, &self.session, door, self.run);
        if state == Ok(SlotState::Held) {
            self.heard.wake(Wake::Settled);
            // As any resumer: what it was served before must not wait for another arrival.
            let call = door.gate.call_if_needed();
            self.shared.answer_call(door, call);
        }
    }
}
