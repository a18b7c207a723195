//! What others read of a machine: the signal word, what it waits for, its books, its notes; and what
//! it leaves for the time after the lock.

use super::desk::{Desk, Job};
use super::spec::{followup, interrupt, steer};
use crate::model::{Cause, LaneId, Outcome, RunId};
use crate::session::live::SlotState;
use crate::session::machine::{End, Machine, Phase};
use crate::session::next::Note;
use crate::session::token::Token;

#[test]
fn the_signal_is_the_run_whether_a_steer_is_visible_and_why_it_stops() {
    let mut desk = Desk::new();
    assert_eq!(desk.machine.signal(), 0, "nothing runs");
    let run = desk.running(&followup());
    assert_eq!(desk.machine.signal(), run << 8);
    assert_eq!(Machine::<Job>::signal_of(RunId::new(run)), run << 8);
    desk.put(&steer());
    assert_eq!(desk.machine.signal(), run << 8 | 1 << 4);
    desk.stop();
    let signal = desk.machine.signal();
    assert_eq!((signal >> 8, signal & 15), (run, u64::from(desk.stopped().map_or(0, Cause::bits))));
    desk.done();
    assert_eq!(desk.machine.signal(), 0);
}

#[test]
fn only_a_ready_session_waits_for_a_lane() {
    let mut desk = Desk::new();
    assert_eq!(desk.machine.waits_for(), None);
    desk.put(&followup().lane(3));
    assert_eq!(desk.machine.waits_for(), Some(LaneId(3)));
    desk.start();
    desk.put(&followup().lane(3));
    assert_eq!(desk.machine.waits_for(), None, "it waits for its own run");
}

#[test]
fn whoever_asks_finds_the_run_in_progress_or_the_one_that_waits_to_be_retried() {
    let mut desk = Desk::new();
    assert_eq!((desk.machine.runs(), desk.machine.running()), ([None, None], None));
    desk.pass(5);
    let run = RunId::new(desk.running(&followup().lane(3).attempts(2)));
    let running = (run, LaneId(3), desk.world.now, SlotState::Held);
    assert_eq!((desk.machine.runs(), desk.machine.running()), ([Some(run), None], Some(running)));
    desk.fail();
    assert_eq!((desk.machine.runs(), desk.machine.running()), ([None, Some(run)], None));
}

#[test]
fn a_session_is_plain_until_it_has_what_most_never_need() {
    let mut desk = Desk::new();
    desk.put_closure();
    assert!(desk.machine.is_plain());
    desk.put(&followup().ttl(5));
    assert!(!desk.machine.is_plain());
}

/// P6.
#[test]
fn p6_a_run_is_interrupted_by_its_own_authority_and_by_those_that_may_stop_all() {
    let cases: [(&[&str], bool); 4] =
        [(&[], false), (&["owner"], false), (&["b"], true), (&["owner", "*"], true)];
    for (authorities, stops) in cases {
        let mut desk = Desk::new();
        desk.world.inbound.stop_authorities = authorities.iter().map(ToString::to_string).collect();
        desk.running(&followup().by("a"));
        desk.put(&interrupt().by("b"));
        assert_eq!(desk.stopped(), stops.then_some(Cause::Interrupt), "{authorities:?}");
    }
}

#[test]
fn p4_books_that_do_not_balance_are_noticed() {
    let mut desk = Desk::new();
    desk.put(&followup());
    assert!(desk.machine.balances());
    desk.machine.settled += 1;
    assert!(!desk.machine.balances());
}

#[test]
fn an_admission_number_is_the_newest_with_its_low_half() {
    let mut desk = Desk::new();
    desk.machine.accepted = 7 << 32 | 5;
    assert_eq!(desk.machine.number_of(4), 7 << 32 | 4);
    assert_eq!(desk.machine.number_of(u32::MAX), 6 << 32 | u64::from(u32::MAX));
}

#[test]
fn the_end_of_a_run_is_told_with_its_outcome_and_what_it_said() {
    let mut desk = Desk::new();
    let run = desk.running(&followup());
    desk.pass(7);
    desk.come_back(run, &End::Done(Some("hello".into())), false).expect("it is live");
    let said = desk.notes.iter().any(|note| matches!(note, Note::Said { last: true, .. }));
    let ended = desk.notes.iter().find_map(|note| match note {
        Note::Finished { run, outcome, took, .. } => Some((run.get(), *outcome, took.as_millis())),
        _ => None,
    });
    assert_eq!((said, ended), (true, Some((run, Outcome::Done, 7))));
}

#[test]
fn a_retry_is_told_as_the_attempt_that_it_will_be() {
    let mut desk = Desk::new();
    desk.running(&followup().attempts(2));
    desk.fail();
    let told = desk.notes.iter().find_map(|note| match note {
        Note::Retrying { attempt, .. } => Some(*attempt),
        _ => None,
    });
    assert_eq!(told, Some(2));
}

/// P7: what a run has of the host's goes once the lock is free.
#[test]
fn p7_the_token_of_a_run_is_left_for_the_time_after_the_lock() {
    let mut desk = Desk::new();
    let run = desk.running(&followup());
    desk.machine.companions().token = Some(Token::new());
    let cx = desk.world.cx();
    let (next, _) = desk.machine.finish(RunId::new(run), &End::Done(None), None, &cx);
    let left = next.list.expect("there is something left").remains;
    assert!(matches!(&left[..], [remains] if remains.token.is_some()));
}

/// P11: a start that the journal did not take is no attempt.
#[test]
fn p11_a_run_that_was_not_started_is_tried_again_as_the_same_attempt() {
    let mut desk = Desk::new();
    let run = desk.running(&followup().attempts(1));
    let end = End::NotStarted { error: "the journal is full".into() };
    let (back, _) = desk.come_back(run, &end, false).expect("it is live");
    assert_eq!((back, desk.phase()), ((Outcome::Failed, None), Phase::Backoff));
    desk.pass(60_000);
    assert_eq!(desk.start().attempt, 1);
}
