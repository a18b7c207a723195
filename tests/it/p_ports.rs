//! Ports, what is peculiar to them: how runs get into the host's hands and out of them again. The
//! promises themselves are in `pull`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use laneq::{
    Closed, Concurrency, Config, Engine, Error, Fate, HandlerOptions, ManualClock, Message, Notice,
    Outcome, OwnedRun, Port, Reason, Reply, RunId,
};

use crate::support::{Bench, Book, Gate, LONG, lane, near, until, waits};

/// An engine whose lanes are all a port's.
pub fn opened(config: Config) -> (Bench, Port) {
    let engine = Engine::builder(config).clock(ManualClock::new()).start();
    let engine = engine.expect("the settings are fine");
    let port = engine.port().expect("it is open");
    port.bind_any(HandlerOptions::default()).expect("nobody has them");
    // One that leaves may have a ticket in its hands for a moment, and the port is called for it then.
    until("the workers make way", || engine.stats().lanes.iter().all(|lane| lane.workers == 0));
    let book = Arc::new(Book::default());
    engine.observe(Arc::clone(&book) as Arc<dyn laneq::Observer>).expect("a thread");
    (Bench { engine, gate: Gate::new().0, book }, port)
}

pub fn now(port: &Port) -> Option<Notice> {
    port.next(Some(Duration::ZERO)).expect("a host thread")
}

pub fn ready(port: &Port) -> OwnedRun {
    match port.next(Some(LONG)).expect("a host thread") {
        Some(Notice::Ready(run)) => run,
        other => panic!("a run, not {other:?}"),
    }
}

pub fn followup(key: &str, text: &str) -> Message {
    Message::new(key, text).with_mode(laneq::Mode::Followup)
}

#[test]
fn a_run_is_there_as_soon_as_its_submit_has_returned() {
    let (bench, port) = opened(Config::default());
    for n in 0..1000 {
        let receipt = bench.submit(followup(&format!("k{}", n % 7), "x"));
        let Some(Notice::Ready(run)) = now(&port) else { panic!("no thread has to hop first") };
        assert_eq!(run.batch().ids()[0], receipt.id());
        assert!(now(&port).is_none());
        run.complete(format!("re: {n}")).expect("it lives");
        let settled = receipt.settled().expect("completing tells the receipt");
        assert_eq!(settled.reply.expect("the lead").text(), format!("re: {n}"));
    }
    bench.finish();
}

#[test]
fn a_sessions_next_run_is_there_as_soon_as_the_one_before_is_completed() {
    let (bench, port) = opened(Config::default());
    let receipts: Vec<_> = (0..5).map(|n| bench.submit(followup("k", &n.to_string()))).collect();
    for (n, receipt) in receipts.iter().enumerate() {
        let Some(Notice::Ready(run)) = now(&port) else { panic!("it is its turn") };
        assert_eq!(run.batch().text(), n.to_string());
        assert!(now(&port).is_none(), "P1: one at a time");
        run.complete("done").expect("it lives");
        assert_eq!(receipt.settled().map(|s| s.fate), Some(Fate::Ran));
    }
    bench.finish();
}

#[test]
fn a_run_is_measured_from_where_it_was_taken_to_where_it_was_completed() {
    let (bench, port) = opened(Config::default());
    let receipt = bench.submit(followup("k", "x"));
    let run = ready(&port);
    bench.engine.advance(Duration::from_secs(7));
    run.complete("done").expect("it lives");
    waits(&receipt);
    let measured = lane(&bench.engine, "main").run;
    assert_eq!(measured.count, 1);
    near(measured.p99, Duration::from_secs(7));
    bench.finish();
}

#[test]
fn p3_a_slot_is_held_from_taking_the_run_until_it_is_completed() {
    let (bench, port) = opened(Config::default().with_lane("main", 2));
    let _all: Vec<_> = ["a", "b", "c"].map(|key| bench.submit(followup(key, key))).into();
    let [first, second] = [(); 2].map(|()| ready(&port));
    assert!(now(&port).is_none(), "both slots are taken");
    let main = lane(&bench.engine, "main");
    assert_eq!((main.executing, main.ready), (2, 1));
    second.complete("done").expect("it lives");
    let third = ready(&port);
    assert_eq!(third.key(), "c");
    first.complete("done").expect("it lives");
    third.complete("done").expect("it lives");
    assert_eq!(lane(&bench.engine, "main").executing, 0);
    bench.finish();
}

#[test]
fn a_lane_made_on_the_fly_is_the_ports_that_has_all() {
    let (bench, port) = opened(Config::default());
    bench.engine.set_lane("tool-7", Concurrency::Limit(1)).expect("a fine name");
    let both = ["a", "b"].map(|key| bench.submit(followup(key, key).with_lane("tool-7")));
    let run = ready(&port);
    assert_eq!(run.lane(), "tool-7");
    assert!(now(&port).is_none(), "its concurrency is 1");
    bench.engine.set_lane("tool-7", Concurrency::Limit(2)).expect("a fine figure");
    let Some(Notice::Ready(other)) = now(&port) else { panic!("a second slot") };
    run.complete("done").expect("it lives");
    other.complete("done").expect("it lives");
    assert!(both.iter().all(|receipt| receipt.settled().is_some()));
    bench.finish();
}

#[test]
fn each_lane_of_a_port_has_its_turn() {
    let (bench, port) = opened(Config::default());
    for n in 0..30 {
        bench.send(followup(&format!("main {n}"), "x"));
        bench.send(followup(&format!("sub {n}"), "x").with_lane("subagent"));
    }
    let mut of_main = 0;
    for _ in 0..20 {
        let run = ready(&port);
        of_main += usize::from(run.lane() == "main");
        run.complete("done").expect("it lives");
    }
    assert!((5..=15).contains(&of_main), "{of_main} of 20 were of main");
    bench.finish();
}

#[test]
fn a_lane_has_a_handler_or_one_port() {
    let engine = Engine::new(Config::default()).expect("the settings are fine");
    let [port, other] = [(); 2].map(|()| engine.port().expect("it is open"));
    let fine = |_: &laneq::Run| Ok(Reply::from("fine"));
    let wrong = |answer: Result<(), Error>| assert!(matches!(answer, Err(Error::Invalid(_))));
    port.bind("main").expect("nobody has it");
    wrong(port.bind("main"));
    wrong(other.bind("main"));
    wrong(engine.on_run("main", fine));
    engine.on_run("cron", fine).expect("nobody has it");
    wrong(port.bind("cron"));
    other.bind_any(HandlerOptions::default()).expect("nobody has the rest");
    wrong(port.bind_any(HandlerOptions::default()));
    wrong(engine.on_run_any(HandlerOptions::default(), fine));
    assert!(matches!(port.bind("mian"), Err(Error::UnknownLane { .. })));
    // One lane of the rest may still get a handler of its own.
    engine.on_run("subagent", fine).expect("it has none of its own");
    let message = |lane: &str| engine.submit(Message::new(lane, "x").with_lane(lane));
    for lane in ["cron", "subagent"] {
        assert_eq!(waits(&message(lane).expect("room")).outcome, Some(Outcome::Done), "{lane}");
    }
    let _waits = message("main").expect("room");
    assert!(now(&other).is_none(), "it is another port's");
    ready(&port).complete("done").expect("it lives");
    assert_eq!(engine.close(LONG), Ok(Closed::Closed));
}

#[test]
fn workers_make_way_for_a_port_and_strand_nothing() {
    for _ in 0..50 {
        let engine = Engine::new(Config::default()).expect("the settings are fine");
        engine.on_run_any(HandlerOptions::default(), |_| Ok("pushed".into())).expect("set once");
        let port = engine.port().expect("it is open");
        let send = |n: usize| engine.submit(followup(&format!("k{n}"), "x")).expect("room");
        std::thread::scope(|scope| {
            let sender = scope.spawn(|| (0..200).map(send).collect::<Vec<_>>());
            port.bind("main").expect("it has none of its own");
            let receipts = loop {
                while let Some(Notice::Ready(run)) = now(&port) {
                    run.complete("pulled").expect("it lives");
                }
                if sender.is_finished() {
                    break sender.join().expect("no panic");
                }
            };
            until("all have run", || {
                while let Some(Notice::Ready(run)) = now(&port) {
                    run.complete("pulled").expect("it lives");
                }
                receipts.iter().all(|receipt| receipt.settled().is_some())
            });
            assert!(receipts.iter().all(|r| waits(r).outcome == Some(Outcome::Done)));
        });
        until("its workers have left", || lane(&engine, "main").workers == 0);
        assert_eq!(engine.close(LONG), Ok(Closed::Closed));
    }
}

#[test]
fn closures_are_executed_by_whoever_asks() {
    let (bench, port) = opened(Config::default());
    let here = std::thread::current().id();
    let closure = bench.engine.enqueue("main", "k", move |_| std::thread::current().id() == here);
    let closure = closure.expect("there is room");
    bench.engine.fire("main", "k", |_| std::panic::resume_unwind(Box::new("x"))).expect("room");
    let asks = port.clone();
    let asked = bench.engine.enqueue("main", "k", move |_| asks.next(Some(Duration::ZERO)).err());
    assert!(closure.settled().is_none(), "nobody has asked");
    // One ask is enough, unless the machine takes a slice's millisecond for one of them.
    for _ in 0..3 {
        assert!(now(&port).is_none(), "closures are not told");
    }
    assert_eq!(closure.settled().and_then(|s| s.reply), Some(true));
    let refused = asked.expect("there is room").settled().and_then(|s| s.reply);
    assert!(matches!(refused, Some(Some(Error::WouldDeadlock(_)))), "{refused:?}");
    assert_eq!(lane(&bench.engine, "main").executing, 0);
    drop(port);
    bench.finish();
}

#[test]
fn p9_closures_that_queue_closures_do_not_hold_an_asker_for_ever() {
    fn again(engine: &Engine) {
        let inner = engine.clone();
        // Refused at the end.
        let _ = engine.fire("main", "k", move |_| again(&inner));
    }
    let (bench, port) = opened(Config::default());
    again(&bench.engine);
    for _ in 0..10 {
        assert!(now(&port).is_none());
    }
    assert_eq!(bench.engine.close(LONG), Ok(Closed::Closed));
}

#[test]
fn p3_an_isolated_lane_confines_what_its_pulled_runs_spawn() {
    let (bench, port) = opened(Config::default());
    bench.send(followup("k", "x").with_lane("cron"));
    let run = ready(&port);
    let refused = run.spawn(followup("c", "x").with_lane("main")).expect_err("another lane");
    assert_eq!(refused.reason, Reason::Isolated);
    let child = run.spawn(followup("c", "x")).expect("its own lane");
    // The thread itself is the host's.
    let outside = bench.submit(followup("o", "x"));
    run.complete("done").expect("it lives");
    for _ in 0..2 {
        ready(&port).complete("done").expect("it lives");
    }
    [child, outside].iter().for_each(|receipt| assert_eq!(waits(receipt).fate, Fate::Ran));
    bench.finish();
}

#[test]
fn p1_two_threads_at_one_port_take_each_run_once_and_keep_every_order() {
    let mut config = Config::default().with_lane("main", 3);
    config.queue.cap = 4000;
    let (bench, port) = opened(config);
    let seen = Arc::new(Mutex::new(Vec::<(String, RunId)>::new()));
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let (port, seen) = (port.clone(), Arc::clone(&seen));
            std::thread::spawn(move || {
                while let Some(notice) = port.next(None).expect("a host thread") {
                    match notice {
                        Notice::Ready(run) => {
                            let line = (format!("{}{}", run.key(), run.batch().text()), run.id());
                            seen.lock().expect("no panic under it").push(line);
                            run.complete("done").expect("it lives");
                        }
                        Notice::Closed => return,
                        other => panic!("nobody steers or stops: {other:?}"),
                    }
                }
            })
        })
        .collect();
    let receipts: Vec<_> = (0..4000)
        .map(|n| bench.submit(followup(&format!("{} ", n % 16), &format!("{n:05}"))))
        .collect();
    receipts.iter().for_each(|receipt| assert_eq!(waits(receipt).outcome, Some(Outcome::Done)));
    bench.finish();
    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    let seen = seen.lock().expect("no panic under it");
    assert_eq!(seen.len(), 4000);
    for key in 0..16 {
        let own: Vec<_> = seen.iter().filter(|(l, _)| l.starts_with(&format!("{key} "))).collect();
        assert!(own.is_sorted(), "P2: key {key}");
    }
}

#[test]
fn p11_a_message_that_is_decided_is_told_under_its_tag() {
    let (bench, port) = opened(Config::default());
    let admission = bench.engine.submit_nowait(followup("k", "x")).expect("there is room");
    port.watch_admission(&admission, 7).expect("there is room for a watch");
    // Without a journal it was decided at once.
    assert!(matches!(now(&port), Some(Notice::Journaled(7))));
    let receipt = admission.wait().expect("accepted");
    let run = ready(&port);
    assert_eq!(run.batch().ids()[0], receipt.id());
    run.complete("done").expect("it lives");
    bench.finish();
}
