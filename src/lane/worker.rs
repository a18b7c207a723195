//! A worker: one thread of one lane. A slot first, then a ticket, then a slice of runs.

use std::time::Duration;

use super::Staff;
use super::execute::{After, Execution};
use super::pace::{Pace, Turn};
use super::redeem::{Redeemed, redeem};
use super::staff::Retired;
use super::stint::{RunIds, Stint};
use crate::model::RunId;
use crate::run::{Closure, Home, Run, Shared};
use crate::session::{Door, Found, Open, Owed, Side, Started, Tag, Ticketed, Woken};
use crate::sync::on::{Thread, become_kind, confine};
use crate::sync::{Arc, thread};
use crate::time::Moment;
use crate::watch::Seat;

/// How a worker's thread ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaves {
    /// Idle for long, or the engine closes: it is counted out.
    Retired,
    /// Its run was abandoned: it was counted out then.
    Replaced,
}

pub(super) struct Worker {
    pub(super) staff: Arc<Staff>,
    pub(super) shared: Arc<Shared>,
    pub(super) door: Arc<Door<Closure>>,
    ids: RunIds,
    /// When its lane was seen to have room.
    seen: Option<u32>,
    /// Where it counts alone, if there was a seat.
    seat: Option<Seat>,
    /// What every run of this worker owns, between two slices: handed on, since the reference
    /// counts are everybody's.
    home: Option<Home>,
    pace: Pace,
}

impl Worker {
    pub(super) fn new(staff: Arc<Staff>, shared: Arc<Shared>, door: Arc<Door<Closure>>) -> Self {
        let (ids, pace) = (RunIds::new(), Pace::new());
        Self { staff, shared, door, ids, seen: None, seat: None, home: None, pace }
    }

    pub(super) fn last_run(&self) -> Option<RunId> {
        self.ids.last
    }

    /// The thread's whole life.
    pub(super) fn work(&mut self) -> Leaves {
        become_kind(Thread::Worker);
        confine(self.door.settings().isolated.then_some(self.door.id.0));
        self.seat = self.shared.seats.take();
        let leaves = self.serve();
        if let Some(seat) = self.seat.take() {
            self.shared.seats.leave(seat);
        }
        leaves
    }

    /// One ticket after the other.
    fn serve(&mut self) -> Leaves {
        let mut found = self.door.gate.look();
        loop {
            found = match found {
                Found::Ticket if self.door.side() != Side::Workers => {
                    self.door.gate.decline();
                    self.make_way();
                    return Leaves::Retired;
                }
                Found::Ticket => match self.take_ticket() {
                    Slot::Mine(turn) => {
                        self.let_others_go_first(turn);
                        self.leave_and_look(Owed::No)
                    }
                    Slot::Owing => self.leave_and_look(Owed::Call),
                    Slot::Gone => return Leaves::Replaced,
                },
                Found::Sleep => match self.sleep() {
                    Sleeps::Leave => return Leaves::Retired,
                    Sleeps::Look => self.door.gate.look(),
                },
            }
        }
    }

    fn leave_and_look(&self, owed: Owed) -> Found {
        let (found, call) = self.door.gate.leave_and_look(owed);
        self.shared.answer_call(&self.door, call);
        found
    }

    /// Sleeps until it is rung for, or for as long as an idle worker stays.
    fn sleep(&self) -> Sleeps {
        // The gate counts this sleeper already: a close after this reading rings for it.
        if self.shared.open() == Open::Closed {
            Staff::count_out(&self.door);
            return Sleeps::Leave;
        }
        // The same for a lane that has gone over to a port: nobody stays there.
        let idle = self.shared.config().engine.worker_idle;
        let stays = if self.door.side() == Side::Workers { idle } else { Duration::ZERO };
        let woken = self.door.gate.sleep(stays);
        if self.door.side() != Side::Workers {
            self.make_way();
            return Sleeps::Leave;
        }
        match woken {
            Woken::Rung => Sleeps::Look,
            Woken::Bored => match Staff::retire(&self.door) {
                Retired::Yes => Sleeps::Leave,
                Retired::No => Sleeps::Look,
            },
        }
    }

    /// The lane has gone over to a port: this worker leaves, and passes on what it was rung for.
    fn make_way(&self) {
        Staff::count_out(&self.door);
        // It may have answered the ring of another.
        self.door.gate.ring_all();
        let call = self.door.gate.call_if_needed();
        self.shared.answer_call(&self.door, call);
    }

    /// Redeems the ticket that the gate has promised: discards a misfit, or runs a slice.
    fn take_ticket(&mut self) -> Slot {
        let id = self.ids.next(&self.shared);
        let seat = self.seat.as_ref();
        let grasp = seat.and_then(|seat| self.door.grasp(seat.number(), self.pace.handful));
        let Redeemed { session, ticket, now, started } =
            redeem(&self.shared, &self.door, id, grasp, None);
        if started.is_none() {
            return Slot::Mine(Turn::Mine);
        }
        self.ids.use_up();
        let home = self.home.take().unwrap_or_else(|| Home {
            shared: Arc::clone(&self.shared),
            crew: Arc::clone(&self.staff.crew),
        });
        let mut run = Run::new(home, session, self.door.id);
        let slot = self.slice(&mut run, started, &ticket, now);
        self.home = Some(run.home());
        slot
    }

    /// Where it is the others' turn, they get this processor once, unless a run waits for the slot.
    /// P8.
    fn let_others_go_first(&mut self, turn: Turn) {
        if turn == Turn::Others && self.door.gate.resuming() == 0 {
            let from = self.shared.now();
            thread::yield_now();
            self.pace.others_had(from, self.shared.now());
        }
    }

    /// Runs of one session, one after the other, until the slice is over.
    fn slice(
        &mut self,
        run: &mut Run,
        mut place: Option<Started<Closure>>,
        ticket: &Ticketed,
        begun: Moment,
    ) -> Slot {
        let Self { staff, shared, door, ids, seen, seat, .. } = self;
        let mut stint = Stint::new(ticket, shared, door, ids, seen, begun);
        let mut execution = Execution::new(staff, shared, door, begun).seated(seat.as_ref());
        while place.is_some() {
            match execution.run(run, &mut place, Some(&mut stint)) {
                After::Over { ticket: Some(tag), .. } => {
                    let now = execution.now;
                    let turn = self.pace.slice_over(stint.runs, stint.weight(), begun);
                    return self.ready(run, tag, now, turn);
                }
                After::Over { .. } => {}
                After::Replaced => return Slot::Gone,
            }
            if place.is_some() {
                stint.goes_on();
            }
        }
        Slot::Mine(self.pace.slice_over(stint.runs, stint.weight(), begun))
    }

    /// The session has more for another slice. This worker looks for work next, and may well take
    /// the ticket itself: it wakes nobody for it.
    fn ready(&self, run: &Run, tag: Tag, now: Moment, turn: Turn) -> Slot {
        if tag.lane == self.door.id && run.is_plain() {
            self.shared.issue_uncalled(run.session(), tag, Some(now));
            return Slot::Owing;
        }
        // P7: the host's callbacks hang on the run, and dropping them may take its time.
        self.shared.issue(run.session(), tag, Some(now));
        Slot::Mine(turn)
    }
}

/// What a sleeper does next.
enum Sleeps {
    Look,
    Leave,
}

/// Whether a worker still has the slot that it took.
enum Slot {
    /// It has, and owes nobody anything: others may go first.
    Mine(Turn),
    /// It has, and owes a call for the ticket that it has put into the lane. P3: a sleeper may wait
    /// for it, and so nobody goes first.
    Owing,
    Gone,
}
