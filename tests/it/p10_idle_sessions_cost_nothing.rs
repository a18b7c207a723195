//! P10: idle sessions cost nothing at rest: their entry goes, and the table's memory comes back.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use laneq::{
    Concurrency, Config, Engine, Event, Knobs, ManualClock, Message, Mode, Reply, Withdrawn,
};

use super::support::{LONG, bench, lane, until, waits};

/// Long enough for the sweep to have seen every part of the table.
const SWEPT: Duration = Duration::from_secs(2);

fn quiet(config: Config) -> Engine {
    let engine = Engine::builder(config).clock(ManualClock::new()).start();
    let engine = engine.expect("the settings are fine");
    super::support::DRIVE.lane(&engine, "main", |_| Ok(Reply::from("done")));
    engine
}

fn at_rest(engine: &Engine) {
    until("all is done", || engine.stats().pending == 0);
    until("no worker is at it", || lane(engine, "main").executing == 0);
    if super::support::DRIVE == super::support::Drive::Pull {
        // A thread of the host's still holds the run that it has just completed.
        until("the host has let go", || {
            engine.advance(SWEPT);
            engine.stats().sessions == 0
        });
    }
}

/// No entry is left, and next to no memory.
fn nothing_is_left(engine: &Engine) {
    at_rest(engine);
    engine.advance(SWEPT);
    assert_eq!(engine.stats().sessions, 0);
    let audit = engine.audit();
    assert_eq!((audit.sessions, audit.pending, audit.unbalanced), (0, 0, 0));
    assert!(audit.room < 10_000, "the table keeps room for {} sessions", audit.room);
}

/// Rows of `FAILURES.md`: C36, F20.
#[test]
fn p10_two_hundred_thousand_keys_leave_nothing_behind() {
    let engine = quiet(Config::default());
    let ran = Arc::new(AtomicU32::new(0));
    for n in 0..200_000 {
        let ran = Arc::clone(&ran);
        let code = move |_: &laneq::Run| drop(ran.fetch_add(1, Ordering::Relaxed).to_string());
        engine.fire("main", &format!("key {n}"), code).expect("there is room");
    }
    nothing_is_left(&engine);
    assert_eq!(ran.load(Ordering::Relaxed), 200_000);
    assert_eq!(engine.close(LONG), Ok(laneq::Closed::Closed));
}

/// Rows of `FAILURES.md`: F20.
#[test]
fn p10_the_room_for_many_sessions_at_once_comes_back() {
    let engine = quiet(Config::default().with_lane("main", 0));
    let receipts: Vec<_> = (0..50_000)
        .map(|n| engine.submit(Message::new(format!("key {n}"), "x")).expect("there is room"))
        .collect();
    assert_eq!(engine.stats().sessions, 50_000);
    assert!(engine.audit().room >= 50_000);
    engine.advance(SWEPT);
    assert_eq!(engine.stats().sessions, 50_000, "a session with work stays");
    engine.set_lane("main", Concurrency::Limit(4)).expect("in range");
    nothing_is_left(&engine);
    assert!(receipts.iter().all(|r| r.settled().is_some()), "a receipt holds no session");
    assert_eq!(engine.close(LONG), Ok(laneq::Closed::Closed));
}

#[test]
fn p10_closures_without_a_key_leave_nothing_behind() {
    let engine = quiet(Config::default());
    for _ in 0..20_000 {
        engine.fire_keyless("main", |_| {}).expect("there is room");
    }
    nothing_is_left(&engine);
    assert_eq!(engine.close(LONG), Ok(laneq::Closed::Closed));
}

#[test]
fn p10_a_handle_keeps_its_session_and_a_refusal_makes_none() {
    let engine = quiet(Config::default());
    let handle = engine.session("held").expect("a fine key");
    engine.advance(SWEPT);
    assert_eq!(engine.stats().sessions, 1);
    drop(handle);
    let expecting = Message::new("refused", "x").with_expect_run(laneq::RunId::new(1));
    assert!(engine.submit(expecting).is_err());
    assert_eq!(engine.stop("never heard of").withdrawn, 0);
    assert!(engine.interrupt("never heard of").is_none());
    nothing_is_left(&engine);
    assert_eq!(engine.close(LONG), Ok(laneq::Closed::Closed));
}

#[test]
fn p10_a_session_with_a_mode_of_its_own_keeps_it_until_it_is_reset() {
    let bench = bench();
    bench
        .engine
        .set_knobs("k", Knobs { mode: Some(Mode::Followup), ..Knobs::default() })
        .expect("there is room");
    bench.engine.advance(SWEPT);
    assert_eq!(bench.engine.stats().sessions, 1);
    let first = bench.submit(Message::new("k", "first"));
    bench.gate.pass("first");
    waits(&first);
    until("no worker is at it", || lane(&bench.engine, "main").executing == 0);
    bench.engine.advance(SWEPT);
    bench.send(Message::new("k", "a"));
    bench.send(Message::new("k", "b"));
    bench.send(Message::new("k", "c"));
    ["a", "b", "c"].into_iter().for_each(|text| bench.gate.pass(text));
    bench.engine.set_knobs("k", Knobs::default()).expect("a fine key");
    at_rest(&bench.engine);
    bench.engine.advance(SWEPT);
    assert_eq!(bench.engine.stats().sessions, 0);
    bench.finish();
}

#[test]
fn p10_a_session_says_once_that_it_is_idle_each_time_it_becomes_so() {
    let bench = bench();
    let idle = || {
        bench.settled_book().find(|event| match event {
            Event::SessionIdle { key } => Some(key.to_string()),
            _ => None,
        })
    };
    for round in 1..=2 {
        let first = bench.submit(Message::new("k", "first").with_mode(Mode::Followup));
        let second = bench.submit(Message::new("k", "second").with_mode(Mode::Followup));
        bench.gate.pass("first");
        bench.gate.pass("second");
        waits(&second);
        assert_eq!(idle().len(), round, "not between two runs");
        assert_eq!(bench.engine.stop("k").withdrawn, 0);
        assert!(bench.engine.interrupt("k").is_none());
        assert_eq!(bench.engine.withdraw(&first), Withdrawn::Settled);
        assert_eq!(idle().len(), round, "it was idle already");
    }
    bench.finish();
}

/// Rows of `FAILURES.md`: C5, R21.
#[test]
fn p10_a_submit_that_races_the_retirement_runs_exactly_once_and_in_order() {
    let engine = quiet(Config::default());
    let order = Arc::new(Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        let sweeper = scope.spawn(|| (0..4000).for_each(|_| engine.advance(SWEPT / 32)));
        let mut n = 0;
        while !sweeper.is_finished() {
            let order = Arc::clone(&order);
            let code = move |_: &laneq::Run| order.lock().expect("no panic under it").push(n);
            engine.fire("main", "k", code).expect("there is room");
            n += 1;
        }
        at_rest(&engine);
        let order = order.lock().expect("no panic under it");
        assert_eq!(*order, (0..n).collect::<Vec<_>>());
    });
    let stats = engine.stats();
    assert_eq!((stats.order_violations, stats.double_runs), (0, 0));
    nothing_is_left(&engine);
    assert_eq!(engine.close(LONG), Ok(laneq::Closed::Closed));
}

#[test]
fn p10_a_key_that_comes_back_has_new_ids_and_old_receipts_stay_true() {
    let bench = bench();
    let mut ids = HashSet::new();
    let mut old = Vec::new();
    for _ in 0..5 {
        let receipt = bench.submit(Message::new("k", "x"));
        bench.gate.pass("x");
        waits(&receipt);
        at_rest(&bench.engine);
        bench.engine.advance(SWEPT);
        assert_eq!(bench.engine.stats().sessions, 0);
        assert!(ids.insert(receipt.id().to_string()), "{:?} comes twice", receipt.id());
        old.push(receipt);
    }
    bench.send(Message::new("k", "x"));
    bench.gate.arrived();
    assert!(old.iter().all(|r| bench.engine.withdraw(r) == Withdrawn::Settled));
    bench.finish();
}
