//! Claim: a ticket that fits becomes a run. The batch is formed here, and nowhere earlier.

use std::time::Duration;

use super::rest::Head;
use super::{Cx, Door, Machine, Phase};
use crate::model::{Cause, LaneId, RunId};
use crate::session::batch::{Batch, Cells};
use crate::session::cell::Cell;
use crate::session::entry::{Code, Item, Joins};
use crate::session::live::{Held, Inbox, Live, SlotState};
use crate::session::next::{Next, Note, Tag};
use crate::session::standing::Place;
use crate::session::telling::Watch;
use crate::sync::Arc;
use crate::time::Moment;

/// What the worker gets to execute.
pub(crate) enum Work<C> {
    Closure(C),
    Messages(Batch),
}

/// A run that has begun. The work first, as in a queue: what is copied in other pieces than it was
/// written in stalls the processor.
#[repr(C)]
pub(crate) struct Started<C> {
    pub(crate) work: Work<C>,
    pub(crate) run: RunId,
    pub(crate) lane: LaneId,
    pub(crate) attempt: u32,
    /// When the work was admitted, if it is timed.
    pub(crate) admitted: Option<Moment>,
}

/// The ticket that a worker holds, and what it needs to know about its lane.
#[derive(Clone, Copy)]
pub(crate) struct Ticketed {
    pub(crate) tag: Tag,
    pub(crate) issued: Option<Moment>,
    /// Lane wait from which a warning is said.
    pub(crate) warning: Duration,
    /// Whether messages of this lane have a handler that takes steers.
    pub(crate) inbox: Inbox,
    /// The lane's deadline for runs.
    pub(crate) deadline: Option<Duration>,
}

impl<C: Code> Machine<C> {
    /// Redeems a ticket: what has started goes to `place`. There is nothing if the ticket no longer
    /// fits: withdrawn, expired, another lane's turn. The run's id is drawn before, and used only if
    /// there is a run.
    #[inline]
    pub(crate) fn claim(
        &mut self,
        ticket: &Ticketed,
        run: RunId,
        place: &mut Option<Started<C>>,
        cx: &Cx<'_>,
    ) -> Next<C> {
        self.backlog.ask_first();
        self.tickets.remove(ticket.tag);
        if cx.door == Door::Closed {
            // Nothing starts any more. The close comes here too; whoever is first returns it all.
            return self.close(Cause::Close, cx).0;
        }
        let mut next = Next::nothing();
        self.settle(cx, &mut next);
        if !self.fits(ticket.tag, cx) {
            self.rest(cx, &mut next);
            return next;
        }
        if cx.listening {
            let wait = ticket.issued.map_or(Duration::ZERO, |at| cx.now.since(at));
            let (tag, notes) = (ticket.tag, &mut next.effects().notes);
            notes.push(Note::Dequeued { tag, wait });
            if wait > ticket.warning {
                notes.push(Note::WaitExceeded { tag, wait });
            }
        }
        self.start(run, ticket, place, cx, &mut next);
        next
    }

    /// A claim for a port, which hears of steers and stops of the run from its first moment on.
    pub(crate) fn claim_watched(
        &mut self,
        ticket: &Ticketed,
        run: RunId,
        watch: Arc<dyn Watch>,
        place: &mut Option<Started<C>>,
        cx: &Cx<'_>,
    ) -> Next<C> {
        let next = self.claim(ticket, run, place, cx);
        if let Some(Started { work: Work::Messages(_), .. }) = place {
            self.companions().watch = Some(watch);
        }
        next
    }

    /// Whether a ticket like this could become a run now.
    #[inline]
    pub(crate) fn fits(&mut self, tag: Tag, cx: &Cx<'_>) -> bool {
        self.phase_now(cx) == Phase::Ready && self.wanted() == Some(tag)
    }

    /// A ticket that did not fit was discarded.
    pub(crate) fn recall_ticket(&mut self, tag: Tag) {
        self.tickets.remove(tag);
    }

    /// The phase after settling and before resting.
    #[inline]
    pub(super) fn phase_now(&mut self, cx: &Cx<'_>) -> Phase {
        if self.live.is_some() { Phase::Running } else { self.head_phase(cx) }
    }

    /// Takes the head and makes it the run in progress; its work goes to `place`.
    #[inline]
    pub(super) fn start(
        &mut self,
        run: RunId,
        ticket: &Ticketed,
        place: &mut Option<Started<C>>,
        cx: &Cx<'_>,
        next: &mut Next<C>,
    ) {
        assert!(self.live.is_none(), "P1: at most one live run");
        let closure = self.extra.is_none() || matches!(self.head(), Head::Backlog(..));
        if closure && matches!(self.backlog.front().map(|e| &e.item), Some(Item::Closure(_))) {
            self.start_closure(run, ticket, place, cx, next);
        } else {
            *place = Some(self.start_messages(run, ticket, cx, next));
        }
    }

    #[inline]
    fn start_closure(
        &mut self,
        run: RunId,
        ticket: &Ticketed,
        place: &mut Option<Started<C>>,
        cx: &Cx<'_>,
        next: &mut Next<C>,
    ) {
        let entry = self.backlog.pop().expect("the head is a closure");
        self.check_order(entry.number, next);
        self.waiting[entry.priority() as usize] -= 1;
        let Item::Closure(code) = entry.item else { unreachable!("the head is a closure") };
        if let Some(standing) = code.standing() {
            standing.put(Place::Started);
        }
        let admitted = self.admission_of(entry.number);
        let held = Held::of(&code);
        self.begin((run, entry.lane), held, entry.number, 1, Inbox::Never, cx);
        if ticket.deadline.is_some() || self.extra.is_some() {
            self.companions_for(ticket.deadline, cx, next);
        }
        if cx.listening {
            let number = self.accepted.wrapping_sub(u64::from(
                #[allow(clippy::cast_possible_truncation, reason = "the low half is meant")]
                (self.accepted as u32).wrapping_sub(entry.number),
            ));
            let lane = ticket.tag.lane;
            next.effects().notes.push(Note::Started { run, lane, batch: None, number, attempt: 1 });
        }
        let (work, lane) = (Work::Closure(code), ticket.tag.lane);
        *place = Some(Started { run, work, lane, attempt: 1, admitted });
    }

    /// When this closure was admitted, if it is the one that is timed.
    #[inline]
    pub(super) fn admission_of(&mut self, number: u32) -> Option<Moment> {
        if self.timed == number { self.timed_from.take() } else { None }
    }

    fn start_messages(
        &mut self,
        run: RunId,
        ticket: &Ticketed,
        cx: &Cx<'_>,
        next: &mut Next<C>,
    ) -> Started<C> {
        let (batch, attempt) = self.form_batch(cx, next);
        let first = batch.first();
        let (lane, admitted) = (first.lane, first.standing.admitted());
        assert!(lane == ticket.tag.lane, "a run starts in the lane of its batch");
        let deadline = first.deadline().or(ticket.deadline);
        let held = Held::Messages(batch.clone());
        self.begin((run, lane), held, 0, attempt, ticket.inbox, cx);
        if deadline.is_some() || self.extra.is_some() {
            self.companions_for(deadline, cx, next);
        }
        if cx.listening {
            let batch = Some(batch.clone());
            next.effects().notes.push(Note::Started { run, lane, batch, number: 0, attempt });
        }
        Started { run, work: Work::Messages(batch), lane, attempt, admitted: Some(admitted) }
    }

    /// The head's batch, by rank, and which attempt it is.
    fn form_batch(&mut self, cx: &Cx<'_>, next: &mut Next<C>) -> (Batch, u32) {
        if let Some(cell) = self.extra.as_deref_mut().and_then(|e| e.urgent.pop()) {
            return (self.alone(cell), 1);
        }
        if let Some(retry) = self.extra.as_deref_mut().and_then(|e| e.retry.take()) {
            retry.batch.iter().for_each(|cell| self.waits_no_more(cell));
            return (retry.batch, retry.attempt + 1);
        }
        if let Some(cell) = self.extra.as_deref_mut().and_then(|e| e.promoted.pop()) {
            return (self.alone(cell), 1);
        }
        let entry = self.backlog.pop().expect("a ready session has a head");
        self.check_order(entry.number, next);
        let joins = entry.joins();
        let Item::Message(first) = entry.item else { unreachable!("the head is a message") };
        if joins == Joins::Nobody {
            return (self.alone(first), 1);
        }
        self.waits_no_more(&first);
        let mut cells = Cells::One(first);
        while let Some(cell) = self.pop_mergeable(&cells, joins, cx) {
            self.waits_no_more(&cell);
            cells.push(cell);
        }
        (self.batch(cells), 1)
    }

    /// The next message, if it is contiguous and merges with these.
    fn pop_mergeable(&mut self, cells: &Cells, joins: Joins, cx: &Cx<'_>) -> Option<Arc<Cell>> {
        if cells.as_slice().len() >= cx.queue().max_batch as usize {
            return None;
        }
        let entry = self.backlog.front()?;
        let Item::Message(cell) = &entry.item else { return None };
        if entry.joins() != joins || !cell.merges_with(&cells.as_slice()[0]) {
            return None;
        }
        match self.backlog.pop()?.item {
            Item::Message(cell) => Some(cell),
            Item::Closure(_) => unreachable!("the front was a message"),
        }
    }

    fn alone(&mut self, cell: Arc<Cell>) -> Batch {
        self.waits_no_more(&cell);
        self.batch(Cells::One(cell))
    }

    /// A batch with the lines that wait for its route and authority.
    pub(super) fn batch(&mut self, cells: Cells) -> Batch {
        let lines = self
            .extra
            .as_deref_mut()
            .filter(|e| !e.overflow.is_empty())
            .and_then(|e| e.overflow.take_for(&cells.as_slice()[0]));
        Batch::new(cells, lines)
    }

    #[inline]
    fn begin(
        &mut self,
        (id, lane): (RunId, LaneId),
        held: Held<C>,
        number: u32,
        attempt: u32,
        inbox: Inbox,
        cx: &Cx<'_>,
    ) {
        let (started, slot) = (cx.now, SlotState::Held);
        let (stop, waits) = (None, 0);
        let live = Live { id, lane, held, started, stop, inbox, slot, waits, number, attempt };
        self.live = Some(Box::new(live));
        self.phase = Phase::Running;
    }

    /// A run start closes the window, forgets the former run's companions and sets its deadline.
    fn companions_for(&mut self, deadline: Option<Duration>, cx: &Cx<'_>, next: &mut Next<C>) {
        let extra = self.extra_mut();
        extra.window = None;
        extra.run = super::Companions::default();
        extra.run.deadline = deadline.map(|d| cx.now.plus(d));
        self.rest(cx, next);
    }

    /// P2, seen from another side: what starts from the backlog was admitted after what started
    /// from it before.
    #[inline]
    fn check_order(&mut self, number: u32, next: &mut Next<C>) {
        if number.wrapping_sub(self.started) > u32::MAX / 2 {
            next.effects().order_violations += 1;
        }
        self.started = number;
    }

    /// Whether the head may start in the slice that this ticket began: same lane, no lower priority.
    #[inline]
    pub(super) fn slice_goes_on(&mut self, tag: Tag, cx: &Cx<'_>) -> bool {
        cx.door != Door::Closed
            && self.head_phase(cx) == Phase::Ready
            && self.head_lane() == Some(tag.lane)
            && self.priority_waiting() >= tag.priority
    }
}
