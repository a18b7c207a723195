//! The ticket rule: at most one out for each lane and priority, misfits are discarded, and one
//! that stays behind is live again when it fits.

use super::desk::Desk;
use super::spec::{collect, followup, interrupt, steer};
use crate::model::{Fate, LaneId, Priority};
use crate::session::machine::{End, Phase};
use crate::session::next::Tag;

fn tag(lane: u16, priority: Priority) -> Tag {
    Tag { lane: LaneId(lane), priority }
}

const LOW: Priority = Priority::Background;
const HIGH: Priority = Priority::Foreground;
const NORMAL: Priority = Priority::Normal;

#[test]
fn a_ready_session_has_one_ticket_however_much_waits() {
    let mut desk = Desk::new();
    for _ in 0..5 {
        desk.put(&followup());
    }
    assert_eq!(desk.out, [tag(0, NORMAL)]);
    desk.start();
    assert_eq!(desk.out, [], "none while it runs");
    desk.done();
    assert_eq!(desk.out, [tag(0, NORMAL)]);
}

#[test]
fn the_ticket_is_for_the_heads_lane_at_the_highest_waiting_priority() {
    let mut desk = Desk::new();
    desk.put(&followup().lane(1).priority(LOW));
    desk.put(&followup().lane(2).priority(HIGH));
    assert_eq!(desk.out, [tag(1, LOW), tag(1, HIGH)], "raised by what waits behind");
    assert_eq!(desk.redeem(tag(1, LOW)), None, "the lower one is a misfit and is discarded");
    assert_eq!(desk.out, [tag(1, HIGH)]);
    assert_eq!(desk.start().batch, [0]);
    desk.done();
    assert_eq!(desk.out, [tag(2, HIGH)], "a message's lane is fixed at admission");
}

#[test]
fn a_ticket_that_fits_again_is_live_again() {
    let mut desk = Desk::new();
    desk.put(&followup().priority(LOW));
    let raised = desk.put(&followup().priority(HIGH));
    desk.withdraw(raised);
    assert_eq!(desk.out, [tag(0, LOW), tag(0, HIGH)], "no second ticket for the first priority");
    assert_eq!(desk.redeem(tag(0, HIGH)), None, "it fits no longer");
    assert_eq!(desk.start().batch, [0], "and the first is good again");
}

#[test]
fn a_discarded_ticket_is_issued_again_when_it_is_wanted_again() {
    let mut desk = Desk::new();
    desk.put(&followup().priority(LOW));
    let raised = desk.put(&followup().priority(HIGH));
    assert_eq!(desk.redeem(tag(0, LOW)), None);
    desk.withdraw(raised);
    assert_eq!(desk.out, [tag(0, HIGH), tag(0, LOW)]);
    assert_eq!(desk.start().batch, [0]);
}

#[test]
fn an_old_ticket_in_another_lane_is_kept_and_used() {
    let mut desk = Desk::new();
    desk.put(&followup());
    let urgent = desk.put(&interrupt().lane(1));
    assert_eq!(desk.out, [tag(0, NORMAL), tag(1, NORMAL)]);
    assert_eq!(desk.redeem(tag(1, NORMAL)).expect("it fits").batch, [urgent]);
    assert_eq!(desk.redeem(tag(0, NORMAL)), None, "nothing starts beside a run: P1");
    desk.done();
    assert_eq!(desk.out, [tag(0, NORMAL)]);
    assert_eq!(desk.start().batch, [0]);
}

#[test]
fn a_ticket_of_an_emptied_session_is_a_misfit_and_serves_the_next_message() {
    let mut desk = Desk::new();
    desk.put(&followup());
    desk.stop();
    assert_eq!((desk.phase(), desk.out.len()), (Phase::Idle, 1));
    desk.put(&followup());
    assert_eq!(desk.out.len(), 1, "at most one for each lane and priority");
    desk.stop();
    assert_eq!(desk.redeem(tag(0, NORMAL)), None);
    desk.put(&followup());
    assert_eq!(desk.out.len(), 1);
}

/// The retry and the promoted steer count for the priority like anything that waits to run.
#[test]
fn every_rank_raises_the_priority() {
    let mut desk = Desk::new();
    desk.running(&followup().priority(LOW).attempts(2));
    desk.put(&steer().priority(NORMAL));
    desk.fail();
    desk.pass(1000);
    assert_eq!(desk.out, [tag(0, NORMAL)]);
    assert_eq!(desk.start().batch, [0]);
    desk.done();
    assert_eq!(desk.start().batch, [1]);
}

#[test]
fn a_closure_raises_the_priority_of_what_waits_and_the_next_one_asks_for_nothing() {
    let mut desk = Desk::new();
    desk.put(&followup().priority(LOW));
    desk.put_closure();
    desk.put_closure();
    assert_eq!(desk.out, [tag(0, LOW), tag(0, NORMAL)]);
}

/// What the worker would do: go on with this session in the slice of the run that ended.
fn goes_on(desk: &mut Desk) -> bool {
    let run = desk.live();
    desk.come_back(run, &End::Done(None), true).expect("the run is live").1.is_some()
}

#[test]
fn a_slice_goes_on_in_its_lane_at_its_priority_and_without_a_ticket() {
    let mut desk = Desk::new();
    desk.running(&followup());
    desk.put(&followup());
    desk.put_closure();
    desk.put(&followup().priority(HIGH));
    for _ in 0..3 {
        assert!(goes_on(&mut desk));
        assert_eq!(desk.out, []);
    }
    assert!(!goes_on(&mut desk), "nothing waits");
    assert_eq!((desk.phase(), desk.out.len()), (Phase::Idle, 0));
}

#[test]
fn a_slice_ends_where_the_lane_changes_or_the_waiting_priority_falls() {
    let mut desk = Desk::new();
    desk.running(&followup());
    desk.put(&followup().lane(1));
    assert!(!goes_on(&mut desk));
    assert_eq!(desk.out, [tag(1, NORMAL)]);
    let mut desk = Desk::new();
    desk.running(&followup().priority(HIGH));
    desk.put(&followup());
    assert!(!goes_on(&mut desk));
    assert_eq!(desk.out, [tag(0, NORMAL)]);
}

#[test]
fn a_slice_ends_at_a_window_and_at_a_backoff() {
    let mut desk = Desk::new();
    desk.running(&followup());
    desk.put(&collect());
    assert!(!goes_on(&mut desk));
    assert_eq!((desk.phase(), desk.out.len()), (Phase::Collecting, 0));
    let mut desk = Desk::new();
    let run = desk.running(&followup().attempts(2));
    let back = desk.come_back(run, &super::calls::failed(), true).expect("the run is live");
    assert_eq!((back.1, desk.phase()), (None, Phase::Backoff));
}

/// P2: going on in a slice takes the same head as a claim would.
#[test]
fn p2_a_slice_keeps_the_order_and_promotes_first() {
    let mut desk = Desk::new();
    let run = desk.running(&followup());
    desk.put(&followup());
    let promoted = desk.put(&steer());
    let back = desk.come_back(run, &End::Done(None), true).expect("the run is live");
    assert_eq!(back.0.1, Some(Fate::Ran));
    assert_eq!(back.1.expect("it goes on").batch, [promoted]);
}
