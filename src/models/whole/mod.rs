//! The whole engine under shuttle: workers, ports, receipts, steers, tokens, timers, close.
//!
//! Each scene is one race, with at least two workers and two producers, and `mix` is all of them.
//! `LANEQ_SCHEDULES` says how many schedules all scenes share; beyond 100,000 they go on in turns,
//! in `the_search_goes_on`. Each schedule has a seed: `LANEQ_SEED` is the first. A failure prints
//! `LANEQ_REPLAY=<scene>:<seed>`, which runs that schedule alone.

mod dice;
mod flows;
mod mix;
mod planted;
mod races;
mod rig;
mod stage;
mod waits;

/// A test for each scene, and the list of them all.
macro_rules! scenes {
    ($($room:ident::$name:ident)*) => {
        $(#[test]
        fn $name() {
            rig::search(stringify!($name), $room::$name);
        })*

        const SCENES: &[(&str, fn())] = &[$((stringify!($name), $room::$name)),*];
    };
}

scenes! {
    races::p4_running_to_idle_meets_submit
    races::p5_steer_meets_finish
    races::p6_interrupt_meets_finish
    races::p4_withdraw_meets_start
    races::p1_abandon_meets_late_calls
    races::p6_a_cancel_reaches_every_child_once
    flows::p3_release_meets_quit
    flows::p4_misfit_tickets_do_no_harm
    flows::p10_retirement_meets_arrival
    flows::p4_drain_meets_submit
    flows::p4_drain_meets_refusal
    flows::p12_close_meets_submit
    flows::p4_timer_meets_claim
    waits::p3_resize_meets_claim
    waits::p8_lending_meets_the_cap
    waits::p8_a_handful_meets_a_kept_worker
    waits::p4_ports_meet_submit
    waits::p4_events_tell_every_fate_once
    mix::p4_everything_meets_everything
}

#[test]
fn the_search_goes_on() {
    rig::search_all(SCENES);
}
