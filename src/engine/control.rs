//! Control: never behind what it controls.

use super::Engine;
use super::core::{Core, Session};
use crate::config::{Concurrency, Lane};
use crate::model::{Cause, Error, Fate, RunId};
use crate::run::Receipt;
use crate::session::{Halted, Withdrawn};
use crate::sync::Arc;

/// What a stop met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stopped {
    /// Messages and closures that were withdrawn.
    pub withdrawn: u32,
    /// The run that was told to stop, or whose retry was ended.
    pub run: Option<RunId>,
}

impl Stopped {
    fn of(halted: Halted) -> Self {
        Self { withdrawn: halted.withdrawn, run: halted.run.or(halted.retry) }
    }
}

impl Engine {
    /// The session of a live run or pending retry: a walk through the table.
    pub(super) fn session_of(&self, run: RunId) -> Result<Arc<Session>, Error> {
        self.shared()
            .table
            .find(|session| {
                let runs = session.lock_awake()?.machine.runs();
                runs.contains(&Some(run)).then(|| Arc::clone(session))
            })
            .ok_or(Error::Stale(run))
    }

    /// Withdraws everything that waits under the key, then stops its run: one step. Never blocks;
    /// may be called from a handler.
    #[must_use]
    pub fn stop(&self, key: &str) -> Stopped {
        self.core.stop(key)
    }

    /// The same for the session of a run.
    ///
    /// # Errors
    /// `Stale` if no session has this run.
    pub fn stop_run(&self, run: RunId) -> Result<Stopped, Error> {
        self.session_of(run).map(|session| self.core.stop_session(&session))
    }

    /// Stops the key's run or ends its pending retry; the backlog goes on, undelivered steers are
    /// promoted. Answers the run, if there was one. Never blocks; may be called from a handler.
    #[must_use = "None means that there was nothing to stop"]
    pub fn interrupt(&self, key: &str) -> Option<RunId> {
        let session = self.shared().table.existing(key)?;
        self.interrupt_session(&session, None).run
    }

    /// Stops this run, or ends its pending retry; later runs of its session are safe.
    ///
    /// # Errors
    /// `Stale` if it is neither live nor pending.
    pub fn interrupt_run(&self, run: RunId) -> Result<(), Error> {
        let session = self.session_of(run)?;
        match self.interrupt_session(&session, Some(run)).run {
            Some(_) => Ok(()),
            None => Err(Error::Stale(run)),
        }
    }

    fn interrupt_session(&self, session: &Arc<Session>, only: Option<RunId>) -> Stopped {
        let now = self.shared().now();
        Stopped::of(
            self.shared().transition(session, now, |m, cx| m.interrupt(only, Cause::Interrupt, cx)),
        )
    }

    /// Takes a message or closure back that has not started. Never blocks; may be called from a
    /// handler. For a receipt of another engine the answer is `Settled`: this one has nothing of it.
    #[must_use]
    pub fn withdraw<T>(&self, receipt: &Receipt<T>) -> Withdrawn {
        let shared = self.shared();
        let serial = receipt.pending.serial();
        let known = receipt.session.clone();
        let session = known.or_else(|| shared.table.existing(receipt.key()));
        // A session that has gone, or was made anew, or is another engine's, holds nothing of it.
        let ours = shared.table.has_made(serial);
        let Some(session) = session.filter(|s| ours && s.serial == serial) else {
            return Withdrawn::Settled;
        };
        let now = shared.now();
        if let Some(cell) = receipt.cell() {
            return shared.transition(&session, now, |m, cx| m.withdraw(&cell, cx));
        }
        let answer = shared.transition(&session, now, |m, cx| {
            m.withdraw_closure(receipt.pending.standing(), receipt.priority, cx)
        });
        if answer == Withdrawn::Withdrawn {
            receipt.pending.withdrawn();
            shared.book(None, Fate::Withdrawn, 1, 0);
            shared.nudge_drain();
        }
        answer
    }

    /// Sets a lane's concurrency, at once: up starts what waits, down lets running work finish.
    /// A new name, or that of a removed lane, makes a lane, with the handler of
    /// [`on_run_any`](Self::on_run_any) or the port that has [all](super::Port::bind_any).
    ///
    /// # Errors
    /// `Invalid` for the name or the figure, `Full` beyond 1,024 lanes.
    pub fn set_lane(&self, name: &str, concurrency: Concurrency) -> Result<(), Error> {
        let shared = self.shared();
        let settings = Lane::new(concurrency);
        settings.validate(name)?;
        let door = if let Ok(door) = shared.doors.named(name) {
            Arc::clone(door)
        } else {
            let door = shared.doors.open(name, settings.clone())?;
            if door.is_removed() {
                door.reload(settings);
            }
            self.core.staff.takers.survey(shared);
            door
        };
        door.set_concurrency(concurrency);
        shared.call_all(&door);
        Ok(())
    }

    /// Pauses a lane: running work finishes, nothing starts. The figure is kept. A lane that was
    /// removed is one as long as it has work, so that nobody is stranded there.
    ///
    /// # Errors
    /// `UnknownLane`.
    pub fn pause(&self, lane: &str) -> Result<(), Error> {
        self.shared().doors.even_removed(lane)?.set_paused(true);
        Ok(())
    }

    /// Takes a pause back.
    ///
    /// # Errors
    /// `UnknownLane`.
    pub fn resume(&self, lane: &str) -> Result<(), Error> {
        let door = Arc::clone(self.shared().doors.even_removed(lane)?);
        door.set_paused(false);
        self.shared().call_all(&door);
        Ok(())
    }
}

impl Core {
    pub(super) fn stop(&self, key: &str) -> Stopped {
        let session = self.shared.table.existing(key);
        session.map(|session| self.stop_session(&session)).unwrap_or_default()
    }

    fn stop_session(&self, session: &Arc<Session>) -> Stopped {
        let now = self.shared.now();
        #[allow(clippy::redundant_closure_for_method_calls, reason = "the machine is private")]
        Stopped::of(self.shared.transition(session, now, |m, cx| m.stop(cx)))
    }
}
