//! Events: their names, their order, and what is not in them.

use std::sync::{Arc, Mutex};

use laneq::{Event, Message, Mode, Record, Source};

use crate::support::{LONG, bench, lane, until, waits};

/// The stable names, as hosts know them.
const NAMES: [&str; 21] = [
    "engine.started",
    "engine.draining",
    "message.accepted",
    "message.refused",
    "message.queued",
    "message.steered",
    "message.promoted",
    "message.fate",
    "queue.lane.enqueue",
    "queue.lane.dequeue",
    "queue.lane.wait_exceeded",
    "run.started",
    "run.boundary",
    "reply",
    "run.finished",
    "run.retrying",
    "run.stuck",
    "lane.saturated",
    "worker.failed",
    "session.idle",
    "session.summary_discarded",
];

#[test]
fn a_message_that_runs_tells_its_story_in_order() {
    let bench = bench();
    let receipt = bench.submit(Message::new("k", "x"));
    bench.gate.pass("x");
    waits(&receipt);
    let story = bench.settled_book().names(|event| event.key() == Some("k"));
    let expected = [
        "message.accepted",
        "queue.lane.enqueue",
        "queue.lane.dequeue",
        "run.started",
        "reply",
        "run.finished",
        "message.fate",
        "session.idle",
    ];
    assert_eq!(story, expected);
    bench.finish();
}

#[test]
fn a_steer_tells_where_it_landed_and_what_became_of_it() {
    let bench = bench();
    bench.send(Message::new("k", "run"));
    bench.gate.arrived();
    let (done_tx, done) = std::sync::mpsc::channel();
    let steer = |id: &str| Message::new("k", "x").with_id(id).with_mode(Mode::Steer);
    let delivered = bench.submit(steer("delivered"));
    bench.gate.with(move |run| {
        assert_eq!(run.boundary(), laneq::Verdict::Steer);
        run.take_steers().commit().expect("it is live");
        done_tx.send(()).expect("the test lives");
    });
    done.recv_timeout(LONG).expect("it is delivered");
    let promoted = bench.submit(steer("promoted"));
    bench.gate.open();
    bench.gate.pass("x");
    waits(&promoted);
    waits(&delivered);
    let of = |name: &str| {
        bench.settled_book().find(|event| match event {
            Event::Accepted { id, .. }
            | Event::Steered { id, .. }
            | Event::Promoted { id, .. }
            | Event::Fate { id, .. }
                if id.to_string() == name =>
            {
                Some(event.name())
            }
            _ => None,
        })
    };
    assert_eq!(of("delivered"), ["message.accepted", "message.steered", "message.fate"]);
    assert_eq!(of("promoted"), ["message.accepted", "message.promoted", "message.fate"]);
    bench.finish();
}

#[test]
fn events_of_many_threads_come_in_the_order_of_their_numbers_and_none_is_missing() {
    let bench = bench();
    bench
        .engine
        .on_run("subagent", |run| {
            let _ = run.boundary();
            drop(run.take_steers().commit());
            Ok("done".into())
        })
        .expect("set once");
    let modes = [Mode::Followup, Mode::Collect, Mode::Steer, Mode::SteerBacklog, Mode::Interrupt];
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let engine = &bench.engine;
            scope.spawn(move || {
                for n in 0..400_usize {
                    let key = format!("k{}", (n + thread) % 7);
                    let message = Message::new(key, "x").with_lane("subagent");
                    let message = message.with_mode(modes[(n * 7 + thread) % modes.len()]);
                    if let Ok(receipt) = engine.submit(message)
                        && n % 5 == 0
                    {
                        let _ = engine.withdraw(&receipt);
                    }
                }
            });
        }
    });
    bench.engine.advance(std::time::Duration::from_secs(5));
    until("all is done", || bench.engine.stats().pending == 0);
    let book = bench.settled_book();
    let names = book.names(|_| true);
    assert!(names.len() > 1600, "{}", names.len());
    assert!(names.iter().all(|name| NAMES.contains(name)), "a name that no host knows");
    // The rest is in the books: no gap, one fate each, no two runs of a key at once.
    bench.finish();
}

#[test]
fn a_ticket_goes_in_before_it_comes_out() {
    let bench = bench();
    for n in 0..200 {
        let engine = &bench.engine;
        engine
            .enqueue("main", &format!("k{n}"), |_| ())
            .expect("there is room")
            .wait()
            .map(drop)
            .expect("a host thread");
    }
    let tickets = bench.settled_book().find(|event| match event {
        Event::LaneEnqueue { key, .. } => Some(format!("in {key}")),
        Event::LaneDequeue { key, .. } => Some(format!("out {key}")),
        _ => None,
    });
    for n in 0..200 {
        let at = |what: &str| tickets.iter().position(|t| *t == format!("{what} k{n}"));
        assert!(at("in").is_some() && at("in") < at("out"), "k{n}");
    }
    bench.finish();
}

/// Rows of `FAILURES.md`: S4.
#[test]
fn no_text_of_a_message_is_in_an_event_unless_an_observer_asks_for_it() {
    const CANARY: &str = "canary7f3a";
    let engine = laneq::Engine::builder(laneq::Config::default())
        .clock(laneq::ManualClock::new())
        .start()
        .expect("the settings are fine");
    engine.on_run("main", |run| Ok(run.batch().text().to_string().into())).expect("set once");
    let seen = Arc::new(Mutex::new(String::new()));
    let write = Arc::clone(&seen);
    let observer = move |record: &Record| {
        if let Event::RunStarted { text, .. } = &record.event {
            assert!(text.is_none());
        }
        write.lock().expect("no panic under it").push_str(&format!("{record:?}\n"));
    };
    engine.observe(Arc::new(observer)).expect("a thread");
    let message = Message::new("k", CANARY)
        .with_mode(Mode::Steer)
        .with_payload(CANARY)
        .with_sender(CANARY)
        .with_media(CANARY)
        .with_meta(CANARY)
        .with_backlog(CANARY);
    let refused = engine.submit(message.clone().with_lane("mian")).expect_err("no such lane");
    assert!(!format!("{refused:?} {refused}").contains(CANARY));
    let receipt = engine.submit(message).expect("there is room");
    assert!(!format!("{receipt:?}").contains(CANARY));
    let settled = waits(&receipt);
    assert!(!format!("{settled:?}").contains(CANARY));
    assert!(engine.settle_events(LONG));
    let seen = seen.lock().expect("no panic under it");
    assert!(seen.contains("RunFinished") && seen.contains("Reply("), "{seen}");
    assert!(!seen.contains(CANARY), "{seen}");
    assert_eq!(engine.close(LONG), Ok(laneq::Closed::Closed));
}

/// Rows of `FAILURES.md`: C22.
#[test]
fn a_reply_carries_its_text_and_the_way_back() {
    let bench = bench();
    let source = Source { channel: "irc".to_owned(), ..Source::default() };
    let message = Message::new("k", "x").with_source(source.clone()).with_meta("{\"to\":1}");
    let receipt = bench.submit(message.with_id("m"));
    bench.gate.arrived();
    bench.gate.with(|run| run.say("half way"));
    bench.gate.open();
    waits(&receipt);
    let replies = bench.settled_book().find(|event| match event {
        Event::Reply(spoken) => Some(spoken.clone()),
        _ => None,
    });
    let texts: Vec<_> = replies.iter().map(|r| (r.reply.text(), r.last)).collect();
    assert_eq!(texts, [("half way", false), ("re: x", true)]);
    for reply in &replies {
        assert_eq!((reply.source(), reply.meta()), (Some(&source), Some("{\"to\":1}")));
        assert_eq!(reply.messages.iter().map(ToString::to_string).collect::<Vec<_>>(), ["m"]);
    }
    bench.finish();
}

#[test]
fn without_a_subscriber_events_cost_no_number() {
    let engine = laneq::Engine::new(laneq::Config::default()).expect("the settings are fine");
    engine.note("nobody hears", String::new());
    assert_eq!((engine.events_behind(), engine.stats().events_lost), (0, 0));
    let ring = engine.ring().expect("a thread");
    engine.note("somebody hears", String::new());
    assert!(engine.settle_events(LONG));
    let first = ring.poll().expect("it is there");
    assert_eq!((first.seq, first.event.name()), (1, "somebody hears"));
    assert_eq!(lane(&engine, "main").executing, 0);
}
