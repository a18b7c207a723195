//! What a journal kept comes back, in order and rank, before anything new. P11.

use std::time::Duration;

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
use crate::sync::{Arc, Mutex};
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
    /// Brings back what the journal kept, in order and rank, and calls `each` with a receipt of
    /// every message, also of the parked ones: theirs are settled. Call it once the handlers are
    /// set: what comes back may start at once. The first submit does it otherwise; schedules begin
    /// after it. Without a journal, or the second time, nothing happens.
    ///
    /// Blocks while the journal is read. `each` must not submit.
    ///
    /// # Errors
    /// `Journal` if an entry cannot be read: nothing is acknowledged then. `WouldDeadlock` in `each`.
    pub fn recover(&self, each: impl FnMut(&Receipt)) -> Result<Recovered, Error> {
        self.core.recover(each)
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
            let _ = self.recover(|_| ());
        }
    }

    /// Schedules submit nothing before what came earlier is back.
    pub(super) fn is_recovered(&self) -> bool {
        let done = |r: &Recovery| r.done.wait_until(deadline(Duration::ZERO)) == Waited::Set;
        self.recovery.as_ref().is_none_or(done)
    }

    fn recover(&self, each: impl FnMut(&Receipt)) -> Result<Recovered, Error> {
        let (Some(recovery), Some(jots)) = (&self.recovery, &self.shared.jots) else {
            return Ok(Recovered::default());
        };
        if kind() == Thread::Journal {
            let cycle = ["a recovery in its own `each`", "itself"];
            return Err(Error::WouldDeadlock(cycle.map(str::to_owned).to_vec()));
        }
        let journal = recovery.waiting.lock().take();
        let Some(journal) = journal else {
            // Somebody else is at it, or was.
            let _ = recovery.done.wait_until(None);
            return Ok(Recovered::default());
        };
        // A submit in `each` would wait for this very call.
        let result = acting_as(Thread::Journal, None, || {
            Returning { core: self, jots, journal: &*journal, each, came: Recovered::default() }
                .all()
        });
        let result = result.map_err(|error| {
            self.journal_failed(&error);
            Error::Journal(error.to_string())
        });
        let result = result.and_then(|came| self.start_journal(journal).map(|()| came));
        recovery.done.set();
        self.begin_schedules();
        result
    }

    /// Starts the journal's thread.
    fn start_journal(&self, journal: Box<dyn Journal>) -> Result<(), Error> {
        let shared = Arc::clone(&self.shared);
        let sync = shared.config().journal.sync;
        let helper = Helper::start("laneq-journal", move || {
            become_kind(Thread::Journal);
            let Some(jots) = &shared.jots else { return };
            work(&jots.line, journal, sync, |error| say_failed(&shared, error));
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

fn say_failed(shared: &Shared, error: &JournalError) {
    log::error!(target: "laneq", "{error}");
    let error = error.to_string();
    shared.bus.say(shared.now(), || Event::JournalFailed { error });
}
