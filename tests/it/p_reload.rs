//! New settings for a running engine: whole or not at all, and nothing queued is lost.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use laneq::{
    Concurrency, Config, Drop, Engine, Event, Fate, HandlerOptions, Lane, ManualClock, Message,
    Mode, Outcome, Reason, Reply,
};

use crate::stage::followup;
use crate::support::{LONG, bench, bench_with, lane, until, waits};

#[test]
fn a_refused_configuration_changes_nothing_and_says_what_is_wrong() {
    let bench = bench();
    let bad = Config::default().with_lane("main", 9).with_queue(|q| q.cap = 0);
    let error = bench.engine.reload(bad).expect_err("a cap of 0").to_string();
    assert!(error.contains("queue.cap"), "{error}");
    assert_eq!(lane(&bench.engine, "main").concurrency, 4);
    let names = bench.settled_book().names(|e| matches!(e, Event::Config { .. }));
    assert_eq!(names, ["config.refused"]);
    bench.finish();
}

#[test]
fn p3_a_higher_figure_starts_what_waits_and_a_lower_one_lets_running_work_finish() {
    let bench = bench_with(Config::default().with_lane("main", 1));
    let receipts =
        ["a", "b", "c"].map(|key| bench.submit(Message::new(key, key).with_mode(Mode::Followup)));
    bench.gate.arrived();
    assert!(bench.gate.nobody());
    let _ = bench.engine.reload(Config::default().with_lane("main", 3)).expect("it is right");
    bench.gate.arrived();
    bench.gate.arrived();
    let _ = bench.engine.reload(Config::default().with_lane("main", 1)).expect("it is right");
    let late = bench.submit(Message::new("d", "d"));
    (0..2).for_each(|_| bench.gate.open());
    until("two have left", || lane(&bench.engine, "main").executing == 1);
    assert!(bench.gate.nobody(), "three became one");
    bench.gate.open();
    receipts.iter().for_each(|r| assert_eq!(waits(r).outcome, Some(Outcome::Done)));
    bench.gate.pass("d");
    waits(&late);
    bench.finish();
}

/// Rows of `FAILURES.md`: F24.
#[test]
fn a_removed_lane_refuses_new_messages_and_finishes_what_it_has() {
    let bench = bench_with(Config::default().with_lane("mine", 1));
    let mine = |key: &str| Message::new(key, key).with_lane("mine").with_mode(Mode::Followup);
    let receipts = ["a", "b"].map(|key| bench.submit(mine(key)));
    bench.gate.arrived();
    let reloaded = bench.engine.reload(Config::default()).expect("it is right");
    assert_eq!(reloaded.removed, ["mine"]);
    let refused = bench.engine.submit(mine("c")).expect_err("the lane is gone");
    assert_eq!(refused.reason, Reason::UnknownLane);
    assert!(!refused.detail.contains("mine,"), "{}", refused.detail);
    bench.gate.open();
    bench.gate.pass("b");
    receipts.iter().for_each(|r| assert_eq!(waits(r).outcome, Some(Outcome::Done)));
    let again = bench.engine.reload(Config::default().with_lane("mine", 2)).expect("it is right");
    assert_eq!(again.added, ["mine"]);
    let receipt = bench.submit(mine("c"));
    bench.gate.pass("c");
    waits(&receipt);
    bench.finish();
}

#[test]
fn p9_bounds_and_windows_take_effect_at_once() {
    let bench = bench_with(Config::default().with_queue(|q| q.debounce = LONG));
    let run = bench.submit(followup("run"));
    bench.gate.arrived();
    let waiting = bench.submit(Message::new("k", "burst"));
    bench.gate.open();
    waits(&run);
    assert!(bench.gate.nobody(), "the window holds it");
    let quick = Config::default().with_queue(|q| {
        (q.debounce, q.cap, q.drop) = (Duration::ZERO, 1, Drop::New);
    });
    let _ = bench.engine.reload(quick).expect("it is right");
    assert_eq!(bench.gate.arrived(), "burst");
    let next = bench.submit(followup("next"));
    let refused = bench.engine.submit(followup("one too many")).expect_err("a cap of 1");
    assert_eq!(refused.reason, Reason::Full);
    bench.gate.open();
    bench.gate.pass("next");
    [waiting, next].iter().for_each(|r| assert_eq!(waits(r).fate, Fate::Ran));
    bench.finish();
}

#[test]
fn a_message_that_the_host_looks_at_during_a_reload_lives_under_the_new_settings() {
    let home = Arc::new(OnceLock::<Engine>::new());
    let lives = |ttl| Config::default().with_queue(|queue| queue.ttl = ttl);
    let new = lives(Some(Duration::from_secs(10)));
    let inside = Arc::clone(&home);
    let builder = Engine::builder(lives(None)).clock(ManualClock::new()).summarizer(move |_| {
        let engine = inside.get().expect("it has started");
        let _ = engine.reload(new.clone()).expect("the settings are fine");
        "a line".to_owned()
    });
    let engine = builder.start().expect("the settings are fine");
    assert!(home.set(engine.clone()).is_ok());
    engine.pause("main").expect("a lane of ours");
    let receipt = engine.submit(followup("x")).expect("there is room");
    engine.advance(Duration::from_secs(11));
    assert_eq!(waits(&receipt).fate, Fate::Expired);
    assert!(engine.close(LONG).is_ok());
}

/// Rows of `FAILURES.md`: F24.
#[test]
fn ten_thousand_reloads_under_load_keep_every_promise() {
    let engine = laneq::Engine::new(Config::default()).expect("the settings are fine");
    engine
        .on_run_any(HandlerOptions::default(), |run| Ok(Reply::new(run.batch().text())))
        .expect("set once");
    let loader = engine.clone();
    let load = std::thread::spawn(move || {
        let mut receipts = Vec::new();
        for n in 0..20_000_u32 {
            let mode = if n % 3 == 0 { Mode::Collect } else { Mode::Followup };
            let key = format!("key {}", n % 50);
            let lane = if n % 7 == 0 { "mine" } else { "main" };
            let message = Message::new(key, "x").with_mode(mode).with_lane(lane);
            // Full, or the lane is gone just now: a refusal is an answer too.
            receipts.extend(loader.submit(message));
        }
        receipts
    });
    let mut dice = 7_u32;
    for _ in 0..10_000 {
        dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let mut config = Config::default().with_lane("main", 1 + dice % 5);
        if dice & 64 == 0 {
            config.lanes.insert("mine".to_owned(), Lane::new(Concurrency::Limit(dice >> 8 & 3)));
        }
        config.queue.cap = 1 + (dice >> 12) % 30;
        config.queue.debounce = Duration::from_millis(u64::from(dice >> 20 & 3));
        let _ = engine.reload(config).expect("it is right");
    }
    let receipts = load.join().expect("no panic");
    let _ = engine.reload(Config::default().with_lane("mine", 2)).expect("it is right");
    receipts.iter().for_each(|r| drop(waits(r)));
    let stats = engine.stats();
    assert_eq!((stats.order_violations, stats.double_runs), (0, 0));
    assert_eq!(engine.close(LONG), Ok(laneq::Closed::Closed));
    assert!(engine.stats().balances(), "P4: {:?}", engine.stats());
    assert_eq!(engine.audit().unbalanced, 0);
}

#[test]
fn what_a_removed_and_paused_lane_holds_can_be_let_go_and_a_figure_makes_it_anew() {
    let bench = bench_with(Config::default().with_lane("mine", 1));
    let mine = |key: &str| Message::new(key, key).with_lane("mine");
    bench.engine.pause("mine").expect("a lane of ours");
    let held = bench.submit(mine("held"));
    let _ = bench.engine.reload(Config::default()).expect("it is right");
    bench.engine.resume("mine").expect("it has work");
    bench.gate.pass("held");
    assert_eq!(waits(&held).fate, Fate::Ran);
    assert!(bench.engine.submit(mine("gone")).is_err());
    bench.engine.set_lane("mine", Concurrency::Limit(2)).expect("a new lane");
    let receipt = bench.submit(mine("again"));
    bench.gate.pass("again");
    waits(&receipt);
    bench.finish();
}
