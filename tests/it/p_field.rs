//! What went wrong in the field in other lane queues, where no promise's own file has a place for
//! it. `src/FAILURES.md` has them all, each with its tests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use laneq::{Config, Fate, Message, Mode, Outcome};

use super::stage::{bench_doing, followup};
use super::support::{Answer, Bench, LONG, bench, bench_with, lane, until, waits};

/// The run in progress ends in this way.
fn end(bench: &Bench, way: &str) {
    let gate = &bench.gate;
    match way {
        "done" => gate.open(),
        "failed" => gate.answer(Answer::Fail),
        "panicked" => gate.answer(Answer::Panic),
        "interrupted" => {
            let _ = bench.engine.interrupt("k");
            gate.answer(Answer::Fail);
        }
        "past its deadline" => {
            bench.engine.advance(Duration::from_secs(2));
            gate.answer(Answer::Fail);
        }
        "abandoned" => {
            let run = gate.ask(laneq::Run::id);
            bench.engine.abandon(run).expect("it is live");
            gate.open();
        }
        other => panic!("no such way: {other}"),
    }
}

/// The drain of a session belongs to the end of a run, however it came.
///
/// Rows of `FAILURES.md`: C1, C3, C4, C7.
#[test]
fn p4_whatever_way_a_run_ends_what_waits_behind_it_starts() {
    for way in ["done", "failed", "panicked", "interrupted", "past its deadline", "abandoned"] {
        let bench = bench_with(Config::default().with_lane("main", 1));
        let first = bench.submit(followup("first").with_deadline(Duration::from_secs(1)));
        assert_eq!(bench.gate.arrived(), "first");
        let (next, other) = (bench.submit(followup("next")), Message::new("other", "other"));
        let other = bench.submit(other.with_mode(Mode::Followup));
        end(&bench, way);
        assert_eq!(waits(&first).fate, Fate::Ran, "{way}");
        let mut come = [bench.gate.arrived(), {
            bench.gate.open();
            bench.gate.arrived()
        }];
        bench.gate.open();
        come.sort();
        assert_eq!(come, ["next", "other"], "{way}: the session and the slot are free again");
        assert_eq!(waits(&next).outcome, Some(Outcome::Done), "{way}");
        assert_eq!(waits(&other).outcome, Some(Outcome::Done), "{way}");
        bench.finish();
    }
}

/// A pass that did nothing blocks until something has changed; it is not made again.
///
/// Rows of `FAILURES.md`: C10.
#[test]
fn p9_a_ticket_that_nobody_wants_costs_one_look_and_no_more() {
    let bench = bench();
    bench.engine.pause("main").expect("a lane of ours");
    let receipt = bench.submit(followup("taken back"));
    let _ = bench.engine.withdraw(&receipt);
    assert_eq!(waits(&receipt).fate, Fate::Withdrawn);
    bench.engine.resume("main").expect("a lane of ours");
    until("the ticket has been looked at", || lane(&bench.engine, "main").ready == 0);
    let said = || bench.settled_book().records().len();
    let before = said();
    bench.engine.advance(Duration::from_secs(3600));
    (0..1000).for_each(|_| std::thread::yield_now());
    assert_eq!(said(), before, "an hour in which nothing may start says nothing");
    assert_eq!(bench.tickets(), 1, "no ticket was issued again");
    bench.finish();
}

/// Between two turns of a ready session every other ready one has had its own.
///
/// Rows of `FAILURES.md`: F34.
#[test]
fn p3_no_ready_session_is_overtaken_twice() {
    const KEYS: [&str; 4] = ["a", "b", "c", "d"];
    const EACH: usize = 300;
    let bench = bench_doing(Config::default().with_lane("main", 1), |_| Ok("".into()));
    bench.engine.pause("main").expect("a lane of ours");
    let order: Arc<Mutex<Vec<&'static str>>> = Arc::default();
    for _ in 0..EACH {
        for key in KEYS {
            let order = Arc::clone(&order);
            let note = move |_: &laneq::Run| order.lock().expect("no panic under it").push(key);
            bench.engine.fire("main", key, note).expect("there is room");
        }
    }
    bench.engine.resume("main").expect("a lane of ours");
    assert!(bench.engine.drain(LONG).expect("a thread of the host's").complete);
    let order = std::mem::take(&mut *order.lock().expect("no panic under it"));
    assert_eq!(order.len(), KEYS.len() * EACH);
    let mut left: HashMap<_, _> = KEYS.into_iter().map(|key| (key, EACH)).collect();
    // Who has had a turn since this one had its own.
    let mut since: HashMap<_, Vec<_>> = KEYS.into_iter().map(|key| (key, Vec::new())).collect();
    // Turns: neighbours of one key.
    for turn in order.chunk_by(|a, b| a == b) {
        let key = turn[0];
        let others = KEYS.into_iter().filter(|other| *other != key && left[other] > 0);
        for other in others {
            assert!(turn.len() <= 64, "{key} has {} runs in a turn, and {other} waits", turn.len());
            let met = since.get_mut(other).expect("one of ours");
            assert!(!met.contains(&key), "{key} overtakes {other} twice");
            met.push(key);
        }
        since.insert(key, Vec::new());
        *left.get_mut(key).expect("one of ours") -= turn.len();
    }
    bench.finish();
}
