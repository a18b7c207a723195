//! P11: what was acknowledged comes back, in order and rank, and nothing of it runs uncounted.

use std::sync::Arc;
use std::time::Duration;

use laneq::{Closed, Config, Engine, Fate, JournalError, Message, Mode, Reason, Receipt, Table};

use super::paper::Paper;
use super::support::{Answer, Gate, LONG, waits};

pub fn journaled(config: Config, paper: &Paper) -> (Engine, Gate) {
    let (gate, handler) = Gate::new();
    let engine = Engine::builder(config).journal(Box::new(paper.clone())).start();
    let engine = engine.expect("the settings are fine");
    engine.on_run("main", move |run| handler.handle(run)).expect("set once");
    (engine, gate)
}

pub fn message(key: &str, text: &str) -> Message {
    Message::new(key, text).with_mode(Mode::Followup)
}

fn submit(engine: &Engine, message: Message) -> Receipt {
    engine.submit(message).expect("it is accepted")
}

fn recover(engine: &Engine) -> (laneq::Recovered, Vec<Receipt>) {
    let mut receipts = Vec::new();
    let came = engine.recover(|receipt| receipts.push(receipt.clone())).expect("it can be read");
    (came, receipts)
}

/// Rows of `FAILURES.md`: C13.
#[test]
fn p11_what_waited_comes_back_in_order_and_what_ran_does_not() {
    let paper = Paper::default();
    let (engine, gate) = journaled(Config::default(), &paper);
    let first = submit(&engine, message("k", "first"));
    let rest: Vec<_> =
        ["a", "b", "c"].map(|text| submit(&engine, message("k", text))).into_iter().collect();
    gate.pass("first");
    assert_eq!(waits(&first).fate, Fate::Ran);
    assert_eq!(gate.arrived(), "a");
    let crashed = paper.crash();
    let (again, gate) = journaled(Config::default(), &crashed);
    let (came, receipts) = recover(&again);
    assert_eq!((came.pending, came.retried, came.parked), (3, 1, 0));
    let ids = |all: &[Receipt]| all.iter().map(Receipt::id).collect::<Vec<_>>();
    assert_eq!(ids(&receipts), ids(&rest), "they are called as before");
    ["a", "b", "c"].iter().for_each(|text| gate.pass(text));
    receipts.iter().for_each(|receipt| assert_eq!(waits(receipt).fate, Fate::Ran));
    assert_eq!(again.close(LONG), Ok(Closed::Closed));
    assert_eq!(crashed.len(Table::Messages), 0, "what ran is gone");
    assert_eq!(crashed.len(Table::Marks), 0);
    drop(engine);
}

/// Rows of `FAILURES.md`: F32.
#[test]
fn p11_an_attempt_is_counted_before_it_begins() {
    let paper = Paper::default();
    let (engine, gate) = journaled(Config::default(), &paper);
    let (_, _) = recover(&engine);
    let admission = engine.submit_nowait(message("k", "text")).expect("it goes into the line");
    let receipt = admission.wait().expect("it is accepted");
    let text = gate.arrived();
    assert_eq!((&*text, paper.len(Table::Marks)), ("text", 1));
    gate.open();
    assert_eq!(waits(&receipt).fate, Fate::Ran);
    paper.hold();
    let admission = engine.submit_nowait(message("k", "held")).expect("it goes into the line");
    paper.until_waiting();
    assert!(!admission.is_decided() && gate.nobody(), "not before the commit");
    paper.release();
    gate.pass("held");
    assert!(admission.wait().is_ok());
}

/// Rows of `FAILURES.md`: F32.
#[test]
fn p11_a_run_that_crashes_again_and_again_is_parked_and_can_be_requeued() {
    let mut paper = Paper::default();
    let (engine, gate) = journaled(Config::default(), &paper);
    let first = submit(&engine, message("k", "poison").with_id("p"));
    let _after = submit(&engine, message("k", "after"));
    assert_eq!(gate.arrived(), "poison");
    let mut engines = vec![(engine, gate)];
    for attempt in 2..=3 {
        paper = paper.crash();
        let (engine, gate) = journaled(Config::default(), &paper);
        let (came, receipts) = recover(&engine);
        assert_eq!((came.pending, came.retried), (2, 1));
        assert_eq!(receipts[0].id(), first.id());
        assert_eq!(gate.arrived(), "poison");
        let (seen_tx, seen) = std::sync::mpsc::channel();
        gate.with(move |run| seen_tx.send(run.attempt()).expect("the test waits"));
        assert_eq!(seen.recv_timeout(LONG), Ok(attempt));
        engines.push((engine, gate));
    }
    let paper = paper.crash();
    let (engine, gate) = journaled(Config::default(), &paper);
    let (came, receipts) = recover(&engine);
    assert_eq!((came.pending, came.retried, came.parked), (1, 0, 1));
    assert_eq!(receipts[0].settled().map(|s| s.fate), Some(Fate::Parked));
    gate.pass("after");
    assert_eq!(engine.close(LONG), Ok(Closed::Closed));
    // It is still there, and one commit puts the new one in its place.
    let paper = paper.crash();
    let (engine, gate) = journaled(Config::default(), &paper);
    let (came, receipts) = recover(&engine);
    assert_eq!((came.pending, came.held), (0, 1));
    let parked = receipts[0].message().expect("it has its message").clone();
    let again = submit(&engine, parked.with_requeued_from("p"));
    gate.pass("poison");
    assert_eq!(waits(&again).fate, Fate::Ran);
    assert_eq!(engine.close(LONG), Ok(Closed::Closed));
    assert_eq!((paper.len(Table::Messages), paper.len(Table::Marks)), (0, 0));
}

#[test]
fn p11_what_a_close_returns_is_kept_and_comes_back() {
    let paper = Paper::default();
    let (engine, gate) = journaled(Config::default(), &paper);
    let running = submit(&engine, message("k", "running"));
    let waiting = submit(&engine, message("k", "waiting"));
    assert_eq!(gate.arrived(), "running");
    let closing = Arc::new(engine);
    let closes = Arc::clone(&closing);
    let closer = std::thread::spawn(move || closes.close(LONG));
    assert_eq!(waits(&waiting).fate, Fate::Returned);
    gate.answer(Answer::Fail);
    assert_eq!(closer.join().expect("no panic"), Ok(Closed::Closed));
    assert_eq!(waits(&running).fate, Fate::Returned);
    let (engine, gate) = journaled(Config::default(), &paper.crash());
    assert_eq!(recover(&engine).0.pending, 2);
    gate.pass("running");
    gate.pass("waiting");
}

#[test]
fn p11_after_a_failed_sync_nothing_is_acknowledged_and_nothing_starts() {
    let paper = Paper::default();
    let (engine, gate) = journaled(Config::default(), &paper);
    let ring = engine.ring().expect("there is a thread");
    let before = submit(&engine, message("k", "before"));
    assert_eq!(gate.arrived(), "before");
    let waiting = submit(&engine, message("k", "waiting"));
    paper.fail(JournalError::Poisoned("fdatasync: EIO".into()));
    let refused = engine.submit(message("k", "lost")).expect_err("the sync failed");
    assert_eq!((refused.reason, refused.message.text()), (Reason::Journal, "lost"));
    assert!(refused.detail.contains("EIO"), "{}", refused.detail);
    let later = engine.submit(message("other", "later")).expect_err("it stays so");
    assert_eq!(later.reason, Reason::Journal);
    assert_eq!(engine.journal_error(), Some(JournalError::Poisoned("fdatasync: EIO".into())));
    gate.open();
    assert_eq!(waits(&before).fate, Fate::Ran);
    // It has no count, so that it does not start; the journal has it.
    assert_eq!(waits(&waiting).fate, Fate::Returned);
    assert!(engine.settle_events(LONG));
    let records: Vec<_> = std::iter::from_fn(|| ring.poll()).collect();
    let names: Vec<_> = records.iter().map(|r| r.event.name()).collect();
    assert_eq!(names.iter().filter(|name| **name == "journal.failed").count(), 1);
    assert_eq!(engine.close(LONG), Ok(Closed::Closed));
    let (engine, gate) = journaled(Config::default(), &paper.crash());
    recover(&engine);
    gate.pass("before");
    gate.pass("waiting");
    assert!(gate.nobody());
    assert_eq!(engine.close(Duration::from_secs(10)), Ok(Closed::Closed));
}

#[test]
fn p11_many_that_do_not_wait_share_a_commit() {
    let paper = Paper::default();
    let (engine, _gate) = journaled(Config::default(), &paper);
    recover(&engine);
    paper.hold();
    let first = engine.submit_nowait(message("0", "text")).expect("it goes into the line");
    paper.until_waiting();
    let before = paper.commits().len();
    let rest: Vec<_> = (1..100)
        .map(|n| engine.submit_nowait(message(&n.to_string(), "text")).expect("into the line"))
        .collect();
    paper.release();
    assert!(first.wait().is_ok());
    rest.into_iter().for_each(|admission| assert!(admission.wait().is_ok()));
    let commits = &paper.commits()[before..];
    assert!(commits[1] >= 99, "one commit for all that waited: {commits:?}");
}

/// Rows of `FAILURES.md`: C12.
#[test]
fn p11_a_run_that_a_close_has_ended_was_not_interrupted_by_a_crash() {
    let mut paper = Paper::default();
    let (engine, mut gate) = journaled(Config::default(), &paper);
    let _sent = submit(&engine, message("k", "long"));
    let mut engine = Arc::new(engine);
    for _ in 0..4 {
        assert_eq!(gate.arrived(), "long");
        let closes = Arc::clone(&engine);
        let closer = std::thread::spawn(move || closes.close(LONG));
        let (stopped_tx, stopped) = std::sync::mpsc::channel();
        gate.with(move |run| {
            let token = run.token();
            let _ = token.wait(LONG);
            stopped_tx.send(()).expect("the test waits");
        });
        stopped.recv_timeout(LONG).expect("the close stops it");
        gate.answer(Answer::Fail);
        assert_eq!(closer.join().expect("no panic"), Ok(Closed::Closed));
        paper = paper.crash();
        let (again, next) = journaled(Config::default(), &paper);
        let (came, _) = recover(&again);
        assert_eq!((came.pending, came.parked), (1, 0));
        (engine, gate) = (Arc::new(again), next);
    }
    gate.pass("long");
    paper.until_len(Table::Messages, 0);
    assert_eq!(engine.close(LONG), Ok(Closed::Closed));
    assert_eq!(paper.len(Table::Marks), 0);
}
