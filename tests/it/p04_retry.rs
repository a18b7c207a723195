//! P4: a batch that fails is tried again as it is, later and later, and parked in the end.

use std::time::Duration;

use laneq::{Config, Event, Fate, Kept, Outcome, Withdrawn};

use super::stage::{collect, followup, settles, steer};
use super::support::{Answer, Bench, bench, bench_with, waits};

/// The delays of all retries so far, in milliseconds.
fn delays(bench: &Bench) -> Vec<u128> {
    bench.settled_book().find(|event| match event {
        Event::RunRetrying { delay, .. } => Some(delay.as_millis()),
        _ => None,
    })
}

/// The pending batch fails once more, after its pause.
fn fail_again(bench: &Bench, retries: usize, pause: u64) {
    bench.until_retries(retries);
    let tickets = bench.tickets();
    bench.ms(pause - 1);
    assert_eq!(bench.tickets(), tickets, "not before its time");
    bench.ms(1);
    bench.gate.arrived();
    bench.gate.answer(Answer::Fail);
}

/// Rows of `FAILURES.md`: C11.
#[test]
fn p4_a_failing_message_is_tried_later_and_later_and_parked_in_the_end() {
    let config = Config::default().with_queue(|q| q.backoff_max = Duration::from_secs(3));
    let bench = bench_with(config);
    let receipt = bench.submit(followup("x").with_attempts(4));
    let next = bench.submit(followup("next"));
    bench.gate.arrived();
    assert_eq!(bench.gate.ask(laneq::Run::attempt), 1);
    bench.gate.answer(Answer::Fail);
    fail_again(&bench, 1, 1000);
    fail_again(&bench, 2, 2000);
    assert_eq!(receipt.settled(), None);
    fail_again(&bench, 3, 3000);
    assert_eq!(delays(&bench), [1000, 2000, 3000], "doubled, up to the longest");
    let told = waits(&receipt);
    assert_eq!((told.fate, told.outcome), (Fate::Parked, Some(Outcome::Failed)));
    assert_eq!(told.error.as_deref(), Some("planned failure"));
    // A poisoned message does not block its key.
    bench.gate.pass("next");
    waits(&next);
    bench.finish();
}

#[test]
fn p4_a_retry_is_a_new_run_of_the_same_batch_and_may_succeed() {
    let config = Config::default().with_queue(|q| (q.debounce, q.attempts) = (Duration::ZERO, 2));
    let bench = bench_with(config);
    let run = bench.submit(followup("run"));
    bench.gate.arrived();
    let batch = ["a", "b"].map(|t| bench.submit(collect(t)));
    bench.gate.open();
    waits(&run);
    bench.gate.arrived();
    let first = bench.gate.ask(|run| (run.id(), run.batch().len(), run.attempt()));
    bench.gate.answer(Answer::Panic);
    bench.until_retries(1);
    let late = bench.submit(collect("c"));
    bench.ms(1000);
    bench.gate.arrived();
    let second = bench.gate.ask(|run| (run.id(), run.batch().len(), run.attempt()));
    bench.gate.open();
    assert_eq!((first.1, second.1), (2, 2), "frozen: what comes later does not join");
    assert_eq!((first.2, second.2), (1, 2));
    assert_ne!(first.0, second.0);
    let settled = settles(&batch);
    assert!(settled.iter().all(|s| s.fate == Fate::Ran && s.run == Some(second.0)));
    bench.gate.pass("c");
    waits(&late);
    bench.finish();
}

#[test]
fn p4_a_panic_counts_as_an_attempt_and_a_stop_does_not_try_again() {
    let bench = bench();
    let panics = bench.submit(followup("x").with_attempts(2));
    bench.gate.arrived();
    bench.gate.answer(Answer::Panic);
    bench.until_retries(1);
    bench.ms(1000);
    bench.gate.arrived();
    bench.gate.answer(Answer::Panic);
    let told = waits(&panics);
    assert_eq!((told.fate, told.outcome), (Fate::Parked, Some(Outcome::Panicked)));
    let stopped = bench.submit(followup("y").with_attempts(9));
    bench.gate.arrived();
    assert!(bench.engine.interrupt("k").is_some());
    bench.gate.answer(Answer::Fail);
    let told = waits(&stopped);
    assert_eq!((told.fate, told.outcome), (Fate::Ran, Some(Outcome::Stopped)));
    assert_eq!(delays(&bench).len(), 1);
    bench.finish();
}

/// Rows of `FAILURES.md`: C11.
#[test]
fn p4_a_parked_message_is_requeued_as_a_new_one_that_knows_where_it_comes_from() {
    let bench = bench();
    let message = followup("x").with_attempts(2);
    let parked = bench.submit(message.clone());
    bench.gate.arrived();
    bench.gate.answer(Answer::Fail);
    bench.until_retries(1);
    bench.ms(1000);
    bench.gate.arrived();
    bench.gate.answer(Answer::Fail);
    assert_eq!(waits(&parked).fate, Fate::Parked);
    assert_eq!(bench.engine.withdraw(&parked), Withdrawn::Settled);
    let id = parked.id().to_string();
    let again = bench.submit(message.with_requeued_from(id.clone()));
    assert_ne!(again.id(), parked.id());
    bench.gate.arrived();
    let from = bench.gate.ask(|run| {
        let parts = run.batch();
        parts.messages().find_map(|p| p.message().requeued_from().map(str::to_owned))
    });
    assert_eq!(from, Some(id));
    bench.gate.open();
    assert_eq!(waits(&again).fate, Fate::Ran);
    bench.finish();
}

#[test]
fn p4_closures_are_tried_once() {
    let bench = bench();
    let code = bench.engine.enqueue("main", "k", |_| {
        std::panic::resume_unwind(Box::new("planned"));
    });
    let receipt: laneq::Receipt<()> = code.expect("there is room");
    let told = receipt.wait_for(super::support::LONG).expect("in time");
    assert_eq!((told.fate, told.outcome), (Fate::Ran, Some(Outcome::Panicked)));
    assert_eq!(told.error.as_deref(), Some("planned"));
    bench.finish();
}

#[test]
fn p4_a_drain_lets_retries_go_on() {
    let bench = bench();
    let receipt = bench.submit(followup("x").with_attempts(2));
    bench.gate.arrived();
    bench.gate.answer(Answer::Fail);
    bench.until_retries(1);
    let drainer = bench.engine.clone();
    let drain = std::thread::spawn(move || drainer.drain(super::support::LONG));
    let draining = |e: &Event| matches!(e, Event::EngineDraining);
    while bench.settled_book().names(draining).is_empty() {
        std::thread::yield_now();
    }
    bench.ms(1000);
    bench.gate.pass("x");
    let report = drain.join().expect("no panic").expect("a host thread");
    assert!(report.complete);
    assert_eq!(waits(&receipt).fate, Fate::Ran);
    bench.finish();
}

#[test]
fn p4_a_close_returns_a_pending_retry_and_a_failure_that_it_forestalls() {
    let bench = bench();
    let pending = bench.submit(followup("x").with_attempts(2));
    bench.gate.arrived();
    bench.gate.answer(Answer::Fail);
    bench.until_retries(1);
    let behind = bench.submit(followup("behind"));
    let (engine, book) = (bench.engine.clone(), std::sync::Arc::clone(&bench.book));
    bench.finish();
    let told = [&pending, &behind].map(|r| r.settled().map(|s| (s.fate, s.outcome)));
    let returned = |outcome| Some((Fate::Returned, outcome));
    assert_eq!(told, [returned(Some(Outcome::Failed)), returned(None)]);
    assert_eq!(engine.stats().fate(Fate::Returned), 2);
    let kept = book.find(|event| match event {
        Event::Fate { kept, .. } => Some(*kept),
        _ => None,
    });
    assert!(kept.iter().all(|k| k.is_none_or(|k| k == Kept::No)), "no journal keeps them");
}

#[test]
fn p4_a_retry_does_not_see_steers_that_the_failed_attempt_committed() {
    let bench = bench();
    let run = bench.submit(followup("run").with_attempts(2));
    bench.gate.arrived();
    let committed = bench.submit(steer("committed"));
    assert_eq!(bench.gate.ask(|run| run.take_steers().commit()), Ok(()));
    let left = bench.submit(steer("left"));
    bench.gate.answer(Answer::Fail);
    assert_eq!(waits(&committed).fate, Fate::Steered, "final, although the run failed");
    bench.until_retries(1);
    bench.ms(1000);
    assert_eq!(bench.gate.arrived(), "run");
    assert_eq!(bench.gate.ask(|run| run.take_steers().len()), 0);
    bench.gate.open();
    bench.gate.pass("left");
    assert!(settles(&[run, left]).iter().all(|s| s.fate == Fate::Ran));
    bench.finish();
}
