//! Races of slots, waits, ports and observers.

use super::stage::{EVER, Stage, config, join};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::oneshot::Latch;
use crate::sync::unseen::Mutex;
use crate::sync::{Arc, thread};
use crate::{Concurrency, Event, Fate, Message, Notice, Observer, Record};

/// A lane that is resized, paused and resumed while tickets come: never more runs than slots, and
/// nothing stays behind.
pub(super) fn p3_resize_meets_claim() {
    let stage = Stage::with(config(&[("main", 2)]), |_, _, _| {
        thread::yield_now();
        Ok("done".into())
    });
    let producer = |one: &'static str, two: &'static str| {
        stage.go(move |stage| {
            for key in [one, two] {
                stage.send(Message::new(key, "x"));
            }
        })
    };
    let resizes = stage.go(|stage| {
        for slots in [1, 0, 2, 1] {
            stage.engine.set_lane("main", Concurrency::Limit(slots)).expect("in range");
        }
        stage.engine.pause("main").expect("a lane of ours");
    });
    let producers = [producer("a", "b"), producer("c", "a")];
    join([resizes]);
    stage.engine.resume("main").expect("a lane of ours");
    join(producers);
    stage.all_settle();
    stage.finish();
}

/// Runs that wait for their children in a lane with one slot, while it is resized.
pub(super) fn p8_lending_meets_the_cap() {
    let stage = Stage::with(config(&[("main", 1)]), |run, book, inside| {
        if run.batch().text() != "parent" {
            return Ok("child".into());
        }
        let child = Message::new(format!("{}/child", run.key()), "child").with_lane("main");
        match run.spawn(child) {
            Ok(receipt) => {
                book.sent(&receipt);
                let limit = (thread::roll(2) == 0).then_some(std::time::Duration::from_secs(1));
                inside.wait(run, &receipt, limit);
            }
            Err(refused) => assert!(run.stopped().is_some(), "{refused:?}"),
        }
        Ok("parent".into())
    });
    let producer =
        |key: &'static str| stage.go(move |stage| drop(stage.send(Message::new(key, "parent"))));
    let resizes = stage.go(|stage| {
        stage.engine.pause("main").expect("a lane of ours");
        stage.engine.resume("main").expect("a lane of ours");
        if thread::roll(3) == 0 {
            let _ = stage.engine.interrupt("a");
        }
    });
    join([producer("a"), producer("b"), resizes]);
    stage.all_settle();
    stage.finish();
}

/// A worker is kept by a run, and has taken other tickets together with that of the run: another worker
/// runs them, or the one that is kept would wait for ever.
pub(super) fn p8_a_handful_meets_a_kept_worker() {
    const OTHERS: [&str; 5] = ["a", "b", "c", "d", "e"];
    let stage = Stage::new(config(&[("main", 2)]));
    let (left, free) = (Arc::new(AtomicU64::new(OTHERS.len() as u64)), Arc::new(Latch::default()));
    let done = Arc::new(Latch::default());
    stage.engine.pause("main").expect("a lane of ours");
    let fire = |key: &str, code: Box<dyn FnOnce() + Send>| {
        let book = Arc::clone(&stage.book);
        let ran = stage.engine.fire("main", key, move |run| {
            drop(book.enter(run));
            code();
        });
        assert!(ran.is_ok(), "there is room");
        stage.book.fired();
    };
    // Behind the first two: whoever has had a quick slice takes tickets together.
    for (idx, key) in OTHERS.into_iter().enumerate() {
        if idx == 2 {
            let (free, done) = (Arc::clone(&free), Arc::clone(&done));
            fire(
                "kept",
                Box::new(move || {
                    let _ = free.wait_until(None);
                    done.set();
                }),
            );
        }
        let (left, free) = (Arc::clone(&left), Arc::clone(&free));
        fire(
            key,
            Box::new(move || {
                if left.fetch_sub(1, Ordering::SeqCst) == 1 {
                    free.set();
                }
            }),
        );
    }
    stage.engine.resume("main").expect("a lane of ours");
    let _ = done.wait_until(None);
    stage.finish();
}

/// Two host threads that ask a port, two that submit; runs are completed, failed and dropped.
pub(super) fn p4_ports_meet_submit() {
    let stage = Stage::new(config(&[("main", 2)]));
    let port = stage.engine.port().expect("there is room");
    port.bind("main").expect("nobody has it");
    let pump = |_| {
        let (port, book) = (port.clone(), Arc::clone(&stage.book));
        let body = move || {
            loop {
                match port.next(None).expect("a host thread") {
                    Some(Notice::Ready(run)) => {
                        let inside = book.enter(&run);
                        let way = thread::roll(3);
                        drop(inside);
                        match way {
                            0 => drop(run.fail("planned failure")),
                            1 => drop(run),
                            _ => drop(run.complete("done")),
                        }
                    }
                    Some(Notice::Closed) => return,
                    _ => {}
                }
            }
        };
        thread::spawn("pump".to_owned(), body).expect("a thread")
    };
    let pumps: Vec<_> = (0..2).map(pump).collect();
    let producer = |key: &'static str| {
        stage.go(move |stage| {
            for _ in 0..2 {
                stage.send(Message::new(key, "x"));
            }
            stage.fire(Some("k"));
            let _ = stage.engine.interrupt(key);
        })
    };
    join([producer("k"), producer("j")]);
    stage.all_settle();
    assert!(stage.engine.close(EVER).is_ok());
    join(pumps);
    stage.finish();
}

#[derive(Default)]
struct Ear {
    said: Mutex<Vec<Record>>,
}

impl Observer for Ear {
    fn on_event(&self, record: &Record) {
        self.said.lock().expect("no panic under it").push(record.clone());
    }
}

/// A third view of the truth: what the observers are told has no gap, and each message one fate.
pub(super) fn p4_events_tell_every_fate_once() {
    let stage = Stage::with(config(&[("main", 2)]), |_, _, _| Ok("done".into()));
    let ear = Arc::new(Ear::default());
    stage.engine.observe(Arc::clone(&ear) as Arc<dyn Observer>).expect("a thread");
    let producer = |key: &'static str| {
        stage.go(move |stage| {
            let first = stage.send(Message::new(key, "x")).expect("there is room");
            stage.send(Message::new("k", "x"));
            let _ = stage.engine.withdraw(&first);
        })
    };
    join([producer("k"), producer("j")]);
    stage.finish();
    let said = ear.said.lock().expect("no panic under it");
    assert!(said.iter().map(|r| r.seq).eq(1..=said.len() as u64), "no gaps, in order");
    let count = |pick: fn(&Event) -> bool| said.iter().filter(|r| pick(&r.event)).count();
    assert_eq!(count(|e| matches!(e, Event::Accepted { .. })), 4);
    assert_eq!(count(|e| matches!(e, Event::Fate { .. })), 4);
    let returned = count(|e| matches!(e, Event::Fate { fate: Fate::Returned, .. }));
    let runs = count(|e| matches!(e, Event::RunStarted { .. }));
    assert!(runs <= 4 - returned, "P4: what ran did not come home");
}
