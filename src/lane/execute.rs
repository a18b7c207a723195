//! One run, from its start to its fate: the host's code in the middle, and nothing of it escapes.

use super::Staff;
use crate::model::{BoxError, Cause, Fate, Outcome, Reply, RunId, Settled};
use crate::run::{Closure, Run, Shared};
use crate::session::{
    Batch, Code, Door, End, Ended, Ending, Finished, JournalError, Slice, SlotState, Started,
    Ticketed, Work, is_final,
};
use crate::sync::{Arc, caught};
use crate::time::Moment;
use crate::watch::Count;

/// Whether a worker goes on after a run.
pub(super) enum After {
    /// The session's next run, in the same slice.
    Next(Started<Closure>),
    /// The session has its ticket again, or rests. A pulled run may have lent its slot.
    Over(SlotState),
    /// The run was abandoned: this worker was replaced, and its slot is another's.
    Replaced,
}

/// Why an attempt does not count.
pub(super) enum NotCounted {
    /// The journal did not take it.
    Journal(JournalError),
    Abandoned,
}

/// What of a run must be told once it has ended.
pub(super) enum Due {
    Fired,
    Task(Closure),
    Batch(Arc<Batch>),
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

    pub(super) fn run(
        &mut self,
        run: &mut Run,
        started: Started<Closure>,
        slice: Option<(&Ticketed, RunId)>,
    ) -> After {
        let timed = started.admitted.is_some();
        self.begin(run, &started);
        let (end, due) = match self.count_attempt(run, &started) {
            Ok(()) => self.call(run, started),
            Err(error) => self.give_back(run, started, &error),
        };
        self.read_clock(timed);
        self.finish(run, &end, due, timed, slice)
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
    ) -> (End, Due) {
        let id = started.run;
        let due = match &started.work {
            Work::Messages(batch) => Due::Batch(Arc::clone(batch)),
            Work::Closure(_) => unreachable!("a closure is not journaled"),
        };
        let _ = run.renew(started);
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
        (End::NotStarted { error: error.into() }, due)
    }

    /// The host's code. P7: no lock is held, and a panic ends here.
    fn call(&self, run: &mut Run, started: Started<Closure>) -> (End, Due) {
        let batch = match &started.work {
            Work::Messages(batch) => Some(Arc::clone(batch)),
            Work::Closure(_) => None,
        };
        match (run.renew(started), batch) {
            (Some(code), _) => match code.as_task() {
                None => {
                    let came = caught::call(|| code.call(run));
                    (came.map_or_else(panicked, |()| End::Done(None)), Due::Fired)
                }
                Some(task) => {
                    let came = caught::call(|| task.call(run));
                    (came.map_or_else(panicked, |()| End::Done(None)), Due::Task(code))
                }
            },
            (None, Some(batch)) => {
                run.transcribe_start();
                (self.handle(run), Due::Batch(batch))
            }
            (None, None) => unreachable!("a run has a closure or a batch"),
        }
    }

    fn handle(&self, run: &Run) -> End {
        let Some(handler) = self.staff.takers.handler(self.door.id) else {
            let error = format!("lane {:?} has no handler", self.door.name);
            return End::Failed { error: error.into(), cause: None };
        };
        end_of(run, caught::call(|| (handler.handle)(run)))
    }

    /// Ends a run, in one step with the start of the next if the slice goes on.
    pub(super) fn finish(
        &mut self,
        run: &Run,
        end: &End,
        due: Due,
        timed: bool,
        slice: Option<(&Ticketed, RunId)>,
    ) -> After {
        run.end_children(matches!(end, End::Done(_)));
        let reply = match end {
            End::Done(reply) => reply.clone(),
            _ => None,
        };
        let id = run.id();
        run.session().ended(id.get());
        let slice = slice.map(|(ticket, next)| Slice { ticket: *ticket, run: next });
        let now = self.now;
        let finished = self.shared.transition_then(
            run.session(),
            now,
            |machine, cx| machine.finish(id, end, slice.as_ref(), cx),
            |finished| {
                run.transcribe_end(reply.as_ref(), finished, now);
                // P11: the journal hears of the end before another worker can tell it of the
                // session's next start.
                if let (Finished::Ended(ended, _), Due::Batch(batch)) = (finished, &due) {
                    self.keep_batch(run, ended, batch);
                }
            },
        );
        match finished {
            Finished::Stale => {
                caught::let_go(due);
                After::Replaced
            }
            Finished::Ended(ended, next) => {
                if timed {
                    self.door.run.record(now.since(ended.started));
                }
                let slot = ended.slot;
                self.tell(run, &ended, due, reply);
                next.map_or(After::Over(slot), After::Next)
            }
        }
    }

    /// Tells the counters and the receipts. P4.
    fn tell(&self, run: &Run, ended: &Ended, due: Due, reply: Option<Reply>) {
        self.shared.counters.add(Count::Run(ended.outcome), 1);
        let Some(fate) = ended.fate else { return };
        match due {
            Due::Fired => self.shared.book(fate, 1, 0),
            Due::Task(closure) => {
                closure.tell(settled(run, ended, fate));
                self.shared.book(fate, 1, 0);
            }
            Due::Batch(batch) => self.tell_batch(run, ended, fate, &batch, reply),
        }
        self.shared.nudge_drain();
    }

    /// P11: what has its fate does not come back.
    fn keep_batch(&self, run: &Run, ended: &Ended, batch: &Batch) {
        let Some(fate) = ended.fate else { return };
        let (attempt, outcome) = (run.attempt(), Some(ended.outcome));
        let ending = Ending { fate, run: Some(run.id()), outcome, attempt };
        batch.iter().for_each(|cell| self.shared.keep_fate(cell, ending));
    }

    fn tell_batch(
        &self,
        run: &Run,
        ended: &Ended,
        fate: Fate,
        batch: &Arc<Batch>,
        mut reply: Option<Reply>,
    ) {
        let bytes: usize = batch.iter().map(|cell| cell.message.bytes()).sum();
        for (idx, cell) in batch.iter().enumerate() {
            let key = &run.session().key;
            self.shared.report(&cell.id(), key, fate, || cell.message.clone());
            // One run has one reply, and exactly one receipt of its batch has the lead.
            let lead = idx + 1 == batch.as_slice().len();
            let reply = if lead { reply.take() } else { None };
            let Settled { fate, run, outcome, error, .. } = settled(run, ended, fate);
            cell.telling.tell(Settled { fate, run, outcome, reply, lead, error });
        }
        self.shared.book(fate, u64::from(batch.len()), bytes as u64);
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

fn settled(run: &Run, ended: &Ended, fate: Fate) -> Settled<()> {
    let error = ended.error.clone().filter(|_| ended.outcome != Outcome::Done);
    let (run, outcome) = (Some(run.id()), Some(ended.outcome));
    Settled { fate, run, outcome, reply: None, lead: false, error }
}

fn panicked(words: String) -> End {
    End::Panicked { error: words.into() }
}
