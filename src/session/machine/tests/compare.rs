//! What must be equal in the machine and in the model after every step.

use super::driver::Driver;
use super::model::{At, Live, millis};
use crate::session::live::{Held, Inbox};
use crate::session::machine::Phase;
use crate::time::Moment;

/// What was different.
pub(super) type Same = Result<(), String>;

pub(super) fn same<T: PartialEq + std::fmt::Debug>(what: &str, machine: &T, model: &T) -> Same {
    if machine == model {
        return Ok(());
    }
    Err(format!("{what}: the machine says {machine:?}, the model {model:?}"))
}

impl Driver {
    pub(super) fn compare(&self) -> Same {
        let (desk, model) = (&self.desk, &self.model);
        same("accepted", &desk.things.len(), &model.msgs.len())?;
        for (number, (thing, msg)) in desk.things.iter().zip(&model.msgs).enumerate() {
            let fate = if let At::Gone(fate) = msg.at { Some(fate) } else { None };
            same(&format!("the fate of {number}"), &desk.fate(number as u64), &fate)?;
            same(&format!("the place of {number}"), &thing.place(), &msg.place())?;
        }
        // P4: the conservation law, counted on both sides.
        let gone = model.msgs.iter().filter(|m| matches!(m.at, At::Gone(_))).count();
        let pending = (model.msgs.len() - gone) as u64;
        same("pending", &desk.machine.pending(), &pending)?;
        same("fates", &desk.fates.len(), &gone)?;
        same("depth", &(desk.machine.depth() as usize), &model.depth())?;
        same("phase", &desk.phase(), &model.rested)?;
        self.compare_run()?;
        self.compare_times()
    }

    fn compare_run(&self) -> Same {
        let (desk, model) = (&self.desk, &self.model);
        let found = desk.machine.live().map(|live| {
            (live.id.get(), live.attempt, live.stop, live.inbox, live.held.len() as usize)
        });
        let expected = model
            .live
            .as_ref()
            .map(|live| (live.id, live.attempt, live.stop, live.inbox, live.batch.len()));
        same("the run", &found, &expected)?;
        if let Some(Held::Messages(batch)) = desk.machine.live().map(|live| &live.held) {
            let seen: Vec<_> = batch.iter().map(|cell| cell.seen()).collect();
            let expected = model.live.as_ref().map_or(&[][..], |live| &live.batch);
            let expected: Vec<_> = expected.iter().map(|n| model.msgs[*n].seen).collect();
            same("seen", &seen, &expected)?;
        }
        let waits = !model.all(At::Inbox).is_empty();
        let open = |live: &Live| live.inbox == Inbox::Open && live.guard.is_none();
        let steer =
            model.live.as_ref().is_some_and(|live| waits && open(live) && live.stop.is_none());
        let word = desk.machine.signal();
        same("the signal", &(word & 16 != 0), &steer)
    }

    fn compare_times(&self) -> Same {
        let (desk, model) = (&self.desk, &self.model);
        same("the window", &desk.closes(), &model.closes())?;
        let armed = desk.machine.armed().map(|at| millis(at.since(Moment::START)));
        match model.due() {
            Some(due) if armed.is_none_or(|armed| armed > due) => {
                Err(format!("due at {due}, armed for {armed:?}"))
            }
            _ if desk.phase() != Phase::Ready => Ok(()),
            _ => {
                let wanted = model.wanted().expect("a ready session has a head");
                let out = desk.out.contains(&wanted);
                same(&format!("a ticket for {wanted:?} is out"), &out, &true)
            }
        }
    }
}
