//! P4: of messages with one id that come at once, exactly one is accepted.

use std::collections::HashMap;
use std::sync::Barrier;
use std::sync::mpsc::channel;

use laneq::{Config, Drop, Engine, Fate, Message, Reason, Receipt, Reply, RunId};

use super::stage::{bench_doing, followup, interrupt, running};
use super::support::{Answer, Bench, LONG, bench, until, waits};

const THREADS: usize = 8;

fn message(id: usize) -> Message {
    Message::new(format!("k{}", id % 7), format!("{id}")).with_id(format!("{id}"))
}

fn quick(cap: u32) -> Bench {
    let config = Config::default().with_queue(|q| {
        (q.mode, q.cap, q.drop) = (laneq::Mode::Followup, cap, Drop::New);
    });
    bench_doing(config, |run| Ok(Reply::new(run.batch().text())))
}

/// What one thread got for its messages: accepted, or duplicates.
#[derive(Default)]
struct Got {
    accepted: Vec<Receipt>,
    duplicates: Vec<Receipt>,
}

impl Got {
    /// Submits until it is accepted or a duplicate.
    fn get(&mut self, engine: &Engine, id: usize) {
        loop {
            match engine.submit(message(id)) {
                Ok(receipt) => return self.accepted.push(receipt),
                Err(no) if no.reason == Reason::Duplicate => {
                    let first = no.first.expect("a duplicate comes with the first receipt");
                    return self.duplicates.push(*first);
                }
                Err(no) => assert_eq!(no.reason, Reason::Full, "{no}"),
            }
            std::thread::yield_now();
        }
    }
}

/// All threads submit the same ids, each id at about the same time.
fn race(engine: &Engine, ids: usize) -> Vec<Got> {
    let start = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    let mut got = Got::default();
                    start.wait();
                    (0..ids).for_each(|id| got.get(engine, id));
                    got
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().expect("no panic")).collect()
    })
}

/// Each id was accepted once, and every duplicate has the receipt of that one.
fn check(bench: Bench, ids: usize) {
    let all = race(&bench.engine, ids);
    let mut accepted = HashMap::new();
    for receipt in all.iter().flat_map(|got| &got.accepted) {
        let before = accepted.insert(receipt.id(), waits(receipt));
        assert_eq!(before, None, "accepted twice");
    }
    assert_eq!(accepted.len(), ids);
    let duplicates: Vec<_> = all.iter().flat_map(|got| &got.duplicates).collect();
    assert_eq!(duplicates.len(), ids * (THREADS - 1));
    for first in duplicates {
        let told = waits(first);
        assert_eq!((told.fate, Some(&told)), (Fate::Ran, accepted.get(&first.id())));
    }
    assert_eq!(bench.engine.stats().accepted, ids as u64);
    bench.finish();
}

/// Rows of `FAILURES.md`: R6, F31.
#[test]
fn p4_of_eight_threads_with_the_same_thousand_ids_one_each_is_accepted() {
    check(quick(10_000), 1000);
}

#[test]
fn p4_whoever_races_with_a_refused_one_is_accepted_in_its_turn() {
    check(quick(1), 500);
}

#[test]
fn p4_a_duplicate_is_told_so_while_the_engine_drains_and_after_it_closed() {
    let bench = bench();
    let x = || followup("x").with_id("x");
    let run = bench.submit(x());
    bench.gate.arrived();
    // Refused as long as the engine is open, too; so its id is never known.
    let other = || followup("y").with_id("y").with_expect_run(RunId::new(999));
    let engine = &bench.engine;
    std::thread::scope(|scope| {
        let drain = scope.spawn(|| engine.drain(LONG).expect("a host thread"));
        until("it drains", || {
            engine.submit(other()).is_err_and(|no| no.reason == Reason::Draining)
        });
        let no = bench.engine.submit(x()).expect_err("it came before");
        assert_eq!(no.reason, Reason::Duplicate);
        let first = no.first.expect("a duplicate comes with the first receipt");
        bench.gate.open();
        assert_eq!(waits(&first).fate, Fate::Ran);
        assert!(drain.join().expect("no panic").complete);
    });
    waits(&run);
    let engine = bench.engine.clone();
    bench.finish();
    let reason = |message| engine.submit(message).expect_err("it is closed").reason;
    assert_eq!((reason(x()), reason(other())), (Reason::Duplicate, Reason::Closed));
}

#[test]
fn p4_an_id_is_forgotten_when_a_close_returned_its_message() {
    let (bench, run) = running();
    let ran = bench.submit(followup("x").with_id("x"));
    let started = bench.submit(followup("y").with_id("y"));
    let returned = bench.submit(followup("z").with_id("z"));
    bench.gate.open();
    bench.gate.pass("x");
    assert_eq!(bench.gate.arrived(), "y");
    bench.gate.with(|run| while run.stopped().is_none() {});
    bench.gate.answer(Answer::Fail);
    waits(&run);
    let engine = bench.engine.clone();
    bench.finish();
    let fates = [ran, started, returned].map(|receipt| waits(&receipt).fate);
    assert_eq!(fates, [Fate::Ran, Fate::Returned, Fate::Returned]);
    let reason = |id: &str| {
        let again = engine.submit(followup(id).with_id(id));
        again.expect_err("it is closed").reason
    };
    let closed = Reason::Closed;
    assert_eq!(["x", "y", "z"].map(reason), [Reason::Duplicate, closed, closed]);
}

#[test]
fn p7_a_cancel_callback_that_sends_the_interrupt_again_gets_its_receipt() {
    let (bench, run) = running();
    let (tx, rx) = channel();
    let engine = bench.engine.clone();
    let again = || interrupt("stop").with_id("stop");
    bench.gate.ask(move |run| {
        let heard = run.token().on_cancel(move |_| {
            let _ = tx.send(engine.submit(again()).expect_err("it came before"));
        });
        heard.forget();
    });
    let receipt = bench.submit(again());
    let no = rx.recv_timeout(LONG).expect("the callback is called, and comes back");
    let first = no.first.expect("a duplicate comes with the first receipt");
    assert_eq!((no.reason, first.id()), (Reason::Duplicate, receipt.id()));
    bench.gate.open();
    bench.gate.pass("stop");
    assert_eq!((waits(&run).fate, waits(&first)), (Fate::Ran, waits(&receipt)));
    bench.finish();
}
