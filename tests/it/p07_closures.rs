//! Closures: with and without a key, with and without a receipt, in order with messages.

use std::sync::{Arc, Mutex};

use laneq::{Config, Event, Fate, Message, Mode, Outcome, Reason, Withdrawn};

use super::support::{Stop, bench, bench_with, waits};

#[test]
fn a_closures_value_is_its_receipts() {
    let bench = bench();
    let value = bench.engine.enqueue("main", "k", |run| run.key().len()).expect("there is room");
    let settled = value.wait().expect("a host thread");
    assert_eq!((settled.fate, settled.outcome), (Fate::Ran, Some(Outcome::Done)));
    assert_eq!((settled.reply, settled.lead), (Some(1), true));
    let keyless = bench.engine.enqueue_keyless("main", |run| run.key().len());
    let settled = keyless.expect("there is room").wait().expect("a host thread");
    assert_eq!(settled.reply, Some(0));
    bench.finish();
}

#[test]
fn p2_closures_and_messages_of_a_key_share_one_order() {
    let bench = bench_with(Config::default().with_lane("main", 0));
    let order = Arc::new(Mutex::new(Vec::new()));
    let session = bench.engine.session("k").expect("a fine key");
    let fire = |n: u32| {
        let order = Arc::clone(&order);
        let code = move |_: &laneq::Run| order.lock().expect("no panic under it").push(n);
        session.fire(code).expect("there is room");
    };
    (0..3).for_each(fire);
    let message = bench.submit(Message::new("k", "message").with_mode(Mode::Followup));
    (3..6).for_each(fire);
    let last = session.enqueue(|_| ()).expect("there is room");
    assert_eq!((message.position(), last.position()), (3, 7));
    bench.engine.set_lane("main", laneq::Concurrency::Limit(4)).expect("in range");
    assert_eq!(bench.gate.arrived(), "message");
    assert_eq!(*order.lock().expect("no panic under it"), [0, 1, 2]);
    bench.gate.open();
    last.wait().expect("a host thread");
    assert_eq!(*order.lock().expect("no panic under it"), [0, 1, 2, 3, 4, 5]);
    bench.finish();
}

#[test]
fn closures_without_a_key_start_in_order_and_run_in_parallel() {
    let bench = bench_with(Config::default().with_lane("main", 2));
    let stop = Stop::default();
    let order = Arc::new(Mutex::new(Vec::new()));
    let receipts: Vec<_> = (0..4)
        .map(|n| {
            let (hold, order) = (stop.hold(), Arc::clone(&order));
            let code = move |_: &laneq::Run| {
                order.lock().expect("no panic under it").push(n);
                hold();
            };
            bench.engine.enqueue_keyless("main", code).expect("there is room")
        })
        .collect();
    (0..2).for_each(|_| stop.arrived());
    let mut first = order.lock().expect("no panic under it").clone();
    first.sort_unstable();
    assert_eq!(first, [0, 1]);
    (0..4).for_each(|_| stop.open());
    receipts.iter().for_each(|r| drop(r.wait().expect("a host thread")));
    bench.finish();
}

#[test]
fn a_closure_takes_no_steer_and_is_interrupted_by_its_token() {
    let bench = bench();
    let (cause_tx, cause) = std::sync::mpsc::channel();
    let stop = Stop::default();
    let hold = stop.hold();
    let closure = bench.engine.enqueue("main", "k", move |run| {
        let token = run.token();
        hold();
        cause_tx.send(token.wait(super::support::LONG)).expect("the test lives");
    });
    stop.arrived();
    let steer = bench.submit(Message::new("k", "steer").with_mode(Mode::Steer));
    assert_eq!(steer.fallback(), Some(laneq::Fallback::NotSteerable));
    stop.open();
    assert!(bench.engine.interrupt("k").is_some());
    assert_eq!(cause.recv(), Ok(Some(laneq::Cause::Interrupt)));
    let settled = closure.expect("there is room").wait().expect("a host thread");
    assert_eq!(settled.outcome, Some(Outcome::Done), "Ok is done, even after a stop");
    bench.gate.pass("steer");
    waits(&steer);
    bench.finish();
}

#[test]
fn a_withdrawn_closure_never_runs_and_its_receipt_says_so() {
    let bench = bench_with(Config::default().with_lane("main", 0));
    let keyed = bench.engine.enqueue("main", "k", |_| panic!("it was withdrawn"));
    let keyed: laneq::Receipt<()> = keyed.expect("there is room");
    let keyless = bench.engine.enqueue_keyless("main", |_| panic!("it was withdrawn"));
    let keyless: laneq::Receipt<()> = keyless.expect("there is room");
    for receipt in [&keyed, &keyless] {
        assert_eq!(bench.engine.withdraw(receipt), Withdrawn::Withdrawn);
        assert_eq!(bench.engine.withdraw(receipt), Withdrawn::Settled, "once");
        let settled = receipt.wait().expect("a host thread");
        assert_eq!((settled.fate, settled.reply), (Fate::Withdrawn, None));
    }
    bench.engine.set_lane("main", laneq::Concurrency::Limit(1)).expect("in range");
    let after = bench.engine.enqueue("main", "k", |_| 7).expect("there is room");
    assert_eq!(after.wait().expect("a host thread").reply, Some(7));
    assert_eq!(bench.engine.withdraw(&after), Withdrawn::Settled);
    bench.finish();
}

#[test]
fn p4_fired_closures_have_fates_in_the_events_and_in_the_figures() {
    let bench = bench();
    (0..50).for_each(|_| bench.engine.fire("main", "k", |_| {}).expect("there is room"));
    (0..50).for_each(|_| bench.engine.fire_keyless("main", |_| {}).expect("there is room"));
    let report = bench.engine.drain(super::support::LONG).expect("a host thread");
    assert!(report.complete);
    assert_eq!(bench.engine.stats().fate(Fate::Ran), 100);
    let fates = bench.settled_book().find(|event| match event {
        Event::Fate { fate, .. } => Some(*fate),
        _ => None,
    });
    assert_eq!(fates, [Fate::Ran; 100]);
    bench.finish();
}

#[test]
fn a_closure_is_refused_as_a_message_is() {
    let bench = bench();
    let reason = |refused: laneq::Refused<()>| refused.reason;
    let long = "k".repeat(1025);
    assert_eq!(bench.engine.fire("main", "", |_| {}).map_err(reason), Err(Reason::Invalid));
    assert_eq!(bench.engine.fire("main", &long, |_| {}).map_err(reason), Err(Reason::TooLarge));
    assert_eq!(bench.engine.fire("mian", "k", |_| {}).map_err(reason), Err(Reason::UnknownLane));
    assert_eq!(bench.engine.close(super::support::LONG), Ok(laneq::Closed::Closed));
    assert_eq!(bench.engine.fire("main", "k", |_| {}).map_err(reason), Err(Reason::Closed));
    assert_eq!(bench.engine.stats().refused, 4);
    bench.finish();
}
