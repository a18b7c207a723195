//! Planted bugs, each with the kernel that must find it. A rig that misses one fails here.

use super::{gates, lanes, rig, runs, trees};
use crate::sync::plant::{self, Bug};

fn finds(bug: Bug, kernel: fn()) {
    assert!(plant::with(bug, || rig::fails(kernel)), "{bug:?} was not found");
}

#[test]
fn a_sleeper_that_is_not_counted_is_found() {
    finds(Bug::SleepsUncounted, gates::p4_every_ticket_is_served);
    finds(Bug::SleepsUncounted, lanes::p4_running_to_idle_meets_submit);
}

#[test]
fn a_torn_gate_is_found() {
    finds(Bug::TornGate, gates::p4_every_ticket_is_served);
    finds(Bug::TornGate, gates::p4_pulls_take_each_ticket_once);
}

#[test]
fn a_resumer_that_asks_too_late_is_found() {
    finds(Bug::AsksTooLate, gates::p3_a_resumer_goes_before_tickets_and_leaves_none_behind);
}

#[test]
fn a_session_that_retires_too_early_is_found() {
    finds(Bug::RetiresTooEarly, trees::p10_retirement_meets_arrival);
}

#[test]
fn a_fate_that_is_told_in_silence_is_found() {
    finds(Bug::TellsInSilence, trees::p4_a_fate_reaches_who_waits_and_who_watches);
    finds(Bug::TellsInSilence, runs::p5_steer_meets_finish);
}

#[test]
fn a_child_that_a_cancel_misses_is_found() {
    finds(Bug::BornUnseen, trees::p6_a_child_is_made_while_its_parent_is_cancelled);
}

#[test]
fn a_drain_that_nobody_tells_of_the_last_fate_is_found() {
    finds(Bug::FinishesUnheard, runs::p4_drain_meets_submit);
}

#[test]
fn a_take_that_a_drain_is_not_told_of_is_found() {
    finds(Bug::MovesUnsaid, trees::p4_a_quota_is_never_empty_between_parent_and_child);
}
