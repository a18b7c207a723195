//! Steers: boundary, take, commit, restore, end. P5.

use super::{Cx, Door, Machine};
use crate::model::{Cause, Error, Fate, RunId};
use crate::session::cell::Cell;
use crate::session::entry::{Code, Item};
use crate::session::live::{Guard, Inbox, OpenCalls, Regained, SlotState};
use crate::session::next::{Next, Note, Settlement};
use crate::session::standing::Place;
use crate::session::telling::{Wake, Watch};
use crate::session::token::Token;
use crate::sync::Arc;

/// What a boundary answers. P6: stop beats steer beats go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// Nothing waits: go on.
    Go,
    /// A steer waits: take it.
    Steer,
    /// Stop, for this cause.
    Stop(Cause),
}

impl Verdict {
    /// The word for it in events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Steer => "steer",
            Self::Stop(_) => "stop",
        }
    }
}

/// Steers that a run has in its hands.
pub(crate) struct Taken {
    pub(crate) guard: u64,
    pub(crate) cells: Vec<Arc<Cell>>,
}

/// Who takes: one guard a run, which is its taker's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Take {
    pub(crate) run: RunId,
    pub(crate) caller: usize,
}

/// What asking to end a run came to.
pub(crate) enum EndRun {
    /// No steer can reach it any more.
    Closed,
    Steers(Taken),
    Stop(Cause),
}

/// What a new watcher would have heard already, and whom it replaces.
pub(crate) type Watched = (Vec<Wake>, Option<Arc<dyn Watch>>);

pub(crate) type RunEnds = Result<EndRun, Error>;

impl<C: Code> Machine<C> {
    /// Whether a boundary should answer Steer. A stop beats it.
    #[inline]
    pub(super) fn steer_is_visible(&self) -> bool {
        let (Some(live), Some(extra)) = (&self.live, self.extra.as_deref()) else { return false };
        let open = live.stop.is_none() && live.inbox == Inbox::Open && !extra.run.spent;
        open && extra.run.guard.is_none() && extra.inbox.live() > 0
    }

    /// The verdict for a run, and a sign of its life.
    pub(crate) fn verdict(&mut self, run: RunId, cx: &Cx<'_>) -> Result<Verdict, Error> {
        let live = self.live.as_ref().filter(|live| live.id == run).ok_or(Error::Stale(run))?;
        let stop = live.stop;
        self.extra_mut().run.active = Some(cx.now);
        Ok(match stop {
            Some(cause) => Verdict::Stop(cause),
            None if self.steer_is_visible() => Verdict::Steer,
            None => Verdict::Go,
        })
    }

    /// Hands the visible steers to a run: one open guard at a time.
    pub(crate) fn take(&mut self, take: Take, cx: &Cx<'_>) -> (Next<C>, Result<Taken, Error>) {
        let mut next = Next::nothing();
        if self.live.as_ref().is_none_or(|live| live.id != take.run) {
            return (next, Err(Error::Stale(take.run)));
        }
        // A deadline that is due stops the run first. P6: stop beats steer.
        self.settle(cx, &mut next);
        let stopped = self.live.as_ref().is_some_and(|live| live.stop.is_some());
        let taken = if stopped { None } else { self.take_settled(take, cx) };
        self.rest(cx, &mut next);
        (next, Ok(taken.unwrap_or(Taken { guard: 0, cells: Vec::new() })))
    }

    fn take_settled(&mut self, take: Take, cx: &Cx<'_>) -> Option<Taken> {
        let open = self.live.as_ref().is_some_and(|live| live.inbox == Inbox::Open);
        let extra = self.extra.as_deref_mut()?;
        if let Some(guard) = &extra.run.guard {
            // The same caller sees the same steers; nobody else sees any.
            return (guard.owner == take.caller)
                .then(|| Taken { guard: guard.id, cells: guard.cells.clone() });
        }
        if !open || extra.inbox.live() == 0 || extra.run.rounds >= cx.queue().steer_rounds {
            return None;
        }
        extra.run.rounds += 1;
        extra.run.spent = extra.run.rounds >= cx.queue().steer_rounds;
        extra.guards += 1;
        let cells = extra.inbox.take_all();
        cells.iter().for_each(|cell| cell.standing.put(Place::Taken));
        let guard = extra.guards;
        extra.run.guard = Some(Guard { id: guard, owner: take.caller, cells: cells.clone() });
        Some(Taken { guard, cells })
    }

    fn guard_of(&mut self, run: RunId, guard: u64) -> Result<Guard, Error> {
        let stale = Err(Error::Stale(run));
        if self.live.as_ref().is_none_or(|live| live.id != run) {
            return stale;
        }
        let open = &mut self.extra_mut().run.guard;
        open.take_if(|open| open.id == guard).map_or(stale, Ok)
    }

    /// The steers are in the run's transcript: delivered, finally, also after a stop.
    pub(crate) fn commit(
        &mut self,
        run: RunId,
        guard: u64,
        cx: &Cx<'_>,
    ) -> (Next<C>, Result<(), Error>) {
        let mut next = Next::nothing();
        let cells = match self.guard_of(run, guard) {
            Ok(guard) => guard.cells,
            Err(error) => return (next, Err(error)),
        };
        self.settle(cx, &mut next);
        for cell in &cells {
            if cx.listening {
                let cell = Arc::clone(cell);
                next.effects().notes.push(Note::Steered { cell, run });
            }
            if cell.has_half() {
                // It counts once and has one fate: that of its later turn.
                cell.mark_seen();
                cell.standing.put(Place::Queued);
                self.backlog.unreserve();
                self.waits(cell);
            } else {
                self.settle_steered(run, cell, cx, &mut next);
            }
        }
        self.end_later_turns(&cells, cx, &mut next);
        // What came while these were in the run's hands is visible now.
        self.wake_steer(&mut next);
        self.rest(cx, &mut next);
        (next, Ok(()))
    }

    fn settle_steered(&mut self, run: RunId, cell: &Arc<Cell>, cx: &Cx<'_>, next: &mut Next<C>) {
        self.settled += 1;
        cell.standing.put(Place::Settled);
        let effects = next.effects();
        let (fate, run) = (Fate::Steered, Some(run));
        if cx.listening {
            let cell = Arc::clone(cell);
            effects.notes.push(Note::Fate { cell, fate, run, outcome: None, policy: None });
        }
        let item = Item::Message(Arc::clone(cell));
        let settlement = Settlement { item, fate, run, outcome: None, error: None };
        effects.settled.push(settlement);
    }

    /// A stop or a close that came while they were taken also ends the later turns of what was
    /// delivered.
    fn end_later_turns(&mut self, cells: &[Arc<Cell>], cx: &Cx<'_>, next: &mut Next<C>) {
        for cell in cells.iter().filter(|cell| cell.has_half()) {
            if let Some(fate) = self.cleared(cell, cx)
                && self.take_out(cell)
            {
                self.give_fate(cx, next, Arc::clone(cell), fate, None);
            }
        }
    }

    /// The fate that the end of the engine or a stop gave to everything that waited then.
    fn cleared(&self, cell: &Cell, cx: &Cx<'_>) -> Option<Fate> {
        let number = cell.standing.number();
        let extra = self.extra.as_deref();
        let (stopped, returned) = extra.map_or((0, 0), |e| (e.stopped_below, e.returned_below));
        if cx.door == Door::Closed || number < returned {
            return Some(Fate::Returned);
        }
        (number < stopped).then_some(Fate::Withdrawn)
    }

    /// What has overtaken a steer that leaves a run's hands, or its inbox, without a commit.
    pub(super) fn overtaken(&self, cell: &Cell, cx: &Cx<'_>) -> Option<Fate> {
        let expired = cell.expires().is_some_and(|at| at <= cx.now);
        self.cleared(cell, cx).or(expired.then_some(Fate::Expired))
    }

    /// The guard was dropped without a commit: the steers go back to their place.
    pub(crate) fn restore(&mut self, run: RunId, guard: u64, cx: &Cx<'_>) -> Next<C> {
        let mut next = Next::nothing();
        let Ok(guard) = self.guard_of(run, guard) else { return next };
        self.settle(cx, &mut next);
        for cell in guard.cells {
            self.extra_mut().inbox.insert(cell);
        }
        if self.extra_mut().run.rounds >= cx.queue().steer_rounds {
            // Nothing can take them any more: a boundary must not say Steer for ever.
            self.promote(run, cx, &mut next);
        } else {
            self.sift_inbox(cx, &mut next);
        }
        self.wake_steer(&mut next);
        self.rest(cx, &mut next);
        next
    }

    /// A restore applies the stop, the close and the `ttl`.
    fn sift_inbox(&mut self, cx: &Cx<'_>, next: &mut Next<C>) {
        for cell in self.extra_mut().inbox.take_all() {
            if let Some(fate) = self.overtaken(&cell, cx) {
                self.forget_half_of(&cell);
                self.give_fate(cx, next, cell, fate, None);
            } else {
                self.extra_mut().inbox.insert(cell);
            }
        }
    }

    /// The same for one that has its fate from now on.
    pub(super) fn forget_half_of(&mut self, cell: &Arc<Cell>) {
        cell.standing.put(Place::Settled);
        self.forget_half(cell);
    }

    fn wake_steer(&mut self, next: &mut Next<C>) {
        if !self.steer_is_visible() {
            return;
        }
        if let Some(watch) = self.extra.as_deref().and_then(|e| e.run.watch.as_ref()) {
            next.effects().wakes.push((Arc::clone(watch), Wake::Steer));
        }
    }

    /// The run would like to end: it gets what waits, or its inbox is closed for good. One step.
    pub(crate) fn end(&mut self, take: Take, cx: &Cx<'_>) -> (Next<C>, RunEnds) {
        let mut next = Next::nothing();
        if self.live.as_ref().is_none_or(|live| live.id != take.run) {
            return (next, Err(Error::Stale(take.run)));
        }
        self.settle(cx, &mut next);
        let answer = self.end_settled(take, cx, &mut next);
        self.rest(cx, &mut next);
        (next, answer)
    }

    fn end_settled(&mut self, take: Take, cx: &Cx<'_>, next: &mut Next<C>) -> RunEnds {
        if self.extra.as_deref().is_some_and(|e| e.run.guard.is_some()) {
            return Err(Error::GuardOpen);
        }
        if let Some(live) = &self.live
            && live.inbox != Inbox::Closed
            && let Some(cause) = live.stop
        {
            return Ok(EndRun::Stop(cause));
        }
        Ok(match self.take_settled(take, cx) {
            Some(taken) => EndRun::Steers(taken),
            None => {
                self.close_inbox();
                self.promote(take.run, cx, next);
                EndRun::Closed
            }
        })
    }

    fn close_inbox(&mut self) {
        // One that never took steers stays so: that is the first reason why it takes none.
        if let Some(live) = self.live.as_mut().filter(|live| live.inbox != Inbox::Never) {
            live.inbox = Inbox::Closed;
        }
    }

    /// Scopes a phase that takes no steers: they are accepted, held and invisible.
    pub(crate) fn set_steerable(
        &mut self,
        run: RunId,
        inbox: Inbox,
    ) -> (Next<C>, Result<(), Error>) {
        let mut next = Next::nothing();
        let Some(live) = self.live.as_mut().filter(|live| live.id == run) else {
            return (next, Err(Error::Stale(run)));
        };
        if matches!(live.inbox, Inbox::Open | Inbox::Held) {
            live.inbox = inbox;
        }
        self.wake_steer(&mut next);
        (next, Ok(()))
    }

    fn companions_of(&mut self, run: RunId) -> Result<&mut super::Companions, Error> {
        if self.live.as_ref().is_none_or(|live| live.id != run) {
            return Err(Error::Stale(run));
        }
        Ok(self.companions())
    }

    /// The run's token, made by `make` on first use, with the cause that has stopped it already.
    pub(crate) fn token(
        &mut self,
        run: RunId,
        fresh: Token,
    ) -> Result<(Token, Option<Cause>), Error> {
        let token = self.companions_of(run)?.token.get_or_insert(fresh).clone();
        Ok((token, self.live.as_ref().and_then(|live| live.stop)))
    }

    /// Who hears of steers and stops of this run; answers what it would have heard already, and
    /// who heard before, to be dropped after unlock.
    pub(crate) fn watch(&mut self, run: RunId, watch: Arc<dyn Watch>) -> Result<Watched, Error> {
        let before = self.companions_of(run)?.watch.replace(watch);
        let stop = self.live.as_ref().and_then(|live| live.stop).map(Wake::Stop);
        let steer = self.steer_is_visible().then_some(Wake::Steer);
        Ok((stop.into_iter().chain(steer).collect(), before))
    }

    /// The run's ledger, for whoever asks what it is doing.
    pub(crate) fn set_calls(&mut self, run: RunId, calls: Arc<dyn OpenCalls>) -> Result<(), Error> {
        self.companions_of(run)?.calls = Some(calls);
        Ok(())
    }

    fn live_of(&mut self, run: RunId) -> Result<&mut crate::session::live::Live<C>, Error> {
        self.live.as_deref_mut().filter(|live| live.id == run).ok_or(Error::Stale(run))
    }

    /// A wait begins: the run lends its slot with the first. Answers what it held before.
    pub(crate) fn lend(&mut self, run: RunId) -> Result<SlotState, Error> {
        let live = self.live_of(run)?;
        live.waits += 1;
        Ok(std::mem::replace(&mut live.slot, SlotState::Lent))
    }

    /// A wait is over; answers how many go on. After the last a slot must be taken again.
    pub(crate) fn wait_over(&mut self, run: RunId) -> Result<u32, Error> {
        let live = self.live_of(run)?;
        assert!(live.waits > 0, "a wait ends once");
        live.waits -= 1;
        Ok(live.waits)
    }

    /// The wait that has just begun goes on without a thread: `heard` hears when no wait of the run
    /// is left. Answers its number.
    pub(crate) fn heard_by(&mut self, run: RunId, heard: Arc<dyn Watch>) -> Result<u32, Error> {
        let companions = self.companions_of(run)?;
        companions.heard = Some(heard);
        companions.begun += 1;
        Ok(companions.begun)
    }

    /// The wait that has just begun has a thread. Answers who hears of the run's waits all the same,
    /// and its number; none if no wait of it was without one.
    pub(crate) fn blocks(&mut self, run: RunId) -> Option<(Arc<dyn Watch>, u32)> {
        self.live_of(run).ok()?;
        let companions = &mut self.extra.as_deref_mut()?.run;
        let heard = companions.heard.clone()?;
        companions.begun += 1;
        Some((heard, companions.begun))
    }

    /// A slot was taken for a run that waited. `Spare`: the caller gives it back. P8: which waits
    /// are over is read in the same step, so that none that begins later is taken for one of them.
    pub(crate) fn regain(&mut self, run: RunId) -> Result<Regained, Error> {
        let live = self.live_of(run)?;
        if live.waits > 0 || live.slot == SlotState::Held {
            return Ok(Regained::Spare);
        }
        live.slot = SlotState::Held;
        Ok(Regained::Held(self.extra.as_deref().and_then(|extra| extra.run.waited())))
    }
}
