//! P9: what is kept of a message is its memory, which the next one takes.
//!
//! Nobody listens here, and nobody keeps a receipt: whoever has a part in a message keeps it. No
//! time passes, so that no slice ends before its session has nothing left.

use std::sync::Mutex;
use std::sync::mpsc::channel;

use laneq::{Config, Engine, ManualClock, Message, Mode, Notice, Part, Reply, Run};

use super::support::LONG;

fn engine() -> Engine {
    let config = Config::default().with_lane("main", 1);
    Engine::builder(config).clock(ManualClock::new()).start().expect("the settings are fine")
}

/// Where it lies.
fn place(message: Option<&Message>) -> usize {
    std::ptr::from_ref(message.expect("there is one")).addr()
}

fn first(run: &Run) -> usize {
    place(run.batch().messages().next().map(Part::message))
}

/// Takes what an allocator would hand out next for a message: so that one which comes to lie where
/// another lay is in memory that was kept.
fn takes_what_is_free() -> Vec<Vec<u8>> {
    let sizes = (64..512).step_by(8);
    sizes.flat_map(|size| (0..16).map(move |_| Vec::with_capacity(size))).collect()
}

fn followup(key: &str) -> Message {
    Message::new(key, "x").with_mode(Mode::Followup)
}

#[test]
fn p9_a_run_leaves_its_last_messages_memory_to_what_its_worker_submits_next() {
    let (engine, (tell, told), taken) = (engine(), channel(), Mutex::new(Vec::new()));
    let handle = move |run: &Run| {
        if run.key() != "child" {
            taken.lock().expect("no panic").extend(takes_what_is_free());
            let child = run.spawn_detached(followup("child")).expect("there is room");
            tell.send((first(run), place(child.message()))).expect("the test waits");
        }
        Ok(Reply::from(""))
    };
    engine.on_run("main", handle).expect("set once");
    engine.pause("main").expect("it is a lane");
    for key in ["a", "a", "b"] {
        let _ = engine.submit(followup(key)).expect("there is room");
    }
    engine.resume("main").expect("it is a lane");
    let run = || told.recv_timeout(LONG).expect("it runs");
    let (first, (second, of_second), (_, of_third)) = (run().0, run(), run());
    assert_eq!(of_second, first, "another run of its session follows");
    assert_eq!(of_third, second, "none does");
    assert!(engine.drain(LONG).expect("a host thread").complete);
}

#[test]
fn p9_a_run_that_a_host_completes_leaves_its_messages_memory_to_what_it_submits_next() {
    let engine = engine();
    let port = engine.port().expect("it is open");
    port.bind("main").expect("bound once");
    let _ = engine.submit(followup("a")).expect("there is room");
    let Ok(Some(Notice::Ready(run))) = port.next(Some(LONG)) else { panic!("it waits") };
    let was = first(&run);
    run.complete("").expect("it is live");
    let _taken = takes_what_is_free();
    let next = engine.submit(followup("b")).expect("there is room");
    assert_eq!(place(next.message()), was);
}

#[test]
fn p9_a_stop_leaves_the_memory_of_what_waited_to_what_its_thread_submits_next() {
    let engine = engine();
    engine.pause("main").expect("it is a lane");
    let was = place(engine.submit(followup("a")).expect("there is room").message());
    assert_eq!(engine.stop("a").withdrawn, 1);
    let _taken = takes_what_is_free();
    let next = engine.submit(followup("b")).expect("there is room");
    assert_eq!(place(next.message()), was);
}
