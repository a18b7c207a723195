//! P6: what a run's children hear of its end, and how many it may have.

use std::sync::Arc;
use std::sync::mpsc::channel;

use laneq::{Cause, Config, Event, Fate, Message, Outcome, Reason, Verdict, WaitError};

use super::stage::{Stage, bench_doing, followup, settles, staged};
use super::support::{Answer, Bench, Gate, LONG, bench, bench_with, fates, until, waits};

/// A parent that waits at its gate, with two children that run at theirs and one that is queued.
fn family(stage: &Stage, bench: &Bench) -> (super::support::Gate, Vec<laneq::Receipt>) {
    let gates = ["child 1", "child 2"].map(|text| stage.gate(text));
    let parent = stage.gate("parent");
    drop(bench.submit(Message::new("p", "parent")));
    parent.arrived();
    let children = parent.ask(|run| {
        let spawn = |key: &str, text: &str| {
            run.spawn(Message::new(key, text).with_mode(laneq::Mode::Followup))
        };
        let all = [spawn("1", "child 1"), spawn("2", "child 2"), spawn("2", "child 3")];
        all.map(|child| child.expect("there is room")).to_vec()
    });
    for gate in &gates {
        gate.arrived();
        gate.with(|run| while run.stopped().is_none() {});
        gate.answer(Answer::Fail);
    }
    (parent, children)
}

/// Rows of `FAILURES.md`: R23.
#[test]
fn p6_children_go_with_a_parent_that_is_stopped_and_later_ones_are_born_cancelled() {
    let (bench, stage) = staged(Config::default());
    let (parent, children) = family(&stage, &bench);
    assert!(bench.engine.interrupt("p").is_some());
    let told = settles(&children);
    assert_eq!(told[2].fate, Fate::Withdrawn, "it had not started");
    for child in &told[..2] {
        assert_eq!((child.fate, child.outcome), (Fate::Ran, Some(Outcome::Stopped)));
    }
    let late = parent.ask(|run| {
        let message = Message::new("late", "late");
        let spawned = run.spawn(message).expect("it is born cancelled");
        let other = run.spawn_detached(Message::new("detached", "detached"));
        (spawned, other.expect("there is room"))
    });
    parent.answer(Answer::Fail);
    assert!(matches!(waits(&late.0).fate, Fate::Withdrawn | Fate::Ran));
    assert_eq!(waits(&late.1).outcome, Some(Outcome::Done), "it outlives the parent");
    let by_parent = |e: &Event| matches!(e, Event::RunFinished { cause: Some(Cause::Parent), .. });
    assert_eq!(bench.settled_book().names(by_parent).len(), 2);
    bench.finish();
}

#[test]
fn p6_children_go_with_a_parent_that_fails_and_stay_with_one_that_is_done() {
    for answer in [Answer::Fail, Answer::Panic] {
        let (bench, stage) = staged(Config::default());
        let (parent, children) = family(&stage, &bench);
        parent.answer(answer);
        let expected = [Fate::Ran, Fate::Ran, Fate::Withdrawn];
        assert_eq!(settles(&children).iter().map(|s| s.fate).collect::<Vec<_>>(), expected);
        bench.finish();
    }
    let (bench, stage) = staged(Config::default());
    let [gate, child_gate] = ["parent", "child"].map(|text| stage.gate(text));
    let parent = bench.submit(followup("parent"));
    gate.arrived();
    let child = gate.ask(|run| run.spawn(Message::new("c", "child")));
    child_gate.arrived();
    gate.open();
    assert_eq!(waits(&parent).outcome, Some(Outcome::Done));
    assert_eq!(child_gate.ask(laneq::Run::boundary), Verdict::Go);
    child_gate.open();
    assert_eq!(waits(&child.expect("there is room")).outcome, Some(Outcome::Done));
    bench.finish();
}

#[test]
fn p6_a_run_has_a_bounded_number_of_children_and_levels() {
    let mut config = Config::default();
    (config.limits.children, config.limits.spawn_depth) = (2, 1);
    let bench = bench_with(config);
    bench.engine.pause("subagent").expect("a lane of ours");
    let parent = bench.submit(followup("parent"));
    bench.gate.arrived();
    let spawned = bench.gate.ask(|run| {
        let spawn = |key: &str| run.spawn(Message::new(key, key)).map_err(|no| no.reason);
        [spawn("a"), spawn("b"), spawn("c")]
    });
    let [a, b, c] = spawned;
    assert_eq!(c.map(drop), Err(Reason::Full));
    let [a, b] = [a, b].map(|r| r.expect("there is room"));
    assert_eq!(bench.engine.withdraw(&b), laneq::Withdrawn::Withdrawn);
    bench.gate.open();
    waits(&parent);
    bench.engine.resume("subagent").expect("a lane of ours");
    assert_eq!(bench.gate.arrived(), "a");
    let deeper = bench.gate.ask(|run| run.spawn(Message::new("d", "d")).map_err(|no| no.reason));
    assert_eq!(deeper.map(drop), Err(Reason::Full));
    bench.gate.open();
    assert_eq!(fates(&[a.clone(), b]).last(), Some(&Some(Fate::Withdrawn)));
    waits(&a);
    bench.finish();
}

#[test]
fn p6_a_stop_ends_a_wait() {
    let bench = bench();
    bench.engine.pause("subagent").expect("a lane of ours");
    let parent = bench.submit(followup("parent"));
    bench.gate.arrived();
    let (tx, waited) = channel();
    bench.gate.with(move |run| {
        let child = run.spawn(Message::new("c", "child")).expect("there is room");
        let _ = tx.send(None);
        let _ = tx.send(Some(run.wait(&child, Some(LONG)).map(drop)));
    });
    assert_eq!(waited.recv_timeout(LONG), Ok(None));
    assert_eq!(bench.engine.stop("k").withdrawn, 0, "the child has a key of its own");
    let told = waited.recv_timeout(LONG).expect("the wait ends");
    // The stop withdraws the child as well: either may be what the wait sees first.
    assert!(matches!(told, Some(Ok(()) | Err(WaitError::Stopped(Cause::Stop)))), "{told:?}");
    bench.gate.answer(Answer::Fail);
    assert_eq!(waits(&parent).outcome, Some(Outcome::Stopped));
    bench.finish();
}

#[test]
fn p6_an_engine_whose_runs_had_children_is_freed_with_all_that_its_handlers_hold() {
    for answer in [Answer::Done, Answer::Fail] {
        let held = Arc::new(());
        let weak = Arc::downgrade(&held);
        let (gate, handler) = Gate::new();
        let bench = bench_doing(Config::default(), move |run| {
            let _held = &held;
            if run.key() == "child" { Ok("done".into()) } else { handler.handle(run) }
        });
        let parent = bench.submit(followup("parent"));
        gate.arrived();
        let child = gate.ask(|run| run.spawn(Message::new("child", "child")));
        gate.answer(answer);
        settles(&[parent, child.expect("there is room")]);
        bench.finish();
        // Threads of the host's that pull hear of the end by themselves.
        let pulls = super::support::DRIVE == super::support::Drive::Pull;
        until("the host lets go", || !pulls || weak.upgrade().is_none());
        assert!(weak.upgrade().is_none(), "something still holds the engine");
    }
}
