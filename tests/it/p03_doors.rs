//! P3: each lane is a world of its own: its name, its handler, its warning, its isolation.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use laneq::{Config, Event, Fate, HandlerOptions, Message, Outcome, Reason, Reply};

use super::support::{Answer, Stop, bench, bench_with, lane, waits};

/// Rows of `FAILURES.md`: C29.
#[test]
fn p3_an_unknown_lane_is_refused_with_the_lanes_that_exist() {
    let bench = bench_with(Config::default().with_lane("own", 1));
    let message = Message::new("k", "x").with_lane("mian");
    let refused = bench.engine.submit(message.clone()).expect_err("no such lane");
    assert_eq!((refused.reason, &refused.message), (Reason::UnknownLane, &message));
    for name in ["mian", "main", "subagent", "cron", "own"] {
        assert!(refused.detail.contains(name), "{name}: {}", refused.detail);
    }
    let closure = bench.engine.fire("mian", "k", |_| {}).expect_err("no such lane");
    assert_eq!(closure.reason, Reason::UnknownLane);
    assert!(bench.engine.pause("mian").is_err());
    bench.finish();
}

/// Rows of `FAILURES.md`: C28, C44.
#[test]
fn p3_a_full_lane_delays_no_other() {
    let bench = bench_with(Config::default().with_lane("main", 1).with_lane("own", 1));
    for n in 0..9 {
        bench.send(Message::new(format!("k{n}"), "main"));
    }
    assert_eq!(bench.gate.arrived(), "main");
    bench.send(Message::new("k", "own").with_lane("own"));
    assert_eq!(bench.gate.arrived(), "own");
    bench.finish();
}

/// Rows of `FAILURES.md`: C31.
#[test]
fn p3_no_number_of_cron_runs_delays_main() {
    if super::support::DRIVE == super::support::Drive::Pull {
        // Closures are executed by the threads that ask: the test would need 256 of them.
        return;
    }
    let bench = bench();
    let stop = Stop::default();
    let cron: Vec<_> = (0..300).map(|n| stop.enqueue(&bench, "cron", &format!("job{n}"))).collect();
    (0..256).for_each(|_| stop.arrived());
    assert_eq!(lane(&bench.engine, "cron").executing, 256, "its ceiling");
    let message = bench.submit(Message::new("k", "person"));
    bench.gate.pass("person");
    assert_eq!(waits(&message).fate, Fate::Ran);
    (0..300).for_each(|_| stop.open());
    cron.iter().for_each(|job| drop(job.wait().expect("a host thread")));
    bench.finish();
}

/// What the run of an isolated lane was told when it tried to leave it.
fn escapes(engine: &laneq::Engine, run: &laneq::Run) -> Vec<Reason> {
    let message = || Message::new("other", "x").with_lane("main");
    let session = engine.session("other").expect("a fine key");
    vec![
        engine.submit(message()).expect_err("another lane").reason,
        run.spawn(message()).expect_err("another lane").reason,
        run.spawn_detached(message()).expect_err("another lane").reason,
        session.submit(Message::new("other", "x")).expect_err("another lane").reason,
        engine.fire("main", "other", |_| {}).expect_err("another lane").reason,
        engine.fire_keyless("main", |_| {}).expect_err("another lane").reason,
        engine.enqueue("main", "other", |_| {}).expect_err("another lane").reason,
        session.fire(|_| {}).expect_err("another lane").reason,
    ]
}

#[test]
fn p3_a_run_of_an_isolated_lane_may_submit_only_into_its_own() {
    let bench = bench();
    let job = bench.submit(Message::new("cron:job", "job").with_lane("cron"));
    bench.gate.arrived();
    let told = Arc::new(Mutex::new(Vec::new()));
    let (engine, tell) = (bench.engine.clone(), Arc::clone(&told));
    bench.gate.with(move |run| {
        let from_run = escapes(&engine, run);
        let ledger = run.plan(["call"]).expect("a fresh plan");
        let from_tool = Mutex::new(Vec::new());
        let verdict = ledger.start_all(|_| {
            *from_tool.lock().expect("no panic under it") = escapes(&engine, run);
            Ok(String::new())
        });
        verdict.map(drop).expect("nothing is wrong with the plan");
        ledger.settle().expect("all calls have ended");
        tell.lock().expect("no panic under it").extend([from_run]);
        tell.lock().expect("no panic under it").extend(from_tool.into_inner());
        let own = run.spawn(Message::new("inner", "inner")).expect("its own lane");
        drop(own);
    });
    assert_eq!(bench.gate.arrived(), "inner");
    let told = told.lock().expect("no panic under it").clone();
    assert_eq!(told, [vec![Reason::Isolated; 8], vec![Reason::Isolated; 8]]);
    let lanes = bench.settled_book().find(|event| match event {
        Event::Accepted { lane, .. } => Some(lane.to_string()),
        _ => None,
    });
    assert_eq!(lanes, ["cron", "cron"], "a child without a lane stays inside");
    bench.gate.open();
    bench.gate.open();
    assert_eq!(waits(&job).outcome, Some(Outcome::Done));
    bench.finish();
}

#[test]
fn p3_isolation_is_one_way() {
    let bench = bench();
    bench.send(Message::new("k", "parent"));
    bench.gate.arrived();
    bench.gate.with(|run| {
        let child = run.spawn(Message::new("job", "job").with_lane("cron"));
        drop(child.expect("into an isolated lane"));
    });
    assert_eq!(bench.gate.arrived(), "job");
    bench.gate.answer(Answer::Done);
    bench.gate.open();
    bench.finish();
}

/// Rows of `FAILURES.md`: C29.
#[test]
fn p3_a_ticket_that_waits_too_long_is_told_once_with_its_wait() {
    let bench = bench_with(Config::default().with_lane("main", 1));
    let exceeded = || {
        bench.settled_book().find(|event| match event {
            Event::WaitExceeded { lane, key, wait, .. } => {
                Some((lane.to_string(), key.to_string(), *wait))
            }
            _ => None,
        })
    };
    let first = bench.submit(Message::new("a", "a"));
    bench.gate.arrived();
    let second = bench.submit(Message::new("b", "b"));
    bench.engine.advance(Duration::from_millis(2500));
    assert_eq!(exceeded(), [], "the wait is known when it is over");
    bench.gate.open();
    bench.gate.pass("b");
    waits(&first);
    waits(&second);
    let told = ("main".to_owned(), "b".to_owned(), Duration::from_millis(2500));
    assert_eq!(exceeded(), [told]);
    bench.finish();
}

/// Rows of `FAILURES.md`: C41.
#[test]
fn a_message_that_cannot_start_is_told_queued_exactly_once_and_one_that_can_is_not() {
    let bench = bench_with(Config::default().with_lane("main", 1));
    let queued = || {
        bench.settled_book().find(|event| match event {
            Event::Queued { id, depth, .. } => Some((id.to_string(), *depth)),
            _ => None,
        })
    };
    bench.send(Message::new("a", "x").with_id("first"));
    bench.gate.arrived();
    assert_eq!(queued(), []);
    bench.send(Message::new("a", "x").with_id("busy session"));
    bench.send(Message::new("b", "x").with_id("full lane"));
    assert_eq!(queued(), [("busy session".to_owned(), 1), ("full lane".to_owned(), 1)]);
    bench.finish();
}

#[test]
fn a_lane_calls_its_own_handler_and_the_others_call_the_common_one() {
    let bench = bench_with(Config::default().with_lane("own", 1));
    let own = |_: &laneq::Run| Ok(Reply::from("own"));
    super::support::DRIVE.lane(&bench.engine, "own", own);
    assert!(bench.engine.on_run("own", own).is_err(), "it is set once");
    assert!(bench.engine.on_run("mian", own).is_err());
    let answer = bench.submit(Message::new("a", "x").with_lane("own"));
    assert_eq!(waits(&answer).reply.expect("the lead").text(), "own");
    let common = bench.submit(Message::new("b", "y"));
    bench.gate.pass("y");
    assert_eq!(waits(&common).reply.expect("the lead").text(), "re: y");
    bench.finish();
}

#[test]
fn a_lane_made_later_has_the_common_handler() {
    let bench = bench();
    bench.engine.set_lane("later", laneq::Concurrency::Limit(1)).expect("a fine name");
    let message = bench.submit(Message::new("k", "x").with_lane("later"));
    bench.gate.pass("x");
    assert_eq!(waits(&message).outcome, Some(Outcome::Done));
    bench.finish();
}

#[test]
fn a_message_in_a_lane_without_a_handler_fails_and_says_why() {
    let engine = laneq::Engine::new(Config::default()).expect("the settings are fine");
    let message = engine.submit(Message::new("k", "x")).expect("there is room");
    let settled = waits(&message);
    assert_eq!((settled.fate, settled.outcome), (Fate::Ran, Some(Outcome::Failed)));
    let error = settled.error.expect("it failed");
    assert!(error.contains("\"main\" has no handler"), "{error}");
    let unsteerable = HandlerOptions::unsteerable();
    engine.on_run_any(unsteerable, |_| Ok(Reply::from("fine"))).expect("set once");
    let message = engine.submit(Message::new("k", "x")).expect("there is room");
    assert_eq!(waits(&message).outcome, Some(Outcome::Done));
}
