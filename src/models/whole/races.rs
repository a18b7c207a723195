//! Races of one session: its run, its steers, its stops.

use super::stage::{Stage, commit, config, deliver, join};
use crate::sync::tally::{AtomicU64, Ordering};
use crate::sync::{Arc, thread};
use crate::{Cancelled, Cause, End, Fate, Message, Mode, Verdict, Withdrawn};

const MODES: [Mode; 3] = [Mode::Followup, Mode::Steer, Mode::Collect];

/// Two producers, one key and two workers: nothing is lost between a run's end and the next
/// message, and each producer's messages start in its order.
pub(super) fn p4_running_to_idle_meets_submit() {
    let stage = Stage::with(config(&[("main", 2)]), |_, _, _| Ok("done".into()));
    let producer = |name: &'static str| {
        stage.go(move |stage| {
            for n in 0..2 {
                stage.send(Message::new("k", format!("{name}{n}")));
            }
            stage.fire(Some("k"));
        })
    };
    join([producer("a"), producer("b")]);
    stage.all_settle();
    let started = stage.book.started_texts();
    assert_eq!(started.len(), 4, "P4: {started:?}");
    for name in ["a", "b"] {
        let own = started.iter().filter(|text| text.starts_with(name));
        assert!(own.eq(&[format!("{name}0"), format!("{name}1")]), "P2: {started:?}");
    }
    stage.finish();
}

/// Every accepted steer is delivered once, or becomes a turn of its own.
pub(super) fn p5_steer_meets_finish() {
    let stage = Stage::with(config(&[("main", 2)]), |run, book, _| {
        let way = thread::roll(3);
        if run.boundary() == Verdict::Steer {
            deliver(run, book);
        }
        match run.end()? {
            End::Steers(steers) if way == 0 => drop(steers),
            End::Steers(steers) => commit(steers, book),
            End::Closed | End::Stop(_) => {}
        }
        if way == 1 { Err("planned failure".into()) } else { Ok("done".into()) }
    });
    stage.send(Message::new("k", "head"));
    let producer = |name: &'static str| {
        stage.go(move |stage| {
            stage.send(Message::new("k", name).with_mode(Mode::Steer));
            if name == "a" {
                stage.send(Message::new("k", "both").with_mode(Mode::SteerBacklog));
            }
        })
    };
    join([producer("a"), producer("b")]);
    stage.all_settle();
    let (steered, mut all) = (stage.book.steered_texts(), stage.book.started_texts());
    // What steers and has a later turn is seen twice, if it was delivered.
    all.extend(steered.iter().filter(|text| *text != "both").cloned());
    all.sort();
    assert_eq!(all, ["a", "b", "both", "head"], "P5: each once; delivered: {steered:?}");
    stage.finish();
}

/// Stops, interrupts and interrupting messages against a run that ends by itself.
pub(super) fn p6_interrupt_meets_finish() {
    let stage = Stage::with(config(&[("main", 2)]), |run, _, _| match run.boundary() {
        Verdict::Stop(_) => Err("stopped".into()),
        _ => Ok("done".into()),
    });
    stage.send(Message::new("k", "head"));
    let urgent = stage.go(|stage| {
        stage.send(Message::new("k", "now").with_mode(Mode::Interrupt));
        let _ = stage.engine.interrupt("k");
    });
    let stops = stage.go(|stage| {
        stage.send(Message::new("k", "later").with_attempts(2));
        if thread::roll(2) == 0 {
            let _ = stage.engine.stop("k");
        }
    });
    join([urgent, stops]);
    stage.engine.advance(std::time::Duration::from_secs(2));
    // Whatever was not stopped has ended, or waits for its retry, which this ends.
    while stage.engine.interrupt("k").is_some() {
        thread::yield_now();
    }
    stage.all_settle();
    stage.finish();
}

/// What is withdrawn never starts, and what has started is not withdrawn.
pub(super) fn p4_withdraw_meets_start() {
    let stage = Stage::with(config(&[("main", 2)]), |_, _, _| Ok("done".into()));
    let producer = |name: &'static str| {
        stage.go(move |stage| {
            let receipt = stage.send(Message::new("k", name)).expect("there is room");
            let answer = stage.engine.withdraw(&receipt);
            let fate = receipt.wait().expect("a host thread").fate;
            assert_eq!(answer == Withdrawn::Withdrawn, fate == Fate::Withdrawn, "{answer:?}");
            let task = stage.engine.enqueue_keyless("main", |_| ()).expect("there is room");
            stage.book.fired();
            let _ = stage.engine.withdraw(&task);
            assert!(task.wait().is_ok());
        })
    };
    join([producer("a"), producer("b")]);
    stage.send(Message::new("k", "c"));
    stage.all_settle();
    let started = stage.book.started_texts().len();
    assert_eq!(started, stage.book.told(Fate::Ran), "P4: what started ran, and nothing else");
    stage.finish();
}

/// A run that was abandoned has no effect any more, whatever it still does; its session goes on.
pub(super) fn p1_abandon_meets_late_calls() {
    let stage = Stage::with(config(&[("main", 2)]), |run, book, _| {
        let token = run.token();
        if run.boundary() == Verdict::Steer {
            deliver(run, book);
        }
        let _ = run.end().map(drop);
        run.say("late");
        drop(token);
        Ok("done".into())
    });
    stage.send(Message::new("k", "head"));
    let abandons = stage.go(|stage| {
        for _ in 0..4 {
            if let Some(run) = stage.book.executing() {
                stage.book.abandon(run);
                let _ = stage.engine.abandon(run);
                return;
            }
            thread::yield_now();
        }
    });
    let steers = stage.go(|stage| {
        stage.send(Message::new("k", "steer").with_mode(Mode::Steer));
        stage.send(Message::new("k", "next"));
    });
    join([abandons, steers]);
    stage.all_settle();
    stage.finish();
}

/// Token, child and grandchild, cancelled from two sides while they are made: every callback is
/// called once, and each knows one cause.
pub(super) fn p6_a_cancel_reaches_every_child_once() {
    let (made, called) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (making, calling) = (Arc::clone(&made), Arc::clone(&called));
    let stage = Stage::with(config(&[("main", 2)]), move |run, _, _| {
        let token = run.token();
        let child = token.child();
        let leaf = child.child();
        for token in [&leaf, &child] {
            let calling = Arc::clone(&calling);
            making.fetch_add(1, Ordering::SeqCst);
            let call = move |_| _ = calling.fetch_add(1, Ordering::SeqCst);
            token.on_cancel(call).forget();
        }
        let mine = child.clone();
        let tool = move || {
            // Who is not the first may return before the first has reached all below.
            if mine.cancel(Cause::Host) == Cancelled::Now {
                assert!(leaf.cancelled().is_some(), "P6: a cancelled parent has no live child");
            }
        };
        let other = thread::spawn("tool".to_owned(), tool);
        drop(child);
        other.expect("a thread").join().expect("a finding");
        let before = token.cancelled();
        let late = token.child().cancelled();
        assert!(before.is_none() || late == before, "P6: born cancelled, with the same cause");
        Ok("done".into())
    });
    let stops = stage.go(|stage| _ = stage.engine.interrupt("k"));
    let sends = stage.go(|stage| {
        MODES.iter().take(2).for_each(|mode| {
            stage.send(Message::new("k", "x").with_mode(*mode));
        });
    });
    join([stops, sends]);
    stage.all_settle();
    stage.finish();
    assert_eq!(called.load(Ordering::SeqCst), made.load(Ordering::SeqCst), "P6: each once");
}
