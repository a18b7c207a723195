//! What a journal kept comes back, in order and rank, before anything new. P11.

use std::time::{Duration, Instant};

use super::Engine;
use super::core::{Core, Helper};
use super::returning::Returning;
use crate::config::Config;
use crate::model::Error;
use crate::run::{Receipt, Shared};
use crate::session::Jots;
use crate::store::{Journal, JournalError, RedbJournal, work};
use crate::sync::on::{Thread, acting_as, become_kind, kind};
use crate::sync::oneshot::{Latch, Waited, deadline};
use crate::sync::{Arc, Mutex, caught};
use crate::time::Clock;
use crate::watch::Event;

/// What came back from the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovered {
    /// Messages that are the engine's again.
    pub pending: u64,
    /// Those of them whose run had started: it starts again, `attempt` 2 or more.
    pub retried: u64,
    /// Those whose run was interrupted `journal.attempts` times: parked now.
    pub parked: u64,
    /// Those that were parked before.
    pub held: u64,
}

/// The way from the opened journal to its thread.
pub(super) struct Recovery {
    /// The journal, until somebody brings back what is in it. A leaf lock.
    waiting: Mutex<Option<Box<dyn Journal>>>,
    done: Latch,
}

/// What came back, and its receipts.
pub(super) type Came = (Recovered, Vec<Receipt>);

/// A journal of the host's own.
pub(super) type Own = Box<dyn Journal>;

/// Opens the journal of these settings, unless the host brings one. Blocks.
pub(super) fn open(
    own: Option<Own>,
    config: &Config,
    clock: &Clock,
) -> Result<(Option<Recovery>, Option<Jots>), Error> {
    let knobs = &config.journal;
    let journal: Own = match (own, &knobs.path) {
        (Some(own), _) => own,
        (None, Some(path)) => {
            let opened = RedbJournal::open(path, knobs);
            Box::new(opened.map_err(|error| Error::Journal(error.to_string()))?)
        }
        (None, None) => return Ok((None, None)),
    };
    let recovery = Recovery { waiting: Mutex::new(Some(journal)), done: Latch::default() };
    Ok((Some(recovery), Some(Jots::new(clock.clone(), knobs.max_bytes))))
}

impl Engine {
    /// Brings back what the journal kept, in order and rank, then calls `each` with a receipt of
    /// every message, also of the parked ones: theirs are settled. Call it once the handlers are
    /// set: what comes back may start at once. The first submit does it otherwise; schedules begin
    /// after it. Without a journal, or the second time, nothing happens.
    ///
    /// Blocks while the journal is read.
    ///
    /// # Errors
    /// `Journal` if an entry cannot be read: nothing is acknowledged then, and nothing of it comes
    /// back. `Closed` after a close.
    pub fn recover(&self, each: impl FnMut(&Receipt)) -> Result<Recovered, Error> {
        let (came, receipts) = self.core.recover()?;
        // P7: nobody waits for what the host does now.
        receipts.iter().for_each(each);
        Ok(came)
    }

    /// For simulations: blocks until the journal has written and told all that it knows of, and
    /// what followed from that has been called. Not for a handler.
    #[doc(hidden)]
    pub fn settle_journal(&self) {
        let Some(jots) = &self.shared().jots else { return };
        jots.line.settle();
        self.shared().settle_callbacks();
        jots.line.settle();
    }

    /// Why the journal takes nothing any more, if so: the engine has to be closed, and the journal
    /// opened anew.
    #[must_use]
    pub fn journal_error(&self) -> Option<JournalError> {
        self.shared().jots.as_ref()?.line.error()
    }
}

impl Core {
    /// Whoever submits comes after what the journal kept.
    #[inline]
    pub(super) fn recovered(&self) {
        if self.recovery.is_some() && kind() != Thread::Journal {
            // An error is told to whoever submits: the line takes nothing then.
            let _ = self.recover();
        }
    }

    /// Schedules submit nothing before what came earlier is back.
    pub(super) fn is_recovered(&self) -> bool {
        let done = |r: &Recovery| r.done.wait_until(deadline(Duration::ZERO)) == Waited::Set;
        self.recovery.as_ref().is_none_or(done)
    }

    fn recover(&self) -> Result<Came, Error> {
        let (Some(recovery), Some(jots)) = (&self.recovery, &self.shared.jots) else {
            return Ok(Came::default());
        };
        if kind() == Thread::Journal && !self.is_recovered() {
            let cycle = ["a recovery on the journal's own thread", "itself"];
            return Err(Error::WouldDeadlock(cycle.map(str::to_owned).to_vec()));
        }
        let journal = recovery.waiting.lock().take();
        let Some(journal) = journal else {
            // Somebody else is at it, or was.
            let _ = recovery.done.wait_until(None);
            return jots
                .line
                .error()
                .map_or_else(|| Ok(Came::default()), |error| Err(told(&error)));
        };
        // A journal of the host's own that submits would wait for this very call.
        let read = acting_as(Thread::Journal, None, || self.read(jots, &*journal));
        let result = match read {
            Ok(came) => self.start_journal(journal).map(|()| came),
            Err(error) => {
                caught::let_go(journal);
                self.journal_failed(&error);
                Err(told(&error))
            }
        };
        recovery.done.set();
        self.begin_schedules();
        result
    }

    /// Reads everything, or nothing comes back. P7: a journal may be the host's.
    fn read(&self, jots: &Jots, journal: &dyn Journal) -> Result<Came, JournalError> {
        let mut returning = Returning::new(self, jots, journal);
        let read = caught::call(|| returning.all()).unwrap_or_else(|panic| {
            let text = format!("{}: it panicked: {panic}", journal.name());
            Err(JournalError::Damaged(text.into()))
        });
        match read {
            Ok(()) => Ok(returning.go_on()),
            Err(error) => {
                returning.give_up();
                Err(error)
            }
        }
    }

    /// Nothing comes back any more: whoever waits for it is told that the engine is closed.
    pub(super) fn end_recovery(&self) {
        let (Some(recovery), Some(jots)) = (&self.recovery, &self.shared.jots) else { return };
        let journal = recovery.waiting.lock().take();
        if let Some(journal) = journal {
            caught::let_go(journal);
            jots.line.over(&JournalError::Closed);
            recovery.done.set();
        }
    }

    /// Blocks until nobody brings anything back any more, at most until `until`.
    pub(super) fn recovery_over(&self, until: Option<Instant>) -> bool {
        self.recovery.as_ref().is_none_or(|r| r.done.wait_until(until) == Waited::Set)
    }

    /// Starts the journal's thread.
    fn start_journal(&self, journal: Box<dyn Journal>) -> Result<(), Error> {
        let shared = Arc::clone(&self.shared);
        let sync = shared.config().journal.sync;
        let helper = Helper::start("laneq-journal", move || {
            become_kind(Thread::Journal);
            let Some(jots) = &shared.jots else { return };
            work(&jots.line, journal, sync, |error| say_failed(&shared, error));
        });
        let helper = helper.inspect_err(|error| {
            self.journal_failed(&JournalError::Failed(error.to_string().into()));
        })?;
        self.helpers.lock().push(helper);
        Ok(())
    }

    fn journal_failed(&self, error: &JournalError) {
        say_failed(&self.shared, error);
        if let Some(jots) = &self.shared.jots {
            jots.line.over(error);
        }
    }
}

fn told(error: &JournalError) -> Error {
    match error {
        JournalError::Closed => Error::Closed,
        error => Error::Journal(error.to_string()),
    }
}

fn say_failed(shared: &Shared, error: &JournalError) {
    log::error!(target: "laneq", "{error}");
    let error = error.to_string();
    shared.bus.say(shared.now(), || Event::JournalFailed { error });
}
