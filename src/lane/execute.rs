//! One run, from its start to its fate: the host's code in the middle, and nothing of it escapes.

use super::Staff;
use super::due::{Asked, Due, Fired, Handled, settled};
use super::pace::Pace;
use super::stint::Stint;
use crate::model::{BoxError, Cause, Fate, Outcome, Reply, RunId, Settled};
use crate::run::{Closure, Run, Shared};
use crate::session::{
    Door, End, Finished, JournalError, Locked, Slice, SlotState, Started, Strode, Tag, Work,
    is_final,
};
use crate::sync::{Arc, caught};
use crate::time::Moment;
use crate::watch::{Count, Seat};

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
    /// Where its thread counts alone.
    seat: Option<&'a Seat>,
    /// The last reading of the clock: a run's end is the next run's start.
    pub(super) now: Moment,
    /// Runs since that reading.
    unread: u32,
    /// Runs after which it is read again: 1 unless they were quick.
    every: u32,
    /// When the closure that runs has started, if it is timed.
    timed: Option<Moment>,
}

impl<'a> Execution<'a> {
    pub(super) fn new(
        staff: &'a Staff,
        shared: &'a Arc<Shared>,
        door: &'a Arc<Door<Closure>>,
        now: Moment,
    ) -> Self {
        Self { staff, shared, door, seat: None, now, unread: 0, every: 1, timed: None }
    }

    /// By a thread that counts alone.
    pub(super) fn seated(self, seat: Option<&'a Seat>) -> Self {
        Self { seat, ..self }
    }

    /// So many closures in a row share a reading of the clock once those before it were quick: a
    /// slice may be so many slow ones longer than it should.
    const CLOCK_EVERY: u32 = 8;
    const QUICK_NS: u64 = 20_000;

    /// Executes what has started. In a slice, the session's next run takes its place there, but
    /// for closures that follow each other: these are executed here.
    pub(super) fn run(
        &mut self,
        run: &mut Run,
        place: &mut Option<Started<Closure>>,
        stint: Option<&mut Stint<'_>>,
    ) -> After {
        let started = place.take().expect("a run has started");
        self.wait_is_over(started.admitted);
        match started {
            Started { work: Work::Closure(code), run: id, lane, attempt, admitted } => {
                run.renew((id, lane, attempt), None);
                self.timed = admitted.map(|_| self.now);
                self.run_closures(run, code, place, stint)
            }
            started => self.run_batch(run, started, place, stint),
        }
    }

    /// One closure after the other. P7: no lock is held, and a panic ends here.
    fn run_closures(
        &mut self,
        run: &mut Run,
        code: Closure,
        place: &mut Option<Started<Closure>>,
        mut stint: Option<&mut Stint<'_>>,
    ) -> After {
        let mut next = Some(code);
        while let Some(code) = &next {
            // Taken where it is called: each hand that it goes through would copy it.
            let (came, due) = if code.as_task().is_none() {
                (caught::call(|| next.take().map_or((), |code| code.call(run))), None)
            } else {
                stint.iter_mut().for_each(|stint| stint.weighs(Pace::RECEIPT));
                let task = next.take().and_then(Closure::into_task).expect("it has a receipt");
                (caught::call(|| task.call(run)), Some(task))
            };
            self.unread += 1;
            if self.timed.is_some() || self.unread >= self.every {
                self.read_clock();
            }
            let slice = stint.as_deref_mut().and_then(|stint| stint.slice(self.now, place));
            let over = match due {
                Some(task) => self.finish_closure(run, came, Asked(task), slice, &mut next),
                None => self.finish_closure(run, came, Fired, slice, &mut next),
            };
            if let Some(after) = over {
                return after;
            }
            if let Some(stint) = stint.as_deref_mut() {
                run.goes_on_as(stint.goes_on());
            }
        }
        unreachable!("the next closure has started")
    }

    fn run_batch(
        &mut self,
        run: &mut Run,
        started: Started<Closure>,
        place: &mut Option<Started<Closure>>,
        stint: Option<&mut Stint<'_>>,
    ) -> After {
        let end = match self.count_attempt(run, &started) {
            Ok(()) => {
                run.begin(started);
                run.transcribe_start();
                self.handle(run)
            }
            Err(error) => self.give_back(run, started, &error),
        };
        self.read_clock();
        let slice = stint.and_then(|stint| {
            stint.weighs(Pace::MESSAGES);
            stint.slice(self.now, place)
        });
        self.finish_batch(run, end, slice)
    }

    /// Ends a run that a batch of messages has.
    pub(super) fn finish_batch(
        &mut self,
        run: &Run,
        end: End,
        slice: Option<Slice<'_, Closure>>,
    ) -> After {
        let batch = run.messages().expect("the run has a batch");
        let shared = self.shared;
        self.finish(run, end, Handled { shared, batch }, slice)
    }

    /// What waited has started, here or in the host's hands.
    #[inline]
    pub(super) fn wait_is_over(&self, admitted: Option<Moment>) {
        if let Some(admitted) = admitted {
            self.door.message_wait.record(self.now.since(admitted));
        }
    }

    /// A reading for the runs since the last one. Slow ones are read one by one from then on.
    fn read_clock(&mut self) {
        let before = std::mem::replace(&mut self.now, self.shared.now());
        let runs = u64::from(self.unread.max(1));
        let took = self.now.nanos().saturating_sub(before.nanos());
        let quick = took < Self::QUICK_NS * runs;
        self.every = if quick { Self::CLOCK_EVERY } else { 1 };
        self.unread = 0;
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

    /// Ends a closure. By the short way the next one starts at once, and is put into its place.
    #[inline]
    fn finish_closure<D: Due>(
        &mut self,
        run: &Run,
        came: Result<(), Box<str>>,
        due: D,
        mut slice: Option<Slice<'_, Closure>>,
        next: &mut Option<Closure>,
    ) -> Option<After> {
        let (shared, session, id) = (self.shared, run.session(), run.id());
        let strode = match &mut slice {
            Some(slice) if run.is_plain() && came.is_ok() => {
                shared.stride(session, id, slice, self.now, self.seat, next)
            }
            _ => return Some(self.finish(run, end_of_closure(came), due, slice)),
        };
        match strode {
            Ok(Strode::On) => {
                self.was_timed();
                due.tell(run, ran(id), None);
                let admitted = slice.and_then(|slice| slice.admitted);
                self.timed = admitted.map(|admitted| self.time(admitted));
                None
            }
            Ok(Strode::Over) => {
                self.was_timed();
                shared.count_closure(self.seat);
                due.tell(run, ran(id), None);
                shared.give_last();
                Some(After::Over { slot: SlotState::Held, ticket: None })
            }
            Err(locked) => Some(self.finish_locked(run, locked, End::Done(None), due, slice)),
        }
    }

    /// A closure that is timed starts: with a reading made since the one before it ended.
    #[cold]
    fn time(&mut self, admitted: Moment) -> Moment {
        if self.unread > 0 {
            self.read_clock();
        }
        self.wait_is_over(Some(admitted));
        self.now
    }

    /// A closure has ended. Its session may know an older start than that of one that is timed.
    #[inline]
    fn was_timed(&mut self) {
        if let Some(started) = self.timed.take() {
            self.door.run.record(self.now.since(started));
        }
    }

    /// Ends a run, in one step with the start of the next if the slice goes on.
    #[inline]
    fn finish<D: Due>(
        &mut self,
        run: &Run,
        end: End,
        due: D,
        slice: Option<Slice<'_, Closure>>,
    ) -> After {
        run.end_children(matches!(end, End::Done(_)));
        self.finish_locked(run, run.session().lock(), end, due, slice)
    }

    fn finish_locked<D: Due>(
        &mut self,
        run: &Run,
        locked: Locked<'_, Closure>,
        end: End,
        due: D,
        mut slice: Option<Slice<'_, Closure>>,
    ) -> After {
        if self.unread > 0 {
            // Deadlines, tickets and events of what follows count from here.
            self.read_clock();
        }
        let (shared, session, id, now) = (self.shared, run.session(), run.id(), self.now);
        session.ended(id.get());
        let (finished, mut ticket) = shared.go_on_locked(
            session,
            locked,
            (now, shared.rules()),
            |machine, cx| {
                let answer = machine.finish(id, &end, slice.as_mut().map(Slice::lend), cx);
                if let Some(started) = slice.and_then(|slice| slice.next.as_ref()) {
                    shared.begins(session, started.run);
                }
                answer
            },
            |finished| due.ended(run, &end, finished, now),
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
                if D::TIMED {
                    self.door.run.record(now.since(ended.started));
                } else {
                    self.was_timed();
                }
                self.shared.count(self.seat, Count::Run(ended.outcome), 1);
                if let Some(fate) = ended.fate {
                    let (n, bytes) = due.weight();
                    due.tell(run, settled(run, &ended, fate), end.into_reply());
                    self.shared.book(self.seat, fate, n, bytes);
                    self.shared.nudge_drain();
                }
                After::Over { slot: ended.slot, ticket }
            }
        }
    }
}

/// A closure that came back by itself.
#[inline]
fn ran(run: RunId) -> Settled<()> {
    let (fate, run, outcome) = (Fate::Ran, Some(run), Some(Outcome::Done));
    Settled { fate, run, outcome, reply: None, lead: false, error: None }
}

/// What the host's code came back with, or the words of its panic.
pub(super) fn end_of(run: &Run, came: Result<Result<Reply, BoxError>, Box<str>>) -> End {
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
fn end_of_closure(came: Result<(), Box<str>>) -> End {
    came.map_or_else(panicked, |()| End::Done(None))
}

#[cold]
fn panicked(words: Box<str>) -> End {
    End::Panicked { error: words.into() }
}
