//! P7: a panic of the host's code, wherever it runs, hurts only its own run.

use std::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use laneq::{
    Config, Engine, Fate, HandlerOptions, ManualClock, Message, Mode, Observer, Outcome, Record,
    Reply,
};

use super::support::{Answer, Book, LONG, Stop, bench, bench_with, waits};

fn thrown() -> Box<dyn std::any::Any + Send> {
    Box::new("planned")
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        resume_unwind(thrown());
    }
}

impl Clone for Bomb {
    fn clone(&self) -> Self {
        Self
    }
}

/// An error that cannot even say what is wrong.
#[derive(Debug)]
struct Mute;

impl fmt::Display for Mute {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        resume_unwind(thrown());
    }
}

impl std::error::Error for Mute {}

/// Rows of `FAILURES.md`: F1.
#[test]
fn p7_every_third_handler_panics_and_all_others_are_done() {
    let bench = bench();
    let receipts: Vec<_> = (0..60)
        .map(|n| bench.submit(Message::new(format!("k{}", n % 7), "x").with_mode(Mode::Followup)))
        .collect();
    for n in 0..60 {
        bench.gate.arrived();
        bench.gate.answer(if n % 3 == 0 { Answer::Panic } else { Answer::Done });
    }
    let outcomes = receipts.iter().map(|r| waits(r).outcome);
    let panicked = outcomes.filter(|o| *o == Some(Outcome::Panicked)).count();
    assert_eq!(panicked, 20);
    assert_eq!(bench.engine.stats().runs, [40, 0, 0, 20]);
    bench.finish();
}

#[test]
fn p7_the_words_of_a_panic_are_in_the_receipt() {
    let bench = bench();
    let message = bench.submit(Message::new("k", "x"));
    bench.gate.arrived();
    bench.gate.answer(Answer::Panic);
    assert_eq!(waits(&message).error.as_deref(), Some("planned panic"));
    bench.finish();
}

#[test]
fn p7_an_error_that_panics_when_it_is_read_or_dropped_fails_its_run_only() {
    let engine = Engine::new(Config::default()).expect("the settings are fine");
    super::support::DRIVE.lane(&engine, "main", |run| match run.key() {
        "mute" => Err(Box::new(Mute)),
        "thrown" => resume_unwind(Box::new(Bomb)),
        _ => Ok(Reply::from("fine")),
    });
    let send = |key: &str| engine.submit(Message::new(key, "x")).expect("there is room");
    // More of them than the lane has threads.
    for _ in 0..9 {
        assert_eq!(waits(&send("mute")).outcome, Some(Outcome::Failed));
        assert_eq!(waits(&send("thrown")).outcome, Some(Outcome::Panicked));
    }
    assert_eq!(waits(&send("fine")).outcome, Some(Outcome::Done));
    assert_eq!(engine.close(LONG), Ok(laneq::Closed::Closed));
}

#[test]
fn p7_a_panicking_closure_is_panicked_and_the_next_of_its_key_runs() {
    let bench = bench();
    let value = bench.engine.enqueue("main", "k", |_| -> u32 { resume_unwind(thrown()) });
    let value = value.expect("there is room").wait().expect("a host thread");
    assert_eq!(
        (value.fate, value.outcome, value.reply),
        (Fate::Ran, Some(Outcome::Panicked), None)
    );
    bench.engine.fire("main", "k", |_| resume_unwind(thrown())).expect("there is room");
    let next = bench.engine.enqueue("main", "k", |_| 7).expect("there is room");
    assert_eq!(next.wait().expect("a host thread").reply, Some(7));
    bench.finish();
}

#[test]
fn p7_a_stop_reaches_everything_although_what_it_drops_panics() {
    let bench = bench_with(Config::default().with_lane("main", 0));
    for _ in 0..2 {
        let bomb = Bomb;
        bench.engine.fire("main", "k", move |_| drop(bomb)).expect("there is room");
    }
    let bomb = Bomb;
    let task = bench.engine.enqueue("main", "k", move |_| drop(bomb)).expect("there is room");
    let message = bench.submit(Message::new("k", "x"));
    assert_eq!(bench.engine.stop("k").withdrawn, 4);
    assert_eq!(task.wait().expect("a host thread").fate, Fate::Withdrawn);
    assert_eq!(waits(&message).fate, Fate::Withdrawn);
    bench.finish();
}

/// Drops a receipt. If its value is there already, it is dropped on this thread, and its panic is
/// the test's own.
fn forget(receipt: laneq::Receipt<Bomb>) {
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(receipt)));
    if let Err(thrown) = dropped {
        // What was thrown is the test's too.
        std::mem::forget(thrown);
    }
}

#[test]
fn p7_a_value_that_nobody_asks_for_and_that_panics_when_dropped_takes_no_worker_with_it() {
    let bench = bench_with(Config::default().with_lane("main", 1));
    for _ in 0..3 {
        let receipt = bench.engine.enqueue("main", "k", |_| Bomb).expect("there is room");
        forget(receipt);
    }
    let stop = Stop::default();
    let orphan_stop = stop.hold();
    let orphan = bench.engine.enqueue("main", "k", move |_| {
        orphan_stop();
        Bomb
    });
    stop.arrived();
    forget(orphan.expect("there is room"));
    let run = bench.settled_book().find(|event| match event {
        laneq::Event::RunStarted { run, .. } => Some(*run),
        _ => None,
    });
    bench.engine.abandon(run[3]).expect("it is live");
    stop.open();
    let next = bench.engine.enqueue("main", "k", |_| 7).expect("there is room");
    assert_eq!(next.wait().expect("a host thread").reply, Some(7));
    bench.finish();
}

#[test]
fn p7_a_panicking_observer_hurts_neither_the_others_nor_the_engine() {
    let bench = bench();
    let heard = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&heard);
    let observer = move |_: &Record| {
        count.fetch_add(1, Ordering::SeqCst);
        resume_unwind(Box::new(Bomb));
    };
    bench.engine.observe(Arc::new(observer)).expect("a thread");
    let message = bench.submit(Message::new("k", "x"));
    bench.gate.pass("x");
    assert_eq!(waits(&message).outcome, Some(Outcome::Done));
    let all = bench.settled_book().records().len();
    assert_eq!(heard.load(Ordering::SeqCst) as usize, all, "it goes on hearing");
    bench.finish();
}

#[test]
fn p7_a_panicking_renderer_fails_its_run_only_and_no_event_is_lost() {
    let engine = Engine::builder(Config::default())
        .clock(ManualClock::new())
        .renderer(|lines, _| match &*lines[0].text {
            "bad" => resume_unwind(thrown()),
            text => format!("rendered {text}"),
        })
        .start()
        .expect("the settings are fine");
    let options = HandlerOptions::default();
    let handler = |run: &laneq::Run| Ok(Reply::from(run.batch().text().to_string()));
    super::support::DRIVE.all(&engine, options, handler);
    let book = Arc::new(Book::default());
    engine.observe(Arc::clone(&book) as Arc<dyn Observer>).expect("a thread");
    let send = |text: &str| engine.submit(Message::new("k", text)).expect("there is room");
    for _ in 0..9 {
        assert_eq!(waits(&send("bad")).outcome, Some(Outcome::Panicked));
    }
    let fine = waits(&send("good")).reply.expect("the lead");
    assert_eq!(fine.text(), "rendered good");
    assert_eq!(engine.close(LONG), Ok(laneq::Closed::Closed));
    book.check(&engine.stats());
    assert_eq!(book.started().last().map(String::as_str), Some("rendered good"));
}

#[test]
fn p7_a_panicking_signal_function_does_not_reach_whoever_steers_or_stops() {
    let bench = bench();
    bench.send(Message::new("k", "run"));
    bench.gate.arrived();
    let (set_tx, set) = std::sync::mpsc::channel();
    bench.gate.with(move |run| {
        run.on_signal(|_| resume_unwind(thrown()));
        set_tx.send(()).expect("the test lives");
    });
    set.recv_timeout(LONG).expect("it is set");
    let steer = bench.submit(Message::new("k", "steer").with_mode(Mode::Steer));
    assert_eq!(steer.placement(), laneq::Placement::Steered);
    assert_eq!(bench.engine.stop("k").withdrawn, 1);
    bench.gate.open();
    bench.finish();
}

#[test]
fn p7_a_panicking_cancel_callback_stops_neither_the_stop_nor_the_other_callbacks() {
    let bench = bench();
    let message = bench.submit(Message::new("k", "run"));
    bench.gate.arrived();
    let called = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&called);
    let (set_tx, set) = std::sync::mpsc::channel();
    bench.gate.with(move |run| {
        run.token().on_cancel(|_| resume_unwind(Box::new(Bomb))).forget();
        let count = Arc::clone(&count);
        run.token()
            .on_cancel(move |_| assert_eq!(count.fetch_add(1, Ordering::SeqCst), 0))
            .forget();
        set_tx.send(()).expect("the test lives");
    });
    set.recv_timeout(LONG).expect("it is set");
    assert!(bench.engine.interrupt("k").is_some());
    assert_eq!(called.load(Ordering::SeqCst), 1);
    bench.gate.answer(Answer::Fail);
    assert_eq!(waits(&message).outcome, Some(Outcome::Stopped));
    bench.finish();
}
