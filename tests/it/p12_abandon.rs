//! Abandon: a run whose handler does not come back is ended, loudly; and who shows no sign of life
//! is told.

use std::sync::mpsc::channel;
use std::time::Duration;

use laneq::{
    Cause, Config, Error, Event, Fate, Message, Mode, Outcome, Placement, Receipt, RunId, Verdict,
};

use super::support::{Answer, Bench, LONG, Stop, bench, bench_with, lane, until, waits};

const MINUTE: Duration = Duration::from_secs(60);

fn one_slot() -> Bench {
    bench_with(Config::default().with_lane("main", 1))
}

fn followup(text: &str) -> Message {
    Message::new("k", text).with_mode(Mode::Followup)
}

/// The runs that have started, oldest first.
fn runs(bench: &Bench) -> Vec<RunId> {
    bench.settled_book().find(|event| match event {
        Event::RunStarted { run, .. } => Some(*run),
        _ => None,
    })
}

/// A closure that does not come back before it is let, and its run.
fn stuck(bench: &Bench, stop: &Stop) -> (Receipt<()>, RunId) {
    let receipt = stop.enqueue(bench, "main", "k");
    stop.arrived();
    (receipt, *runs(bench).last().expect("it has started"))
}

/// Rows of `FAILURES.md`: C1.
#[test]
fn p1_an_abandoned_run_frees_its_session_its_slot_and_its_worker_at_once() {
    let bench = one_slot();
    let stop = Stop::default();
    let (receipt, run) = stuck(&bench, &stop);
    let next = bench.submit(followup("next"));
    let other = bench.submit(Message::new("other", "other"));
    bench.engine.abandon(run).expect("it is live");
    let settled = receipt.wait_for(LONG).expect("it has a fate at once");
    assert_eq!((settled.fate, settled.outcome), (Fate::Ran, Some(Outcome::Stopped)));
    assert_eq!((settled.run, settled.reply), (Some(run), None));
    // The session's new ticket is behind the other's.
    ["other", "next"].into_iter().for_each(|text| bench.gate.pass(text));
    waits(&next);
    waits(&other);
    assert_eq!(bench.engine.abandon(run), Err(Error::Stale(run)), "once");
    let causes = bench.settled_book().find(|event| match event {
        Event::RunFinished { run: of, outcome, cause, .. } if *of == run => {
            Some((*outcome, *cause))
        }
        _ => None,
    });
    assert_eq!(causes, [(Outcome::Stopped, Some(Cause::Abandon))], "loudly, and once");
    stop.open();
    bench.finish();
}

#[test]
fn p3_a_lane_keeps_its_concurrency_whoever_is_abandoned_and_comes_back() {
    let bench = one_slot();
    let stop = Stop::default();
    for _ in 0..5 {
        let (_, run) = stuck(&bench, &stop);
        bench.engine.abandon(run).expect("it is live");
        assert!(lane(&bench.engine, "main").executing <= 1);
    }
    let held = bench.submit(Message::new("a", "a"));
    assert_eq!(bench.gate.arrived(), "a");
    bench.send(Message::new("b", "b"));
    (0..5).for_each(|_| stop.open());
    let main = lane(&bench.engine, "main");
    assert_eq!((main.executing, main.ready), (1, 1), "who comes back gives no slot back");
    bench.gate.open();
    waits(&held);
    bench.gate.pass("b");
    until("all slots are free", || lane(&bench.engine, "main").executing == 0);
    bench.finish();
}

/// Rows of `FAILURES.md`: R26.
#[test]
fn p1_what_an_abandoned_handler_still_does_has_no_effect() {
    let bench = bench();
    let message = bench.submit(followup("stuck"));
    bench.gate.arrived();
    let (go, wait) = channel::<()>();
    let (told_tx, told) = channel();
    let taken = bench.submit(Message::new("k", "steer").with_mode(Mode::Steer));
    assert_eq!(taken.placement(), Placement::Steered);
    let (ready_tx, ready) = channel();
    bench.gate.with(move |run| {
        let steers = run.take_steers();
        assert_eq!(steers.len(), 1);
        ready_tx.send(run.id()).expect("the test lives");
        wait.recv().expect("the test lives");
        let late = steers.commit();
        told_tx.send((late, run.boundary(), run.token().cancelled())).expect("the test lives");
    });
    let run = ready.recv_timeout(LONG).expect("it has taken the steer");
    bench.engine.abandon(run).expect("it is live");
    assert_eq!(waits(&message).outcome, Some(Outcome::Stopped));
    // The steer was not delivered: it is the next turn, while the old handler still executes.
    assert_eq!(bench.gate.arrived(), "steer");
    go.send(()).expect("the handler lives");
    let told = told.recv_timeout(LONG).expect("it comes through");
    assert_eq!(told.0, Err(Error::Stale(run)));
    assert_eq!((told.1, told.2), (Verdict::Stop(Cause::Abandon), Some(Cause::Abandon)));
    bench.gate.open();
    bench.gate.open();
    assert_eq!(waits(&taken).outcome, Some(Outcome::Done));
    bench.finish();
}

#[test]
fn an_abandoned_parent_takes_its_children_with_it() {
    let bench = bench_with(Config::default().with_lane("subagent", 0));
    bench.send(followup("parent"));
    bench.gate.arrived();
    let (born_tx, born) = channel();
    bench.gate.with(move |run| {
        let child = run.spawn(Message::new("child", "x")).expect("there is room");
        born_tx.send(child).expect("the test lives");
    });
    let child = born.recv_timeout(LONG).expect("it is born");
    bench.engine.abandon(runs(&bench)[0]).expect("it is live");
    assert_eq!(waits(&child).fate, Fate::Withdrawn);
    bench.gate.open();
    bench.finish();
}

#[test]
fn a_run_that_was_never_there_cannot_be_abandoned() {
    let bench = bench();
    let nobody = RunId::new(12_345);
    assert_eq!(bench.engine.abandon(nobody), Err(Error::Stale(nobody)));
    assert_eq!(bench.engine.interrupt_run(nobody), Err(Error::Stale(nobody)));
    assert_eq!(bench.engine.stop_run(nobody).map(drop), Err(Error::Stale(nobody)));
    bench.finish();
}

/// What was told of runs without a sign of life: open calls and age.
fn told_stuck(bench: &Bench) -> Vec<(String, Vec<String>, Duration)> {
    bench.settled_book().find(|event| match event {
        Event::RunStuck { key, calls, age, .. } => {
            Some((key.to_string(), calls.iter().map(|c| c.to_string()).collect(), *age))
        }
        _ => None,
    })
}

/// Rows of `FAILURES.md`: C6, F2.
#[test]
fn a_run_without_a_sign_of_life_for_fifteen_minutes_is_told_stuck_and_keeps_its_slot() {
    let bench = one_slot();
    let message = bench.submit(followup("x"));
    bench.gate.arrived();
    let (ready_tx, ready) = channel();
    bench.gate.with(move |run| {
        let ledger = run.plan(["done", "open", "planned"]).expect("a fresh plan");
        ["done", "open"]
            .into_iter()
            .for_each(|call| ledger.start(call).map(drop).expect("planned"));
        ledger.finish("done", Ok(String::new())).map(drop).expect("it executes");
        ready_tx.send(()).expect("the test lives");
    });
    ready.recv_timeout(LONG).expect("a call is open");
    bench.engine.advance(14 * MINUTE);
    assert_eq!(told_stuck(&bench), []);
    bench.engine.advance(MINUTE + Duration::from_secs(2));
    let told = told_stuck(&bench);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].0.as_str(), &told[0].1), ("k", &vec!["open".to_owned()]));
    assert!(told[0].2 >= 15 * MINUTE && told[0].2 < 16 * MINUTE, "{told:?}");
    assert_eq!(lane(&bench.engine, "main").executing, 1, "its slot is not freed");
    assert!(message.settled().is_none());
    bench.engine.advance(10 * MINUTE);
    assert_eq!(told_stuck(&bench).len(), 1, "once a span");
    bench.engine.advance(6 * MINUTE);
    assert_eq!(told_stuck(&bench).len(), 2);
    bench.gate.open();
    bench.finish();
}

#[test]
fn ledger_activity_is_a_sign_of_life() {
    let bench = one_slot();
    bench.send(followup("x"));
    bench.gate.arrived();
    let (ready_tx, ready) = channel();
    for round in 0..3 {
        let told = ready_tx.clone();
        bench.gate.with(move |run| {
            let call = format!("call {round}");
            let ledger = run.plan([call.as_str()]).expect("a fresh plan");
            ledger.start(&call).map(drop).expect("planned");
            ledger.finish(&call, Ok(String::new())).map(drop).expect("it executes");
            drop(ledger.settle().expect("all have ended"));
            told.send(()).expect("the test lives");
        });
        ready.recv_timeout(LONG).expect("a sign of life");
        bench.engine.advance(14 * MINUTE);
    }
    assert_eq!(told_stuck(&bench), []);
    bench.gate.open();
    bench.finish();
}

/// Rows of `FAILURES.md`: C1.
#[test]
fn a_run_past_its_deadline_and_its_grace_is_stopped_and_then_told_stuck() {
    let bench = one_slot();
    let message = bench.submit(followup("x").with_deadline(Duration::from_secs(10)));
    bench.gate.arrived();
    bench.engine.advance(Duration::from_secs(9));
    let (told_tx, told) = channel();
    let tell = told_tx.clone();
    bench.gate.with(move |run| told_tx.send(run.boundary()).expect("the test lives"));
    assert_eq!(told.recv_timeout(LONG), Ok(Verdict::Go));
    bench.engine.advance(Duration::from_secs(1));
    bench.gate.with(move |run| tell.send(run.boundary()).expect("the test lives"));
    assert_eq!(told.recv_timeout(LONG), Ok(Verdict::Stop(Cause::Deadline)));
    bench.engine.advance(Duration::from_secs(3));
    assert_eq!(told_stuck(&bench), [], "the grace is not over");
    bench.engine.advance(Duration::from_secs(4));
    assert_eq!(told_stuck(&bench).len(), 1);
    bench.gate.answer(Answer::Fail);
    let settled = waits(&message);
    assert_eq!((settled.fate, settled.outcome), (Fate::Ran, Some(Outcome::Stopped)));
    bench.finish();
}
