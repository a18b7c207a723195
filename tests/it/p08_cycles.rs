//! P8: a wait that would never end is refused at once, and says why.

use std::sync::mpsc::channel;

use laneq::{Config, Error, Message, Mode, Outcome, Receipt, Run, WaitError};

use super::support::{LONG, Stop, bench, bench_with, lane, until};

fn names(keys: &[&str]) -> WaitError {
    WaitError::WouldDeadlock(keys.iter().map(|key| format!("{key:?}")).collect())
}

fn value<T: Clone>(receipt: &Receipt<T>) -> T {
    receipt.wait_for(LONG).expect("it has a fate in time").reply.expect("it is done")
}

/// Rows of `FAILURES.md`: C30, F4.
#[test]
fn p8_waiting_for_ones_own_session_is_refused() {
    let bench = bench();
    let engine = bench.engine.clone();
    let told = bench.engine.enqueue("main", "k", move |run| {
        let own = Message::new("k", "x").with_mode(Mode::Followup);
        let own = engine.submit(own).expect("there is room");
        run.wait(&own, None).map(drop)
    });
    assert_eq!(value(&told.expect("there is room")), Err(names(&["k", "k"])));
    bench.gate.pass("x");
    bench.finish();
}

/// Rows of `FAILURES.md`: F5.
#[test]
fn p8_a_cycle_of_two_is_refused_with_both_keys_and_the_first_wait_goes_on() {
    let bench = bench();
    let engine = bench.engine.clone();
    let (b_tx, b_rx) = channel::<Receipt<Result<(), WaitError>>>();
    let a = bench.engine.enqueue("main", "a", move |run| {
        let b = b_rx.recv().expect("the test lives");
        run.wait(&b, None).expect("the first to wait may").reply
    });
    let a = a.expect("there is room");
    let stop = Stop::default();
    let hold = stop.hold();
    let b = bench.engine.enqueue("main", "b", move |run| {
        hold();
        let more = engine.enqueue("main", "a", |_| ()).expect("there is room");
        run.wait(&more, None).map(drop)
    });
    let b = b.expect("there is room");
    stop.arrived();
    b_tx.send(b.clone()).expect("a is there");
    until("a waits", || lane(&bench.engine, "main").waiting == 1);
    stop.open();
    assert_eq!(value(&b), Err(names(&["b", "a", "b"])));
    assert_eq!(value(&a), Some(Err(names(&["b", "a", "b"]))));
    bench.finish();
}

/// Rows of `FAILURES.md`: C30.
#[test]
fn p8_a_cycle_of_three_through_three_lanes_is_named_from_end_to_end() {
    let config = Config::default().with_lane("x", 1).with_lane("y", 1).with_lane("z", 1);
    let bench = bench_with(config);
    let stop = Stop::default();
    let hold = stop.hold();
    let engine = bench.engine.clone();
    let last = bench.engine.enqueue("z", "c", move |run| {
        hold();
        let first = engine.enqueue("x", "a", |_| ()).expect("there is room");
        run.wait(&first, None).map(drop)
    });
    let last = last.expect("there is room");
    stop.arrived();
    let (below, outer) = (last.clone(), bench.engine.clone());
    let middle = move |run: &Run| run.wait(&below, None).map(drop);
    let middle = outer.enqueue("y", "b", middle).expect("there is room");
    let first = move |run: &Run| run.wait(&middle, None).map(drop);
    let first = outer.enqueue("x", "a", first).expect("there is room");
    until("a and b wait", || lane(&outer, "x").waiting == 1 && lane(&outer, "y").waiting == 1);
    stop.open();
    assert_eq!(value(&last), Err(names(&["c", "a", "b", "c"])));
    assert_eq!(value(&first), Ok(()), "without the third wait there is no cycle");
    bench.finish();
}

/// Rows of `FAILURES.md`: F5.
#[test]
fn p8_many_who_wait_for_one_are_no_cycle() {
    let bench = bench();
    let stop = Stop::default();
    let one = stop.enqueue(&bench, "main", "one");
    let waiters: Vec<_> = (0..5)
        .map(|n| {
            let one = one.clone();
            let code = move |run: &Run| run.wait(&one, None).map(|s| s.outcome);
            bench.engine.enqueue("main", &format!("waiter {n}"), code).expect("there is room")
        })
        .collect();
    until("all wait", || lane(&bench.engine, "main").waiting == 5);
    stop.open();
    assert!(waiters.iter().all(|w| value(w) == Ok(Some(Outcome::Done))));
    bench.finish();
}

#[test]
fn p8_a_wait_on_a_thread_of_the_tool_pool_is_refused() {
    let bench = bench();
    let never = Stop::default();
    let child = never.enqueue(&bench, "subagent", "child");
    let told = bench.engine.enqueue("main", "k", move |run| {
        let ledger = run.plan(["call"]).expect("a fresh plan");
        let verdict = ledger.start_all(|_| {
            let plain = child.wait().map(drop);
            let waited = run.wait(&child, None).map(drop);
            let begun = run.wait_begin(&child).map(drop);
            Ok(format!("{plain:?} {waited:?} {begun:?}"))
        });
        verdict.map(drop).expect("nothing is wrong with the plan");
        let results = ledger.settle().expect("all calls have ended");
        results[0].result.clone().expect("the call completed")
    });
    let told = value(&told.expect("there is room"));
    assert!(told.starts_with("Err(OnEngineThread)"), "{told}");
    assert_eq!(told.matches("WouldDeadlock([\"the tool pool\"").count(), 2, "{told}");
    never.open();
    bench.finish();
}

#[test]
fn p8_a_handler_that_would_wait_for_the_engines_end_is_refused() {
    let bench = bench();
    let engine = bench.engine.clone();
    let told = bench.engine.enqueue("main", "k", move |_| {
        let drained = engine.drain(LONG).map(drop);
        (drained, engine.close(LONG).map(drop))
    });
    let (drained, closed) = value(&told.expect("there is room"));
    assert!(matches!(drained, Err(Error::WouldDeadlock(_))), "{drained:?}");
    assert!(matches!(closed, Err(Error::WouldDeadlock(_))), "{closed:?}");
    bench.finish();
}

#[test]
fn p8_a_wait_that_would_use_up_the_last_worker_is_refused_and_named() {
    let mut config = Config::default().with_lane("main", 1);
    config.engine.spare_workers = 1;
    let bench = bench_with(config);
    let bottom = Stop::default();
    let bottom_receipt = bottom.enqueue(&bench, "subagent", "bottom");
    let below = bottom_receipt.clone();
    let first = move |run: &Run| run.wait(&below, None).map(drop);
    let first = bench.engine.enqueue("main", "first", first).expect("there is room");
    until("the first waits", || lane(&bench.engine, "main").waiting == 1);
    let second = move |run: &Run| run.wait(&bottom_receipt, None).map(drop);
    let second = bench.engine.enqueue("main", "second", second).expect("there is room");
    let Err(WaitError::WouldDeadlock(cycle)) = value(&second) else { panic!("it is refused") };
    assert_eq!(cycle[0], "\"second\"");
    assert!(cycle[1].contains("lane \"main\"") && cycle[1].contains("1 spares"), "{cycle:?}");
    // Somebody is left to work.
    let third = bench.engine.enqueue("main", "third", |_| 7).expect("there is room");
    assert_eq!(value(&third), 7);
    bottom.open();
    assert_eq!(value(&first), Ok(()));
    bench.finish();
}

#[test]
fn p8_a_lane_that_is_lowered_while_its_runs_wait_still_works() {
    let mut config = Config::default().with_lane("main", 3);
    config.engine.spare_workers = 1;
    config.engine.worker_idle = std::time::Duration::from_millis(1);
    let bench = bench_with(config);
    let bottom = Stop::default();
    let bottom_receipt = bottom.enqueue(&bench, "subagent", "bottom");
    let waiters: Vec<_> = (0..3)
        .map(|n| {
            let below = bottom_receipt.clone();
            let code = move |run: &Run| run.wait(&below, None).map(drop);
            bench.engine.enqueue("main", &format!("waiter {n}"), code).expect("there is room")
        })
        .collect();
    until("all wait", || lane(&bench.engine, "main").waiting == 3);
    bench.engine.set_lane("main", laneq::Concurrency::Limit(1)).expect("in range");
    let next = bench.engine.enqueue("main", "next", |_| 7).expect("there is room");
    assert_eq!(value(&next), 7);
    bottom.open();
    assert!(waiters.iter().all(|w| value(w) == Ok(())));
    bench.finish();
}
