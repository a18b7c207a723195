//! How a transition is carried out: lock, change, number the events, unlock, then act.

use super::entry::Code;
use super::hint::Hint;
use super::machine::{Behind, Cx, Door, Machine, Origin, Slice, Strode, TheLongWay};
use super::next::{Landed, Next, NotAdmitted, Tag};
use super::session::{Locked, Session};
use super::settings::{Late, Settings};
use super::shared::Shared;
use crate::model::{LaneId, Priority, RunId};
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use crate::time::Moment;
use crate::watch::{Count, Placement, Seat};

impl<C: Code> Shared<C> {
    /// The settings in force, for one transition.
    #[inline]
    pub(crate) fn rules(&self) -> Late<'_> {
        self.config.rules()
    }

    /// The settings in force, for the way to a session and its transition.
    pub(crate) fn settings(&self) -> Settings<'_> {
        self.config.read()
    }

    #[inline]
    pub(crate) fn cx<'a>(&self, rules: &'a Late<'_>, now: Moment) -> Cx<'a> {
        Cx {
            now,
            rules,
            closure_cap: self.closure_cap.load(Ordering::Relaxed),
            door: self.open(),
            listening: self.bus.on(),
            journaled: self.jots.is_some(),
        }
    }

    /// One transition of a session: everything that changes a key goes through here.
    #[inline]
    pub(crate) fn transition<R>(
        self: &Arc<Self>,
        session: &Arc<Session<C>>,
        now: Moment,
        step: impl FnOnce(&mut Machine<C>, &Cx<'_>) -> (Next<C>, R),
    ) -> R {
        self.transition_then(session, now, step, |_| ())
    }

    /// One transition; `then` hears the answer as soon as the lock is free, before anything that
    /// follows from it, some of which is host code. P7: whoever waits for the answer does not
    /// wait for that.
    #[inline]
    pub(crate) fn transition_then<R>(
        self: &Arc<Self>,
        session: &Arc<Session<C>>,
        now: Moment,
        step: impl FnOnce(&mut Machine<C>, &Cx<'_>) -> (Next<C>, R),
        then: impl FnOnce(&R),
    ) -> R {
        self.transition_by(session, (now, self.rules()), step, then)
    }

    /// The same, by settings that may have been read before.
    #[inline]
    pub(crate) fn transition_by<R>(
        self: &Arc<Self>,
        session: &Arc<Session<C>>,
        (now, rules): (Moment, Late<'_>),
        step: impl FnOnce(&mut Machine<C>, &Cx<'_>) -> (Next<C>, R),
        then: impl FnOnce(&R),
    ) -> R {
        let by = (now, rules);
        let (answer, ticket) = self.go_on_locked(session, session.lock(), by, step, then);
        if let Some(tag) = ticket {
            self.issue(session, tag, Some(now));
        }
        answer
    }

    /// The same in a session that is locked already, but for the ticket, which its caller must
    /// issue.
    #[inline]
    pub(crate) fn go_on_locked<R>(
        self: &Arc<Self>,
        session: &Arc<Session<C>>,
        mut locked: Locked<'_, C>,
        (now, rules): (Moment, Late<'_>),
        step: impl FnOnce(&mut Machine<C>, &Cx<'_>) -> (Next<C>, R),
        then: impl FnOnce(&R),
    ) -> (R, Option<Tag>) {
        let (mut next, answer) = {
            let (mut next, answer) = step(&mut locked.machine, &self.cx(&rules, now));
            self.number(&mut next);
            (next, answer)
        };
        drop(locked);
        then(&answer);
        let ticket = next.ticket.take();
        self.act(session, now, next);
        (answer, ticket)
    }

    /// Whether the short way is open: nothing is refused, and nobody is told of anything. Asked
    /// inside a session's lock, as of every transition.
    #[inline]
    fn is_quiet(&self) -> bool {
        self.open() == Door::Open && !self.bus.on()
    }

    /// The short way from one closure to the next, or to rest: nothing else follows from it. Where it
    /// is not open, the session comes back locked, and nothing has happened.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "a call would hand its answer over in memory")]
    pub(crate) fn stride<'s>(
        &self,
        session: &'s Session<C>,
        run: RunId,
        slice: &mut Slice<'_, C>,
        now: Moment,
        seat: Option<&Seat>,
        code: &mut Option<C>,
    ) -> Result<Strode, Locked<'s, C>> {
        let mut locked = session.lock();
        // Once: each look at it asks whether it is awake.
        let machine = &mut *locked.machine;
        if !self.is_quiet() {
            return Err(locked);
        }
        match machine.stride(run, slice, now, code) {
            Ok(Strode::Over) => {
                session.ended(run.get());
                drop(locked);
                Ok(Strode::Over)
            }
            Ok(Strode::On) => {
                if session.goes_on(run.get(), slice.run.get()) != 0 {
                    self.count_double_run();
                }
                // Inside the lock: a drain that waits for the run that has just begun, which its worker
                // cannot end before, has this one in its sum.
                self.book_closure(seat);
                locked.tells_run(slice.run);
                drop(locked);
                Ok(Strode::On)
            }
            Err(TheLongWay) => Err(locked),
        }
    }

    /// The admission of a closure, by the short way if it is open. One that is refused stays with
    /// the caller.
    #[inline]
    pub(crate) fn admit_closure(
        self: &Arc<Self>,
        session: &Arc<Session<C>>,
        code: &mut Option<C>,
        (lane, priority): (LaneId, Priority),
        hint: &Hint,
        origin: impl FnOnce() -> Origin,
    ) -> Result<Landed, NotAdmitted> {
        let mut locked = session.lock();
        // Once: each look at it asks whether it is awake.
        let machine = &mut *locked.machine;
        let cap = self.closure_cap.load(Ordering::Relaxed);
        if self.is_quiet()
            && let Ok(Behind { position, next }) =
                machine.queue_behind(code, (lane, priority), cap, || self.now())
        {
            locked.leaves_readers_alone();
            hint.note(next);
            drop(locked);
            let placement = Placement::Queued;
            return Ok(Landed { placement, position, run: None, fallback: None });
        }
        self.admit_weighed(session, locked, code, (lane, priority), hint, origin())
    }

    /// The clock is read only where somebody needs the time. Apart, so that the short way does not
    /// pay for its frame.
    #[inline(never)]
    fn admit_weighed(
        self: &Arc<Self>,
        session: &Arc<Session<C>>,
        mut locked: Locked<'_, C>,
        code: &mut Option<C>,
        (lane, priority): (LaneId, Priority),
        hint: &Hint,
        origin: Origin,
    ) -> Result<Landed, NotAdmitted> {
        let timed = code.as_ref().is_some_and(|code| locked.machine.wants_clock(code));
        let rules = self.rules();
        let mut cx = self.cx(&rules, Moment::START);
        let read = (timed || cx.listening).then(|| self.now());
        let now = read.unwrap_or(Moment::START);
        cx.now = now;
        let plain = locked.machine.is_plain();
        let (mut next, answer) = locked.machine.admit_closure(code, lane, priority, origin, &cx);
        self.number(&mut next);
        if plain && locked.machine.is_plain() {
            locked.leaves_readers_alone();
        }
        hint.note(locked.machine.next_place());
        drop(locked);
        let ticket = next.ticket.take();
        // Whatever else there is to do was admitted by the clock.
        self.act(session, now, next);
        if let Some(tag) = ticket {
            self.issue(session, tag, read);
        }
        answer
    }

    /// A run begins: said by whoever claimed it, under the session's lock.
    #[inline]
    pub(crate) fn begins(&self, session: &Session<C>, run: RunId) {
        if session.begin(run.get()) != 0 {
            self.count_double_run();
        }
    }

    /// P1: another run of this key has not ended.
    #[cold]
    fn count_double_run(&self) {
        self.counters.add(Count::DoubleRun, 1);
    }

    /// Draws a number for each event, still inside the lock.
    #[inline]
    fn number(&self, next: &mut Next<C>) {
        if let Some(effects) = &mut next.list {
            effects.draws = effects.notes.iter().map(|_| self.bus.draw()).collect();
        }
    }
}
