//! Waits of runs in the host's hands: the slot is lent, and the end of all waits is told once. P8.

use laneq::{Concurrency, Config, Fate, Notice, OwnedRun, Port, WaitError};

use crate::p_ports::{followup, now, opened, ready};
use crate::support::{Bench, LONG, lane, waits};

#[test]
fn p8_a_wait_without_a_thread_lends_the_slot_and_takes_it_again() {
    let (bench, port) = opened(Config::default().with_lane("main", 1));
    let parent = bench.submit(followup("parent", "x"));
    let run = ready(&port);
    let child = bench.submit(followup("child", "x"));
    assert!(now(&port).is_none(), "the one slot is taken");
    run.wait_begin(&child).expect("no cycle");
    let main = lane(&bench.engine, "main");
    assert_eq!((main.executing, main.waiting), (0, 1));
    let other = ready(&port);
    assert_eq!(other.key(), "child");
    bench.send(followup("third", "x"));
    other.complete("of the child").expect("it lives");
    // It goes before every ticket.
    assert!(matches!(now(&port), Some(Notice::Waited(id)) if id == run.id()));
    assert!(now(&port).is_none(), "P3: the slot is the parent's again");
    let main = lane(&bench.engine, "main");
    assert_eq!((main.executing, main.waiting, main.ready), (1, 0, 1));
    run.complete(waits(&child).reply.expect("the lead")).expect("it lives");
    assert_eq!(waits(&parent).reply.expect("the lead").text(), "of the child");
    ready(&port).complete("done").expect("it lives");
    bench.finish();
}

#[test]
fn p8_a_begun_wait_ends_with_a_stop_and_cycles_are_named() {
    let (bench, port) = opened(Config::default().with_lane("main", 1));
    bench.send(followup("a", "x"));
    let run = ready(&port);
    let [own, other] = ["a", "b"].map(|key| bench.submit(followup(key, "later")));
    assert!(matches!(run.wait_begin(&own), Err(WaitError::WouldDeadlock(_))));
    bench.engine.pause("main").expect("a lane of ours");
    run.wait_begin(&other).expect("no cycle");
    assert_eq!(bench.engine.interrupt("a"), Some(run.id()));
    let mut told = [(); 2].map(|()| format!("{:?}", now(&port).expect("two notices")));
    told.sort();
    let id = run.id();
    assert_eq!(told, [format!("Stop({id:?}, Interrupt)"), format!("Waited({id:?})")]);
    assert!(run.fail("stopped").is_ok());
    drop(port);
    bench.finish();
}

/// A run with two children in the host's hands, and their receipts.
fn family(bench: &Bench, port: &Port) -> (OwnedRun, [(OwnedRun, laneq::Receipt); 2]) {
    bench.send(followup("parent", "x"));
    let run = ready(port);
    let children = ["one", "two"].map(|key| {
        let receipt = bench.submit(followup(key, "x"));
        (ready(port), receipt)
    });
    (run, children)
}

#[test]
fn p8_the_end_of_a_wait_is_not_told_once_the_next_has_begun() {
    let (bench, port) = opened(Config::default().with_lane("main", 3));
    let (run, [(one, first), (two, second)]) = family(&bench, &port);
    run.wait_begin(&first).expect("no cycle");
    one.complete("done").expect("it lives");
    // It is due, and nobody has read so.
    run.wait_begin(&second).expect("no cycle");
    assert!(now(&port).is_none(), "it waits for the second");
    assert_eq!(lane(&bench.engine, "main").executing, 1);
    two.complete("done").expect("it lives");
    assert!(matches!(now(&port), Some(Notice::Waited(id)) if id == run.id()));
    assert!(now(&port).is_none(), "once");
    run.complete("done").expect("it lives");
    bench.finish();
}

#[test]
fn p8_a_wait_that_is_refused_takes_no_notice_back() {
    let (bench, port) = opened(Config::default().with_lane("main", 3));
    let (run, [(one, first), (two, _)]) = family(&bench, &port);
    run.wait_begin(&first).expect("no cycle");
    one.complete("done").expect("it lives");
    let own = bench.submit(followup("parent", "later"));
    assert!(matches!(run.wait_begin(&own), Err(WaitError::WouldDeadlock(_))));
    assert!(matches!(now(&port), Some(Notice::Waited(id)) if id == run.id()));
    two.complete("done").expect("it lives");
    run.complete("done").expect("it lives");
    ready(&port).complete("done").expect("it lives");
    bench.finish();
}

#[test]
fn p8_the_end_of_all_waits_is_told_whichever_is_the_last() {
    let (bench, port) = opened(Config::default().with_lane("main", 3));
    let (run, [(one, first), (two, second)]) = family(&bench, &port);
    // One that a thread may finish, beside one that none does.
    let waiting = laneq::Run::wait_begin(&run, &second).expect("no cycle");
    run.wait_begin(&first).expect("no cycle");
    one.complete("done").expect("it lives");
    two.complete("done").expect("it lives");
    assert!(now(&port).is_none(), "the other wait goes on");
    assert_eq!(waiting.finish().expect("its fate").fate, Fate::Ran);
    assert!(matches!(now(&port), Some(Notice::Waited(id)) if id == run.id()));
    run.complete("done").expect("it lives");
    bench.finish();
}

#[test]
fn p8_the_end_of_a_wait_is_not_told_while_a_thread_waits_and_once_it_has_waited() {
    let (bench, port) = opened(Config::default().with_lane("main", 3));
    let (run, [(one, first), (two, second)]) = family(&bench, &port);
    run.wait_begin(&first).expect("no cycle");
    one.complete("done").expect("it lives");
    // It is due, and nobody has read so.
    let waiting = laneq::Run::wait_begin(&run, &second).expect("no cycle");
    assert!(now(&port).is_none(), "it waits for the second");
    two.complete("done").expect("it lives");
    assert!(now(&port).is_none(), "it has no slot yet");
    assert_eq!(waiting.finish().expect("its fate").fate, Fate::Ran);
    assert!(matches!(now(&port), Some(Notice::Waited(id)) if id == run.id()));
    assert!(now(&port).is_none(), "once");
    run.complete("done").expect("it lives");
    bench.finish();
}

#[test]
fn p8_the_end_of_a_threads_own_wait_is_no_news_once_that_of_the_others_was_read() {
    let (bench, port) = opened(Config::default().with_lane("main", 3));
    let (run, [(one, first), (two, second)]) = family(&bench, &port);
    run.wait_begin(&first).expect("no cycle");
    one.complete("done").expect("it lives");
    assert!(matches!(now(&port), Some(Notice::Waited(id)) if id == run.id()));
    let waiting = laneq::Run::wait_begin(&run, &second).expect("no cycle");
    two.complete("done").expect("it lives");
    assert_eq!(waiting.finish().expect("its fate").fate, Fate::Ran);
    assert!(now(&port).is_none(), "the thread knows it");
    run.complete("done").expect("it lives");
    bench.finish();
}

#[test]
fn p7_a_wake_function_may_pause_the_lane_whose_growth_woke_it() {
    let (bench, port) = opened(Config::default().with_lane("main", 1));
    bench.send(followup("parent", "x"));
    let run = ready(&port);
    let [other, child] = ["other", "child"].map(|key| bench.submit(followup(key, "x")));
    run.wait_begin(&child).expect("no cycle");
    let busy = ready(&port);
    assert_eq!(busy.key(), "other");
    // The wait is over, and its slot is another's.
    let _ = bench.engine.withdraw(&child);
    assert!(now(&port).is_none(), "it has no slot yet");
    let engine = bench.engine.clone();
    port.on_wake(move || engine.pause("main").expect("a lane"));
    let (engine, (said, heard)) = (bench.engine.clone(), std::sync::mpsc::channel());
    let grows = std::thread::spawn(move || {
        engine.set_lane("main", Concurrency::Limit(2)).expect("in range");
        said.send(()).expect("somebody waits");
    });
    heard.recv_timeout(LONG).expect("no lock is held while the host is called");
    grows.join().expect("it grew");
    assert!(matches!(now(&port), Some(Notice::Waited(id)) if id == run.id()));
    for run in [run, busy] {
        run.complete("done").expect("it lives");
    }
    assert_eq!(waits(&other).fate, Fate::Ran);
    port.on_wake(|| {});
    bench.engine.resume("main").expect("a lane");
    bench.finish();
}
