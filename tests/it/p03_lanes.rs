//! P3: how many runs of a lane execute: never more than its concurrency says, and no fewer while
//! there is work.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use laneq::{Concurrency, Config, Engine, Event, Lane, Message, Receipt};

use super::support::{Bench, bench_with, lane, scheduled, until, waits};

fn each_key(bench: &Bench, keys: impl IntoIterator<Item = u32>) -> Vec<Receipt> {
    let submit = |n| bench.submit(Message::new(format!("k{n}"), format!("t{n}")));
    keys.into_iter().map(submit).collect()
}

fn main_lane(slots: u32) -> Bench {
    bench_with(Config::default().with_lane("main", slots))
}

fn main_figures(bench: &Bench) -> (u32, u32, u32) {
    let main = lane(&bench.engine, "main");
    (main.concurrency, main.executing, main.ready)
}

#[test]
fn p3_a_lane_never_executes_more_than_its_concurrency_and_at_some_moment_exactly_that() {
    let bench = main_lane(3);
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (arrived_tx, arrived) = channel();
    let (open, open_rx) = channel::<()>();
    let open_rx = Arc::new(Mutex::new(open_rx));
    let receipts: Vec<_> = (0..10)
        .map(|_| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            let (arrived, open) = (arrived_tx.clone(), Arc::clone(&open_rx));
            let code = move |_: &laneq::Run| {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                arrived.send(()).expect("the test lives");
                open.lock().expect("no panic under it").recv().expect("the test opens");
                now.fetch_sub(1, Ordering::SeqCst);
            };
            bench.engine.enqueue_keyless("main", code).expect("there is room")
        })
        .collect();
    (0..3).for_each(|_| arrived.recv().expect("a run arrives"));
    assert_eq!(main_figures(&bench), (3, 3, 7), "three execute, seven wait");
    (0..10).for_each(|_| open.send(()).expect("the runs live"));
    for receipt in &receipts {
        receipt.wait().expect("a host thread");
    }
    assert_eq!(most.load(Ordering::SeqCst), 3);
    bench.finish();
}

#[test]
fn p3_raising_the_concurrency_starts_what_waits() {
    let bench = main_lane(1);
    let receipts = each_key(&bench, 0..3);
    receipts.iter().for_each(scheduled);
    assert_eq!(bench.gate.arrived(), "t0");
    assert_eq!(main_figures(&bench), (1, 1, 2));
    bench.engine.set_lane("main", Concurrency::Limit(3)).expect("in range");
    bench.gate.arrived();
    bench.gate.arrived();
    assert_eq!(main_figures(&bench), (3, 3, 0));
    bench.finish();
}

#[test]
fn p3_lowering_the_concurrency_lets_running_work_finish_and_starts_nothing_before_there_is_room() {
    let bench = main_lane(3);
    let receipts = each_key(&bench, 0..4);
    (0..3).for_each(|_| drop(bench.gate.arrived()));
    bench.engine.set_lane("main", Concurrency::Limit(1)).expect("in range");
    assert!(receipts.iter().all(|r| r.settled().is_none()), "nothing is stopped");
    (0..3).for_each(|_| bench.gate.open());
    bench.gate.pass("t3");
    waits(&receipts[3]);
    let runs = bench.settled_book().runs();
    let last = runs.iter().position(|run| run == "+k3").expect("it started");
    let ended = runs[..last].iter().filter(|run| run.starts_with('-')).count();
    assert_eq!(ended, 3, "one slot: the fourth starts when none executes: {runs:?}");
    bench.finish();
}

#[test]
fn p3_a_lane_with_concurrency_zero_is_paused_and_keeps_the_order_for_later() {
    let bench = main_lane(0);
    let receipts = each_key(&bench, 0..3);
    assert_eq!(main_figures(&bench), (0, 0, 3));
    bench.engine.set_lane("main", Concurrency::Limit(1)).expect("in range");
    ["t0", "t1", "t2"].into_iter().for_each(|text| bench.gate.pass(text));
    waits(&receipts[2]);
    assert_eq!(bench.settled_book().started(), ["t0", "t1", "t2"], "nothing ran before");
    bench.finish();
}

/// Rows of `FAILURES.md`: R18.
#[test]
fn p3_pause_and_resume_keep_the_figure() {
    let bench = main_lane(2);
    bench.engine.pause("main").expect("it exists");
    let _receipts = each_key(&bench, 0..3);
    assert_eq!(main_figures(&bench), (0, 0, 3));
    bench.engine.resume("main").expect("it exists");
    bench.gate.arrived();
    bench.gate.arrived();
    assert_eq!(main_figures(&bench), (2, 2, 1));
    bench.finish();
}

#[test]
fn p3_a_pause_lets_running_work_finish() {
    let bench = main_lane(1);
    let receipts = each_key(&bench, 0..2);
    bench.gate.arrived();
    bench.engine.pause("main").expect("it exists");
    bench.gate.open();
    waits(&receipts[0]);
    bench.engine.note("resumed", String::new());
    bench.engine.resume("main").expect("it exists");
    bench.gate.pass("t1");
    waits(&receipts[1]);
    assert_eq!(bench.settled_book().runs(), ["+k0", "-k0", "resumed", "+k1", "-k1"]);
    bench.finish();
}

/// A slice is many runs long, but not in a lane that was paused meanwhile.
#[test]
fn p3_a_pause_ends_the_slice_of_a_session_that_has_more() {
    let engine = Engine::new(Config::default().with_lane("main", 1)).expect("it starts");
    let ran = Arc::new(AtomicUsize::new(0));
    engine.pause("main").expect("it exists");
    for number in 0..10 {
        let (own, ran) = (engine.clone(), Arc::clone(&ran));
        let code = move |_: &laneq::Run| {
            if number == 2 {
                own.pause("main").expect("it exists");
            }
            ran.fetch_add(1, Ordering::SeqCst);
        };
        engine.fire("main", "k", code).expect("there is room");
    }
    for (runs, ready) in [(3, 1), (10, 0)] {
        engine.resume("main").expect("it exists");
        let over = || ran.load(Ordering::SeqCst) >= runs && lane(&engine, "main").executing == 0;
        until("the slice is over", over);
        assert_eq!((ran.load(Ordering::SeqCst), lane(&engine, "main").ready), (runs, ready));
    }
}

#[test]
fn p3_a_figure_set_during_a_pause_holds_after_it() {
    let bench = main_lane(2);
    bench.engine.pause("main").expect("it exists");
    bench.engine.set_lane("main", Concurrency::Limit(3)).expect("in range");
    let _receipts = each_key(&bench, 0..3);
    assert_eq!(main_figures(&bench), (0, 0, 3), "still paused");
    bench.engine.resume("main").expect("it exists");
    (0..3).for_each(|_| drop(bench.gate.arrived()));
    assert_eq!(main_figures(&bench), (3, 3, 0));
    bench.finish();
}

#[test]
fn p9_an_unlimited_lane_stops_at_its_ceiling_and_says_so() {
    let mut config = Config::default();
    let wide = Lane { ceiling: 2, ..Lane::new(Concurrency::Unlimited) };
    config.lanes.insert("wide".to_owned(), wide);
    let bench = bench_with(config);
    let saturated = || {
        bench.settled_book().find(|event| match event {
            Event::LaneSaturated { lane, ceiling } => Some((lane.to_string(), *ceiling)),
            _ => None,
        })
    };
    let submit = |n: u32| {
        bench.send(Message::new(format!("k{n}"), "x").with_lane("wide"));
    };
    (0..2).for_each(submit);
    (0..2).for_each(|_| drop(bench.gate.arrived()));
    assert_eq!(saturated(), [], "two of two are no surprise");
    (2..4).for_each(submit);
    assert_eq!(lane(&bench.engine, "wide").executing, 2);
    assert_eq!(saturated(), [("wide".to_owned(), 2)], "once a second at most");
    bench.engine.advance(std::time::Duration::from_secs(1));
    submit(4);
    assert_eq!(saturated().len(), 2);
    bench.finish();
}

#[test]
fn p3_a_lane_has_its_aliases() {
    let bench = main_lane(1);
    bench.send(Message::new("a", "x").with_lane("global"));
    assert_eq!(bench.gate.arrived(), "x");
    assert_eq!(lane(&bench.engine, "main").executing, 1);
    bench.send(Message::new("b", "y").with_lane("sub-agent"));
    assert_eq!(bench.gate.arrived(), "y");
    assert_eq!(lane(&bench.engine, "subagent").executing, 1);
    bench.finish();
}
