//! Admission: which place a message gets, and what gives way for it.

use super::{Cx, Door, Expiry, LOTS, Machine, Phase};
use crate::config::InForce;
use crate::model::{Cause, Drop, Fallback, Fate, LaneId, Mode, Priority, Reason, RunId};
use crate::session::cell::Cell;
use crate::session::entry::{Code, Entry, Item, Joins};
use crate::session::live::Inbox;
use crate::session::next::{Landed, Next, NotAdmitted, Note};
use crate::session::standing::Place;
use crate::session::telling::Wake;
use crate::sync::Arc;
use crate::time::Moment;
use crate::watch::Placement;

/// Where a message comes from: while the engine drains, only admitted work may bring more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Outside,
    /// Spawned by a run.
    Run,
}

/// What a message will do, decided before anything changes.
#[derive(Clone, Copy)]
enum Way {
    Steer(RunId),
    Interrupt,
    Backlog(Joins, Option<Fallback>),
}

fn refuse(reason: Reason, detail: impl Into<String>) -> NotAdmitted {
    NotAdmitted { reason, detail: detail.into() }
}

impl<C: Code> Machine<C> {
    /// Admits a message, or says why not; then nothing has changed but what was due anyway.
    pub(crate) fn admit(
        &mut self,
        cell: &Arc<Cell>,
        origin: Origin,
        cx: &Cx<'_>,
    ) -> (Next<C>, Result<Landed, NotAdmitted>) {
        let mut next = Next::nothing();
        self.settle(cx, &mut next);
        let answer = self.admit_settled(cell, origin, cx, &mut next);
        self.rest_unless_behind(cell.message.priority, cx, &mut next);
        (next, answer)
    }

    fn admit_settled(
        &mut self,
        cell: &Arc<Cell>,
        origin: Origin,
        cx: &Cx<'_>,
        next: &mut Next<C>,
    ) -> Result<Landed, NotAdmitted> {
        Self::may_enter(origin, cx)?;
        if let Some(expected) = cell.message.details().expect_run
            && self.live.as_ref().is_none_or(|live| live.id != expected)
        {
            let detail = format!("run {expected} is not the live run of this session");
            return Err(refuse(Reason::Mismatch, detail));
        }
        let force = self.in_force(cell, cx);
        let before = self.phase_met(cx);
        let way = self.way(force.mode.value, cell, before, cx);
        let mut depth = self.depth();
        if depth >= force.cap.value {
            self.make_room(cell, &force, cx, next)?;
            depth = self.depth();
        }
        cell.standing.admit(self.accepted, cx.now);
        self.accepted += 1;
        if let Some(at) = cell.expires() {
            self.extra_mut().expiries.push(std::cmp::Reverse(Expiry(at, Arc::clone(cell))));
        }
        let landed = self.place(cell, &force, way, depth, before, cx, next);
        if cx.listening {
            Self::note_admission(cell, landed, depth, next);
        }
        Ok(landed)
    }

    /// The phase that a newcomer meets: what has just expired keeps nobody busy.
    #[inline]
    fn phase_met(&mut self, cx: &Cx<'_>) -> Phase {
        if self.extra.is_some() { self.phase_now(cx) } else { self.phase }
    }

    fn may_enter(origin: Origin, cx: &Cx<'_>) -> Result<(), NotAdmitted> {
        match (cx.door, origin) {
            (Door::Open, _) | (Door::Draining, Origin::Run) => Ok(()),
            (Door::Draining, Origin::Outside) => {
                Err(refuse(Reason::Draining, "the engine drains: it takes nothing new"))
            }
            (Door::Closed, _) => Err(refuse(Reason::Closed, "the engine is closed")),
        }
    }

    /// What the mode comes to just now.
    fn way(&self, mode: Mode, cell: &Cell, before: Phase, cx: &Cx<'_>) -> Way {
        let joins = || self.joins(cell, mode, before, cx);
        match mode {
            Mode::Followup | Mode::Collect => Way::Backlog(joins(), None),
            Mode::Steer | Mode::SteerBacklog => match self.steers(cell, cx) {
                Ok(run) => Way::Steer(run),
                Err(why) => Way::Backlog(joins(), Some(why)),
            },
            Mode::Interrupt if self.interrupts(cell, cx) => Way::Interrupt,
            Mode::Interrupt => Way::Backlog(Joins::Nobody, Some(Fallback::Authority)),
        }
    }

    /// The run that takes this steer, or the first reason why none does.
    fn steers(&self, cell: &Cell, cx: &Cx<'_>) -> Result<RunId, Fallback> {
        let live = self.live.as_ref().ok_or(Fallback::NoRun)?;
        let Some(first) = live.held.first() else { return Err(Fallback::NotSteerable) };
        if live.inbox == Inbox::Never {
            return Err(Fallback::NotSteerable);
        }
        let rounds = self.extra.as_deref().map_or(0, |e| e.run.rounds);
        let over = live.inbox == Inbox::Closed || rounds >= cx.queue().steer_rounds;
        if over || live.stop.is_some() {
            return Err(Fallback::Closed);
        }
        if cell.message.authority != first.message.authority {
            return Err(Fallback::Authority);
        }
        if !cell.same_origin(first) {
            return Err(Fallback::Route);
        }
        Ok(live.id)
    }

    /// Whether an interrupt may stop what is in progress; nothing in progress is anybody's.
    fn interrupts(&self, cell: &Cell, cx: &Cx<'_>) -> bool {
        let retry = self.extra.as_deref().and_then(|e| e.retry.as_ref());
        let target = match (&self.live, retry) {
            (Some(live), _) => live.held.first().map_or("", |first| first.message.authority()),
            (None, Some(retry)) => retry.batch.first().message.authority(),
            (None, None) => return true,
        };
        cx.may_stop(cell.message.authority(), target)
    }

    /// Room for one more: at most one victim, the oldest of the newcomer's route and authority.
    fn make_room(
        &mut self,
        cell: &Arc<Cell>,
        force: &InForce,
        cx: &Cx<'_>,
        next: &mut Next<C>,
    ) -> Result<(), NotAdmitted> {
        let (cap, drop) = (force.cap.value, force.drop.value);
        let full = |why: &str| {
            let depth = self.depth();
            refuse(Reason::Full, format!("{depth} of {cap} messages wait in this session{why}"))
        };
        if drop == Drop::New {
            return Err(full(""));
        }
        let victim = self.backlog.oldest(|waiting| waiting.same_origin(cell));
        let victim =
            victim.ok_or_else(|| full(" and none of its route and authority may give way"))?;
        self.take_out(&victim);
        if drop == Drop::Summarize {
            self.extra_mut().overflow.keep(&victim, cap);
        }
        self.give_fate(cx, next, victim, Fate::Dropped, Some(drop));
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "one decision, carried out in one place")]
    fn place(
        &mut self,
        cell: &Arc<Cell>,
        force: &InForce,
        way: Way,
        depth: u32,
        before: Phase,
        cx: &Cx<'_>,
        next: &mut Next<C>,
    ) -> Landed {
        let (position, run, fallback) = match way {
            Way::Steer(run) => {
                let ahead = self.place_steer(cell, force.mode.value, next);
                (ahead, Some(run), None)
            }
            Way::Interrupt => {
                let ahead = self.extra_mut().urgent.live();
                self.waits(cell);
                self.extra_mut().urgent.insert(Arc::clone(cell));
                self.end_retry(cx, next, Fate::Ran);
                self.stop_live(Cause::Interrupt, next);
                (ahead, None, None)
            }
            Way::Backlog(joins, fallback) => {
                self.mind_window(cell, joins, force, before, cx);
                cell.standing.put(Place::Queued);
                self.waits(cell);
                let entry = Self::entry(cell, joins);
                self.backlog.push(entry);
                (depth + self.backlog.closures(), None, fallback)
            }
        };
        let placement = match (run, before) {
            (Some(_), _) => Placement::Steered,
            // The leading window holds its first message back.
            (None, Phase::Idle) if !self.is_held() => Placement::Scheduled,
            _ => Placement::Queued,
        };
        Landed { placement, position, run, fallback }
    }

    fn place_steer(&mut self, cell: &Arc<Cell>, mode: Mode, next: &mut Next<C>) -> u32 {
        let ahead = self.extra_mut().inbox.live();
        self.extra_mut().inbox.insert(Arc::clone(cell));
        if mode == Mode::SteerBacklog {
            cell.mark_half();
            self.backlog.reserve(Self::entry(cell, Joins::Nobody));
        }
        if self.steer_is_visible()
            && let Some(watch) = &self.extra_mut().run.watch
        {
            let watch = Arc::clone(watch);
            next.effects().wakes.push((watch, Wake::Steer));
        }
        ahead
    }

    pub(super) fn entry(cell: &Arc<Cell>, joins: Joins) -> Entry<C> {
        #[allow(clippy::cast_possible_truncation, reason = "the low half is meant")]
        let number = cell.standing.number() as u32;
        let (lane, priority) = (cell.lane, cell.message.priority);
        Entry::new(Item::Message(Arc::clone(cell)), number, lane, priority, joins)
    }

    pub(super) fn note_admission(cell: &Arc<Cell>, landed: Landed, depth: u32, next: &mut Next<C>) {
        let Landed { placement, position, run, fallback } = landed;
        let notes = &mut next.effects().notes;
        let cell = Arc::clone(cell);
        notes.push(Note::Accepted { cell: Arc::clone(&cell), placement, position, run, fallback });
        let waits = placement == Placement::Queued
            || (placement == Placement::Scheduled && cell.is_crowded());
        if waits {
            notes.push(Note::Queued { cell, depth: depth + 1 });
        }
    }

    /// Admits a closure; it never merges, is never a victim, and has a cap of its own. One that
    /// is refused stays with the caller.
    #[inline]
    pub(crate) fn admit_closure(
        &mut self,
        code: &mut Option<C>,
        lane: LaneId,
        priority: Priority,
        origin: Origin,
        cx: &Cx<'_>,
    ) -> (Next<C>, Result<Landed, NotAdmitted>) {
        let mut next = Next::nothing();
        self.settle(cx, &mut next);
        if let Err(refused) = self.closure_may_enter(origin, cx) {
            self.rest(cx, &mut next);
            return (next, Err(refused));
        }
        if let Some(extra) = self.extra.as_deref_mut() {
            extra.window = None;
        }
        let position = self.backlog.live();
        let placement = if self.phase_met(cx) == Phase::Idle {
            Placement::Scheduled
        } else {
            Placement::Queued
        };
        self.push_closure(code, lane, priority, cx);
        if cx.listening {
            let number = self.accepted - 1;
            next.effects().notes.push(Note::ClosureAccepted { number, lane, placement, position });
        }
        self.rest_unless_behind(priority, cx, &mut next);
        (next, Ok(Landed { placement, position, run: None, fallback: None }))
    }

    /// Comes to rest after an admission. One behind others of its priority changes neither the head
    /// nor the ticket, and a session that runs has nothing to choose; where that is all, it rests as
    /// it did before.
    #[inline]
    fn rest_unless_behind(&mut self, priority: Priority, cx: &Cx<'_>, next: &mut Next<C>) {
        let others = self.waiting[priority as usize] > 1;
        let behind = self.phase == Phase::Running || (self.phase == Phase::Ready && others);
        // A victim may have been the head.
        if !behind || self.extra.is_some() || next.settles() {
            self.rest(cx, next);
        }
        debug_assert!(self.balances(), "P4: accepted = settled + pending");
    }

    #[inline]
    fn closure_may_enter(&self, origin: Origin, cx: &Cx<'_>) -> Result<(), NotAdmitted> {
        if cx.door != Door::Open {
            Self::may_enter(origin, cx)?;
        }
        let closures = self.backlog.closures();
        if closures < cx.closure_cap {
            return Ok(());
        }
        let detail = format!("{closures} closures wait in this session: the cap");
        Err(refuse(Reason::Full, detail))
    }

    #[inline]
    fn push_closure(
        &mut self,
        code: &mut Option<C>,
        lane: LaneId,
        priority: Priority,
        cx: &Cx<'_>,
    ) {
        if code.as_ref().is_some_and(|code| self.is_timed(code)) {
            self.time_next(cx.now);
        }
        self.append_closure(code, lane, priority, cx.now);
    }

    /// The next closure is timed, from now on.
    pub(super) fn time_next(&mut self, admitted: Moment) {
        #[allow(clippy::cast_possible_truncation, reason = "the low half is meant")]
        let number = self.accepted as u32;
        (self.timed, self.timed_from) = (number, Some(admitted));
    }

    /// The last place in the backlog; answers where the next one will lie.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "each call would copy the closure once more")]
    pub(super) fn append_closure(
        &mut self,
        code: &mut Option<C>,
        lane: LaneId,
        priority: Priority,
        now: Moment,
    ) -> *const Entry<C> {
        #[allow(clippy::cast_possible_truncation, reason = "the low half is meant")]
        let number = self.accepted as u32;
        if let Some(standing) = code.as_ref().and_then(C::standing) {
            standing.admit(self.accepted, now);
            standing.put(Place::Queued);
        }
        self.accepted += 1;
        self.waiting[priority as usize] += 1;
        self.backlog.push_closure(code, number, lane, priority)
    }

    /// Where the next entry will lie, if others are before it: to ask for it.
    #[inline]
    pub(crate) fn next_place(&self) -> *const Entry<C> {
        self.backlog.next_place()
    }

    /// Whether this closure, the next one, needs the time: because it is timed, or since whatever
    /// may be due is settled at the right moment.
    #[inline]
    pub(crate) fn wants_clock(&self, code: &C) -> bool {
        self.extra.is_some() || self.is_timed(code)
    }

    /// One in sixteen is timed, and of those with a receipt also each that finds its session idle;
    /// one at a time.
    #[inline]
    fn is_timed(&self, code: &C) -> bool {
        let alone = self.phase == Phase::Idle && code.standing().is_some();
        self.is_drawn() || (alone && self.timed_from.is_none())
    }

    #[inline]
    pub(super) fn is_drawn(&self) -> bool {
        self.accepted % u64::from(LOTS) == u64::from(self.lot) && self.timed_from.is_none()
    }
}
