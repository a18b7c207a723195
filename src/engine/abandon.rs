//! Abandon: the last resort for a run whose handler does not come back.

use std::time::Instant;

use super::Engine;
use super::core::{Core, Session};
use crate::lane::Orphan;
use crate::model::{Cause, Error, RunId};
use crate::run::told_end;
use crate::session::SlotState;
use crate::sync::Arc;
use crate::sync::atomic::Ordering;

impl Engine {
    /// Ends a run although its handler still executes: its messages have their fate (`ran`,
    /// stopped), its id is fenced, its session and its slot are free, and another worker takes
    /// the place of its thread. Never blocks, but for a line in its transcript.
    ///
    /// # Errors
    /// `Stale` if it is not live; `Full` beyond `limits.abandoned` threads that still execute.
    pub fn abandon(&self, run: RunId) -> Result<(), Error> {
        let most = self.shared().config().limits.abandoned;
        if self.core.staff.orphans().len() >= most {
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
        session.ended(run.get());
        let now = shared.now();
        let (abandoned, lane) = shared.transition_then(
            session,
            now,
            |m, cx| {
                let lane = m.live().map(|live| live.lane);
                let (next, abandoned) = m.abandon(run, cause, cx);
                (next, (abandoned, lane))
            },
            |(abandoned, _)| {
                if let Some(ended) = abandoned.as_ref().and_then(|gone| gone.batch.as_ref()) {
                    shared.transcribe(&session.key, run, || told_end(ended, now));
                }
            },
        );
        let (Some(abandoned), Some(lane)) = (abandoned, lane) else {
            return Err(Error::Stale(run));
        };
        self.staff.crew.waits.forget(session.serial, run);
        let door = shared.doors.get(lane);
        let (key, name) = (Arc::clone(&session.key), Arc::clone(&door.name));
        self.staff.orphan(door, Orphan { run, key, lane: name, since: Instant::now() });
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
