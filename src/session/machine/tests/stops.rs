//! Stop, interrupt, withdraw: what is taken back, and what goes on.

use super::desk::{Desk, Fired};
use super::order::drain;
use super::spec::{collect, followup, interrupt, steer, steer_backlog};
use crate::model::{Cause, Fate, LaneId, Outcome, Priority, RunId};
use crate::session::machine::{Halted, Machine, Origin, Phase, Withdrawn};
use crate::session::standing::Place;
use crate::sync::Arc;

#[test]
fn p6_a_stop_withdraws_every_rank_and_then_stops_the_run() {
    let mut desk = Desk::new();
    let run = desk.running(&followup());
    let waiting = [
        desk.put(&followup()),
        desk.put(&steer()),
        desk.put(&steer_backlog()),
        desk.put_closure(),
        desk.put(&collect()),
        desk.put(&interrupt()),
    ];
    let halted = desk.stop();
    assert_eq!((halted.withdrawn, halted.run.map(RunId::get)), (6, Some(run)));
    assert_eq!(waiting.map(|n| desk.fate(n)), [Some(Fate::Withdrawn); 6]);
    assert_eq!(desk.stopped(), Some(Cause::Interrupt), "the first cause decides");
    desk.fail();
    assert_eq!(desk.phase(), Phase::Idle, "nothing is promoted");
}

#[test]
fn p6_messages_admitted_after_a_stop_run_normally() {
    let mut desk = Desk::new();
    let run = desk.running(&followup());
    let before = desk.put(&steer());
    let (guard, _) = desk.take(run, 1).expect("the run is live");
    desk.stop();
    let after = [desk.put(&steer()), desk.put(&followup())];
    desk.restore(run, guard);
    assert_eq!(desk.fate(before), Some(Fate::Withdrawn));
    desk.fail();
    assert_eq!(drain(&mut desk), after.map(|number| vec![number]));
}

#[test]
fn p6_a_stop_with_nothing_to_stop_does_nothing() {
    let mut desk = Desk::new();
    assert_eq!(desk.stop(), Halted::default());
    assert_eq!(desk.interrupt(None), Halted::default());
    assert_eq!(desk.phase(), Phase::Idle);
}

#[test]
fn p6_the_control_interrupt_leaves_the_backlog_and_promotes_the_steers() {
    let mut desk = Desk::new();
    let run = desk.running(&followup());
    let rest = desk.put(&followup());
    let promoted = desk.put(&steer());
    assert_eq!(desk.interrupt(Some(run + 1)).run, None, "another run is safe");
    assert_eq!(desk.stopped(), None);
    assert_eq!(desk.interrupt(Some(run)).run.map(RunId::get), Some(run));
    assert_eq!(desk.fail(), (Outcome::Stopped, Some(Fate::Ran)));
    assert_eq!(drain(&mut desk), [[promoted], [rest]]);
}

#[test]
fn p6_the_first_cause_wins() {
    let mut desk = Desk::new();
    desk.running(&followup().deadline(10));
    desk.interrupt(None);
    desk.pass(20);
    desk.stop();
    desk.close(Cause::Close);
    assert_eq!(desk.stopped(), Some(Cause::Interrupt));
}

#[test]
fn p4_withdraw_answers_where_the_message_is() {
    let mut desk = Desk::new();
    let run = desk.running(&followup().attempts(2));
    assert_eq!(desk.withdraw(0), Withdrawn::Started);
    let waiting = [desk.put(&followup()), desk.put(&steer()), desk.put(&interrupt())];
    for number in waiting {
        assert_eq!(desk.withdraw(number), Withdrawn::Withdrawn);
        assert_eq!(desk.withdraw(number), Withdrawn::Settled);
        assert_eq!(desk.fate(number), Some(Fate::Withdrawn));
    }
    assert_eq!(desk.take(run, 1), Ok((0, vec![])), "its steer is gone");
    desk.fail();
    assert_eq!(desk.phase(), Phase::Idle, "the stop stays, although its message went");
}

#[test]
fn p4_withdraw_takes_promoted_steers_closures_and_both_halves() {
    let mut desk = Desk::new();
    let run = desk.running(&followup());
    let promoted = desk.put(&steer());
    assert!(desk.abandon(run, Cause::Abandon));
    assert_eq!(desk.withdraw(promoted), Withdrawn::Withdrawn);
    let closure = desk.put_closure();
    assert_eq!(desk.withdraw(closure), Withdrawn::Withdrawn);
    assert_eq!(desk.withdraw(closure), Withdrawn::Settled);
    assert_eq!(desk.phase(), Phase::Idle);
    let run = desk.running(&followup());
    let both = desk.put(&steer_backlog());
    let (guard, _) = desk.take(run, 1).expect("the run is live");
    desk.commit(run, guard).expect("the guard is open");
    assert_eq!(desk.things[4].place(), Place::Queued);
    assert_eq!(desk.withdraw(both), Withdrawn::Withdrawn, "its later turn can be taken back");
    desk.done();
    assert_eq!(desk.phase(), Phase::Idle);
}

#[test]
fn p1_abandon_issues_what_comes_next_and_promotes() {
    let mut desk = Desk::new();
    let run = desk.running(&followup());
    let rest = desk.put(&followup());
    let promoted = desk.put(&steer());
    assert!(desk.abandon(run, Cause::Abandon));
    assert_eq!((desk.phase(), desk.out.len()), (Phase::Ready, 1));
    let begun = desk.start();
    assert_eq!(begun.batch, [promoted]);
    // The abandoned handler comes back at last: nothing may change for the run in progress.
    assert_eq!(desk.come_back(run, &super::calls::failed(), true), None);
    assert_eq!(desk.live(), begun.run);
    desk.done();
    assert_eq!(drain(&mut desk), [[rest]]);
}

#[test]
fn p4_a_close_returns_what_waits_whatever_it_is() {
    let mut desk = Desk::new();
    desk.running(&followup());
    let waiting =
        [desk.put(&followup()), desk.put(&steer_backlog()), desk.put_closure(), desk.put(&steer())];
    assert_eq!(desk.close(Cause::Close).withdrawn, 4);
    assert_eq!(waiting.map(|n| desk.fate(n)), [Some(Fate::Returned); 4]);
}

/// A parent that ended takes back what waits, and stops only the run that its child is in.
#[test]
fn p8_a_recall_withdraws_or_stops_exactly_its_message() {
    let mut desk = Desk::new();
    desk.running(&followup().attempts(2));
    let child = desk.put(&followup());
    desk.recall(1);
    assert_eq!((desk.fate(child), desk.stopped()), (Some(Fate::Withdrawn), None));
    desk.fail();
    desk.recall(0);
    assert_eq!((desk.fate(0), desk.phase()), (Some(Fate::Ran), Phase::Idle));
}

#[test]
fn each_session_times_its_first_closure_in_one_lot_of_sixteen() {
    let desk = Desk::new();
    let timed = |lot: &u64| {
        let mut machine = Machine::<Fired>::new(*lot);
        assert!(desk.fire_into(&mut machine).ticket.is_some());
        machine.timed_from.is_some()
    };
    assert_eq!((0..64).filter(timed).collect::<Vec<_>>(), [0, 16, 32, 48]);
}

/// One closure in sixteen is timed, one at a time: a withdrawn one must not hold the watch for ever.
#[test]
fn a_timed_closure_that_is_withdrawn_gives_its_sample_back() {
    let desk = Desk::new();
    let mut machine = Machine::<Fired>::new(0);
    assert!(desk.fire_into(&mut machine).ticket.is_some() && machine.timed_from.is_some());
    let (_, halted) = machine.stop(&desk.world.cx());
    assert_eq!((halted.withdrawn, machine.timed_from.is_none()), (1, true));
}

#[test]
fn a_timed_closure_with_a_receipt_that_is_withdrawn_gives_its_sample_back() {
    let desk = Desk::new();
    let mut machine = Machine::<super::desk::Job>::new(0);
    let standing = Arc::default();
    let mut job = Some(super::desk::Job(Arc::clone(&standing)));
    let (origin, priority) = (Origin::Outside, Priority::Normal);
    let (next, landed) =
        machine.admit_closure(&mut job, LaneId(0), priority, origin, &desk.world.cx());
    assert!(landed.is_ok() && next.ticket.is_some() && machine.timed_from.is_some());
    let (_, answer) = machine.withdraw_closure(&standing, priority, &desk.world.cx());
    assert_eq!((answer, machine.timed_from.is_none()), (Withdrawn::Withdrawn, true));
}
