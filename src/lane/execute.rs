//! One run, from its start to its fate: the host's code in the middle, and nothing of it escapes.

use super::Staff;
use super::due::{Asked, Due, Fired, Handled};
use crate::model::{BoxError, Cause, Reply, RunId};
use crate::run::{Closure, Run, Shared};
use crate::session::{
    Door, End, Finished, JournalError, Slice, SlotState, Started, Tag, Ticketed, Work, is_final,
};
use crate::sync::{Arc, caught};
use crate::time::Moment;
use crate::watch::Count;

/// Whether a worker goes on after a run.
pub(super) enum After {
    /// The session's next run has started in the same slice, or it rests, or it has its ticket
    /// again; if it is here, whoever has executed the run must issue it. A pulled run may have
    /// lent its slot.
    Over { slot: SlotState, ticket: Option<Tag> },
    /// The run was abandoned: this worker was replaced, and its slot is another's.
    Replaced,
}

/// Why an attempt does not count.
pub(super) enum NotCounted {
    /// The journal did not take it.
    Journal(JournalError),
    Abandoned,
}

/// Executes one run and ends it, in one step with the start of the next if the slice goes on.
pub(super) struct Execution<'a> {
    staff: &'a Staff,
    shared: &'a Arc<Shared>,
    door: &'a Arc<Door<Closure>>,
    /// The last reading of the clock: a run's end is the next run's start.
    pub(super) now: Moment,
    /// Whether the next reading may be left out: fired closures are not timed one by one.
    unread: u32,
}

impl<'a> Execution<'a> {
    pub(super) fn new(
        staff: &'a Staff,
        shared: &'a Arc<Shared>,
        door: &'a Arc<Door<Closure>>,
        now: Moment,
    ) -> Self {
        Self { staff, shared, door, now, unread: 0 }
    }

    /// Runs with less than this many since the last reading of the clock skip the next one.
    const CLOCK_EVERY: u32 = 8;

    /// Executes what has started. In a slice, the session's next run takes its place there.
    pub(super) fn run(
        &mut self,
        run: &mut Run,
        place: &mut Option<Started<Closure>>,
        slice: Option<(&Ticketed, RunId)>,
    ) -> After {
        let started = place.take().expect("a run has started");
        self.begin(run, &started);
        let slice = slice.map(|(ticket, run)| Slice { ticket, run, next: place });
        match started {
            Started { work: Work::Closure(code), run: id, lane, attempt, admitted } => {
                run.renew((id, lane, attempt), None);
                self.run_closure(run, code, admitted.is_some(), slice)
            }
            started => self.run_batch(run, started, slice),
        }
    }

    /// P7: no lock is held, and a panic ends here.
    #[inline]
    fn run_closure(
        &mut self,
        run: &Run,
        code: Closure,
        timed: bool,
        slice: Option<Slice<'_, Closure>>,
    ) -> After {
        let Some(task) = code.as_task() else {
            let end = end_of_closure(caught::call(|| code.call(run)));
            self.read_clock(timed);
            return self.finish(run, &end, Fired, timed, slice);
        };
        let end = end_of_closure(caught::call(|| task.call(run)));
        self.read_clock(timed);
        self.finish(run, &end, Asked(code), timed, slice)
    }

    fn run_batch(
        &mut self,
        run: &mut Run,
        started: Started<Closure>,
        slice: Option<Slice<'_, Closure>>,
    ) -> After {
        let end = match self.count_attempt(run, &started) {
            Ok(()) => {
                run.begin(started);
                run.transcribe_start();
                self.handle(run)
            }
            Err(error) => self.give_back(run, started, &error),
        };
        self.read_clock(true);
        self.finish_batch(run, &end, slice)
    }

    /// Ends a run that a batch of messages has.
    pub(super) fn finish_batch(
        &mut self,
        run: &Run,
        end: &End,
        slice: Option<Slice<'_, Closure>>,
    ) -> After {
        let batch = run.messages().expect("the run has a batch");
        let reply = match end {
            End::Done(reply) => reply.clone(),
            _ => None,
        };
        self.finish(run, end, Handled { batch, reply }, true, slice)
    }

    /// A run begins to execute, here or in the host's hands.
    pub(super) fn begin(&self, run: &Run, started: &Started<Closure>) {
        if let Some(admitted) = started.admitted {
            self.door.message_wait.record(self.now.since(admitted));
        }
        if run.session().begin(started.run.get()) != 0 {
            // P1: another run of this key has not ended.
            self.shared.counters.add(Count::DoubleRun, 1);
        }
    }

    fn read_clock(&mut self, timed: bool) {
        self.unread += 1;
        if timed || self.unread >= Self::CLOCK_EVERY {
            self.now = self.shared.now();
            self.unread = 0;
        }
    }

    /// P11: with a journal, an attempt is counted before it begins. Blocks for the commit.
    pub(super) fn count_attempt(
        &self,
        run: &Run,
        started: &Started<Closure>,
    ) -> Result<(), NotCounted> {
        let (Some(jots), Work::Messages(batch)) = (&self.shared.jots, &started.work) else {
            return Ok(());
        };
        jots.started(batch, started.run, started.attempt).map_err(NotCounted::Journal)?;
        // P1: nobody begins to execute what was abandoned meanwhile.
        if run.session().signal() >> 8 == started.run.get() {
            Ok(())
        } else {
            Err(NotCounted::Abandoned)
        }
    }

    /// A run whose attempt was not counted does not start. Its batch is tried again, before all
    /// that is behind it; where the journal is at its end, it is returned, and the journal has it.
    pub(super) fn give_back(
        &self,
        run: &mut Run,
        started: Started<Closure>,
        why: &NotCounted,
    ) -> End {
        let id = started.run;
        run.begin(started);
        let error = match why {
            NotCounted::Abandoned => "the run was abandoned before it started".to_owned(),
            NotCounted::Journal(error) => {
                if is_final(error) {
                    let now = self.shared.now();
                    let _ = self.shared.transition(run.session(), now, |m, cx| {
                        m.interrupt(Some(id), Cause::Close, cx)
                    });
                }
                format!("the run was not started: {error}")
            }
        };
        End::NotStarted { error: error.into() }
    }

    /// The host's code. P7: no lock is held, and a panic ends here.
    fn handle(&self, run: &Run) -> End {
        let Some(handler) = self.staff.takers.handler(self.door.id) else {
            let error = format!("lane {:?} has no handler", self.door.name);
            return End::Failed { error: error.into(), cause: None };
        };
        end_of(run, caught::call(|| (handler.handle)(run)))
    }

    /// Ends a run, in one step with the start of the next if the slice goes on.
    #[inline]
    fn finish<D: Due>(
        &mut self,
        run: &Run,
        end: &End,
        due: D,
        timed: bool,
        slice: Option<Slice<'_, Closure>>,
    ) -> After {
        run.end_children(matches!(end, End::Done(_)));
        let id = run.id();
        run.session().ended(id.get());
        let now = self.now;
        let (finished, mut ticket) = self.shared.transition_holding(
            run.session(),
            now,
            |machine, cx| machine.finish(id, end, slice, cx),
            |finished| due.ended(run, self.shared, finished, now),
        );
        if !D::QUIET
            && let Some(tag) = ticket.take()
        {
            self.shared.issue(run.session(), tag, Some(now));
        }
        match finished {
            Finished::Stale => {
                caught::let_go(due);
                After::Replaced
            }
            Finished::Ended(ended) => {
                if timed {
                    self.door.run.record(now.since(ended.started));
                }
                self.shared.counters.add(Count::Run(ended.outcome), 1);
                if let Some(fate) = ended.fate {
                    due.tell(run, self.shared, &ended, fate);
                    self.shared.nudge_drain();
                }
                After::Over { slot: ended.slot, ticket }
            }
        }
    }
}

/// What the host's code came back with, or the words of its panic.
pub(super) fn end_of(run: &Run, came: Result<Result<Reply, BoxError>, String>) -> End {
    match came {
        Ok(Ok(reply)) => End::Done(Some(reply)),
        Ok(Err(error)) => {
            // P7: the error's words and its drop are the host's code too.
            let text = caught::call(|| error.to_string());
            caught::let_go(error);
            let text = text.unwrap_or_else(|_| "an error without words".to_owned());
            End::Failed { error: text.into(), cause: run.failure() }
        }
        Err(panic) => panicked(panic),
    }
}

#[inline]
fn end_of_closure(came: Result<(), String>) -> End {
    came.map_or_else(panicked, |()| End::Done(None))
}

#[cold]
fn panicked(words: String) -> End {
    End::Panicked { error: words.into() }
}
