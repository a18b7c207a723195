//! A machine on a desk: it plays the rest of the engine, books what the machine says, and checks
//! after every step what must always hold.

use std::collections::BTreeMap;

use super::spec::{Spec, ms};
use crate::config::{Inbound, Queue};
use crate::model::{Cause, Fallback, Fate, LaneId, Outcome, Priority};
use crate::session::cell::Cell;
use crate::session::entry::{Code, Item, Kept};
use crate::session::live::{Held, Inbox};
use crate::session::machine::{Cx, Door, Machine, Origin, Phase, Rules};
use crate::session::next::{Landed, Next, NotAdmitted, Note, Tag};
use crate::session::overflow::LinesLike;
use crate::session::standing::{Place, Standing};
use crate::sync::Arc;
use crate::time::Moment;

/// A closure with a receipt: only where it stands matters here.
#[derive(Clone)]
pub(super) struct Job(pub(super) Arc<Standing>);

impl Code for Job {
    fn standing(&self) -> Option<&Standing> {
        Some(&self.0)
    }

    fn keep(&self) -> Option<Arc<dyn Kept<Self>>> {
        Some(Arc::new(self.clone()))
    }
}

impl Kept<Self> for Job {
    fn standing(&self) -> &Standing {
        &self.0
    }

    fn back(self: Arc<Self>) -> Self {
        Self::clone(&self)
    }
}

/// A closure without a receipt: nothing of it is left but its place in the order.
pub(super) struct Fired;

impl Code for Fired {}

/// Anything that was admitted, by its number.
#[derive(Clone)]
pub(super) enum Thing {
    Message(Arc<Cell>),
    Closure(Arc<Standing>, Priority),
}

impl Thing {
    pub(super) fn place(&self) -> Place {
        match self {
            Self::Message(cell) => cell.standing.place(),
            Self::Closure(standing, _) => standing.place(),
        }
    }
}

/// Everything that a transition is told.
pub(super) struct World {
    pub(super) now: Moment,
    pub(super) queue: Queue,
    pub(super) inbound: Inbound,
    pub(super) closure_cap: u32,
    pub(super) door: Door,
}

impl Rules for World {
    fn queue(&self) -> &Queue {
        &self.queue
    }

    fn inbound(&self) -> &Inbound {
        &self.inbound
    }
}

impl World {
    pub(super) fn cx(&self) -> Cx<'_> {
        Cx {
            now: self.now,
            rules: self,
            closure_cap: self.closure_cap,
            door: self.door,
            journaled: true,
            listening: true,
        }
    }
}

/// A run that was started: its id, its messages by number, which attempt it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Begun {
    pub(super) run: u64,
    pub(super) batch: Vec<u64>,
    pub(super) attempt: u32,
    /// Dropped messages that its summary stands for.
    pub(super) summary_of: u32,
}

/// A run that came back: how it ended, and the fate of its batch.
pub(super) type Back = (Outcome, Option<Fate>);

pub(super) struct Desk {
    pub(super) machine: Machine<Job>,
    pub(super) world: World,
    /// What the handler of every lane is.
    pub(super) inbox: Inbox,
    pub(super) lane_deadline: Option<u64>,
    /// Tickets that are in a channel.
    pub(super) out: Vec<Tag>,
    pub(super) things: Vec<Thing>,
    pub(super) fates: BTreeMap<u64, Fate>,
    pub(super) notes: Vec<Note>,
    /// The run in progress.
    pub(super) run: Option<(Begun, Tag)>,
    pub(super) runs: u64,
    /// The lines about dropped messages, as a journal was told of them.
    kept: Vec<LinesLike>,
}

impl Desk {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut Queue)) -> Self {
        let mut queue = Queue::default();
        change(&mut queue);
        let world = World {
            now: Moment::START,
            queue,
            inbound: Inbound::default(),
            closure_cap: 3,
            door: Door::Open,
        };
        Self {
            machine: Machine::new(0),
            world,
            inbox: Inbox::Open,
            lane_deadline: None,
            out: Vec::new(),
            things: Vec::new(),
            fates: BTreeMap::new(),
            notes: Vec::new(),
            run: None,
            runs: 0,
            kept: Vec::new(),
        }
    }

    /// Carries out what a transition asked for, and checks what must hold after each.
    pub(super) fn act(&mut self, next: Next<Job>) {
        if let Some(tag) = next.ticket {
            assert!(!self.out.contains(&tag), "a second ticket for {tag:?}");
            self.out.push(tag);
        }
        if let Some(effects) = next.list {
            assert_eq!(effects.order_violations, 0, "P2: the sentinel must read 0");
            self.notes.extend(effects.notes);
            for settlement in effects.settled {
                self.book(&settlement.item, settlement.fate);
            }
            if let Some((all, fate)) = effects.waited {
                all.into_items().for_each(|item| self.book(&item, fate));
            }
            if let Some(kept) = effects.lines {
                self.kept = kept;
            }
        }
        let (accepted, settled) = (self.things.len() as u64, self.fates.len() as u64);
        assert!(self.machine.balances(), "P4: the machine's own books");
        assert_eq!(accepted, settled + self.machine.pending(), "P4: accepted = fates + pending");
        assert_eq!(self.out.len(), self.machine.tickets_out(), "tickets are counted");
        if self.machine.phase() == Phase::Ready {
            let wanted = self.machine.wanted().expect("a ready session has a head");
            assert!(self.out.contains(&wanted), "a ready session has a live ticket: {wanted:?}");
        }
        if self.world.door != Door::Closed {
            assert_eq!(said(&self.kept), said(&self.lines()), "P11: what a journal has of lines");
        }
    }

    /// The lines about dropped messages that a batch will have, or has.
    fn lines(&self) -> Vec<LinesLike> {
        let extra = self.machine.extra.as_deref();
        let retry = extra.and_then(|extra| extra.retry.as_ref()).map(|retry| &retry.batch);
        let live = self.machine.live().and_then(|live| match &live.held {
            Held::Messages(batch) => Some(batch),
            Held::Nothing | Held::Closure(_) => None,
        });
        let batches = live.into_iter().chain(retry);
        let taken = batches.filter_map(|b| Some((Arc::clone(b.first()), b.summary().cloned()?)));
        taken.chain(extra.into_iter().flat_map(|extra| extra.overflow.copies())).collect()
    }

    fn book(&mut self, item: &Item<Job>, fate: Fate) {
        let number = match item {
            Item::Message(cell) => cell.standing.number(),
            Item::Closure(job) => job.0.number(),
        };
        self.fate_of(number, fate);
    }

    pub(super) fn fate_of(&mut self, number: u64, fate: Fate) {
        let before = self.fates.insert(number, fate);
        assert_eq!(before, None, "P4: message {number} has one fate");
    }

    /// Submits a message.
    pub(super) fn offer(&mut self, spec: &Spec) -> Result<Landed, NotAdmitted> {
        self.offer_cell(spec.cell(self.world.now), spec.origin)
    }

    pub(super) fn offer_cell(
        &mut self,
        cell: Arc<Cell>,
        origin: Origin,
    ) -> Result<Landed, NotAdmitted> {
        let (next, answer) = self.machine.admit(&cell, origin, &self.world.cx());
        if answer.is_ok() {
            assert_eq!(cell.standing.number(), self.things.len() as u64);
            self.things.push(Thing::Message(cell));
        }
        self.act(next);
        answer
    }

    /// Submits a message that must be accepted; answers its number.
    pub(super) fn put(&mut self, spec: &Spec) -> u64 {
        self.offer(spec).expect("the message is accepted");
        self.things.len() as u64 - 1
    }

    /// Submits a message that must be accepted; answers why it did not get its way, if so.
    pub(super) fn fallback(&mut self, spec: &Spec) -> Option<Fallback> {
        self.offer(spec).expect("the message is accepted").fallback
    }

    /// Submits a closure: only lane, priority and origin of the description count.
    pub(super) fn offer_closure(&mut self, spec: &Spec) -> Result<Landed, NotAdmitted> {
        let standing = Arc::new(Standing::default());
        let mut job = Some(Job(Arc::clone(&standing)));
        let (lane, cx) = (LaneId(spec.lane), self.world.cx());
        let (priority, origin) = (spec.priority, spec.origin);
        let (next, answer) = self.machine.admit_closure(&mut job, lane, priority, origin, &cx);
        assert_eq!(answer.is_err(), job.is_some(), "what is refused stays with the caller");
        if answer.is_ok() {
            self.things.push(Thing::Closure(standing, spec.priority));
        }
        self.act(next);
        answer
    }

    pub(super) fn put_closure(&mut self) -> u64 {
        self.offer_closure(&Spec::new(None)).expect("the closure is accepted");
        self.things.len() as u64 - 1
    }

    /// Fires into a machine of its own, beside the one on the desk.
    pub(super) fn fire_into(&self, machine: &mut Machine<Fired>) -> Next<Fired> {
        let (origin, priority, cx) = (Origin::Outside, Priority::Normal, self.world.cx());
        let (next, landed) =
            machine.admit_closure(&mut Some(Fired), LaneId(0), priority, origin, &cx);
        assert!(landed.is_ok());
        next
    }

    pub(super) fn has_window(&self) -> bool {
        self.machine.extra.as_deref().is_some_and(|extra| extra.window.is_some())
    }

    /// When the open window closes by itself, in milliseconds.
    pub(super) fn closes(&self) -> Option<u64> {
        let window = self.machine.extra.as_deref()?.window.as_ref()?;
        let closes = window.closes(&self.world.queue).since(Moment::START);
        Some(u64::try_from(closes.as_millis()).expect("a short time"))
    }

    /// The timer fires, if it is due.
    pub(super) fn fire(&mut self) {
        if let Some(at) = self.machine.armed().filter(|at| *at <= self.world.now) {
            let next = self.machine.fire(at, &self.world.cx());
            self.act(next);
        }
    }

    /// Time passes, and the timer fires on the way at the right moments.
    pub(super) fn pass(&mut self, millis: u64) {
        let until = self.world.now.plus(ms(millis));
        while let Some(at) = self.machine.armed().filter(|at| *at <= until) {
            self.world.now = self.world.now.max(at);
            self.fire();
        }
        self.world.now = until;
    }

    /// Time passes, and the timer is late.
    pub(super) fn pass_unnoticed(&mut self, millis: u64) {
        self.world.now = self.world.now.plus(ms(millis));
    }

    pub(super) fn phase(&self) -> Phase {
        self.machine.phase()
    }

    pub(super) fn fate(&self, number: u64) -> Option<Fate> {
        self.fates.get(&number).copied()
    }

    /// What stopped the run in progress.
    pub(super) fn stopped(&self) -> Option<Cause> {
        self.machine.live().and_then(|live| live.stop)
    }
}

/// Lines, whatever their order, with what tells their messages from others.
fn said(kept: &[LinesLike]) -> Vec<String> {
    let one = |(like, lines): &LinesLike| {
        let message = &like.message;
        format!("{} {:?} {lines:?}", message.authority(), message.source())
    };
    let mut said: Vec<_> = kept.iter().map(one).collect();
    said.sort_unstable();
    said
}
