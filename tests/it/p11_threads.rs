//! P11: whoever calls from wherever, nobody waits for himself, and nothing is said twice.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use laneq::{Closed, Config, Error, Fate, ManualClock, Message, Notice, Reason, Table};

use crate::paper::{Paper, life, said};
use crate::stage::followup;
use crate::support::{Bench, LONG, waits};

const MS: Duration = Duration::from_millis(1);

fn first_life() -> (Paper, Bench) {
    let paper = Paper::default();
    let bench = life(&paper, Config::default(), &ManualClock::new());
    bench.back();
    (paper, bench)
}

fn again(paper: &Paper) -> (Paper, Bench) {
    let paper = paper.crash();
    let bench = life(&paper, Config::default(), &ManualClock::new());
    (paper, bench)
}

#[test]
fn p11_a_run_may_spawn_and_wait_while_every_message_goes_through_the_journal() {
    let (paper, bench) = first_life();
    let parent = bench.submit(followup("parent"));
    bench.gate.arrived();
    bench.gate.with(|run| {
        let child = run.spawn(Message::new("child", "child")).expect("there is room");
        let told = run.wait(&child, Some(LONG)).expect("no cycle");
        assert_eq!(told.fate, Fate::Ran);
    });
    // The child waits at the same gate, behind what its parent was told.
    assert_eq!(bench.gate.arrived(), "child");
    bench.gate.open();
    bench.gate.open();
    assert_eq!(waits(&parent).fate, Fate::Ran);
    paper.until_len(Table::Messages, 0);
    bench.finish();
    assert_eq!((paper.len(Table::Messages), paper.len(Table::Marks)), (0, 0));
}

#[test]
fn p11_two_threads_recover_once_and_a_function_that_panics_harms_nobody() {
    let (paper, bench) = first_life();
    bench.engine.pause("main").expect("a lane of ours");
    bench.send(followup("text"));
    let (after, later) = again(&paper);
    later.engine.pause("main").expect("a lane of ours");
    let came = std::thread::scope(|scope| {
        let other = scope.spawn(|| later.engine.recover(|_| ()));
        let own = later.engine.recover(|_| ());
        [own, other.join().expect("no panic")].map(|came| came.expect("it can be read").pending)
    });
    assert_eq!(came.iter().sum::<u64>(), 1);
    later.finish();
    let (_, later) = again(&after);
    later.engine.pause("main").expect("a lane of ours");
    let engine = later.engine.clone();
    let panics = std::thread::spawn(move || {
        engine.recover(|_| {
            // It may use the engine.
            assert!(engine.submit(followup("next")).is_ok());
            assert_eq!(engine.recover(|_| ()).map(|came| came.pending), Ok(0));
            std::panic::resume_unwind(Box::new("planned panic"))
        })
    });
    assert!(panics.join().is_err());
    assert!(later.engine.submit(followup("last")).is_ok());
    assert_eq!(later.engine.stats().pending, 3);
    later.finish();
    bench.finish();
}

#[test]
fn p11_on_the_journals_thread_nothing_waits_for_itself() {
    let (paper, bench) = first_life();
    bench.engine.pause("main").expect("a lane of ours");
    paper.hold();
    let twin = || followup("twin").with_id("twin");
    let first = bench.engine.submit_nowait(followup("first")).expect("into the line");
    paper.until_waiting();
    let engine = bench.engine.clone();
    let (tx, rx) = channel();
    let twins = bench.engine.submit_nowait(twin()).expect("into the line");
    first.on_decided(move || {
        let submit = engine.submit(followup("x")).map_err(|r| r.reason).err();
        let duplicate = engine.submit_nowait(twin()).map_err(|r| r.reason).err();
        let close = engine.close(LONG).err();
        let recover = engine.recover(|_| ()).map(|came| came.pending);
        let next = engine.submit_nowait(followup("next"));
        let _ = tx.send((submit, duplicate, close, recover, next));
    });
    assert!(!first.is_decided());
    assert_eq!(first.wait_for(MS), Ok(false));
    paper.release();
    let told = rx.recv_timeout(LONG).expect("it does not wait for itself");
    let (submit, duplicate, close, recover, next) = told;
    assert_eq!((submit, duplicate), (Some(Reason::Journal), Some(Reason::Journal)));
    assert!(matches!(close, Some(Error::WouldDeadlock(_))));
    assert_eq!(recover, Ok(0));
    let next = next.expect("into the line");
    assert_eq!(next.wait_for(LONG), Ok(true));
    let receipts = [first, twins, next].map(|admission| admission.wait().expect("accepted"));
    assert_eq!(said(&receipts), ["first", "twin", "next"]);
    bench.finish();
}

#[test]
fn p11_an_admission_is_told_once_and_dropping_it_changes_nothing() {
    let (paper, bench) = first_life();
    bench.engine.pause("main").expect("a lane of ours");
    paper.hold();
    let all: Vec<_> = (0..5)
        .map(|n| bench.engine.submit_nowait(followup(&n.to_string())).expect("into the line"))
        .collect();
    paper.until_waiting();
    let (tx, rx) = channel();
    let tx = Arc::new(tx);
    for (n, admission) in all.iter().enumerate() {
        let own = Arc::clone(&tx);
        admission.on_decided(|| unreachable!("it was replaced"));
        admission.on_decided(move || own.send(n).expect("the test waits"));
    }
    let mut all = all.into_iter();
    drop(all.next());
    paper.release();
    let order: Vec<_> = (0..5).map(|_| rx.recv_timeout(LONG).expect("all are told")).collect();
    assert_eq!(order, [0, 1, 2, 3, 4]);
    for admission in all {
        assert!(admission.is_decided());
        let own = Arc::clone(&tx);
        admission.on_decided(move || own.send(9).expect("the test waits"));
        assert_eq!(rx.try_recv(), Ok(9), "at once");
        assert!(admission.wait().is_ok());
    }
    assert_eq!(bench.engine.stats().pending, 5);
    bench.finish();
}

#[test]
fn p11_a_close_before_anything_came_back_leaves_the_journal_as_it_was() {
    let (paper, bench) = first_life();
    bench.engine.pause("main").expect("a lane of ours");
    bench.send(followup("text"));
    let (after, bench) = again(&paper);
    let session = bench.engine.session("k").expect("a key");
    assert_eq!(bench.engine.close(LONG), Ok(Closed::Closed));
    assert_eq!(bench.engine.submit(followup("x")).expect_err("closed").reason, Reason::Closed);
    assert_eq!(bench.engine.recover(|_| ()), Err(Error::Closed));
    assert_eq!((after.len(Table::Messages), bench.engine.stats().pending), (1, 0));
    bench.finish();
    assert_eq!(session.submit(followup("x")).expect_err("closed").reason, Reason::Closed);
    // The same without a close.
    let (after, bench) = again(&paper);
    let session = bench.engine.session("k").expect("a key");
    drop(bench);
    let (tx, rx) = channel();
    std::thread::spawn(move || tx.send(session.submit(followup("x")).map_err(|r| r.reason)));
    let answer = rx.recv_timeout(LONG).expect("it does not wait for ever");
    assert_eq!(answer.err(), Some(Reason::Closed));
    assert_eq!(after.len(Table::Messages), 1);
}

#[test]
fn p11_a_run_that_spawns_before_anything_came_back_is_refused_and_overwrites_nothing() {
    let (paper, bench) = first_life();
    bench.engine.pause("main").expect("a lane of ours");
    bench.send(followup("text"));
    let (after, bench) = again(&paper);
    bench.engine.pause("main").expect("a lane of ours");
    let spawned = |run: &laneq::Run| run.spawn(followup("child")).map_err(|r| r.reason).err();
    let receipt = bench.engine.enqueue("cron", "c", spawned).expect("there is room");
    assert_eq!(receipt.wait_for(LONG).expect("in time").reply, Some(Some(Reason::Journal)));
    assert_eq!(said(&bench.back().1), ["text"]);
    assert_eq!(after.len(Table::Messages), 1);
    bench.finish();
}

#[test]
fn p9_a_watch_of_an_admission_that_is_replaced_takes_no_place() {
    let paper = Paper::default();
    let mut config = Config::default();
    config.limits.max_pending = 2;
    let bench = life(&paper, config, &ManualClock::new());
    bench.back();
    bench.engine.pause("main").expect("a lane of ours");
    let port = bench.engine.port().expect("it is open");
    paper.hold();
    let admission = bench.engine.submit_nowait(followup("k")).expect("into the line");
    paper.until_waiting();
    for tag in 0..5 {
        port.watch_admission(&admission, tag).expect("the one before has made room");
    }
    admission.on_decided(|| unreachable!("it was replaced"));
    port.watch_admission(&admission, 5).expect("so has the last");
    port.watch_admission(&admission, 6).expect("so has the one before");
    paper.release();
    assert!(matches!(port.next(Some(LONG)), Ok(Some(Notice::Journaled(6)))));
    let more = port.next(Some(Duration::ZERO)).expect("a host thread");
    assert!(more.is_none(), "the others were replaced: {more:?}");
    let receipt = admission.wait().expect("accepted");
    port.watch(&receipt, 7).expect("nothing is unread");
    port.watch(&receipt, 8).expect("a second place");
    let third = port.watch(&receipt, 9);
    assert!(matches!(third, Err(Error::Full(_))), "P9: no more than two: {third:?}");
    bench.finish();
}
