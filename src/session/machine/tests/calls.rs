//! What a run and its hosts call, played on a desk.

use super::desk::{Desk, Thing};
use crate::model::{Cause, Error, Fate, RunId};
use crate::session::cell::Cell;
use crate::session::live::Inbox;
use crate::session::machine::{Door, End, EndRun, Halted, Take, Withdrawn};
use crate::sync::Arc;

/// What asking to end a run came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Closed,
    Steers(u64, Vec<u64>),
    Stop(Cause),
}

pub(super) fn failed() -> End {
    End::Failed { error: "no".into(), cause: None }
}

fn numbers(cells: &[Arc<Cell>]) -> Vec<u64> {
    cells.iter().map(|cell| cell.standing.number()).collect()
}

impl Desk {
    /// The run takes its steers: the guard, and the numbers. Guard 0 is none.
    pub(super) fn take(&mut self, run: u64, caller: usize) -> Result<(u64, Vec<u64>), Error> {
        let take = Take { run: RunId::new(run), caller };
        let (next, taken) = self.machine.take(take, &self.world.cx());
        self.act(next);
        taken.map(|taken| (taken.guard, numbers(&taken.cells)))
    }

    pub(super) fn commit(&mut self, run: u64, guard: u64) -> Result<(), Error> {
        let (next, answer) = self.machine.commit(RunId::new(run), guard, &self.world.cx());
        self.act(next);
        answer
    }

    pub(super) fn restore(&mut self, run: u64, guard: u64) {
        let next = self.machine.restore(RunId::new(run), guard, &self.world.cx());
        self.act(next);
    }

    pub(super) fn end(&mut self, run: u64, caller: usize) -> Result<Ending, Error> {
        let take = Take { run: RunId::new(run), caller };
        let (next, answer) = self.machine.end(take, &self.world.cx());
        self.act(next);
        answer.map(|end| match end {
            EndRun::Closed => Ending::Closed,
            EndRun::Steers(taken) => Ending::Steers(taken.guard, numbers(&taken.cells)),
            EndRun::Stop(cause) => Ending::Stop(cause),
        })
    }

    pub(super) fn set_steerable(&mut self, run: u64, inbox: Inbox) -> Result<(), Error> {
        let (next, answer) = self.machine.set_steerable(RunId::new(run), inbox);
        self.act(next);
        answer
    }

    pub(super) fn stop(&mut self) -> Halted {
        let (next, halted) = self.machine.stop(&self.world.cx());
        self.act(next);
        halted
    }

    pub(super) fn interrupt(&mut self, only: Option<u64>) -> Halted {
        let only = only.map(RunId::new);
        let (next, halted) = self.machine.interrupt(only, Cause::Interrupt, &self.world.cx());
        self.act(next);
        halted
    }

    pub(super) fn close(&mut self, cause: Cause) -> Halted {
        let (next, halted) = self.machine.close(cause, &self.world.cx());
        self.act(next);
        halted
    }

    pub(super) fn shut(&mut self, door: Door) {
        self.world.door = door;
        let next = self.machine.notice_door(&self.world.cx());
        self.act(next);
    }

    pub(super) fn withdraw(&mut self, number: u64) -> Withdrawn {
        let index = usize::try_from(number).expect("a small number");
        let (next, answer) = match self.things[index].clone() {
            Thing::Message(cell) => self.machine.withdraw(&cell, &self.world.cx()),
            Thing::Closure(standing, priority) => {
                let cx = self.world.cx();
                let (next, answer) = self.machine.withdraw_closure(&standing, priority, &cx);
                if answer == Withdrawn::Withdrawn {
                    // Its receipt tells itself: the machine hands nothing out.
                    self.fates.insert(number, Fate::Withdrawn);
                }
                (next, answer)
            }
        };
        self.act(next);
        answer
    }

    /// The parent of this message ended: it is taken back, or its run is stopped.
    pub(super) fn recall(&mut self, index: usize) {
        let Thing::Message(cell) = self.things[index].clone() else { return };
        let next = self.machine.recall(&cell, &self.world.cx());
        self.act(next);
    }
}
