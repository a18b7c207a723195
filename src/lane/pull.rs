//! Pulling: a ticket of a port's lane becomes a run in the host's hands, or a closure's, which is
//! executed at once.

use super::Port;
use super::execute::{After, Execution};
use super::owned::OwnedRun;
use super::redeem::{Redeemed, redeem};
use super::staff::Seat;
use crate::model::RunId;
use crate::run::{Closure, Home, Run};
use crate::session::{Door, SlotState, Started, Work};
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use crate::sync::on::{Thread, acting_as};
use crate::time::Moment;

/// What one look into the lanes came to.
pub(super) enum Pulled {
    Run(OwnedRun),
    /// A closure was executed.
    Executed,
    /// A ticket that was good for nothing.
    Misfit,
    Nothing,
}

impl Port {
    /// Takes a slot, then a ticket.
    pub(super) fn pull(self: &Arc<Self>) -> Pulled {
        if !self.may_pull() {
            return Pulled::Nothing;
        }
        let seat = Seat::take(&self.staff, &self.shared);
        match seat.and_then(|seat| Some((self.promised()?, seat))) {
            Some((door, seat)) => self.redeem(&door, seat),
            None => Pulled::Nothing,
        }
    }

    fn redeem(self: &Arc<Self>, door: &Arc<Door<Closure>>, mut seat: Seat) -> Pulled {
        let id = RunId::new(self.shared.draw_run_ids(1).start);
        let ear = self.expect(id);
        let Redeemed { session, now, started, .. } =
            redeem(&self.shared, door, id, None, Some(ear));
        let Some(started) = started else {
            self.free(door, SlotState::Held);
            self.forget(id);
            return Pulled::Misfit;
        };
        seat.is_of(id);
        let (shared, crew) = (Arc::clone(&self.shared), Arc::clone(&self.staff.crew));
        let mut run = Run::new(Home { shared, crew }, session, door.id);
        match &started.work {
            Work::Closure(_) => {
                self.execute(door, run, started, now);
                Pulled::Executed
            }
            Work::Messages(_) => {
                let mut execution = Execution::new(&self.staff, &self.shared, door, now);
                execution.wait_is_over(started.admitted);
                if let Err(error) = execution.count_attempt(&run, &started) {
                    let end = execution.give_back(&mut run, started, &error);
                    let after = execution.finish_batch(&run, end, None);
                    self.over(door, id, &after);
                    return Pulled::Executed;
                }
                run.begin(started);
                run.transcribe_start();
                // There may be less to hear now.
                self.rouse();
                Pulled::Run(OwnedRun::new(run, Arc::clone(self), seat))
            }
        }
    }

    /// A closure is executed by the thread that asked, which counts as a worker meanwhile.
    fn execute(
        &self,
        door: &Arc<Door<Closure>>,
        mut run: Run,
        started: Started<Closure>,
        now: Moment,
    ) {
        let id = started.run;
        let own = door.settings().isolated.then_some(door.id.0);
        let mut execution = Execution::new(&self.staff, &self.shared, door, now);
        // A slice of a port is one run long.
        let mut place = Some(started);
        let after = acting_as(Thread::Worker, own, || execution.run(&mut run, &mut place, None));
        if let After::Over { ticket: Some(tag), .. } = after {
            self.shared.issue(run.session(), tag, Some(execution.now));
        }
        // P10: its session is let go before the slot.
        let _ = run.home();
        self.over(door, id, &after);
    }

    fn over(&self, door: &Arc<Door<Closure>>, id: RunId, after: &After) {
        match after {
            After::Over { slot, .. } => self.free(door, *slot),
            // Its slot is another's.
            After::Replaced => {}
        }
        self.forget(id);
    }

    /// A run is over: its slot is free, if it had one.
    pub(super) fn free(&self, door: &Arc<Door<Closure>>, slot: SlotState) {
        let call = match slot {
            SlotState::Held => door.gate.leave(),
            SlotState::Lent => {
                door.lent.fetch_sub(1, Ordering::SeqCst);
                door.gate.call_if_needed()
            }
        };
        self.shared.answer_call(door, call);
    }
}
