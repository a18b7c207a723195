//! Taking steers, committing them, and ending a run: each one atomic step with the inbox. P5.

use super::Run;
use super::batch_view::{Part, Role};
use crate::model::{Cause, Error};
use crate::session::{Cell, EndRun, Take, Taken};
use crate::sync::{Arc, thread};
use crate::watch::Phase;

/// Steers in a run's hands. Commit them once they are in the transcript; dropping the guard puts
/// them back at their place.
#[must_use = "dropping the guard puts the steers back"]
#[derive(Debug)]
pub struct Steers<'run> {
    run: &'run Run,
    guard: u64,
    cells: Vec<Arc<Cell>>,
    hold: Hold,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    Open,
    /// Committed, or nothing was taken: dropping does nothing.
    Over,
}

impl std::fmt::Debug for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.id())
    }
}

impl<'run> Steers<'run> {
    fn new(run: &'run Run, taken: Taken) -> Self {
        let hold = if taken.cells.is_empty() { Hold::Over } else { Hold::Open };
        Self { run, guard: taken.guard, cells: taken.cells, hold }
    }

    /// Whether there were none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// The steers, in order of admission.
    #[must_use]
    pub fn messages(&self) -> impl ExactSizeIterator<Item = Part<'_>> {
        self.cells.iter().map(|cell| Part { cell, role: Role::Steer })
    }

    /// They are in the transcript: delivered, finally, also if the run fails later or is stopped
    /// already. Never blocks.
    ///
    /// # Errors
    /// `Stale` if the run ended or was abandoned meanwhile; they were not delivered then.
    pub fn commit(mut self) -> Result<(), Error> {
        if std::mem::replace(&mut self.hold, Hold::Over) == Hold::Over {
            return Ok(());
        }
        let run = self.run;
        let now = run.shared.now();
        run.shared.transition_then(
            &run.session,
            now,
            |m, cx| m.commit(run.id, self.guard, cx),
            |committed: &Result<(), Error>| {
                if committed.is_ok() {
                    run.transcribe_steers(&self.cells);
                }
            },
        )?;
        if let Some(jots) = &run.shared.jots {
            self.cells.iter().filter(|cell| cell.has_half()).for_each(|cell| jots.seen(cell));
        }
        Ok(())
    }
}

impl Drop for Steers<'_> {
    fn drop(&mut self) {
        if self.hold == Hold::Open {
            let run = self.run;
            let now = run.shared.now();
            run.shared
                .transition(&run.session, now, |m, cx| (m.restore(run.id, self.guard, cx), ()));
        }
    }
}

/// What asking to end came to.
#[must_use]
#[derive(Debug)]
pub enum End<'run> {
    /// No steer can reach this run any more: return the reply.
    Closed,
    /// Steers wait: take them in and go on.
    Steers(Steers<'run>),
    /// The run is stopped.
    Stop(Cause),
}

impl Run {
    fn taker(&self) -> Take {
        Take { run: self.id, caller: thread::number() }
    }

    /// Takes the steers that wait; none if there are none, after a stop, while held, or while
    /// another thread's guard is open. Taking again on the same thread shows the same steers.
    /// Never blocks.
    pub fn take_steers(&self) -> Steers<'_> {
        let now = self.shared.now();
        let taken = self.shared.transition(&self.session, now, |m, cx| m.take(self.taker(), cx));
        let nothing = |_| Taken { guard: 0, cells: Vec::new() };
        Steers::new(self, taken.unwrap_or_else(nothing))
    }

    /// Asks to end the run: one step with the inbox, so that no steer is accepted and lost.
    /// Returning from the handler does the same and promotes what waits. Never blocks.
    ///
    /// # Errors
    /// `GuardOpen` while taken steers are not committed; `Stale` after the end.
    pub fn end(&self) -> Result<End<'_>, Error> {
        let now = self.shared.now();
        let ended = self.shared.transition(&self.session, now, |m, cx| m.end(self.taker(), cx))?;
        let (end, verdict) = match ended {
            EndRun::Closed => (End::Closed, "go"),
            EndRun::Steers(taken) => (End::Steers(Steers::new(self, taken)), "steer"),
            EndRun::Stop(cause) => (End::Stop(cause), "stop"),
        };
        if self.shared.bus.on() {
            self.say_boundary(Phase::End, None, verdict);
        }
        Ok(end)
    }
}
