//! Planted bugs, each with the scene that must find it. A rig that misses one fails here.

use super::{flows, mix, races, rig, waits};
use crate::sync::plant::{self, Bug};

/// Enough for each: most are found within a hundred, a drain that looks into no session once in some
/// twenty thousand.
const SCHEDULES: u64 = 400_000;

fn finds(bug: Bug, scene: fn()) {
    let found = plant::with(bug, || rig::first_failure(scene, 0..SCHEDULES));
    let (seed, _) = found.err().unwrap_or_else(|| panic!("{bug:?} was not found"));
    eprintln!("{bug:?} was found by schedule {seed}");
    let again = plant::with(bug, || rig::first_failure(scene, seed..seed + 1));
    assert!(again.is_err(), "a replay finds it again");
    let without = rig::first_failure(scene, seed..seed + 1);
    assert!(without.is_ok(), "the same schedule is fine without the bug");
}

#[test]
fn a_sleeper_that_is_not_counted_is_found() {
    finds(Bug::SleepsUncounted, flows::p3_release_meets_quit);
}

#[test]
fn a_torn_gate_is_found() {
    finds(Bug::TornGate, races::p4_running_to_idle_meets_submit);
}

#[test]
fn a_resumer_that_asks_too_late_is_found() {
    finds(Bug::AsksTooLate, waits::p8_lending_meets_the_cap);
}

#[test]
fn a_handful_that_nobody_else_finds_is_found() {
    finds(Bug::KeptHands, waits::p8_a_handful_meets_a_kept_worker);
}

#[test]
fn a_session_that_retires_too_early_is_found() {
    finds(Bug::RetiresTooEarly, flows::p10_retirement_meets_arrival);
}

#[test]
fn a_fate_that_is_told_in_silence_is_found() {
    finds(Bug::TellsInSilence, races::p4_running_to_idle_meets_submit);
}

#[test]
fn a_child_that_a_cancel_misses_is_found() {
    finds(Bug::BornUnseen, races::p6_a_cancel_reaches_every_child_once);
}

#[test]
fn a_drain_that_looks_into_no_session_is_found() {
    finds(Bug::DrainsUnseen, flows::p4_drain_meets_submit);
}

#[test]
fn a_drain_that_nobody_tells_of_the_last_fate_is_found() {
    finds(Bug::FinishesUnheard, flows::p4_drain_meets_submit);
}

#[test]
fn a_drain_that_nobody_tells_of_a_refusal_is_found() {
    finds(Bug::RefusesUnheard, flows::p4_drain_meets_refusal);
}

#[test]
fn the_mix_finds_what_the_scenes_find() {
    finds(Bug::RetiresTooEarly, mix::p4_everything_meets_everything);
    finds(Bug::TornGate, mix::p4_everything_meets_everything);
}
