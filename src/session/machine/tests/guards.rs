//! P5: one take guard a run; what commit, restore and the end of the run do to it.

use super::calls::Ending;
use super::desk::Desk;
use super::order::drain;
use super::spec::{followup, interrupt, steer, steer_backlog};
use crate::model::{Cause, Error, Fate, RunId};
use crate::session::machine::{Door, Phase, Verdict, Withdrawn};
use crate::session::standing::Place;

/// A desk with a run that holds one steer: the run, the guard.
fn holding(desk: &mut Desk, spec: &super::spec::Spec) -> (u64, u64) {
    let run = desk.running(&followup());
    desk.put(spec);
    let (guard, cells) = desk.take(run, 1).expect("the run is live");
    assert_eq!(cells, [1]);
    (run, guard)
}

fn stale(run: u64) -> Error {
    Error::Stale(RunId::new(run))
}

#[test]
fn p5_a_second_take_answers_the_same_caller_the_same_and_others_nothing() {
    let mut desk = Desk::new();
    let (run, guard) = holding(&mut desk, &steer());
    desk.put(&steer());
    assert_eq!(desk.take(run, 1), Ok((guard, vec![1])));
    assert_eq!(desk.take(run, 2), Ok((0, vec![])));
    let verdict = desk.machine.verdict(RunId::new(run), &desk.world.cx());
    assert_eq!(verdict, Ok(Verdict::Go), "nothing can be taken while the guard is open");
    desk.commit(run, guard).expect("the guard is open");
    assert_eq!(desk.commit(run, guard), Err(stale(run)), "committed once");
    assert_eq!(desk.take(run, 2), Ok((guard + 1, vec![2])));
}

#[test]
fn p5_a_restore_puts_the_steers_back_at_their_place() {
    let mut desk = Desk::new();
    let (run, guard) = holding(&mut desk, &steer());
    desk.put(&steer());
    desk.restore(run, guard);
    let (guard, cells) = desk.take(run, 2).expect("the run is live");
    assert_eq!(cells, [1, 2]);
    desk.commit(run, guard).expect("the guard is open");
    desk.restore(run, guard);
    assert_eq!([desk.fate(1), desk.fate(2)], [Some(Fate::Steered); 2], "commit is final");
}

#[test]
fn p5_end_is_refused_while_a_guard_is_open_also_after_a_stop() {
    let mut desk = Desk::new();
    let (run, guard) = holding(&mut desk, &steer());
    assert_eq!(desk.end(run, 1), Err(Error::GuardOpen));
    desk.interrupt(None);
    assert_eq!(desk.end(run, 1), Err(Error::GuardOpen));
    desk.restore(run, guard);
    assert_eq!(desk.end(run, 1), Ok(Ending::Stop(Cause::Interrupt)));
}

#[test]
fn p5_taken_steers_count_and_are_in_delivery_for_withdraw() {
    let mut desk = Desk::with(|queue| queue.cap = 1);
    let (run, guard) = holding(&mut desk, &steer_backlog());
    assert_eq!(desk.withdraw(1), Withdrawn::InDelivery);
    assert!(desk.offer(&followup()).is_err(), "it counts, and is no victim");
    desk.restore(run, guard);
    assert_eq!(desk.withdraw(1), Withdrawn::Withdrawn);
    desk.done();
    assert_eq!(desk.phase(), Phase::Idle, "both halves are gone");
}

#[test]
fn p5_the_end_of_the_run_revokes_the_guard() {
    for abandon in [false, true] {
        let mut desk = Desk::new();
        let (run, guard) = holding(&mut desk, &steer());
        if abandon {
            desk.abandon(run, Cause::Abandon);
        } else {
            desk.done();
        }
        assert_eq!(desk.things[1].place(), Place::Promoted);
        assert_eq!(desk.commit(run, guard), Err(stale(run)));
        desk.restore(run, guard);
        assert_eq!(drain(&mut desk), [[1]], "undelivered: a turn of its own");
    }
}

#[test]
fn p5_a_commit_after_a_stop_still_counts() {
    let mut desk = Desk::new();
    let (run, guard) = holding(&mut desk, &steer());
    desk.stop();
    desk.commit(run, guard).expect("the guard is open");
    assert_eq!(desk.fate(1), Some(Fate::Steered));
    // Of a steer with a later turn, that turn is what the stop withdraws.
    let mut desk = Desk::new();
    let (run, guard) = holding(&mut desk, &steer_backlog());
    desk.stop();
    assert_eq!(desk.fate(1), None, "in delivery");
    desk.commit(run, guard).expect("the guard is open");
    assert_eq!(desk.fate(1), Some(Fate::Withdrawn));
}

#[test]
fn p5_a_restore_applies_the_stop_and_the_ttl() {
    let mut desk = Desk::new();
    let (run, guard) = holding(&mut desk, &steer());
    desk.stop();
    desk.restore(run, guard);
    assert_eq!(desk.fate(1), Some(Fate::Withdrawn));
    let mut desk = Desk::new();
    let (run, guard) = holding(&mut desk, &steer_backlog().ttl(10));
    desk.pass(10);
    desk.restore(run, guard);
    assert_eq!((desk.fate(1), desk.machine.depth()), (Some(Fate::Expired), 0));
    // An interrupt is not a stop: its undelivered steers are promoted.
    let mut desk = Desk::new();
    let (run, guard) = holding(&mut desk, &steer());
    desk.put(&interrupt());
    desk.restore(run, guard);
    desk.fail();
    assert_eq!(drain(&mut desk), [[2], [1]]);
}

/// At the end of the engine nothing that a run holds may become a turn, or wait for ever.
#[test]
fn p5_a_restore_applies_the_close_and_the_drain_deadline() {
    for (cause, door) in [(Cause::Close, Door::Closed), (Cause::Drain, Door::Draining)] {
        for spec in [steer(), steer_backlog()] {
            let mut desk = Desk::new();
            let (run, guard) = holding(&mut desk, &spec);
            desk.shut(door);
            desk.close(cause);
            assert_eq!(desk.fate(1), None, "in delivery");
            desk.restore(run, guard);
            assert_eq!(desk.fate(1), Some(Fate::Returned), "{cause}");
        }
    }
}

#[test]
fn p5_a_run_that_ends_after_the_close_returns_what_it_held() {
    for (cause, door) in [(Cause::Close, Door::Closed), (Cause::Drain, Door::Draining)] {
        let mut desk = Desk::new();
        holding(&mut desk, &steer());
        desk.shut(door);
        desk.close(cause);
        desk.fail();
        assert_eq!(desk.fate(1), Some(Fate::Returned), "{cause}");
        assert_eq!(desk.phase(), Phase::Idle);
    }
}

#[test]
fn p4_a_later_turn_whose_steer_is_committed_after_the_close_is_returned() {
    for (cause, door) in [(Cause::Close, Door::Closed), (Cause::Drain, Door::Draining)] {
        let mut desk = Desk::new();
        let (run, guard) = holding(&mut desk, &steer_backlog());
        desk.shut(door);
        desk.close(cause);
        desk.commit(run, guard).expect("the guard is open");
        assert_eq!(desk.fate(1), Some(Fate::Returned), "{cause}: no turn will come");
        desk.fail();
        assert_eq!(desk.phase(), Phase::Idle);
    }
}

/// A restore applies the close of the run, too: nothing can take these steers any more, and a
/// boundary that said Steer for ever would keep the run busy with nothing.
#[test]
fn p5_a_restore_after_the_last_round_promotes() {
    let mut desk = Desk::with(|queue| queue.steer_rounds = 2);
    let (run, guard) = holding(&mut desk, &steer());
    desk.restore(run, guard);
    assert_eq!(desk.things[1].place(), Place::Inbox);
    let (guard, _) = desk.take(run, 1).expect("the run is live");
    desk.restore(run, guard);
    assert_eq!(desk.things[1].place(), Place::Promoted);
    let verdict = desk.machine.verdict(RunId::new(run), &desk.world.cx());
    assert_eq!(verdict, Ok(Verdict::Go));
    desk.done();
    assert_eq!(drain(&mut desk), [[1]]);
}

#[test]
fn p5_rounds_count_takes_that_were_not_empty() {
    let mut desk = Desk::with(|queue| queue.steer_rounds = 1);
    let run = desk.running(&followup());
    for _ in 0..5 {
        assert_eq!(desk.take(run, 1), Ok((0, vec![])));
    }
    desk.put(&steer());
    let (guard, cells) = desk.take(run, 1).expect("the run is live");
    assert_eq!((desk.take(run, 1), cells), (Ok((guard, vec![1])), vec![1]));
}
