//! The quiet window of mode collect: when it opens, what it holds, what closes it.

use super::desk::Desk;
use super::order::drain;
use super::spec::{Spec, collect, followup, interrupt, ms, steer, steer_backlog};
use crate::session::machine::{Door, Phase};

/// A desk with a run in progress, beside which one message has opened a window.
fn collecting() -> Desk {
    let mut desk = Desk::new();
    desk.running(&followup());
    desk.put(&collect());
    assert!(desk.has_window());
    desk
}

/// How long after the end of the run the window still holds what it holds.
fn holds_for(desk: &mut Desk) -> u64 {
    desk.done();
    let mut held = 0;
    while desk.phase() == Phase::Collecting {
        assert!(held <= 60_000, "a window closes by itself");
        desk.pass(1);
        held += 1;
    }
    held
}

#[test]
fn from_idle_every_mode_starts_at_once() {
    for spec in [collect(), followup(), steer(), steer_backlog(), interrupt()] {
        let mut desk = Desk::new();
        desk.put(&spec);
        assert_eq!((desk.phase(), desk.has_window()), (Phase::Ready, false));
    }
}

#[test]
fn a_window_is_opened_only_while_running() {
    let mut desk = Desk::new();
    desk.put(&followup().attempts(2));
    desk.put(&collect());
    assert!(!desk.has_window(), "ready");
    desk.start();
    desk.fail();
    desk.put(&collect());
    assert!(!desk.has_window(), "backoff");
}

#[test]
fn each_message_restarts_the_window() {
    let mut desk = collecting();
    desk.pass(900);
    desk.put(&collect());
    assert_eq!(holds_for(&mut desk), 1000);
    assert_eq!(drain(&mut desk), [[1, 2]], "one batch");
}

#[test]
fn without_reset_the_window_lasts_from_its_first_message() {
    let mut desk = collecting();
    desk.world.queue.reset_on_new_message = false;
    desk.pass(900);
    desk.put(&collect());
    assert_eq!(holds_for(&mut desk), 100);
}

#[test]
fn max_wait_bounds_a_window_that_is_never_quiet() {
    let mut desk = collecting();
    for _ in 0..5 {
        desk.pass(900);
        desk.put(&collect());
    }
    assert_eq!(holds_for(&mut desk), 500, "five times the debounce");
    let mut desk = collecting();
    desk.world.queue.max_wait = Some(ms(1100));
    desk.pass(900);
    desk.put(&collect());
    assert_eq!(holds_for(&mut desk), 200);
}

#[test]
fn max_batch_messages_close_it_and_one_more_opens_a_new_one() {
    let mut desk = Desk::with(|queue| queue.max_batch = 2);
    desk.running(&followup());
    desk.put(&collect());
    desk.put(&collect());
    assert!(!desk.has_window());
    desk.put(&collect());
    assert!(desk.has_window());
    desk.done();
    assert_eq!(desk.start().batch, [1, 2], "the new window holds its own messages only");
    assert!(!desk.has_window(), "a run start closes it");
}

/// A window that closed by itself while the run went on is not opened again by a later message.
#[test]
fn a_message_after_a_closed_window_opens_a_new_one() {
    let mut desk = collecting();
    desk.pass(1000);
    desk.put(&collect());
    desk.pass(999);
    desk.done();
    assert_eq!(desk.phase(), Phase::Ready, "the first is no longer held");
    assert_eq!(drain(&mut desk), [[1, 2]], "what waits and may merge is one batch");
}

#[test]
fn what_cannot_merge_closes_the_window() {
    let closers: [Spec; 4] =
        [followup(), steer().by("b"), steer_backlog().from("irc"), interrupt().by("b")];
    for spec in closers {
        let mut desk = collecting();
        desk.put(&spec);
        assert!(!desk.has_window(), "{spec:?}");
        desk.done();
        assert_eq!(desk.phase(), Phase::Ready);
    }
    let mut desk = collecting();
    desk.put_closure();
    assert!(!desk.has_window());
    let others =
        [collect().by("b"), collect().from("irc"), collect().attempts(2), collect().lane(1)];
    for spec in others {
        let mut desk = collecting();
        desk.put(&spec);
        assert!(desk.has_window(), "its own");
        desk.done();
        assert_eq!(desk.phase(), Phase::Ready, "it does not hold the older one");
    }
}

#[test]
fn tickets_run_starts_stops_and_drains_close_it() {
    let mut desk = collecting();
    desk.done();
    desk.put(&interrupt());
    assert_eq!((desk.phase(), desk.has_window()), (Phase::Ready, false));
    let mut desk = collecting();
    desk.done();
    desk.shut(Door::Draining);
    assert_eq!((desk.phase(), desk.has_window()), (Phase::Ready, false));
    let mut desk = collecting();
    desk.shut(Door::Draining);
    desk.put(&collect().spawned());
    assert!(!desk.has_window(), "a drain opens none");
    let mut desk = collecting();
    desk.stop();
    assert!(!desk.has_window());
}

#[test]
fn accepted_steers_leave_it_alone() {
    let mut desk = collecting();
    desk.pass(500);
    desk.put(&steer());
    let run = desk.live();
    let (guard, _) = desk.take(run, 1).expect("the run is live");
    desk.commit(run, guard).expect("the guard is open");
    assert_eq!(holds_for(&mut desk), 500);
}

/// A promoted steer goes first, and its ticket closes the window behind it.
#[test]
fn only_the_head_is_held() {
    let mut desk = collecting();
    desk.put(&steer());
    desk.done();
    assert_eq!((desk.phase(), desk.has_window()), (Phase::Ready, false));
    assert_eq!(drain(&mut desk), [[2], [1]]);
}

/// The later turn of a delivered steer was never a message of the window, although it was
/// admitted after the window's first.
#[test]
fn a_window_holds_no_later_turns() {
    let mut desk = collecting();
    let run = desk.live();
    desk.put(&steer_backlog());
    let (guard, _) = desk.take(run, 1).expect("the run is live");
    desk.commit(run, guard).expect("the guard is open");
    desk.withdraw(1);
    desk.done();
    assert_eq!(desk.phase(), Phase::Ready);
    assert_eq!(drain(&mut desk), [[2]]);
}

/// A retry that waits does not close the window behind it: only its start does.
#[test]
fn a_window_stays_open_beside_a_pending_retry() {
    let mut desk = Desk::new();
    desk.running(&followup().attempts(2));
    desk.put(&collect());
    desk.fail();
    desk.pass(900);
    desk.put(&collect());
    assert_eq!((desk.phase(), desk.has_window()), (Phase::Backoff, true));
    desk.interrupt(None);
    assert_eq!(desk.phase(), Phase::Collecting, "restarted 0 ms ago");
    desk.pass(1000);
    assert_eq!(drain(&mut desk), [[1, 2]]);
}

#[test]
fn without_a_debounce_there_is_no_window_and_still_one_batch() {
    let mut desk = Desk::with(|queue| queue.debounce = ms(0));
    desk.running(&followup());
    desk.put(&collect());
    desk.put(&collect());
    assert!(!desk.has_window());
    desk.done();
    assert_eq!(drain(&mut desk), [[1, 2]]);
}

/// The mode of the message goes before that of the session, and that before the configuration's.
#[test]
fn the_sessions_own_mode_counts_where_the_message_names_none() {
    let mut desk = Desk::with(|queue| queue.debounce = ms(0));
    desk.running(&Spec::new(None));
    let own =
        crate::model::Knobs { mode: Some(crate::model::Mode::Followup), ..Default::default() };
    desk.machine.set_own(Some(Box::new(own)));
    desk.put(&Spec::new(None));
    desk.put(&Spec::new(None));
    desk.put(&collect());
    desk.machine.set_own(None);
    desk.put(&Spec::new(None));
    desk.done();
    assert_eq!(drain(&mut desk), [vec![1], vec![2], vec![3, 4]]);
}
