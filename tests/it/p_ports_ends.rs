//! Ends at a port: of a run, of a port, of the engine.

use std::time::Duration;

use laneq::{Cause, Closed, Config, Error, Event, Fate, Notice, Outcome, Reply};

use crate::p_ports::{followup, now, opened, ready};
use crate::support::{LONG, lane, until, waits};

#[test]
fn a_run_that_is_dropped_has_failed_and_says_so() {
    let (bench, port) = opened(Config::default());
    let receipt = bench.submit(followup("k", "x").with_attempts(2));
    drop(ready(&port));
    assert!(receipt.settled().is_none(), "it is retried like any failure");
    bench.engine.advance(Duration::from_secs(1));
    drop(ready(&port));
    let settled = waits(&receipt);
    assert_eq!((settled.fate, settled.outcome), (Fate::Parked, Some(Outcome::Failed)));
    let causes = bench.settled_book().find(|event| match event {
        Event::RunFinished { cause, .. } => Some(*cause),
        _ => None,
    });
    assert_eq!(causes, [Some(Cause::Dropped); 2]);
    bench.finish();
}

#[test]
fn what_a_port_leaves_waits_for_the_next_and_what_was_taken_stays_valid() {
    let (bench, port) = opened(Config::default());
    let taken = bench.submit(followup("a", "taken"));
    let run = ready(&port);
    let left = bench.submit(followup("b", "left"));
    drop(port);
    let late = bench.submit(followup("c", "late"));
    run.complete("done").expect("it stays valid");
    assert_eq!(waits(&taken).outcome, Some(Outcome::Done));
    until("nobody else takes them", || lane(&bench.engine, "main").workers == 0);
    let next = bench.engine.port().expect("it is open");
    next.bind("main").expect("nobody has it");
    for text in ["left", "late"] {
        let run = ready(&next);
        assert_eq!(run.batch().text(), text);
        run.complete("done").expect("it lives");
    }
    [left, late].iter().for_each(|receipt| assert_eq!(waits(receipt).fate, Fate::Ran));
    bench.finish();
}

#[test]
fn p12_whoever_waits_at_a_port_that_is_left_comes_home() {
    let (bench, port) = opened(Config::default());
    let waiter = std::thread::spawn({
        let port = port.clone();
        move || matches!(port.next(None), Ok(Some(Notice::Closed)))
    });
    port.leave();
    assert!(waiter.join().expect("no panic"), "the end, although the engine is open");
    assert!(matches!(port.bind("cron"), Err(Error::Closed)));
    let receipt = bench.submit(followup("k", "x"));
    let next = bench.engine.port().expect("it is open");
    next.bind("main").expect("it was let go");
    ready(&next).complete("done").expect("it lives");
    assert_eq!(waits(&receipt).fate, Fate::Ran);
    bench.finish();
}

#[test]
fn a_handler_takes_over_what_a_port_has_left() {
    let (bench, port) = opened(Config::default());
    drop(port);
    let receipt = bench.submit(followup("k", "x"));
    bench.engine.on_run("main", |_| Ok(Reply::from("pushed"))).expect("nobody has it");
    assert_eq!(waits(&receipt).reply.expect("the lead").text(), "pushed");
    bench.finish();
}

#[test]
fn a_run_may_be_completed_while_it_waits() {
    let (bench, port) = opened(Config::default().with_lane("main", 1));
    bench.send(followup("a", "x"));
    let run = ready(&port);
    let other = bench.submit(followup("b", "x"));
    run.wait_begin(&other).expect("no cycle");
    run.complete("done after all").expect("it lives");
    let main = lane(&bench.engine, "main");
    assert_eq!((main.executing, main.waiting), (0, 0));
    ready(&port).complete("done").expect("it lives");
    assert_eq!(waits(&other).fate, Fate::Ran);
    assert!(now(&port).is_none(), "nothing is told of a run that has ended");
    let main = lane(&bench.engine, "main");
    assert_eq!((main.executing, main.waiting), (0, 0));
    bench.finish();
}

#[test]
fn p12_an_abandoned_run_of_a_port_is_no_thread() {
    let mut config = Config::default();
    config.limits.abandoned = 1;
    let (bench, port) = opened(config);
    let keys = ["a", "b", "c"];
    keys.iter().for_each(|key| bench.send(followup(key, "x")));
    let runs = keys.map(|_| ready(&port));
    for run in &runs {
        bench.engine.abandon(run.id()).expect("the bound is on threads of the engine");
    }
    let Closed::Stuck(stuck) = bench.engine.close(Duration::ZERO).expect("a host thread") else {
        panic!("the host has them");
    };
    assert_eq!(stuck.len(), 3);
    drop(runs);
    assert_eq!(bench.engine.close(LONG), Ok(Closed::Closed), "the host has let them go");
}

#[test]
fn p1_what_comes_after_an_abandoned_run_does_not_wait_for_it() {
    let (bench, port) = opened(Config::default().with_lane("main", 1));
    let lost = bench.submit(followup("k", "lost"));
    let run = ready(&port);
    let next = bench.submit(followup("k", "next"));
    bench.engine.abandon(run.id()).expect("it is live");
    assert_eq!(waits(&lost).outcome, Some(Outcome::Stopped));
    assert!(matches!(now(&port), Some(Notice::Stop(id, Cause::Abandon)) if id == run.id()));
    ready(&port).complete("done").expect("it lives");
    assert_eq!(waits(&next).outcome, Some(Outcome::Done));
    assert_eq!(run.stopped(), Some(Cause::Abandon));
    let id = run.id();
    assert_eq!(run.complete("late"), Err(Error::Stale(id)));
    assert_eq!(lane(&bench.engine, "main").executing, 0);
    until("its workers have left", || lane(&bench.engine, "main").workers == 0);
    bench.finish();
}

#[test]
fn p12_a_close_tells_the_run_to_stop_then_fences_it_and_lists_it() {
    let (bench, port) = opened(Config::default());
    let receipt = bench.submit(followup("k", "x"));
    let run = ready(&port);
    let Closed::Stuck(stuck) = bench.engine.close(Duration::ZERO).expect("a host thread") else {
        panic!("the host has it");
    };
    assert_eq!(stuck.iter().map(|s| s.run).collect::<Vec<_>>(), [run.id()]);
    assert_eq!(waits(&receipt).fate, Fate::Returned);
    assert!(matches!(now(&port), Some(Notice::Stop(_, Cause::Close))));
    assert!(matches!(now(&port), Some(Notice::Closed)));
    let id = run.id();
    assert_eq!(run.complete("late"), Err(Error::Stale(id)));
    assert_eq!(bench.engine.close(LONG), Ok(Closed::Closed), "the host has let it go");
}

#[test]
fn p12_a_close_waits_for_the_runs_that_the_host_has() {
    let (bench, port) = opened(Config::default());
    let receipt = bench.submit(followup("k", "x"));
    let run = ready(&port);
    let closer = bench.engine.clone();
    let close = std::thread::spawn(move || closer.close(LONG));
    let stop = port.next(Some(LONG)).expect("a host thread");
    assert!(matches!(stop, Some(Notice::Stop(_, Cause::Close))), "{stop:?}");
    assert!(now(&port).is_none(), "not the end yet: a run is left");
    run.complete("in time").expect("it lives");
    assert_eq!(waits(&receipt).outcome, Some(Outcome::Done));
    assert_eq!(close.join().expect("no panic"), Ok(Closed::Closed));
    for _ in 0..3 {
        assert!(matches!(now(&port), Some(Notice::Closed)), "it stays so");
    }
    bench.book.check(&bench.engine.stats());
}

#[test]
fn a_port_does_not_keep_the_engine_open() {
    let (bench, port) = opened(Config::default());
    drop(bench);
    assert!(matches!(port.next(Some(LONG)), Ok(Some(Notice::Closed))));
    assert_eq!(port.bind("main"), Err(Error::Closed));
}
