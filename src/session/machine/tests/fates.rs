//! The table "The run ended | each message of its batch", cell by cell. P4.

use super::desk::Desk;
use super::spec::{followup, interrupt};
use crate::model::{Cause, Fate, Outcome};
use crate::session::live::Inbox;
use crate::session::machine::{Door, Phase};

/// A desk with a run in progress that may run this often.
fn running(attempts: u32) -> Desk {
    let mut desk = Desk::new();
    desk.running(&followup().attempts(attempts));
    desk
}

#[test]
fn p4_done_is_ran_with_and_without_a_stop_before() {
    for attempts in [1, 3] {
        let mut desk = running(attempts);
        assert_eq!(desk.done(), (Outcome::Done, Some(Fate::Ran)));
        let mut desk = running(attempts);
        desk.stop();
        assert_eq!(desk.stopped(), Some(Cause::Stop));
        // Ok is `done` even if a stop was set: the work was done after all.
        assert_eq!(desk.done(), (Outcome::Done, Some(Fate::Ran)));
    }
}

#[test]
fn p4_failed_or_panicked_with_attempts_left_stays_pending_as_the_same_batch() {
    let mut desk = running(3);
    let first = desk.live();
    assert_eq!(desk.fail(), (Outcome::Failed, None));
    assert_eq!((desk.phase(), desk.machine.pending()), (Phase::Backoff, 1));
    desk.pass(1000);
    let second = desk.start();
    assert_eq!((second.batch.as_slice(), second.attempt), ([0].as_slice(), 2));
    assert!(second.run > first, "a new run id");
    assert_eq!(desk.panic(), (Outcome::Panicked, None));
    desk.pass(2000);
    assert_eq!(desk.start().attempt, 3);
}

#[test]
fn p4_no_attempt_left_is_parked_if_there_were_several_else_ran() {
    let mut desk = running(1);
    assert_eq!(desk.fail(), (Outcome::Failed, Some(Fate::Ran)));
    let mut desk = running(1);
    assert_eq!(desk.panic(), (Outcome::Panicked, Some(Fate::Ran)));
    let mut desk = running(2);
    assert_eq!(desk.fail(), (Outcome::Failed, None));
    desk.pass(1000);
    desk.start();
    assert_eq!(desk.panic(), (Outcome::Panicked, Some(Fate::Parked)));
    assert_eq!(desk.phase(), Phase::Idle);
}

/// A stop from each side; none of them ends as a failure that is tried again.
#[test]
fn p4_stopped_by_anything_but_the_end_of_the_engine_is_ran() {
    let stops: [fn(&mut Desk); 5] = [
        |desk| {
            desk.stop();
        },
        |desk| {
            desk.interrupt(None);
        },
        |desk| {
            desk.put(&interrupt());
        },
        |desk| desk.pass(50),
        |desk| desk.recall(0),
    ];
    let causes = [Cause::Stop, Cause::Interrupt, Cause::Interrupt, Cause::Deadline, Cause::Parent];
    for (stop, cause) in stops.into_iter().zip(causes) {
        let mut desk = Desk::new();
        desk.running(&followup().attempts(3).deadline(50));
        stop(&mut desk);
        assert_eq!(desk.stopped(), Some(cause));
        assert_eq!(desk.fail(), (Outcome::Stopped, Some(Fate::Ran)), "{cause}");
        let mut desk = Desk::new();
        desk.running(&followup().attempts(3).deadline(50));
        stop(&mut desk);
        assert_eq!(desk.panic(), (Outcome::Stopped, Some(Fate::Ran)), "{cause}");
    }
}

#[test]
fn p4_abandoned_is_ran_and_the_late_return_is_stale() {
    let mut desk = running(3);
    let run = desk.live();
    assert!(desk.abandon(run, Cause::Abandon));
    assert_eq!((desk.fate(0), desk.phase()), (Some(Fate::Ran), Phase::Idle));
    let late = desk.come_back(run, &super::calls::failed(), true);
    assert_eq!(late, None, "P1: the id is fenced");
    assert!(!desk.abandon(run, Cause::Abandon), "and cannot be abandoned twice");
}

#[test]
fn p4_stopped_by_close_or_the_drain_deadline_is_returned() {
    for (cause, door) in [(Cause::Close, Door::Closed), (Cause::Drain, Door::Draining)] {
        let mut desk = running(3);
        desk.shut(door);
        desk.close(cause);
        assert_eq!(desk.fail(), (Outcome::Stopped, Some(Fate::Returned)));
        let mut desk = running(1);
        desk.shut(door);
        desk.close(cause);
        assert_eq!(desk.done(), (Outcome::Done, Some(Fate::Ran)), "it was done all the same");
        let mut desk = running(1);
        desk.shut(door);
        desk.close(cause);
        let run = desk.live();
        assert!(desk.abandon(run, Cause::Close));
        assert_eq!(desk.fate(0), Some(Fate::Returned));
    }
}

/// The first cause decides: what was interrupted before the close is not returned.
#[test]
fn p4_an_interrupt_before_the_close_decides() {
    let mut desk = running(1);
    desk.interrupt(None);
    desk.shut(Door::Closed);
    desk.close(Cause::Close);
    assert_eq!(desk.fail(), (Outcome::Stopped, Some(Fate::Ran)));
}

#[test]
fn p4_a_retry_that_is_pending_at_the_end_is_returned() {
    for (cause, door) in [(Cause::Close, Door::Closed), (Cause::Drain, Door::Draining)] {
        let mut desk = running(2);
        desk.fail();
        desk.shut(door);
        assert_eq!(desk.fate(0), None, "a plain drain lets retries go on");
        desk.close(cause);
        assert_eq!((desk.fate(0), desk.phase()), (Some(Fate::Returned), Phase::Idle));
    }
    // A failure that meets a closed door would have been tried again, but for the close.
    let mut desk = running(2);
    desk.world.door = Door::Closed;
    assert_eq!(desk.fail(), (Outcome::Failed, Some(Fate::Returned)));
}

#[test]
fn p4_a_closure_has_one_attempt_and_the_same_fates() {
    let mut desk = Desk::new();
    desk.put_closure();
    desk.start();
    assert_eq!(desk.fail(), (Outcome::Failed, Some(Fate::Ran)));
    desk.put_closure();
    desk.start();
    desk.close(Cause::Close);
    assert_eq!(desk.panic(), (Outcome::Stopped, Some(Fate::Returned)));
}

/// A receipt and its run must agree, also where the handler takes no steers.
#[test]
fn p4_every_message_of_a_batch_has_the_fate_of_its_batch() {
    let mut desk = Desk::with(|queue| queue.debounce = super::spec::ms(0));
    desk.inbox = Inbox::Never;
    desk.running(&followup());
    let rest: Vec<_> = (0..3).map(|_| desk.put(&super::spec::collect().attempts(2))).collect();
    desk.done();
    assert_eq!(desk.start().batch, rest);
    desk.fail();
    desk.pass(1000);
    assert_eq!(desk.start().batch, rest, "frozen");
    desk.fail();
    assert!(rest.iter().all(|n| desk.fate(*n) == Some(Fate::Parked)));
}
