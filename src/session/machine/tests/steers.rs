//! P5: which run takes a steer, and why none does, by the first reason that applies.

use super::calls::Ending;
use super::desk::Desk;
use super::order::drain;
use super::spec::{followup, interrupt, steer, steer_backlog};
use crate::model::{Cause, Fallback, Fate, Reason, RunId};
use crate::session::live::Inbox;
use crate::session::machine::{Door, Phase};
use crate::session::standing::Place;
use crate::watch::Placement;

#[test]
fn p5_no_run_is_the_reason_in_every_phase_without_one() {
    let mut desk = Desk::new();
    assert_eq!(desk.fallback(&steer()), Some(Fallback::NoRun), "idle");
    assert_eq!(desk.fallback(&steer()), Some(Fallback::NoRun), "ready");
    let mut desk = Desk::new();
    desk.running(&followup().attempts(2));
    desk.fail();
    assert_eq!(desk.fallback(&steer_backlog()), Some(Fallback::NoRun), "backoff");
    let mut desk = Desk::new();
    desk.running(&followup());
    desk.put(&super::spec::collect());
    desk.done();
    assert_eq!(desk.phase(), Phase::Collecting);
    assert_eq!(desk.fallback(&steer()), Some(Fallback::NoRun), "collecting");
}

#[test]
fn p5_not_steerable_is_said_of_closures_and_of_handlers_that_say_so() {
    let mut desk = Desk::new();
    desk.put_closure();
    desk.start();
    assert_eq!(desk.fallback(&steer().by("b")), Some(Fallback::NotSteerable));
    let mut desk = Desk::new();
    desk.inbox = Inbox::Never;
    desk.running(&followup());
    desk.stop();
    assert_eq!(desk.fallback(&steer()), Some(Fallback::NotSteerable), "before closed");
}

/// Asking to end does not make an unsteerable run one that could have been steered before.
#[test]
fn p5_not_steerable_stays_the_reason_after_the_end_of_the_inbox() {
    let mut desk = Desk::new();
    desk.inbox = Inbox::Never;
    let run = desk.running(&followup());
    assert_eq!(desk.end(run, 1), Ok(Ending::Closed));
    assert_eq!(desk.fallback(&steer()), Some(Fallback::NotSteerable));
}

#[test]
fn p5_closed_is_said_of_ended_stopped_and_exhausted_runs_before_authority_and_route() {
    let mut desk = Desk::with(|queue| queue.steer_rounds = 1);
    let run = desk.running(&followup());
    desk.put(&steer());
    let (guard, _) = desk.take(run, 1).expect("the run is live");
    assert_eq!(desk.fallback(&steer().by("b")), Some(Fallback::Closed), "its rounds are used up");
    desk.commit(run, guard).expect("the guard is open");
    assert_eq!(desk.fallback(&steer()), Some(Fallback::Closed));
    let mut desk = Desk::new();
    let run = desk.running(&followup());
    assert_eq!(desk.end(run, 1), Ok(Ending::Closed));
    assert_eq!(desk.fallback(&steer().from("irc")), Some(Fallback::Closed), "its inbox is closed");
    let mut desk = Desk::new();
    desk.running(&followup());
    desk.interrupt(None);
    assert_eq!(desk.fallback(&steer()), Some(Fallback::Closed), "it is stopped");
}

#[test]
fn p5_authority_goes_before_route_and_both_must_be_the_runs_own() {
    let mut desk = Desk::new();
    let run = desk.running(&followup().by("a").from("irc"));
    assert_eq!(desk.fallback(&steer()), Some(Fallback::Authority));
    assert_eq!(desk.fallback(&steer().by("b").from("irc")), Some(Fallback::Authority));
    assert_eq!(desk.fallback(&steer().by("a")), Some(Fallback::Route), "no route is not a route");
    assert_eq!(desk.fallback(&steer().by("a").from("discord")), Some(Fallback::Route));
    let landed = desk.offer(&steer().by("a").from("irc")).expect("there is room");
    assert_eq!((landed.placement, landed.fallback), (Placement::Steered, None));
    assert_eq!(landed.run.map(RunId::get), Some(run));
}

#[test]
fn p5_a_steer_that_fell_back_is_a_follow_up_and_merges_with_nobody() {
    let mut desk = Desk::with(|queue| queue.debounce = super::spec::ms(0));
    desk.running(&followup().by("a"));
    let numbers = [
        desk.put(&super::spec::collect()),
        desk.put(&steer()),
        desk.put(&steer_backlog()),
        desk.put(&interrupt()),
        desk.put(&super::spec::collect()),
    ];
    desk.done();
    assert_eq!(drain(&mut desk), numbers.map(|number| vec![number]));
}

#[test]
fn p5_an_accepted_steer_is_delivered_once_at_a_boundary_of_the_run_it_named() {
    let mut desk = Desk::new();
    let run = desk.running(&followup());
    let steers = [desk.put(&steer().expect(run)), desk.put(&steer())];
    let (guard, taken) = desk.take(run, 1).expect("the run is live");
    assert_eq!(taken, steers, "all pending steers, in order of admission");
    desk.commit(run, guard).expect("the guard is open");
    assert_eq!(steers.map(|n| desk.fate(n)), [Some(Fate::Steered); 2]);
    assert_eq!(desk.take(run, 1), Ok((0, vec![])));
    assert_eq!(desk.fail().1, Some(Fate::Ran), "commit is final, also if the run fails later");
}

#[test]
fn p5_held_steers_are_accepted_invisible_and_promoted_by_the_end() {
    let mut desk = Desk::new();
    let run = desk.running(&followup());
    desk.set_steerable(run, Inbox::Held).expect("the run is live");
    let held = desk.put(&steer());
    assert_eq!(desk.things[1].place(), Place::Inbox);
    assert_eq!(desk.take(run, 1), Ok((0, vec![])));
    desk.set_steerable(run, Inbox::Open).expect("the run is live");
    desk.set_steerable(run, Inbox::Held).expect("the run is live");
    assert_eq!(desk.end(run, 1), Ok(Ending::Closed));
    assert_eq!(desk.things[1].place(), Place::Promoted);
    desk.set_steerable(run, Inbox::Open).expect("the run is live");
    assert_eq!(desk.fallback(&steer()), Some(Fallback::Closed), "closed is closed for good");
    desk.done();
    assert_eq!(drain(&mut desk), [[held], [2]]);
}

#[test]
fn p5_end_hands_out_what_waits_and_closes_only_an_empty_inbox() {
    let mut desk = Desk::new();
    let run = desk.running(&followup());
    let waits = desk.put(&steer());
    assert_eq!(desk.end(run, 1), Ok(Ending::Steers(1, vec![waits])));
    desk.commit(run, 1).expect("the guard is open");
    assert_eq!(desk.end(run, 1), Ok(Ending::Closed));
    // After Closed, an interrupt cancels the token, but what the handler answers counts.
    desk.interrupt(None);
    assert_eq!(desk.end(run, 1), Ok(Ending::Closed));
    assert_eq!(desk.done().1, Some(Fate::Ran));
}

#[test]
fn p6_after_a_stop_take_is_empty_and_end_answers_the_stop() {
    let mut desk = Desk::new();
    let run = desk.running(&followup());
    let waits = desk.put(&steer());
    desk.interrupt(None);
    assert_eq!(desk.take(run, 1), Ok((0, vec![])));
    assert_eq!(desk.end(run, 1), Ok(Ending::Stop(Cause::Interrupt)));
    desk.fail();
    assert_eq!(drain(&mut desk), [[waits]], "undelivered steers are promoted");
}

/// A delivered one counts once: its fate is that of the later turn. An undelivered one is one turn.
#[test]
fn p4_a_steer_backlog_counts_once_and_has_one_fate() {
    let mut desk = Desk::new();
    let run = desk.running(&followup());
    let landed = desk.offer(&steer_backlog()).expect("there is room");
    assert_eq!((landed.placement, desk.machine.depth()), (Placement::Steered, 1));
    let (guard, _) = desk.take(run, 1).expect("the run is live");
    assert_eq!(desk.machine.depth(), 1, "taken steers count towards the cap");
    desk.commit(run, guard).expect("the guard is open");
    assert_eq!((desk.fate(1), desk.machine.depth()), (None, 1));
    let undelivered = desk.put(&steer_backlog());
    desk.done();
    assert_eq!(drain(&mut desk), [[undelivered], [1]]);
    assert_eq!(desk.fates.len(), 3);
}

#[test]
fn p4_expect_run_is_refused_in_any_mode_unless_that_run_is_the_live_one() {
    for spec in [followup(), steer(), interrupt(), super::spec::collect(), steer_backlog()] {
        let mut desk = Desk::new();
        let refused = desk.offer(&spec.clone().expect(1)).expect_err("nothing is live");
        assert_eq!(refused.reason, Reason::Mismatch);
        let run = desk.running(&followup().attempts(2));
        let refused = desk.offer(&spec.clone().expect(run + 1)).expect_err("another is live");
        assert_eq!((refused.reason, desk.stopped()), (Reason::Mismatch, None));
        desk.offer(&spec.clone().expect(run)).expect("this one is live");
    }
    let mut desk = Desk::new();
    let run = desk.running(&followup().attempts(2));
    desk.fail();
    let refused = desk.offer(&steer().expect(run)).expect_err("it waits to be retried");
    assert_eq!(refused.reason, Reason::Mismatch);
}

#[test]
fn p4_a_shut_door_refuses_and_lets_only_runs_bring_more_while_it_drains() {
    let mut desk = Desk::new();
    desk.running(&followup());
    desk.shut(Door::Draining);
    let refused = desk.offer(&steer()).expect_err("from outside");
    assert_eq!(refused.reason, Reason::Draining);
    assert!(desk.offer_closure(&followup()).is_err_and(|r| r.reason == Reason::Draining));
    desk.put(&steer().spawned());
    desk.shut(Door::Closed);
    let refused = desk.offer(&followup().spawned()).expect_err("from anybody");
    assert_eq!(refused.reason, Reason::Closed);
}
