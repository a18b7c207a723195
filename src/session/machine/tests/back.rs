//! What a journal brings back takes its place again. P11.

use super::desk::{Desk, Job, Thing};
use super::order::drain;
use super::spec::{Spec, collect, followup};
use crate::model::{Cause, Drop, Fate, Outcome, RunId};
use crate::session::machine::{Back, Door, LastRun, Origin, Phase};
use crate::session::next::Next;
use crate::session::overflow::Lines;

impl Desk {
    fn bring(&mut self, spec: &Spec, back: Back) {
        let cell = spec.cell(self.world.now);
        let before = self.machine.depth();
        let (next, landed) = self.machine.bring_back(&cell, back, &self.world.cx());
        assert_eq!(landed.position, before);
        self.things.push(Thing::Message(cell));
        self.act(next);
    }

    /// A batch whose first run a crash interrupted.
    fn bring_batch(&mut self, specs: &[Spec]) {
        let cells: Vec<_> = specs.iter().map(|spec| spec.cell(self.world.now)).collect();
        self.things.extend(cells.iter().cloned().map(Thing::Message));
        let last = LastRun { run: RunId::new(99), attempt: 1, outcome: Outcome::Failed };
        let (next, _) = self.machine.bring_back_batch(cells, last, &self.world.cx());
        self.act(next);
    }

    fn all_back(&mut self) {
        let next = self.machine.all_back(&self.world.cx());
        self.act(next);
    }
}

#[test]
fn p11_a_batch_comes_first_and_turns_follow_in_their_order() {
    let mut desk = Desk::new();
    desk.bring_batch(&[followup().attempts(2), followup().attempts(2)]);
    desk.bring(&followup(), Back::Turn);
    desk.bring(&followup(), Back::Turn);
    assert_eq!(desk.out, [], "nobody sees half of it");
    desk.all_back();
    assert_eq!((desk.phase(), desk.fates.len()), (Phase::Ready, 0));
    let again = desk.start();
    assert_eq!((again.batch, again.attempt), (vec![0, 1], 2));
    desk.done();
    assert_eq!(drain(&mut desk), [[2], [3]]);
}

#[test]
fn p11_an_interrupt_that_comes_back_has_ended_the_batch_that_it_stopped() {
    let mut desk = Desk::new();
    desk.bring_batch(&[followup().attempts(2)]);
    desk.bring(&followup(), Back::Urgent);
    desk.all_back();
    assert_eq!(desk.fate(0), Some(Fate::Ran));
    assert_eq!(drain(&mut desk), [[1]]);
}

#[test]
fn p11_what_comes_back_to_a_closed_engine_is_returned() {
    let mut desk = Desk::new();
    desk.bring(&followup(), Back::Turn);
    desk.world.door = Door::Closed;
    desk.all_back();
    assert_eq!((desk.fate(0), desk.phase()), (Some(Fate::Returned), Phase::Idle));
}

/// P9: neither of the ranks lets them wait for ever.
#[test]
fn p9_what_comes_back_expires_as_it_would_have() {
    for back in [Back::Turn, Back::Urgent, Back::Steer] {
        let mut desk = Desk::new();
        desk.bring(&followup().ttl(50), back);
        desk.all_back();
        desk.pass(50);
        assert_eq!((desk.fate(0), desk.phase()), (Some(Fate::Expired), Phase::Idle));
    }
}

#[test]
fn p11_collected_messages_become_one_batch_again_and_others_none() {
    let mut desk = Desk::new();
    desk.bring(&collect(), Back::Turn);
    desk.bring(&collect(), Back::Turn);
    desk.bring(&followup(), Back::Turn);
    desk.bring(&followup(), Back::Turn);
    desk.all_back();
    assert_eq!(drain(&mut desk), [vec![0, 1], vec![2], vec![3]]);
}

#[test]
fn p11_lines_about_the_dropped_come_back_with_their_count() {
    let mut desk = Desk::new();
    let like = followup().cell(desk.world.now);
    let lines = Lines { lines: vec!["gone".into()], count: 3 };
    desk.bring(&followup(), Back::Turn);
    desk.machine.bring_back_lines(&like, lines);
    desk.all_back();
    assert_eq!(desk.start().summary_of, 3);
}

#[test]
fn p11_lines_are_told_when_they_change_and_a_close_leaves_them_to_the_next_engine() {
    let mut desk = Desk::with(|queue| (queue.drop, queue.cap) = (Drop::Summarize, 1));
    desk.running(&followup());
    desk.put(&followup());
    let told = |next: Next<Job>| next.list.is_some_and(|list| list.lines.is_some());
    let more = |desk: &mut Desk| {
        let cell = followup().cell(desk.world.now);
        let (next, landed) = desk.machine.admit(&cell, Origin::Outside, &desk.world.cx());
        assert!(landed.is_ok());
        told(next)
    };
    assert!(more(&mut desk), "one gave way");
    assert!(!told(desk.machine.notice_door(&desk.world.cx())), "nothing has changed");
    assert!(more(&mut desk));
    desk.world.door = Door::Closed;
    assert!(!told(desk.machine.close(Cause::Close, &desk.world.cx()).0));
}
