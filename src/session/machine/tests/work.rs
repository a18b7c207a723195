//! What the workers do, played on a desk: redeem tickets, start runs, come back with them.

use super::calls::failed;
use super::desk::{Back, Begun, Desk, Job};
use super::spec::{Spec, ms};
use crate::model::{Cause, RunId};
use crate::session::machine::{End, Finished, Phase, Slice, Started, Ticketed, Work};
use crate::session::next::Tag;

impl Desk {
    fn ticketed(&self, tag: Tag) -> Ticketed {
        Ticketed {
            tag,
            issued: Some(self.world.now),
            warning: ms(2000),
            inbox: self.inbox,
            deadline: self.lane_deadline.map(ms),
        }
    }

    /// The ticket of the run in progress, as its worker holds it.
    pub(super) fn ticket_of_run(&self) -> Ticketed {
        let (_, tag) = self.run.as_ref().expect("a run is in progress");
        self.ticketed(*tag)
    }

    /// The id of the next run.
    pub(super) fn next_run(&self) -> u64 {
        self.runs + 1
    }

    fn begun(&mut self, started: &Started<Job>, tag: Tag) -> Begun {
        let (batch, summary_of) = match &started.work {
            Work::Closure(job) => (vec![job.0.number()], 0),
            Work::Messages(batch) => {
                (batch.iter().map(|c| c.standing.number()).collect(), batch.summary_of())
            }
        };
        assert_eq!(started.lane, tag.lane, "a run executes in the lane of its ticket");
        let (run, attempt) = (started.run.get(), started.attempt);
        let begun = Begun { run, batch, attempt, summary_of };
        self.run = Some((begun.clone(), tag));
        begun
    }

    /// A worker receives this ticket; nothing if it was a misfit.
    pub(super) fn redeem(&mut self, tag: Tag) -> Option<Begun> {
        let at = self.out.iter().position(|out| *out == tag).expect("the ticket is out");
        self.out.swap_remove(at);
        let (ticket, run) = (self.ticketed(tag), RunId::new(self.runs + 1));
        let mut place = None;
        let next = self.machine.claim(&ticket, run, &mut place, &self.world.cx());
        let begun = place.map(|started| {
            self.runs += 1;
            self.begun(&started, tag)
        });
        self.act(next);
        begun
    }

    /// The ticket that fits is redeemed: what starts?
    pub(super) fn start(&mut self) -> Begun {
        assert_eq!(self.machine.phase(), Phase::Ready, "something can start");
        let tag = self.machine.wanted().expect("a ready session has a head");
        self.redeem(tag).expect("the ticket fits")
    }

    /// Submits a message to an idle session and starts it; answers the run.
    pub(super) fn running(&mut self, spec: &Spec) -> u64 {
        let number = self.put(spec);
        let begun = self.start();
        assert_eq!(begun.batch, [number]);
        begun.run
    }

    /// The id of the run in progress.
    pub(super) fn live(&self) -> u64 {
        self.machine.live().map_or(0, |live| live.id.get())
    }

    /// The handler of `run` comes back; `None` if the run is stale. With `slice`, the same worker
    /// would go on.
    pub(super) fn come_back(
        &mut self,
        run: u64,
        end: &End,
        slice: bool,
    ) -> Option<(Back, Option<Begun>)> {
        let current = self.run.clone();
        let ticket = current.as_ref().filter(|_| slice).map(|(_, tag)| self.ticketed(*tag));
        let mut started = None;
        let slice = ticket.as_ref().map(|ticket| {
            let run = RunId::new(self.runs + 1);
            Slice { ticket, run, next: &mut started, admitted: None }
        });
        let (next, finished) = self.machine.finish(RunId::new(run), end, slice, &self.world.cx());
        let Finished::Ended(ended) = finished else {
            self.act(next);
            return None;
        };
        let (begun, tag) = current.expect("only a run that was started can end");
        self.run = None;
        if let Some(fate) = ended.fate {
            begun.batch.iter().for_each(|number| self.fate_of(*number, fate));
        }
        let started = started.map(|started| {
            self.runs += 1;
            self.begun(&started, tag)
        });
        self.act(next);
        Some(((ended.outcome, ended.fate), started))
    }

    fn back(&mut self, end: &End) -> Back {
        let run = self.live();
        self.come_back(run, end, false).expect("the run is live").0
    }

    pub(super) fn done(&mut self) -> Back {
        self.back(&End::Done(None))
    }

    pub(super) fn fail(&mut self) -> Back {
        self.back(&failed())
    }

    pub(super) fn panic(&mut self) -> Back {
        self.back(&End::Panicked { error: "boom".into() })
    }

    pub(super) fn abandon(&mut self, run: u64, cause: Cause) -> bool {
        let (next, gone) = self.machine.abandon(RunId::new(run), cause, &self.world.cx());
        if gone.is_some() {
            self.run = None;
        }
        self.act(next);
        gone.is_some()
    }
}
