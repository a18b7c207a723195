//! Backoff, deadlines and time to live: what comes due without anybody calling.

use super::desk::Desk;
use super::order::drain;
use super::spec::{collect, followup, interrupt, ms, steer, steer_backlog};
use crate::model::{Cause, Fate, Outcome, RunId};
use crate::session::live::Inbox;
use crate::session::machine::{Phase, Withdrawn};
use crate::session::next::Note;

#[test]
fn p4_the_pause_doubles_up_to_its_bound() {
    let mut desk = Desk::with(|queue| {
        (queue.backoff, queue.backoff_max) = (ms(100), ms(350));
    });
    desk.running(&followup().attempts(5));
    for pause in [100, 200, 350, 350] {
        assert_eq!(desk.fail(), (Outcome::Failed, None));
        desk.pass(pause - 1);
        assert_eq!(desk.phase(), Phase::Backoff);
        desk.pass(1);
        desk.start();
    }
    assert_eq!(desk.fail(), (Outcome::Failed, Some(Fate::Parked)));
}

#[test]
fn p4_the_control_interrupt_ends_a_pending_retry_and_the_backlog_goes_on() {
    let mut desk = Desk::new();
    let run = desk.running(&followup().attempts(2));
    let rest = desk.put(&followup());
    desk.fail();
    assert_eq!(desk.interrupt(Some(run + 7)).retry, None, "another run is safe");
    assert_eq!(desk.interrupt(Some(run)).retry.map(RunId::get), Some(run));
    assert_eq!(desk.fate(0), Some(Fate::Ran));
    assert_eq!(drain(&mut desk), [[rest]]);
}

#[test]
fn p4_a_stop_ends_a_pending_retry_as_ran_and_withdraws_the_rest() {
    let mut desk = Desk::new();
    desk.running(&followup().attempts(2));
    let rest = desk.put(&followup());
    desk.fail();
    let halted = desk.stop();
    assert_eq!((halted.withdrawn, halted.run), (1, None));
    assert_eq!((desk.fate(0), desk.fate(rest)), (Some(Fate::Ran), Some(Fate::Withdrawn)));
    let number = |note: &Note| match note {
        Note::Fate { cell, .. } => Some(cell.standing.number()),
        _ => None,
    };
    let said: Vec<_> = desk.notes.iter().filter_map(number).collect();
    assert_eq!(said, [0, rest], "P2: as they would have run");
    assert_eq!(desk.phase(), Phase::Idle);
}

#[test]
fn p4_a_message_whose_retry_is_pending_has_started_and_never_expires() {
    let mut desk = Desk::new();
    desk.running(&followup().attempts(2).ttl(10));
    desk.fail();
    desk.pass(500);
    assert_eq!(desk.withdraw(0), Withdrawn::Started);
    assert_eq!((desk.fate(0), desk.phase()), (None, Phase::Backoff));
}

#[test]
fn p4_ttl_runs_to_the_first_start_for_every_rank() {
    let mut desk = Desk::new();
    desk.running(&followup());
    let urgent = desk.put(&interrupt().ttl(30));
    desk.fail();
    let rest = desk.put(&collect().ttl(30));
    desk.pass(29);
    assert_eq!(desk.fates.len(), 1);
    desk.pass(1);
    assert_eq!([desk.fate(urgent), desk.fate(rest)], [Some(Fate::Expired); 2]);
    assert_eq!(desk.phase(), Phase::Idle);
}

/// A claim settles like any other transition, so a late timer lets nothing start too late.
#[test]
fn p4_a_claim_after_the_ttl_finds_nothing_even_if_the_timer_is_late() {
    let mut desk = Desk::new();
    let number = desk.put(&followup().ttl(30));
    let tag = desk.out[0];
    desk.pass_unnoticed(30);
    assert_eq!(desk.redeem(tag), None);
    assert_eq!(desk.fate(number), Some(Fate::Expired));
}

#[test]
fn p5_a_steer_expires_in_the_inbox_and_as_a_turn_but_not_in_the_runs_hands() {
    let mut desk = Desk::new();
    let run = desk.running(&followup());
    let lost = desk.put(&steer().ttl(10));
    desk.pass(10);
    assert_eq!(desk.fate(lost), Some(Fate::Expired));
    let held = desk.put(&steer().ttl(10));
    let (guard, _) = desk.take(run, 1).expect("the run is live");
    desk.pass(50);
    assert_eq!(desk.fate(held), None, "taken steers do not expire");
    desk.commit(run, guard).expect("the guard is open");
    assert_eq!(desk.fate(held), Some(Fate::Steered));
    let promoted = desk.put(&steer().ttl(10));
    desk.done();
    desk.pass(10);
    assert_eq!(desk.fate(promoted), Some(Fate::Expired));
}

/// Delivery ends the `ttl`: the later turn of a delivered steer waits as long as it must.
#[test]
fn p5_a_later_turn_does_not_expire_after_its_steer_was_delivered() {
    let mut desk = Desk::new();
    let run = desk.running(&followup());
    let both = desk.put(&steer_backlog().ttl(10));
    let (guard, _) = desk.take(run, 1).expect("the run is live");
    desk.commit(run, guard).expect("the guard is open");
    desk.pass(100);
    desk.done();
    assert_eq!(drain(&mut desk), [[both]]);
}

/// The sweep of the expiries must not lose a steer that is in a run's hands just then.
#[test]
fn p4_a_restored_steer_expires_by_itself_after_a_sweep_of_the_expiries() {
    let mut desk = Desk::with(|queue| queue.cap = 1000);
    let run = desk.running(&followup());
    let held = desk.put(&steer().ttl(1000));
    let (guard, _) = desk.take(run, 1).expect("the run is live");
    let many: Vec<_> = (0..100).map(|_| desk.put(&followup().ttl(900))).collect();
    many.iter().for_each(|number| {
        desk.withdraw(*number);
    });
    desk.put(&followup());
    desk.restore(run, guard);
    desk.pass(999);
    assert_eq!(desk.fate(held), None);
    desk.pass(1);
    assert_eq!(desk.fate(held), Some(Fate::Expired));
}

#[test]
fn p6_a_deadline_stops_the_run_once_and_belongs_to_that_run_only() {
    let mut desk = Desk::new();
    desk.lane_deadline = Some(80);
    desk.running(&followup());
    desk.put(&followup().deadline(20));
    desk.pass(79);
    assert_eq!(desk.stopped(), None);
    desk.pass(1);
    assert_eq!(desk.stopped(), Some(Cause::Deadline));
    assert_eq!(desk.fail(), (Outcome::Stopped, Some(Fate::Ran)));
    desk.start();
    desk.pass(20);
    assert_eq!(desk.stopped(), Some(Cause::Deadline), "the message's own goes first");
}

/// P6: stop beats steer, also where the timer is late: every transition settles first.
#[test]
fn p6_a_deadline_that_is_due_leaves_take_and_end_no_steers() {
    let mut desk = Desk::new();
    let run = desk.running(&followup().deadline(20));
    let late = desk.put(&steer());
    desk.pass_unnoticed(20);
    assert_eq!(desk.take(run, 1), Ok((0, vec![])));
    assert_eq!(desk.stopped(), Some(Cause::Deadline));
    let mut other = Desk::new();
    let run = other.running(&followup().deadline(20));
    other.put(&steer());
    other.pass_unnoticed(20);
    assert_eq!(other.end(run, 1), Ok(super::calls::Ending::Stop(Cause::Deadline)));
    desk.fail();
    assert_eq!(drain(&mut desk), [[late]]);
}

#[test]
fn p4_a_retry_does_not_see_what_the_failed_attempt_was_steered_with() {
    let mut desk = Desk::new();
    let run = desk.running(&followup().attempts(2));
    desk.put(&steer());
    let (guard, _) = desk.take(run, 1).expect("the run is live");
    desk.commit(run, guard).expect("the guard is open");
    desk.fail();
    desk.pass(1000);
    let again = desk.start();
    assert_eq!((again.batch.as_slice(), again.attempt), ([0].as_slice(), 2));
    assert_eq!(desk.take(again.run, 1), Ok((0, vec![])));
    assert_eq!(desk.set_steerable(again.run, Inbox::Held), Ok(()));
}
