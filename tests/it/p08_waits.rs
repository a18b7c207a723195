//! P8: a wait made through a run lends the lane slot, and returns with one.

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use laneq::{Cause, Config, Fate, Message, Outcome, Receipt, Run, Settled, Signal, WaitError};

use super::support::{Bench, LONG, Stop, bench_with, lane, until, waits};

fn one_slot() -> Bench {
    bench_with(Config::default().with_lane("main", 1))
}

/// Queues a closure that waits for this receipt.
fn waiter<T: Clone + Send + 'static>(
    bench: &Bench,
    (lane, key): (&str, &str),
    receipt: Receipt<T>,
) -> Receipt<Result<Settled<T>, WaitError>> {
    let code = move |run: &Run| run.wait(&receipt, None);
    bench.engine.enqueue(lane, key, code).expect("there is room")
}

fn value<T: Clone>(receipt: &Receipt<T>) -> T {
    receipt.wait_for(LONG).expect("it has a fate in time").reply.expect("it is done")
}

/// Rows of `FAILURES.md`: C2, R22.
#[test]
fn p8_a_run_in_a_lane_of_one_slot_waits_for_another_in_the_same_lane() {
    let bench = one_slot();
    let engine = bench.engine.clone();
    let parent = bench.engine.enqueue("main", "parent", move |run| {
        let child = engine.enqueue("main", "child", |_| 7).expect("there is room");
        run.wait(&child, None).expect("the slot is lent").reply
    });
    assert_eq!(value(&parent.expect("there is room")), Some(7));
    bench.finish();
}

#[test]
fn p8_a_chain_of_waits_through_lanes_of_one_slot_comes_to_its_end() {
    let lanes = ["a", "b", "c"];
    let config = lanes.iter().fold(Config::default(), |c, lane| c.with_lane(lane, 1));
    let bench = bench_with(config);
    let stop = Stop::default();
    let last = stop.enqueue(&bench, "a", "last");
    let middle = waiter(&bench, ("c", "third"), last);
    let second = waiter(&bench, ("b", "second"), middle);
    let first = waiter(&bench, ("a", "first"), second);
    stop.arrived();
    stop.open();
    let first = value(&first).expect("no cycle").reply.expect("it is done");
    let second = first.expect("no cycle").reply.expect("it is done");
    assert_eq!(second.expect("no cycle").outcome, Some(Outcome::Done));
    bench.finish();
}

/// Rows of `FAILURES.md`: C27, F6.
#[test]
fn p8_nested_waits_deeper_than_the_lane_is_wide_come_to_their_end() {
    for slots in 1..=4 {
        let bench = bench_with(Config::default().with_lane("main", slots));
        let bottom = Stop::default();
        let below = bottom.enqueue(&bench, "main", "bottom");
        let mut above = Vec::new();
        let mut next = waiter(&bench, ("main", "level 0"), below.clone());
        for level in 1..=slots {
            let below = next.clone();
            let code = move |run: &Run| run.wait(&below, None).expect("no cycle").reply;
            let key = format!("level {level}");
            let here = bench.engine.enqueue("main", &key, move |run| code(run).expect("done"));
            let here = here.expect("there is room");
            above.push(std::mem::replace(&mut next, here));
        }
        bottom.arrived();
        bottom.open();
        assert_eq!(value(&next).expect("no cycle").outcome, Some(Outcome::Done));
        bench.finish();
    }
}

#[test]
fn p8_three_children_that_each_wait_for_a_grandchild_complete_in_two_slots() {
    let bench = bench_with(Config::default().with_lane("main", 1).with_lane("subagent", 2));
    let engine = bench.engine.clone();
    let parent = bench.engine.enqueue("main", "parent", move |run| {
        let child = |n: u32| {
            let inner = engine.clone();
            let code = move |run: &Run| {
                let key = format!("grandchild {n}");
                let child = inner.enqueue("subagent", &key, move |_| n).expect("there is room");
                run.wait(&child, None).expect("no cycle").reply.expect("it is done")
            };
            engine.enqueue("subagent", &format!("child {n}"), code).expect("there is room")
        };
        let children: Vec<_> = (1..=3).map(child).collect();
        let wait = |c| run.wait(c, None).expect("no cycle").reply.expect("it is done");
        children.iter().map(wait).sum::<u32>()
    });
    assert_eq!(value(&parent.expect("there is room")), 6);
    bench.finish();
}

/// Rows of `FAILURES.md`: C2.
#[test]
fn p8_a_wait_that_times_out_returns_with_a_slot() {
    let bench = one_slot();
    let (never, after) = (Stop::default(), Stop::default());
    let late = never.enqueue(&bench, "subagent", "late");
    let hold = after.hold();
    let waiting = late.clone();
    let run = bench.engine.enqueue("main", "k", move |run| {
        let timed_out = run.wait(&waiting, Some(Duration::from_millis(1)));
        hold();
        timed_out.map(drop)
    });
    after.arrived();
    let main = lane(&bench.engine, "main");
    assert_eq!((main.executing, main.waiting), (1, 0));
    after.open();
    assert_eq!(value(&run.expect("there is room")), Err(WaitError::TimedOut));
    assert!(late.settled().is_none(), "the message goes its way");
    never.open();
    bench.finish();
}

#[test]
fn p9_a_wait_that_timed_out_is_not_signalled_any_more() {
    let bench = one_slot();
    let (never, after) = (Stop::default(), Stop::default());
    let late = never.enqueue(&bench, "subagent", "late");
    let (hold, waiting) = (after.hold(), late.clone());
    let (tx, heard) = channel();
    let run = bench.engine.enqueue("main", "k", move |run| {
        run.on_signal(move |signal| tx.send(signal).expect("the test lives"));
        for _ in 0..3 {
            let timed_out = run.wait(&waiting, Some(Duration::ZERO)).map(drop);
            assert_eq!(timed_out, Err(WaitError::TimedOut));
        }
        hold();
    });
    after.arrived();
    never.open();
    value(&late);
    assert!(heard.try_recv().is_err(), "those waits are over");
    after.open();
    value(&run.expect("there is room"));
    bench.finish();
}

#[test]
fn p7_a_wait_is_over_also_while_its_signal_is_with_the_host() {
    let bench = one_slot();
    let child = Stop::default();
    let awaited = child.enqueue(&bench, "subagent", "child");
    let (waiting, (called, signalled)) = (awaited.clone(), channel());
    let ((open, shut), (over, is_over)) = (channel::<()>(), channel());
    let (begun, has_begun) = channel();
    let shut = Mutex::new(shut);
    let run = bench.engine.enqueue("main", "k", move |run| {
        run.on_signal(move |_| {
            called.send(()).expect("the run lives");
            // Until the test opens: the other end goes.
            let _ = shut.lock().expect("nobody panicked").recv();
        });
        let waiting = run.wait_begin(&waiting).expect("no cycle");
        begun.send(()).expect("the test lives");
        signalled.recv().expect("the host is called");
        let fate = waiting.finish().map(|settled| settled.fate);
        over.send(fate).expect("the test lives");
    });
    // Not before: the fate that is known already is signalled by the thread that begins the wait.
    has_begun.recv_timeout(LONG).expect("the wait begins");
    child.open();
    let fate = is_over.recv_timeout(LONG).expect("no lock is held while the host is called");
    assert_eq!(fate, Ok(Fate::Ran));
    drop(open);
    value(&run.expect("there is room"));
    bench.finish();
}

#[test]
fn p8_a_stop_ends_a_wait_and_the_run_returns_with_a_slot() {
    let bench = one_slot();
    let (never, after) = (Stop::default(), Stop::default());
    let child = never.enqueue(&bench, "subagent", "child");
    let hold = after.hold();
    let run = bench.engine.enqueue("main", "k", move |run| {
        let stopped = run.wait(&child, None);
        hold();
        stopped.map(drop)
    });
    until("it waits", || lane(&bench.engine, "main").waiting == 1);
    assert_eq!(lane(&bench.engine, "main").executing, 0, "the slot is lent");
    assert!(bench.engine.interrupt("k").is_some());
    after.arrived();
    let main = lane(&bench.engine, "main");
    assert_eq!((main.executing, main.waiting), (1, 0));
    after.open();
    let told = value(&run.expect("there is room"));
    assert_eq!(told, Err(WaitError::Stopped(Cause::Interrupt)));
    never.open();
    bench.finish();
}

#[test]
fn p8_whoever_waits_for_a_message_that_is_withdrawn_hears_so() {
    let bench = bench_with(Config::default().with_lane("paused", 0));
    let message = bench.submit(Message::new("child", "x").with_lane("paused"));
    let closure = bench.engine.enqueue("paused", "other", |_| ()).expect("there is room");
    let on_message = waiter(&bench, ("main", "a"), message.clone());
    let on_closure = waiter(&bench, ("main", "b"), closure.clone());
    until("both wait", || lane(&bench.engine, "main").waiting == 2);
    assert_eq!(bench.engine.withdraw(&message), laneq::Withdrawn::Withdrawn);
    assert_eq!(bench.engine.withdraw(&closure), laneq::Withdrawn::Withdrawn);
    assert_eq!(value(&on_message).expect("no cycle").fate, Fate::Withdrawn);
    assert_eq!(value(&on_closure).expect("no cycle").fate, Fate::Withdrawn);
    bench.finish();
}

#[test]
fn p8_what_has_its_fate_already_is_answered_at_once_anywhere() {
    let bench = one_slot();
    let done = bench.engine.enqueue("main", "done", |_| 7).expect("there is room");
    value(&done);
    let code = move |run: &Run| {
        let plain = done.wait().map(|s| s.reply);
        (plain, run.wait(&done, None).map(|s| s.reply))
    };
    let told = value(&bench.engine.enqueue("main", "k", code).expect("there is room"));
    assert_eq!(told, (Ok(Some(7)), Ok(Some(7))));
    bench.finish();
}

/// Rows of `FAILURES.md`: F4.
#[test]
fn p8_a_plain_wait_on_an_engine_thread_is_refused_and_names_the_right_one() {
    let bench = one_slot();
    let never = Stop::default();
    let child = never.enqueue(&bench, "subagent", "child");
    let code = move |_: &Run| (child.wait().map(drop), child.wait_for(LONG).map(drop));
    let told = value(&bench.engine.enqueue("main", "k", code).expect("there is room"));
    let refused = Err(WaitError::OnEngineThread);
    assert_eq!(told, (refused.clone(), refused));
    assert!(WaitError::OnEngineThread.to_string().contains("run.wait(&receipt)"));
    never.open();
    bench.finish();
}

#[test]
fn p8_a_begun_wait_lends_the_slot_at_once_and_says_when_it_is_due() {
    let bench = one_slot();
    let (one, two) = (Stop::default(), Stop::default());
    let first = one.enqueue(&bench, "subagent", "one");
    let second = two.enqueue(&bench, "subagent", "two");
    let (heard_tx, heard) = channel();
    let run = bench.engine.enqueue("main", "k", move |run| {
        let (tx, due) = channel();
        run.on_signal(move |signal| tx.send(signal).expect("the run lives"));
        let first = run.wait_begin(&first).expect("no cycle");
        let second = run.wait_begin(&second).expect("no cycle");
        heard_tx.send(()).expect("the test lives");
        assert_eq!(due.recv_timeout(LONG), Ok(Signal::Waited));
        assert!(first.ready() && !second.ready());
        // The other wait goes on: the slot stays lent.
        first.finish().expect("it is due");
        heard_tx.send(()).expect("the test lives");
        assert_eq!(due.recv_timeout(LONG), Ok(Signal::Waited));
        second.finish().expect("it is due").outcome
    });
    heard.recv_timeout(LONG).expect("both waits have begun");
    let figures = || {
        let main = lane(&bench.engine, "main");
        (main.executing, main.waiting)
    };
    assert_eq!(figures(), (0, 1));
    one.open();
    heard.recv_timeout(LONG).expect("the first wait is over");
    assert_eq!(figures(), (0, 1), "one run, one slot");
    two.open();
    assert_eq!(value(&run.expect("there is room")), Some(Outcome::Done));
    bench.finish();
}

#[test]
fn p8_a_wait_that_is_dropped_by_a_panic_takes_its_slot_again() {
    let bench = one_slot();
    let never = Stop::default();
    let child = never.enqueue(&bench, "subagent", "child");
    let run = bench.engine.enqueue("main", "k", move |run| {
        let _waiting = run.wait_begin(&child).expect("no cycle");
        std::panic::resume_unwind(Box::new("planned"));
    });
    let run: Receipt<()> = run.expect("there is room");
    let settled = run.wait_for(LONG).expect("it has a fate in time");
    assert_eq!(settled.outcome, Some(Outcome::Panicked));
    until("the slot is free", || lane(&bench.engine, "main").executing == 0);
    assert_eq!(lane(&bench.engine, "main").waiting, 0);
    never.open();
    bench.finish();
}

/// Rows of `FAILURES.md`: C4.
#[test]
fn p8_a_run_that_is_abandoned_while_it_waits_frees_everything() {
    let bench = one_slot();
    let never = Stop::default();
    let child = never.enqueue(&bench, "subagent", "child");
    let (told_tx, told) = channel();
    let message = bench.submit(Message::new("k", "x"));
    bench.gate.arrived();
    bench.gate.with(move |run| told_tx.send((run.id(), run.wait(&child, None))).expect("lives"));
    until("it waits", || lane(&bench.engine, "main").waiting == 1);
    let run = bench.settled_book().find(|event| match event {
        laneq::Event::RunStarted { run, key, .. } if &**key == "k" => Some(*run),
        _ => None,
    })[0];
    bench.engine.abandon(run).expect("it is live");
    assert_eq!(waits(&message).outcome, Some(Outcome::Stopped));
    let (id, waited) = told.recv_timeout(LONG).expect("the wait is over");
    assert_eq!(waited, Err(WaitError::Stale(id)));
    until("its thread is gone", || bench.engine.stats().lanes[0].waiting == 0);
    let next = bench.submit(Message::new("k", "next"));
    bench.gate.open();
    bench.gate.pass("next");
    assert_eq!(waits(&next).outcome, Some(Outcome::Done));
    never.open();
    bench.finish();
}
