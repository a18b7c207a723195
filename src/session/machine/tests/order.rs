//! P2: the order of first starts, and what a pending retry precedes.

use super::desk::Desk;
use super::spec::{collect, followup, interrupt, steer, steer_backlog};
use crate::model::{Fallback, Fate, Outcome};
use crate::session::machine::Phase;

/// Starts and ends everything that waits; answers the batches in their order.
pub(super) fn drain(desk: &mut Desk) -> Vec<Vec<u64>> {
    let mut batches = Vec::new();
    while desk.phase() == Phase::Ready {
        batches.push(desk.start().batch);
        desk.done();
    }
    batches
}

#[test]
fn p2_interrupts_then_undelivered_steers_then_the_rest_each_by_admission() {
    let mut desk = Desk::new();
    desk.running(&followup());
    let rest = desk.put(&followup());
    let promoted = desk.put(&steer());
    let late = desk.put(&followup());
    let promoted_too = desk.put(&steer());
    let urgent = desk.put(&interrupt());
    let urgent_too = desk.put(&interrupt());
    desk.fail();
    let order = drain(&mut desk);
    let expected = [urgent, urgent_too, promoted, promoted_too, rest, late];
    assert_eq!(order, expected.map(|number| vec![number]));
}

/// P5: what a run took and did not commit has its place before what came after it.
#[test]
fn p2_promoted_steers_keep_the_order_of_admission_whoever_held_them() {
    let mut desk = Desk::new();
    let run = desk.running(&followup());
    let taken = desk.put(&steer());
    desk.take(run, 1).expect("the run is live");
    let waiting = desk.put(&steer());
    desk.fail();
    assert_eq!(drain(&mut desk), [[taken], [waiting]]);
}

#[test]
fn p2_a_pending_retry_goes_before_everything_but_an_interrupt() {
    let mut desk = Desk::new();
    desk.running(&followup().attempts(2));
    let promoted = desk.put(&steer());
    let rest = desk.put(&followup());
    desk.fail();
    assert_eq!(desk.phase(), Phase::Backoff, "the key is held");
    assert_eq!(desk.fallback(&steer()), Some(Fallback::NoRun));
    desk.pass(999);
    assert_eq!(desk.phase(), Phase::Backoff);
    desk.pass(1);
    assert_eq!(drain(&mut desk), [[0], [promoted], [rest], [3]]);
}

#[test]
fn p2_an_interrupt_ends_a_retry_in_backoff_and_when_it_is_ready() {
    for wait in [0, 1000] {
        let mut desk = Desk::new();
        desk.running(&followup().attempts(2));
        let rest = desk.put(&followup());
        desk.fail();
        desk.pass(wait);
        let urgent = desk.put(&interrupt());
        assert_eq!(desk.fate(0), Some(Fate::Ran), "ran, with the last outcome");
        assert_eq!(drain(&mut desk), [[urgent], [rest]]);
    }
}

/// Two interrupts wait; the first of them fails with an attempt left. The second goes first and
/// ends that retry: otherwise there would be a run and a pending retry at the same time.
#[test]
fn p2_an_interrupt_that_waits_already_ends_the_retry_as_it_begins() {
    let mut desk = Desk::new();
    desk.running(&followup());
    let first = desk.put(&interrupt().attempts(2));
    let second = desk.put(&interrupt().attempts(2));
    desk.fail();
    assert_eq!(desk.start().batch, [first]);
    assert_eq!(desk.fail(), (Outcome::Failed, Some(Fate::Ran)));
    assert_eq!(desk.phase(), Phase::Ready);
    assert_eq!(desk.start().batch, [second]);
    assert_eq!(desk.fail(), (Outcome::Failed, None), "nothing is ahead of this one");
    desk.pass(1000);
    assert_eq!(drain(&mut desk), [[second]]);
}

#[test]
fn p2_an_interrupt_of_another_authority_is_a_follow_up_and_ends_nothing() {
    let mut desk = Desk::new();
    desk.running(&followup().attempts(2));
    assert_eq!(desk.fallback(&interrupt().by("b")), Some(Fallback::Authority));
    assert_eq!(desk.stopped(), None);
    desk.fail();
    assert_eq!(desk.fallback(&interrupt().by("b")), Some(Fallback::Authority));
    assert_eq!(desk.phase(), Phase::Backoff);
    desk.world.inbound.stop_authorities = vec!["b".to_owned()];
    assert_eq!(desk.fallback(&interrupt().by("b")), None);
    assert_eq!((desk.phase(), desk.fate(0)), (Phase::Ready, Some(Fate::Ran)));
    assert_eq!(drain(&mut desk), [[3], [1], [2]]);
}

/// Only messages of mode collect merge, contiguous, and of equal everything.
#[test]
fn p2_only_neighbours_that_are_equal_in_everything_share_a_batch() {
    let mut desk = Desk::with(|queue| (queue.debounce, queue.cap) = (super::spec::ms(0), 50));
    desk.running(&followup());
    let specs = [
        collect(),
        collect(),
        followup(),
        collect(),
        collect().from("irc"),
        collect().from("irc"),
        collect().by("b"),
        collect().attempts(2),
        collect().deadline(9),
        collect(),
    ];
    specs.iter().for_each(|spec| {
        desk.put(spec);
    });
    desk.put_closure();
    desk.put(&collect());
    desk.done();
    let expected: [&[u64]; 10] =
        [&[1, 2], &[3], &[4], &[5, 6], &[7], &[8], &[9], &[10], &[11], &[12]];
    assert_eq!(drain(&mut desk), expected);
}

#[test]
fn p2_a_batch_takes_max_batch_messages_and_is_formed_at_the_claim() {
    let change = |queue: &mut crate::config::Queue| {
        (queue.debounce, queue.max_batch) = (super::spec::ms(0), 2);
    };
    let mut desk = Desk::with(change);
    desk.running(&followup());
    (0..3).for_each(|_| {
        desk.put(&collect());
    });
    desk.done();
    // What comes between the ticket and the claim is part of it.
    desk.put(&collect());
    desk.withdraw(1);
    assert_eq!(drain(&mut desk), [vec![2, 3], vec![4]]);
}

/// The later turn of a delivered steer stands where it was admitted, and merges with nobody.
#[test]
fn p2_a_later_turn_keeps_its_place_among_the_rest() {
    let mut desk = Desk::with(|queue| queue.debounce = super::spec::ms(0));
    let run = desk.running(&followup());
    desk.put(&collect());
    let both = desk.put(&steer_backlog());
    desk.put(&collect());
    let (guard, cells) = desk.take(run, 1).expect("the run is live");
    assert_eq!(cells, [both]);
    desk.commit(run, guard).expect("the guard is open");
    desk.done();
    assert_eq!(drain(&mut desk), [[1], [2], [3]]);
}

/// With a later number in its memory, whatever starts now has been overtaken.
#[test]
#[should_panic(expected = "P2: the sentinel must read 0")]
fn p2_the_sentinel_sees_what_starts_after_a_younger_one() {
    let mut desk = Desk::new();
    desk.machine.started = 7;
    desk.put(&followup());
    desk.start();
}
