//! A drain refuses what comes from outside, finishes what is admitted, and reports every message.

use std::sync::mpsc::channel;
use std::time::Duration;

use laneq::{
    Cause, Closed, Config, DrainReport, Engine, Error, Fate, Message, Mode, Outcome, Reason, Reply,
    RunId,
};

use super::support::{Answer, Bench, Drive, LONG, Stop, bench, bench_with, tally, until, waits};

fn followup(key: &str, text: &str) -> Message {
    Message::new(key, text).with_mode(Mode::Followup)
}

/// What the report says of each message, by id.
fn lines(report: &DrainReport) -> Vec<(String, String, Fate)> {
    let mut lines: Vec<_> = report
        .settled
        .iter()
        .map(|(id, key, fate)| (id.to_string(), key.to_string(), *fate))
        .collect();
    lines.sort_by(|a, b| a.0.cmp(&b.0));
    lines
}

/// A stop at the drain's deadline is heard at once, or not at all.
fn impatient() -> Bench {
    let mut config = Config::default().with_lane("main", 1);
    config.engine.stop_grace = Duration::ZERO;
    bench_with(config)
}

#[test]
fn what_is_returned_comes_in_the_order_in_which_it_would_have_run() {
    let bench = impatient();
    bench.send(followup("k", "tried").with_attempts(2));
    bench.send(followup("k", "behind"));
    bench.gate.arrived();
    bench.gate.answer(Answer::Fail);
    bench.until_retries(1);
    let report = bench.engine.drain(Duration::ZERO).expect("a host thread");
    let texts: Vec<_> = report.returned.iter().map(Message::text).collect();
    assert_eq!(texts, ["tried", "behind"]);
    let told = |event: &laneq::Event| match event {
        laneq::Event::Fate { id, .. } => Some(id.to_string()),
        _ => None,
    };
    let settled: Vec<_> = report.settled.iter().map(|(id, ..)| id.to_string()).collect();
    assert_eq!(bench.settled_book().find(told), settled, "events and report agree");
    bench.finish();
}

/// Rows of `FAILURES.md`: C15.
#[test]
fn a_drain_finishes_what_is_admitted_and_reports_it_message_by_message() {
    let bench = bench_with(Config::default().with_lane("main", 1));
    bench.send(followup("a", "first").with_id("1"));
    bench.gate.arrived();
    bench.send(followup("a", "second").with_id("2"));
    bench.send(followup("b", "third").with_id("3"));
    bench.engine.fire("main", "b", |_| {}).expect("there is room");
    let report = std::thread::scope(|scope| {
        let drain = scope.spawn(|| bench.engine.drain(LONG).expect("a host thread"));
        until("it drains", || {
            let outside = followup("c", "outside").with_expect_run(RunId::new(999));
            let refused = bench.engine.submit(outside);
            refused.is_err_and(|r| r.reason == Reason::Draining && r.message.text() == "outside")
        });
        (0..3).for_each(|_| bench.gate.open());
        drain.join().expect("no panic")
    });
    assert!(report.complete && report.returned.is_empty() && report.running.is_empty());
    let ran = |id: &str, key: &str| (id.to_owned(), key.to_owned(), Fate::Ran);
    assert_eq!(lines(&report), [ran("1", "a"), ran("2", "a"), ran("3", "b")]);
    let names = bench.settled_book().names(|e| matches!(e, laneq::Event::EngineDraining));
    assert_eq!(names, ["engine.draining"]);
    bench.finish();
}

#[test]
fn runs_may_spawn_while_the_engine_drains() {
    let bench = bench();
    let parent = bench.submit(Message::new("parent", "parent"));
    bench.gate.arrived();
    let engine = bench.engine.clone();
    bench.gate.with(move |run| {
        until("it drains", || engine.submit(Message::new("", "")).is_err());
        let outside = || engine.submit(Message::new("outside", "x").with_expect_run(run.id()));
        until("it drains", || outside().is_err_and(|r| r.reason == Reason::Draining));
        let child = run.spawn(Message::new("child", "child")).expect("of admitted work");
        let closure = engine.enqueue("cron", "more", |_| 7);
        match super::support::DRIVE {
            Drive::Push => {
                let closure = closure.expect("of admitted work");
                assert_eq!(run.wait(&closure, None).expect("no cycle").reply, Some(7));
            }
            // A thread of the host's is outside, whatever it does; its run may spawn.
            Drive::Pull => assert_eq!(closure.expect_err("outside").reason, Reason::Draining),
        }
        drop(child);
    });
    bench.gate.open();
    bench.gate.open();
    let report = bench.engine.drain(LONG).expect("a host thread");
    assert!(report.complete, "{report:?}");
    assert_eq!(waits(&parent).outcome, Some(Outcome::Done));
    let keys: Vec<_> = lines(&report).into_iter().map(|(_, key, _)| key).collect();
    assert_eq!(keys, ["parent", "child"]);
    bench.finish();
}

/// Rows of `FAILURES.md`: C15.
#[test]
fn at_its_deadline_a_drain_returns_what_waits_and_stops_what_runs() {
    let bench = impatient();
    let running = bench.submit(followup("a", "running").with_id("1"));
    bench.gate.arrived();
    bench.send(followup("a", "second").with_id("2").with_meta("{}"));
    bench.send(followup("b", "third").with_id("3"));
    let report = bench.engine.drain(Duration::ZERO).expect("a host thread");
    assert!(!report.complete);
    let bodies: Vec<_> = report.returned.iter().map(|m| (m.text(), m.meta())).collect();
    assert!(bodies.contains(&("second", Some("{}"))) && bodies.contains(&("third", None)));
    assert_eq!(tally(report.settled.iter().map(|s| s.2)), tally([Fate::Returned; 2]));
    let stuck: Vec<_> = report.running.iter().map(|r| (r.key.as_str(), r.lane.as_str())).collect();
    assert_eq!(stuck, [("a", "main")]);
    let (told_tx, told) = channel();
    bench.gate.with(move |run| told_tx.send(run.stopped()).expect("the test lives"));
    assert_eq!(told.recv_timeout(LONG), Ok(Some(Cause::Drain)));
    bench.gate.answer(Answer::Fail);
    assert_eq!(waits(&running).fate, Fate::Returned, "a stop by the drain returns it");
    let again = bench.engine.drain(LONG).expect("a host thread");
    assert!(again.complete && again.running.is_empty());
    bench.finish();
}

/// Rows of `FAILURES.md`: C9.
#[test]
fn what_a_paused_lane_holds_is_returned_at_the_deadline() {
    let bench = impatient();
    bench.engine.pause("main").expect("it exists");
    let receipts: Vec<_> = (0..5).map(|n| bench.submit(followup(&format!("k{n}"), "x"))).collect();
    let report = bench.engine.drain(Duration::from_millis(1)).expect("a host thread");
    assert_eq!((report.complete, report.returned.len()), (false, 5));
    assert!(receipts.iter().all(|r| waits(r).fate == Fate::Returned));
    bench.finish();
}

#[test]
fn a_drain_closes_every_window() {
    let bench = bench();
    bench.send(Message::new("k", "first"));
    bench.gate.arrived();
    let held = bench.submit(Message::new("k", "held back by its window"));
    bench.gate.open();
    until("only the window holds it", || bench.engine.stats().pending == 1);
    bench.gate.open();
    let report = bench.engine.drain(LONG).expect("a host thread");
    assert!(report.complete, "{report:?}");
    assert_eq!(waits(&held).outcome, Some(Outcome::Done));
    bench.finish();
}

#[test]
fn a_drain_lets_retries_go_on() {
    let mut config = Config::default();
    config.queue.backoff = Duration::from_millis(1);
    let engine = Engine::new(config).expect("the settings are fine");
    let handler = |run: &laneq::Run| match run.attempt() {
        3 => Ok(Reply::from("third time lucky")),
        _ => Err("planned failure".into()),
    };
    super::support::DRIVE.lane(&engine, "main", handler);
    let message = Message::new("k", "x").with_attempts(3);
    let message = engine.submit(message).expect("there is room");
    let report = engine.drain(LONG).expect("a host thread");
    assert!(report.complete, "{report:?}");
    assert_eq!(waits(&message).outcome, Some(Outcome::Done));
    assert_eq!(engine.close(LONG), Ok(Closed::Closed));
}

#[test]
fn a_drain_inside_an_observer_is_refused() {
    let bench = bench();
    let (told_tx, told) = channel();
    let engine = bench.engine.clone();
    let observer = move |record: &laneq::Record| {
        if matches!(record.event, laneq::Event::Note { .. }) {
            let _ = told_tx.send(engine.drain(LONG).map(drop));
        }
    };
    bench.engine.observe(std::sync::Arc::new(observer)).expect("a thread");
    bench.engine.note("now", String::new());
    let told = told.recv_timeout(LONG).expect("it is refused at once");
    assert!(matches!(told, Err(Error::WouldDeadlock(_))), "{told:?}");
    bench.finish();
}

#[test]
fn a_drain_waits_for_runs_that_wait() {
    let bench = bench();
    let stop = Stop::default();
    let child = stop.enqueue(&bench, "subagent", "child");
    let code = move |run: &laneq::Run| run.wait(&child, None).map(|s| s.fate);
    let parent = bench.engine.enqueue("main", "parent", code).expect("there is room");
    stop.arrived();
    stop.open();
    assert!(bench.engine.drain(LONG).expect("a host thread").complete);
    assert_eq!(parent.settled().and_then(|s| s.reply), Some(Ok(Fate::Ran)));
    bench.finish();
}
