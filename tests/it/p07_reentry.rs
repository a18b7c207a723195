//! P7: no lock of the engine is held while the host's code runs: wherever that is, it may call the
//! engine back, about the very session that it is called for.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

use laneq::{
    Cause, Config, Engine, Event, Fate, Knobs, Message, Mode, Outcome, Placement, Record, Reply,
    Run, WaitError,
};

use super::support::{Bench, LONG, Stop, bench, bench_with, waits};

/// Everything that a host may ask about one key while it is called back about it.
fn call_back(engine: &Engine, key: &str) {
    let message = Message::new(key, "from a callback").with_mode(Mode::Followup);
    let receipt = engine.submit(message).expect("there is room");
    engine.fire("main", key, |_| {}).expect("there is room");
    let task = engine.enqueue("main", key, |_| ()).expect("there is room");
    assert!(receipt.settled().is_none_or(|s| s.fate == Fate::Ran));
    let _ = engine.withdraw(&task);
    let _ = engine.withdraw(&receipt);
    let _ = engine.stats();
    let _ = engine.audit();
    engine.set_knobs(key, Knobs::default()).expect("a fine key");
    engine.note("called back", String::new());
}

/// Calls the engine back when it is dropped, and tells that it has come through.
struct CallsBack {
    engine: Engine,
    key: &'static str,
    through: Sender<()>,
}

impl Drop for CallsBack {
    fn drop(&mut self) {
        call_back(&self.engine, self.key);
        let _ = self.through.send(());
    }
}

fn calls_back(bench: &Bench, through: &Sender<()>) -> CallsBack {
    CallsBack { engine: bench.engine.clone(), key: "k", through: through.clone() }
}

/// A bench whose handler never stops: callbacks submit messages of their own.
fn open_bench() -> (Engine, Arc<super::support::Book>) {
    let engine = Engine::new(Config::default()).expect("the settings are fine");
    super::support::DRIVE.lane(&engine, "main", |_| Ok(Reply::from("fine")));
    let book = Arc::new(super::support::Book::default());
    engine.observe(Arc::clone(&book) as Arc<dyn laneq::Observer>).expect("a thread");
    (engine, book)
}

fn end(engine: &Engine, book: &super::support::Book) {
    let report = engine.drain(LONG).expect("a host thread");
    assert!(report.complete, "{report:?}");
    assert_eq!(engine.close(LONG), Ok(laneq::Closed::Closed));
    book.check(&engine.stats());
}

/// Rows of `FAILURES.md`: F18.
#[test]
fn p7_a_handler_may_call_the_engine_about_its_own_session() {
    let bench = bench();
    let first = bench.submit(Message::new("k", "first"));
    bench.gate.arrived();
    let engine = bench.engine.clone();
    bench.gate.with(move |_| call_back(&engine, "k"));
    bench.gate.open();
    assert_eq!(waits(&first).outcome, Some(Outcome::Done));
    bench.finish();
}

#[test]
fn p7_an_observer_may_call_the_engine_but_not_wait_for_it() {
    let (engine, book) = open_bench();
    let (told_tx, told) = channel();
    let (inner, once) = (engine.clone(), Mutex::new(Some(())));
    let observer = move |record: &Record| {
        let first = matches!(record.event, Event::RunFinished { .. })
            && once.lock().expect("no panic under it").take().is_some();
        if first {
            call_back(&inner, "k");
            assert!(!inner.settle_events(LONG), "it would wait for itself");
            let receipt = inner.enqueue("cron", "other", |_| ()).expect("there is room");
            let waited = receipt.wait_for(LONG).map(drop);
            let known = receipt.settled().is_some();
            let drained = inner.drain(LONG).map(drop);
            let closed = inner.close(LONG).map(drop);
            told_tx.send((waited, known, drained, closed)).expect("the test lives");
        }
    };
    engine.observe(Arc::new(observer)).expect("a thread");
    let _receipt = engine.submit(Message::new("k", "x")).expect("there is room");
    let (waited, known, drained, closed) = told.recv_timeout(LONG).expect("it comes through");
    assert!(waited == Err(WaitError::OnEngineThread) || (waited == Ok(()) && known));
    assert!(matches!(drained, Err(laneq::Error::WouldDeadlock(_))), "{drained:?}");
    assert!(matches!(closed, Err(laneq::Error::WouldDeadlock(_))), "{closed:?}");
    end(&engine, &book);
}

/// Rows of `FAILURES.md`: C44.
#[test]
fn p7_a_slow_observer_delays_no_run() {
    let bench = bench();
    let (open, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    let slow = move |_: &Record| {
        let _ = gate.lock().expect("no panic under it").recv();
    };
    bench.engine.observe(Arc::new(slow)).expect("a thread");
    let receipts: Vec<_> = (0..100)
        .map(|_| bench.submit(Message::new("k", "x").with_mode(Mode::Followup)))
        .inspect(|_| bench.gate.pass("x"))
        .collect();
    assert_eq!(waits(&receipts[99]).outcome, Some(Outcome::Done));
    assert!(bench.engine.events_behind() > 100, "the observer is where it was");
    drop(open);
    bench.finish();
}

#[test]
fn p7_a_closure_that_is_dropped_may_submit_to_its_own_session() {
    let bench = bench_with(Config::default().with_lane("main", 0));
    let (through_tx, through) = channel();
    let fired = calls_back(&bench, &through_tx);
    bench.engine.fire("main", "k", move |_| drop(fired)).expect("there is room");
    let queued = calls_back(&bench, &through_tx);
    let task = bench.engine.enqueue("main", "k", move |_| drop(queued)).expect("there is room");
    let stopped = bench.engine.stop("k");
    assert_eq!(stopped.withdrawn, 2);
    assert_eq!(through.iter().take(2).count(), 2);
    assert_eq!(task.wait().expect("a host thread").fate, Fate::Withdrawn);
    let queued = calls_back(&bench, &through_tx);
    let task = bench.engine.enqueue("main", "k", move |_| drop(queued)).expect("there is room");
    assert_eq!(bench.engine.withdraw(&task), laneq::Withdrawn::Withdrawn);
    through.recv_timeout(LONG).expect("it was dropped");
    assert_eq!(task.wait().expect("a host thread").fate, Fate::Withdrawn);
    bench.finish();
}

#[test]
fn p7_a_refused_closure_is_dropped_where_it_may_call_back() {
    let mut config = Config::default().with_lane("main", 0);
    config.limits.closure_cap = 2;
    let bench = bench_with(config);
    let (through_tx, through) = channel();
    (0..2).for_each(|_| bench.engine.fire("main", "k", |_| {}).expect("there is room"));
    let mut calls_back = calls_back(&bench, &through_tx);
    calls_back.key = "another";
    let refused = bench.engine.fire("main", "k", move |_| drop(calls_back));
    assert_eq!(refused.map_err(|r| r.reason), Err(laneq::Reason::Full));
    through.recv_timeout(LONG).expect("it was dropped");
    bench.finish();
}

#[test]
fn p7_a_cancel_callback_may_call_the_engine_about_the_session_that_is_stopped() {
    let bench = bench();
    let message = bench.submit(Message::new("k", "run"));
    bench.gate.arrived();
    let (set_tx, set) = channel();
    let engine = bench.engine.clone();
    bench.gate.with(move |run| {
        let called = move |cause| {
            assert_eq!(cause, Cause::Stop);
            call_back(&engine, "k");
            assert!(engine.interrupt("k").is_some(), "it is still live");
        };
        run.token().on_cancel(called).forget();
        set_tx.send(()).expect("the test lives");
    });
    set.recv_timeout(LONG).expect("it is set");
    assert!(bench.engine.stop("k").run.is_some());
    bench.gate.answer(super::support::Answer::Fail);
    assert_eq!(waits(&message).outcome, Some(Outcome::Stopped));
    let notes = bench.settled_book().runs();
    assert!(notes.contains(&"called back".to_owned()), "{notes:?}");
    bench.finish();
}

#[test]
fn p7_callbacks_that_a_run_leaves_behind_may_submit_to_its_session_when_they_are_dropped() {
    let (engine, book) = open_bench();
    let (through_tx, through) = channel();
    let leave = |engine: &Engine| CallsBack {
        engine: engine.clone(),
        key: "k",
        through: through_tx.clone(),
    };
    let (on_cancel, replaced, signal) = (leave(&engine), leave(&engine), leave(&engine));
    let code = move |run: &Run| {
        run.token().on_cancel(move |_| drop(on_cancel)).forget();
        run.on_signal(move |_| call_back(&replaced.engine, replaced.key));
        run.on_signal(move |_| call_back(&signal.engine, signal.key));
    };
    engine.fire("main", "k", code).expect("there is room");
    for which in ["a cancel callback", "a replaced function", "a function"] {
        through.recv_timeout(LONG).unwrap_or_else(|_| panic!("{which} was not dropped"));
    }
    end(&engine, &book);
}

#[test]
fn p7_a_signal_function_may_call_the_engine() {
    let bench = bench();
    let message = bench.submit(Message::new("k", "run"));
    bench.gate.arrived();
    let (set_tx, set) = channel();
    let (heard_tx, heard) = channel();
    let engine = bench.engine.clone();
    bench.gate.with(move |run| {
        run.on_signal(move |signal| {
            call_back(&engine, "k");
            let _ = heard_tx.send(signal);
        });
        set_tx.send(()).expect("the test lives");
    });
    set.recv_timeout(LONG).expect("it is set");
    let steer = bench.submit(Message::new("k", "steer").with_mode(Mode::Steer));
    assert_eq!(steer.placement(), Placement::Steered);
    assert_eq!(heard.recv_timeout(LONG), Ok(laneq::Signal::Steer));
    bench.gate.open();
    bench.gate.pass("steer");
    waits(&message);
    assert_eq!(waits(&steer).outcome, Some(Outcome::Done));
    bench.finish();
}

#[test]
fn p7_a_handler_may_drop_the_value_of_another_closure_that_calls_back() {
    let bench = bench();
    let (through_tx, through) = channel();
    let stop = Stop::default();
    let hold = stop.hold();
    let value = Mutex::new(Some(calls_back(&bench, &through_tx)));
    let code = move |_: &Run| {
        hold();
        Arc::new(value.lock().expect("no panic under it").take())
    };
    let receipt = bench.engine.enqueue("main", "k", code).expect("there is room");
    stop.arrived();
    // Nobody will ask for the value: the engine drops it.
    drop(receipt);
    stop.open();
    through.recv_timeout(LONG).expect("it was dropped");
    bench.finish();
}
