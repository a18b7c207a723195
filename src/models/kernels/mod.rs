//! Small machines under loom: the gate, the channels, sessions and their table, tokens, fates; and
//! the real workers of one lane, without the engine around them.
//!
//! `LOOM_MAX_PREEMPTIONS` (2 by default) says how often a thread may be interrupted against its
//! will; up to that, loom tries everything, and says how many executions that took. `LANEQ_SECONDS`
//! (12 by default) is the most that a kernel may take; it says so where it was not enough.

mod gates;
mod lanes;
mod planted;
mod rig;
mod runs;
mod stage;
mod trees;

/// A test for each kernel.
macro_rules! kernels {
    ($($room:ident::$name:ident)*) => {
        $(#[test]
        fn $name() {
            rig::search(stringify!($name), $room::$name);
        })*
    };
}

kernels! {
    gates::p4_every_ticket_is_served
    gates::p3_a_bored_worker_takes_no_ring_with_it
    gates::p3_no_resize_lets_too_many_in
    gates::p3_a_resumer_goes_before_tickets_and_leaves_none_behind
    gates::p4_pulls_take_each_ticket_once
    lanes::p4_running_to_idle_meets_submit
    lanes::p1_two_keys_and_two_workers
    lanes::p4_closures_and_messages_of_one_key
    lanes::p3_resize_meets_claim
    lanes::p4_workers_are_hired_for_tickets
    runs::p5_steer_meets_finish
    runs::p6_interrupt_meets_finish
    runs::p4_withdraw_meets_start
    runs::p1_abandon_meets_finish
    runs::p4_timer_meets_claim
    runs::p4_drain_meets_submit
    runs::p4_a_misfit_ticket_leaves_nobody_behind
    trees::p10_retirement_meets_arrival
    trees::p6_parent_and_child_are_cancelled_at_once
    trees::p6_a_child_is_made_while_its_parent_is_cancelled
    trees::p6_an_unregistered_callback_is_not_running
    trees::p4_a_fate_reaches_who_waits_and_who_watches
    trees::p4_a_quota_never_says_less_than_is_out
    trees::p4_a_quota_is_never_empty_between_parent_and_child
    trees::p9_nobody_is_refused_for_credits_on_their_way
    trees::the_channel_of_the_models_keeps_its_contract
}
