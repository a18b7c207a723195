//! P12: a close ends with no thread of ours alive and no callback to come, or says who is stuck.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use laneq::{
    Cause, Closed, Config, Engine, Error, Fate, Launch, Message, Mode, Outcome, Reason, Record,
    Reply, RunId, Verdict, WaitError,
};

use super::support::{Answer, LONG, Stop, bench, bench_with, fates, until, waits};

fn followup(key: &str, text: &str) -> Message {
    Message::new(key, text).with_mode(Mode::Followup)
}

#[test]
fn p12_an_engine_at_rest_is_closed_and_takes_nothing_more() {
    let bench = bench();
    assert_eq!(bench.engine.close(LONG), Ok(Closed::Closed));
    let message = Message::new("k", "x");
    let refused = bench.engine.submit(message.clone()).expect_err("it is closed");
    assert_eq!((refused.reason, refused.message), (Reason::Closed, message));
    let closure = bench.engine.enqueue_keyless("main", |_| ()).map(drop);
    assert_eq!(closure.map_err(|r| r.reason), Err(Reason::Closed));
    assert_eq!(bench.engine.close(LONG), Ok(Closed::Closed), "a second time");
    let report = bench.engine.drain(LONG).expect("a host thread");
    assert!(report.complete && report.settled.is_empty());
    bench.finish();
}

#[test]
fn p12_a_close_returns_what_waits_and_stops_what_runs() {
    let bench = bench_with(Config::default().with_lane("main", 1));
    let running = bench.submit(followup("a", "running"));
    bench.gate.arrived();
    let waiting = [bench.submit(followup("a", "same key")), bench.submit(followup("b", "other"))];
    let closure = bench.engine.enqueue("main", "a", |_| ()).expect("there is room");
    let steer = bench.submit(Message::new("a", "steer").with_mode(Mode::Steer));
    let (told_tx, told) = channel();
    bench.gate.with(move |run| {
        told_tx.send(run.token().wait(LONG)).expect("the test lives");
    });
    bench.gate.answer(Answer::Fail);
    assert_eq!(bench.engine.close(LONG), Ok(Closed::Closed));
    assert_eq!(told.recv(), Ok(Some(Cause::Close)));
    assert_eq!(fates(&waiting), [Some(Fate::Returned), Some(Fate::Returned)]);
    assert_eq!(steer.settled().map(|s| s.fate), Some(Fate::Returned));
    assert_eq!(closure.settled().map(|s| s.fate), Some(Fate::Returned));
    let running = running.settled().expect("it has come back");
    assert_eq!((running.fate, running.outcome), (Fate::Returned, Some(Outcome::Stopped)));
    bench.finish();
}

#[test]
fn p12_a_run_that_is_done_in_spite_of_the_close_has_run() {
    let bench = bench();
    let running = bench.submit(Message::new("k", "x"));
    bench.gate.arrived();
    bench.gate.with(|run| assert_eq!(run.token().wait(LONG), Some(Cause::Close)));
    bench.gate.open();
    assert_eq!(bench.engine.close(LONG), Ok(Closed::Closed));
    let running = running.settled().expect("it has come back");
    assert_eq!((running.fate, running.outcome), (Fate::Ran, Some(Outcome::Done)));
    bench.finish();
}

#[test]
fn p12_a_retry_that_is_pending_at_a_close_is_returned_with_its_last_outcome() {
    let bench = bench();
    let message = bench.submit(Message::new("k", "x").with_attempts(3));
    bench.gate.arrived();
    bench.gate.answer(Answer::Fail);
    until("it is to be retried", || bench.engine.stats().runs[1] == 1);
    assert_eq!(bench.engine.close(LONG), Ok(Closed::Closed));
    let settled = message.settled().expect("it is returned");
    assert_eq!((settled.fate, settled.outcome), (Fate::Returned, Some(Outcome::Failed)));
    bench.finish();
}

/// Rows of `FAILURES.md`: R26, F2.
#[test]
fn p12_who_does_not_come_back_is_listed_and_every_later_call_of_it_is_stale() {
    let bench = bench();
    let child = Stop::default();
    let never = child.enqueue(&bench, "subagent", "child");
    child.arrived();
    let message = bench.submit(followup("k", "stuck"));
    bench.gate.arrived();
    let (ready_tx, ready) = channel::<RunId>();
    let (go, wait) = channel::<()>();
    let (told_tx, told) = channel();
    bench.gate.with(move |run| {
        let ledger = run.plan(["call"]).expect("a fresh plan");
        ready_tx.send(run.id()).expect("the test lives");
        wait.recv().expect("the test lives");
        let stale = Error::Stale(run.id());
        assert_eq!(run.boundary(), Verdict::Stop(Cause::Abandon));
        assert!(run.stopped().is_some() && run.token().cancelled().is_some());
        assert!(run.take_steers().is_empty());
        assert_eq!(run.end().map(drop), Err(stale.clone()));
        assert_eq!(run.set_steerable(false), Err(stale));
        assert_eq!(ledger.start("call"), Ok(Launch::Stop(Cause::Abandon)));
        assert_eq!(run.wait_begin(&never).map(drop), Err(WaitError::Stale(run.id())));
        let late = run.spawn(Message::new("late", "x")).map(drop).map_err(|r| r.reason);
        told_tx.send(late).expect("the test lives");
    });
    let run = ready.recv_timeout(LONG).expect("it is there");
    let closed = bench.engine.close(Duration::from_millis(1)).expect("a host thread");
    let Closed::Stuck(mut stuck) = closed else { panic!("two handlers execute: {closed:?}") };
    stuck.sort_by_key(|run| run.key.clone());
    let listed: Vec<_> = stuck.iter().map(|s| (s.key.as_str(), s.lane.as_str())).collect();
    assert_eq!(listed, [("child", "subagent"), ("k", "main")]);
    assert_eq!(stuck[1].run, run);
    let settled = message.settled().expect("it is the host's again");
    assert_eq!((settled.fate, settled.outcome), (Fate::Returned, Some(Outcome::Stopped)));
    go.send(()).expect("the handler lives");
    assert_eq!(told.recv_timeout(LONG), Ok(Err(Reason::Closed)));
    child.open();
    bench.gate.open();
    assert_eq!(bench.engine.close(LONG), Ok(Closed::Closed), "now that they have come back");
    assert_eq!(bench.engine.stats().pending, 0);
    assert_eq!(bench.engine.stats().double_runs, 0);
}

#[test]
fn p12_after_closed_nothing_calls_back_and_nothing_of_the_host_is_held() {
    if super::support::DRIVE == super::support::Drive::Pull {
        // The threads that pull hold the handler: they are the host's.
        return;
    }
    let engine = Engine::new(Config::default()).expect("the settings are fine");
    let held = Arc::new(());
    let (in_handler, in_closure, in_observer) =
        (Arc::clone(&held), Arc::clone(&held), Arc::clone(&held));
    let handler = move |_: &laneq::Run| {
        let _held = &in_handler;
        Ok(Reply::from("done"))
    };
    super::support::DRIVE.lane(&engine, "main", handler);
    let heard = Arc::new(Mutex::new(0_u32));
    let count = Arc::clone(&heard);
    let observer = move |_: &Record| {
        let _held = &in_observer;
        *count.lock().expect("no panic under it") += 1;
    };
    engine.observe(Arc::new(observer)).expect("a thread");
    engine.pause("subagent").expect("it exists");
    engine.fire("subagent", "k", move |_| drop(in_closure)).expect("there is room");
    let ran = engine.submit(Message::new("k2", "x")).expect("there is room");
    waits(&ran);
    assert_eq!(engine.close(LONG), Ok(Closed::Closed));
    let before = *heard.lock().expect("no panic under it");
    engine.note("nobody hears", String::new());
    assert!(engine.submit(Message::new("k", "x")).is_err());
    engine.set_lane("subagent", laneq::Concurrency::Limit(8)).expect("in range");
    assert_eq!(engine.close(LONG), Ok(Closed::Closed));
    assert_eq!(*heard.lock().expect("no panic under it"), before);
    drop(engine);
    assert_eq!(Arc::strong_count(&held), 1, "no thread is left that could hold it");
}

#[test]
fn p12_two_closes_at_once_agree() {
    let bench = bench();
    bench.send(Message::new("k", "x"));
    bench.gate.arrived();
    bench.gate.answer(Answer::Fail);
    let close = || bench.engine.close(LONG);
    std::thread::scope(|scope| {
        let closes = [scope.spawn(close), scope.spawn(close), scope.spawn(close)];
        for close in closes {
            assert_eq!(close.join().expect("no panic"), Ok(Closed::Closed));
        }
    });
    bench.finish();
}

/// Rows of `FAILURES.md`: C9, F7.
#[test]
fn p12_a_close_while_others_submit_leaves_nothing_without_a_fate() {
    let bench = bench();
    super::support::DRIVE.lane(&bench.engine, "subagent", |_| Ok(Reply::from("done")));
    let accepted = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (engine, accepted) = (&bench.engine, &accepted);
            scope.spawn(move || {
                for n in 0.. {
                    let message = followup(&format!("k{}", (n + thread) % 5), "x");
                    match engine.submit(message.with_lane("subagent")) {
                        Ok(receipt) => accepted.lock().expect("no panic").push(receipt),
                        Err(refused) if refused.reason == Reason::Closed => break,
                        Err(_) => {}
                    }
                }
            });
        }
        until("some have run", || bench.engine.stats().fate(Fate::Ran) > 200);
        assert_eq!(bench.engine.close(LONG), Ok(Closed::Closed));
    });
    let accepted = accepted.into_inner().expect("no panic");
    assert!(accepted.iter().all(|receipt| receipt.settled().is_some()));
    bench.finish();
}

#[test]
fn p12_dropping_the_last_handle_joins_nobody_and_returns_what_waits() {
    let bench = bench_with(Config::default().with_lane("main", 1));
    let running = bench.submit(followup("a", "running"));
    bench.gate.arrived();
    let waiting = bench.submit(followup("a", "waiting"));
    let session = bench.engine.session("a").expect("a fine key");
    let super::support::Bench { engine, gate, book } = bench;
    let clone = engine.clone();
    drop(engine);
    assert!(waiting.settled().is_none(), "a handle is left");
    // The handler is at the gate: this would hang if it joined.
    drop(clone);
    assert_eq!(waits(&waiting).fate, Fate::Returned);
    let (told_tx, told) = channel();
    gate.with(move |run| told_tx.send(run.stopped()).expect("the test lives"));
    assert_eq!(told.recv_timeout(LONG), Ok(Some(Cause::Close)));
    gate.answer(Answer::Fail);
    assert_eq!(waits(&running).fate, Fate::Returned);
    let refused = session.submit(followup("a", "late")).map(drop).map_err(|r| r.reason);
    assert_eq!(refused, Err(Reason::Closed));
    until("the last fate is told", || {
        book.names(|event| matches!(event, laneq::Event::Fate { .. })).len() == 2
    });
}

/// Rows of `FAILURES.md`: F3.
#[test]
fn p12_the_last_handle_may_be_dropped_inside_a_handler() {
    let engine = Engine::new(Config::default()).expect("the settings are fine");
    let slot = Arc::new(Mutex::new(None::<Engine>));
    let (inside, held) = (Arc::clone(&slot), Stop::default());
    let hold = held.hold();
    let run = engine.enqueue("main", "k", move |run| {
        hold();
        drop(inside.lock().expect("no panic under it").take());
        run.stopped()
    });
    let run = run.expect("there is room");
    held.arrived();
    let after = engine.enqueue("main", "k", |_| ()).expect("there is room");
    *slot.lock().expect("no panic under it") = Some(engine);
    held.open();
    let settled = run.wait_for(LONG).expect("it has a fate in time");
    assert_eq!((settled.outcome, settled.reply), (Some(Outcome::Done), Some(Some(Cause::Close))));
    assert_eq!(after.wait_for(LONG).expect("a fate").fate, Fate::Returned);
}

#[test]
fn p12_the_last_handle_may_be_dropped_by_what_the_engine_drops() {
    let engine = Engine::new(Config::default().with_lane("main", 0)).expect("fine settings");
    let inner = engine.clone();
    let holder = engine.enqueue("main", "k", move |_| drop(inner)).expect("there is room");
    assert_eq!(engine.stop("k").withdrawn, 1);
    assert_eq!(holder.wait_for(LONG).expect("a fate").fate, Fate::Withdrawn);
    assert_eq!(engine.close(LONG), Ok(Closed::Closed));
}
