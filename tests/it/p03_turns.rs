//! P3: who goes first in a lane: foreground, an aged background, normal, background; a run that
//! waited before any of them; and no session for ever.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use laneq::{Concurrency, Config, Engine, Message, Mode, Priority, Run};

use super::support::{Bench, LONG, Stop, bench_with, lane, until, waits};

fn paused() -> Bench {
    bench_with(Config::default().with_lane("main", 0))
}

fn one_slot(bench: &Bench) {
    bench.engine.set_lane("main", Concurrency::Limit(1)).expect("in range");
}

fn with(key: &str, priority: Priority) -> Message {
    Message::new(key, key).with_mode(Mode::Followup).with_priority(priority)
}

/// Rows of `FAILURES.md`: C32.
#[test]
fn p3_foreground_goes_before_normal_and_normal_before_background() {
    let bench = paused();
    bench.send(with("b", Priority::Background));
    bench.send(with("n", Priority::Normal));
    bench.send(with("f", Priority::Foreground));
    one_slot(&bench);
    ["f", "n", "b"].into_iter().for_each(|text| bench.gate.pass(text));
    bench.finish();
}

/// Where many tickets wait, workers that are quick take some of them together.
#[test]
fn p8_a_worker_that_is_kept_by_a_run_keeps_no_other_session_waiting() {
    const OTHERS: u32 = 4_000;
    let engine = Engine::builder(Config::default().with_lane("main", 2)).start().expect("starts");
    engine.pause("main").expect("a lane of ours");
    let (left, stop) = (Arc::new(AtomicU32::new(OTHERS)), Stop::default());
    for number in 0..OTHERS {
        if number == OTHERS / 2 {
            let hold = stop.hold();
            engine.fire("main", "kept", move |_| hold()).expect("there is room");
        }
        let left = Arc::clone(&left);
        let code = move |_: &Run| {
            left.fetch_sub(1, Ordering::SeqCst);
        };
        engine.fire("main", &number.to_string(), code).expect("there is room");
    }
    engine.resume("main").expect("a lane of ours");
    stop.arrived();
    until("all others run", || left.load(Ordering::SeqCst) == 0);
    stop.open();
    assert!(engine.close(LONG).is_ok());
}

/// Rows of `FAILURES.md`: C32.
#[test]
fn p3_a_background_ticket_that_waited_30_s_goes_before_normal_but_not_before_foreground() {
    let bench = paused();
    bench.send(with("aged", Priority::Background));
    bench.engine.advance(Duration::from_secs(1));
    bench.send(with("young", Priority::Background));
    bench.engine.advance(Duration::from_secs(29));
    bench.send(with("n", Priority::Normal));
    bench.send(with("f", Priority::Foreground));
    one_slot(&bench);
    ["f", "aged", "n", "young"].into_iter().for_each(|text| bench.gate.pass(text));
    bench.finish();
}

#[test]
fn p3_a_sessions_ticket_has_the_highest_priority_that_waits_in_it_and_its_order_stays() {
    let bench = paused();
    bench.send(with("other", Priority::Normal));
    bench.send(Message::new("k", "first").with_mode(Mode::Followup));
    let urgent = Message::new("k", "second").with_mode(Mode::Followup);
    bench.send(urgent.with_priority(Priority::Foreground));
    one_slot(&bench);
    ["first", "second", "other"].into_iter().for_each(|text| bench.gate.pass(text));
    bench.finish();
}

#[test]
fn p3_a_run_that_resumes_goes_before_every_ticket() {
    let bench = bench_with(Config::default().with_lane("main", 1));
    let (child_gate, x_gate) = (Stop::default(), Stop::default());
    let child = child_gate.enqueue(&bench, "subagent", "child");
    let engine = bench.engine.clone();
    let parent = bench.engine.enqueue("main", "parent", move |run| {
        run.wait(&child, None).expect("it ends");
        engine.note("resumed", String::new());
    });
    until("the slot is lent", || lane(&bench.engine, "main").waiting == 1);
    let _x = x_gate.enqueue(&bench, "main", "x");
    x_gate.arrived();
    let y = bench.submit(with("y", Priority::Foreground));
    child_gate.open();
    until("it wants its slot back", || lane(&bench.engine, "main").resuming == 1);
    assert_eq!(lane(&bench.engine, "main").executing, 1);
    x_gate.open();
    bench.gate.pass("y");
    waits(&y);
    parent.expect("there is room").wait().expect("a host thread");
    let runs = bench.settled_book().runs();
    let at = |what: &str| runs.iter().position(|run| run == what).expect("it happened");
    assert!(at("-x") < at("resumed") && at("resumed") < at("+y"), "{runs:?}");
    bench.finish();
}

#[test]
fn p3_a_pause_strands_no_run_that_waits() {
    let bench = bench_with(Config::default().with_lane("main", 1));
    let parent = bench.submit(Message::new("parent", "parent"));
    bench.gate.arrived();
    bench.gate.with(|run| {
        let child = run.spawn(Message::new("child", "child")).expect("there is room");
        run.wait(&child, None).expect("it ends");
    });
    assert_eq!(bench.gate.arrived(), "child");
    bench.engine.pause("main").expect("it exists");
    bench.gate.open();
    bench.gate.open();
    waits(&parent);
    until("the slot is given back", || lane(&bench.engine, "main").executing == 0);
    bench.finish();
}

/// Rows of `FAILURES.md`: F34.
#[test]
fn p3_a_session_with_much_to_do_lets_another_in_after_one_slice() {
    let bench = paused();
    let order = Arc::new(Mutex::new(Vec::new()));
    let fire = |key: &'static str| {
        let order = Arc::clone(&order);
        let code = move |_: &laneq::Run| order.lock().expect("no panic under it").push(key);
        bench.engine.enqueue("main", key, code).expect("there is room")
    };
    let receipts: Vec<_> = (0..200).map(|_| fire("busy")).collect();
    let _other = fire("other");
    one_slot(&bench);
    receipts[199].wait().expect("a host thread");
    let order = order.lock().expect("no panic under it");
    let other = order.iter().position(|key| *key == "other").expect("it ran");
    assert!(other <= 64, "64 runs are a slice, the other ran after {other}");
    drop(order);
    bench.finish();
}
