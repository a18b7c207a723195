//! Abandon: the last resort for a run whose handler does not come back.

use std::time::Instant;

use super::Engine;
use super::core::{Core, Session};
use crate::lane::{Hands, Orphan, Staff};
use crate::model::{Cause, Error, RunId};
use crate::run::told_end;
use crate::session::SlotState;
use crate::sync::Arc;
use crate::sync::atomic::Ordering;

impl Engine {
    /// Ends a run although its handler still executes: its messages have their fate (`ran`,
    /// stopped), its id is fenced, its session and its slot are free, and another worker takes
    /// the place of its thread; a run that was taken from a port has none. Never blocks, but for a
    /// line in its transcript.
    ///
    /// # Errors
    /// `Stale` if it is not live; `Full` beyond `limits.abandoned` threads that still execute.
    pub fn abandon(&self, run: RunId) -> Result<(), Error> {
        let most = self.shared().config().limits.abandoned;
        let orphans = self.core.staff.orphans();
        if orphans.iter().filter(|orphan| orphan.hands == Hands::Worker).count() >= most {
            let text = format!("{most} abandoned runs still execute: the bound");
            return Err(Error::Full(text));
        }
        let session = self.session_of(run)?;
        self.core.abandon(&session, run, Cause::Abandon)
    }
}

impl Core {
    pub(super) fn abandon(
        &self,
        session: &Arc<Session>,
        run: RunId,
        cause: Cause,
    ) -> Result<(), Error> {
        let shared = &self.shared;
        let stale = Error::Stale(run);
        let lane = session.lock().machine.live().filter(|live| live.id == run).map(|l| l.lane);
        let door = shared.doors.get(lane.ok_or(stale.clone())?);
        let port = self.staff.takers.port_with(run);
        let hands = if port.is_some() { Hands::Host } else { Hands::Worker };
        let (key, lane) = (Arc::clone(&session.key), Arc::clone(&door.name));
        self.staff.enter_orphan(Orphan { run, hands, key, lane, since: Instant::now() });
        session.ended(run.get());
        let now = shared.now();
        let abandoned = shared.transition_then(
            session,
            now,
            |m, cx| m.abandon(run, cause, cx),
            |abandoned| {
                if let Some(ended) = abandoned.as_ref().and_then(|gone| gone.batch.as_ref()) {
                    shared.transcribe(&session.key, run, || told_end(ended, now));
                }
            },
        );
        let Some(abandoned) = abandoned else {
            // It has come back meanwhile.
            self.staff.strike_orphan(run);
            return Err(stale);
        };
        self.staff.crew.waits.forget(session.serial, run);
        match port {
            Some(port) => port.fence(run),
            // Its thread no longer counts; another may be started for it.
            None => Staff::count_out(door),
        }
        let call = match abandoned.slot {
            SlotState::Held => door.gate.leave(),
            SlotState::Lent => {
                door.lent.fetch_sub(1, Ordering::SeqCst);
                door.gate.call_if_needed()
            }
        };
        shared.answer_call(door, call);
        Ok(())
    }
}
