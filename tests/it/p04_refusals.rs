//! P4: a refused message comes home unchanged, with the reason, and counts as nothing.

use std::time::Duration;

use laneq::{Closed, Config, Drop, Message, Mode, Reason, RunId, Source};

use super::stage::{followup, interrupt, staged, steer};
use super::support::{Bench, LONG, bench, bench_with, waits};

/// Refused for this reason, unchanged; the words say what was wrong.
fn refused(bench: &Bench, message: &Message, reason: Reason, word: &str) {
    // A receipt may know its fate a moment before the counters do.
    while bench.engine.stats().pending != bench.engine.audit().pending {
        std::thread::yield_now();
    }
    let before = bench.engine.stats();
    let no = bench.engine.submit(message.clone()).expect_err("refused");
    assert_eq!((no.reason, &no.message), (reason, message), "{no}");
    assert!(no.detail.contains(word), "{no}");
    let after = bench.engine.stats();
    assert_eq!(after.refused, before.refused + 1);
    let counted = |s: &laneq::Stats| (s.accepted, s.pending, s.pending_bytes);
    assert_eq!(counted(&after), counted(&before));
}

#[test]
fn p4_what_cannot_be_right_is_invalid_and_the_refusal_names_the_range() {
    let bench = bench();
    let x = || followup("x");
    let zero = Duration::ZERO;
    let cases = [
        (Message::new("", "x"), "key is empty"),
        (Message::new("k", ""), "neither text nor payload"),
        (x().with_attempts(0), "1 to 100"),
        (x().with_attempts(101), "1 to 100"),
        (x().with_ttl(zero), "1 ms to 30 days"),
        (x().with_ttl(Duration::from_secs(31 * 24 * 3600)), "30 days"),
        (x().with_id(""), "1 to 1,024"),
        (x().with_id("i".repeat(1025)), "1 to 1,024"),
    ];
    for (message, word) in cases {
        refused(&bench, &message, Reason::Invalid, word);
    }
    let payload = bench.submit(Message::new("k", "").with_payload("{}"));
    bench.gate.pass("");
    waits(&payload);
    bench.finish();
}

#[test]
fn p4_keys_and_messages_over_their_bounds_are_too_large_and_at_the_bound_they_are_not() {
    let mut config = Config::default();
    (config.limits.key_bytes, config.limits.message_bytes) = (16, 1024);
    let bench = bench_with(config);
    let key = |n| "k".repeat(n);
    refused(&bench, &Message::new(key(17), "x"), Reason::TooLarge, "16 is the most");
    let parts = |text: usize| {
        let filler = "m".repeat(256);
        let message = Message::new(key(16), "t".repeat(text));
        let message = message.with_payload(&*filler).with_meta(&*filler);
        message.with_media(&*filler).with_source(Source::default())
    };
    refused(&bench, &parts(257), Reason::TooLarge, "1024 is the most");
    let receipt = bench.submit(parts(256));
    assert_eq!(bench.engine.stats().pending_bytes, 1024);
    bench.gate.arrived();
    bench.gate.open();
    waits(&receipt);
    bench.finish();
}

#[test]
fn p4_an_unknown_lane_is_refused_with_the_lanes_that_exist() {
    let bench = bench();
    let message = followup("x").with_lane("fast");
    refused(&bench, &message, Reason::UnknownLane, "main");
    let no = bench.engine.enqueue("fast", "k", |_| ()).expect_err("no such lane");
    assert_eq!(no.reason, Reason::UnknownLane);
    for alias in ["global", "sub-agent", "auto"] {
        let receipt = bench.submit(followup("x").with_lane(alias));
        bench.gate.pass("x");
        waits(&receipt);
    }
    bench.finish();
}

/// Rows of `FAILURES.md`: R5.
#[test]
fn p4_expect_run_refuses_in_every_mode_unless_that_run_is_the_live_one() {
    let bench = bench();
    let modes = [Mode::Followup, Mode::Collect, Mode::Steer, Mode::SteerBacklog, Mode::Interrupt];
    let no_run = RunId::new(999);
    for mode in modes {
        let message = followup("x").with_mode(mode).with_expect_run(no_run);
        refused(&bench, &message, Reason::Mismatch, "999");
    }
    let run = bench.submit(followup("run"));
    bench.gate.arrived();
    let live = bench.gate.ask(laneq::Run::id);
    for mode in modes {
        let wrong = followup("x").with_mode(mode).with_expect_run(no_run);
        refused(&bench, &wrong, Reason::Mismatch, "999");
        let right = followup("x").with_mode(mode).with_expect_run(live);
        drop(bench.submit(right));
    }
    assert_eq!(bench.engine.stop("k").withdrawn, 5);
    bench.gate.open();
    waits(&run);
    refused(&bench, &followup("x").with_expect_run(live), Reason::Mismatch, "live run");
    bench.finish();
}

/// Rows of `FAILURES.md`: C37.
#[test]
fn p4_a_full_session_hands_the_newcomer_back_and_keeps_what_it_has() {
    let config = Config::default().with_queue(|q| (q.cap, q.drop) = (2, Drop::New));
    let bench = bench_with(config);
    let run = bench.submit(followup("run"));
    bench.gate.arrived();
    let first = bench.submit(followup("first"));
    let second = bench.submit(steer("second"));
    for message in [followup("third"), steer("third"), interrupt("third")] {
        refused(&bench, &message, Reason::Full, "2 of 2");
    }
    let verdict = bench.gate.ask(laneq::Run::boundary);
    assert_eq!(verdict, laneq::Verdict::Steer, "a refused interrupt stops nothing");
    bench.gate.open();
    bench.gate.pass("second");
    bench.gate.pass("first");
    assert!([run, first, second].iter().all(|r| waits(r).fate == laneq::Fate::Ran));
    bench.finish();
}

#[test]
fn p4_the_engines_own_bounds_refuse_messages_and_closures() {
    let mut config = Config::default();
    (config.limits.max_pending, config.limits.max_bytes) = (2, 1024);
    let bench = bench_with(config);
    bench.engine.pause("main").expect("a lane of ours");
    let big = bench.submit(Message::new("a", "t".repeat(1000)));
    refused(&bench, &Message::new("b", "t".repeat(25)), Reason::Full, "1024 bytes");
    let small = bench.submit(Message::new("b", "t".repeat(24)));
    refused(&bench, &Message::new("c", "x"), Reason::Full, "2 messages");
    let closure = bench.engine.fire("main", "c", |_| ()).expect_err("no room");
    assert_eq!(closure.reason, Reason::Full);
    assert_eq!(bench.engine.withdraw(&big), laneq::Withdrawn::Withdrawn);
    bench.engine.fire("main", "c", |_| ()).expect("there is room again");
    bench.engine.resume("main").expect("a lane of ours");
    bench.gate.arrived();
    bench.gate.open();
    waits(&small);
    bench.finish();
}

#[test]
fn p4_closures_have_caps_of_their_own() {
    let mut config = Config::default();
    (config.limits.closure_cap, config.limits.keyless_cap) = (2, 1);
    let bench = bench_with(config);
    bench.engine.pause("main").expect("a lane of ours");
    for _ in 0..2 {
        bench.engine.fire("main", "k", |_| ()).expect("there is room");
    }
    let no = bench.engine.fire("main", "k", |_| ()).expect_err("the cap");
    assert_eq!(no.reason, Reason::Full);
    let message = bench.submit(followup("a message is not a closure"));
    bench.engine.fire_keyless("main", |_| ()).expect("there is room");
    let no = bench.engine.fire_keyless("main", |_| ()).expect_err("the cap");
    assert_eq!(no.reason, Reason::Full);
    bench.engine.resume("main").expect("a lane of ours");
    bench.gate.arrived();
    bench.gate.open();
    waits(&message);
    bench.finish();
}

#[test]
fn p4_a_run_of_an_isolated_lane_may_submit_only_into_it() {
    let (bench, stage) = staged(Config::default());
    let gate = stage.gate("job");
    let job = bench.submit(Message::new("cron:x", "job").with_lane("cron"));
    gate.arrived();
    let engine = bench.engine.clone();
    let (out, into) = gate.ask(move |run| {
        let spawned = run.spawn(Message::new("child", "x").with_lane("main"));
        let out = engine.submit(Message::new("k", "x")).map_err(|no| no.reason);
        assert_eq!(spawned.map_err(|no| no.reason).map(drop), Err(Reason::Isolated));
        (out.map(drop), run.spawn(Message::new("child", "child")).expect("its own lane"))
    });
    assert_eq!(out, Err(Reason::Isolated));
    gate.open();
    assert_eq!(waits(&job).outcome, Some(laneq::Outcome::Done));
    assert_eq!(waits(&into).outcome, Some(laneq::Outcome::Done));
    bench.finish();
}

/// Rows of `FAILURES.md`: C16.
#[test]
fn p4_a_drain_refuses_the_outside_and_takes_what_runs_spawn() {
    let (bench, stage) = staged(Config::default());
    let gate = stage.gate("run");
    let run = bench.submit(followup("run"));
    gate.arrived();
    let drainer = bench.engine.clone();
    let drain = std::thread::spawn(move || drainer.drain(LONG));
    let draining = |e: &laneq::Event| matches!(e, laneq::Event::EngineDraining);
    while bench.settled_book().names(draining).is_empty() {
        std::thread::yield_now();
    }
    refused(&bench, &Message::new("other", "x"), Reason::Draining, "drains");
    refused(&bench, &followup("x"), Reason::Draining, "drains");
    let no = bench.engine.fire("main", "k", |_| ()).expect_err("draining");
    assert_eq!(no.reason, Reason::Draining);
    let child = gate.ask(|run| run.spawn(Message::new("child", "child")));
    let child = child.expect("admitted work may bring more");
    gate.open();
    let report = drain.join().expect("no panic").expect("a host thread");
    assert!(report.complete);
    assert_eq!(report.settled.len(), 2, "{report:?}");
    assert!([run, child].iter().all(|r| waits(r).fate == laneq::Fate::Ran));
    bench.finish();
}

#[test]
fn p4_a_closed_engine_refuses_everything() {
    let bench = bench();
    assert_eq!(bench.engine.close(LONG), Ok(Closed::Closed));
    refused(&bench, &followup("x"), Reason::Closed, "closed");
    let no = bench.engine.enqueue("main", "k", |_| ()).expect_err("closed");
    assert_eq!(no.reason, Reason::Closed);
    let no = bench.engine.fire_keyless("main", |_| ()).expect_err("closed");
    assert_eq!(no.reason, Reason::Closed);
    bench.finish();
}

#[test]
fn p4_a_handle_takes_messages_of_its_own_key_only() {
    let bench = bench();
    let session = bench.engine.session("k").expect("a key");
    let other = Message::new("other", "x");
    let no = session.submit(other.clone()).expect_err("another key");
    assert_eq!((no.reason, no.message), (Reason::Invalid, other));
    let receipt = session.submit(followup("x")).expect("there is room");
    bench.gate.pass("x");
    waits(&receipt);
    bench.finish();
}
