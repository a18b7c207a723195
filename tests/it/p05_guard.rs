//! P5: the guard that a run takes steers with: committed once, or put back, or revoked.

use std::time::Duration;

use laneq::{Config, Error, Fate, Outcome, Signal, Verdict, Withdrawn};

use super::stage::{deliver, followup, running, settles, steer, texts};
use super::support::{Answer, bench_with, fates, waits};

#[test]
fn p5_a_commit_is_final_also_if_the_run_fails_later() {
    for answer in [Answer::Fail, Answer::Panic] {
        let (bench, run) = running();
        let receipt = bench.submit(steer("a"));
        bench.gate.ask(deliver);
        bench.gate.answer(answer);
        assert_ne!(waits(&run).outcome, Some(Outcome::Done));
        assert_eq!(waits(&receipt).fate, Fate::Steered);
        assert_eq!(bench.started(), ["run"]);
        bench.finish();
    }
}

/// Rows of `FAILURES.md`: R3.
#[test]
fn p5_a_guard_that_is_dropped_puts_its_steers_back_before_later_ones() {
    let (bench, run) = running();
    let two = ["a", "b"].map(|t| bench.submit(steer(t)));
    let engine = bench.engine.clone();
    let (late, verdict, taken) = bench.gate.ask(move |run| {
        let steers = run.take_steers();
        let late = engine.submit(steer("c")).expect("there is room");
        drop(steers);
        (late, run.boundary(), deliver(run))
    });
    assert_eq!((verdict, taken), (Verdict::Steer, ["a", "b", "c"].map(str::to_owned).to_vec()));
    bench.gate.open();
    waits(&run);
    let all = [two.as_slice(), &[late]].concat();
    assert!(fates(&all).iter().all(|f| *f == Some(Fate::Steered)));
    bench.finish();
}

#[test]
fn p5_what_came_under_a_guard_is_told_when_the_guard_is_committed() {
    let (bench, run) = running();
    drop(bench.submit(steer("a")));
    let engine = bench.engine.clone();
    let heard = bench.gate.ask(move |run| {
        let (heard, signals) = std::sync::mpsc::channel();
        let steers = run.take_steers();
        run.on_signal(move |signal| heard.send(signal).expect("it is listened to"));
        drop(engine.submit(steer("b")).expect("there is room"));
        let under = signals.try_iter().count();
        steers.commit().expect("the run lives");
        (under, signals.try_iter().collect::<Vec<_>>(), deliver(run))
    });
    assert_eq!(heard, (0, vec![Signal::Steer], vec!["b".to_owned()]));
    bench.gate.open();
    waits(&run);
    bench.finish();
}

/// Rows of `FAILURES.md`: R4.
#[test]
fn p5_a_second_take_shows_the_same_steers_to_its_thread_and_nothing_to_another() {
    let (bench, run) = running();
    drop(bench.submit(steer("a")));
    let engine = bench.engine.clone();
    bench.gate.ask(move |run| {
        let first = run.take_steers();
        drop(engine.submit(steer("b")).expect("there is room"));
        assert_eq!(run.boundary(), Verdict::Go, "what comes meanwhile waits for the guard");
        let other = std::thread::scope(|s| s.spawn(|| run.take_steers().len()).join());
        assert_eq!(other.expect("no panic"), 0);
        let same = run.take_steers();
        assert_eq!(texts(&first), texts(&same));
        assert_eq!(same.commit(), Ok(()));
        assert_eq!(first.commit(), Err(Error::Stale(run.id())), "delivered once");
        assert_eq!(deliver(run), ["b"]);
    });
    bench.gate.open();
    waits(&run);
    bench.finish();
}

#[test]
fn p5_a_guard_that_is_open_when_its_run_ends_is_revoked_and_its_steers_promoted() {
    let (bench, run) = running();
    let left = bench.submit(steer("left"));
    // The guard is forgotten, as by a handler that leaks it: nothing ever commits or drops it.
    bench.gate.ask(|run| std::mem::forget(run.take_steers()));
    bench.gate.open();
    bench.gate.pass("left");
    assert!(settles(&[run, left]).iter().all(|s| s.fate == Fate::Ran));
    bench.finish();
}

#[test]
fn p5_a_guard_of_an_abandoned_run_delivers_nothing_any_more() {
    let (bench, run) = running();
    let left = bench.submit(steer("left"));
    let engine = bench.engine.clone();
    let (stale, id) = bench.gate.ask(move |run| {
        let steers = run.take_steers();
        assert_eq!(engine.abandon(run.id()), Ok(()));
        (steers.commit(), run.id())
    });
    assert_eq!(stale, Err(Error::Stale(id)));
    bench.gate.open();
    bench.gate.pass("left");
    assert_eq!(waits(&run).outcome, Some(Outcome::Stopped));
    assert_eq!(waits(&left).fate, Fate::Ran, "as a turn of its own, once");
    bench.finish();
}

#[test]
fn p5_a_taken_steer_is_in_delivery_and_does_not_expire() {
    let (bench, run) = running();
    let second = Duration::from_secs(1);
    let [a, b] = ["a", "b"].map(|t| bench.submit(steer(t).with_ttl(second)));
    let (engine, [ra, rb]) = (bench.engine.clone(), [a.clone(), b.clone()]);
    assert_eq!(bench.engine.withdraw(&b), Withdrawn::Withdrawn);
    bench.gate.ask(move |run| {
        let steers = run.take_steers();
        assert_eq!(engine.withdraw(&ra), Withdrawn::InDelivery);
        assert_eq!(engine.withdraw(&rb), Withdrawn::Settled);
        engine.advance(second);
        assert_eq!(steers.commit(), Ok(()));
        assert_eq!(engine.withdraw(&ra), Withdrawn::Settled);
    });
    assert_eq!(fates(&[a, b]), [Some(Fate::Steered), Some(Fate::Withdrawn)]);
    bench.gate.open();
    waits(&run);
    bench.finish();
}

/// Rows of `FAILURES.md`: R3.
#[test]
fn p5_a_restore_applies_the_ttl_and_a_stop_that_came_meanwhile() {
    let (bench, run) = running();
    let second = Duration::from_secs(1);
    let dies = bench.submit(steer("dies").with_ttl(second));
    let lives = bench.submit(steer("lives").with_ttl(2 * second));
    let engine = bench.engine.clone();
    bench.gate.ask(move |run| {
        let steers = run.take_steers();
        engine.advance(second);
        drop(steers);
    });
    assert_eq!(fates(&[dies, lives.clone()]), [Some(Fate::Expired), None]);
    let engine = bench.engine.clone();
    let stopped = bench.gate.ask(move |run| {
        let steers = run.take_steers();
        let stopped = engine.stop("k");
        let after = engine.submit(steer("after")).expect("there is room");
        drop(steers);
        assert_eq!(after.settled(), None);
        stopped
    });
    assert_eq!(stopped.withdrawn, 0, "it was in delivery");
    assert_eq!(waits(&lives).fate, Fate::Withdrawn);
    bench.gate.answer(Answer::Fail);
    bench.gate.pass("after");
    assert_eq!(waits(&run).outcome, Some(Outcome::Stopped));
    bench.finish();
}

#[test]
fn p5_a_restored_steer_still_expires_however_many_others_were_swept_meanwhile() {
    let bench = bench_with(Config::default().with_queue(|q| q.cap = 1000));
    let run = bench.submit(followup("run"));
    bench.gate.arrived();
    let receipt = bench.submit(steer("a").with_ttl(Duration::from_secs(1)));
    let engine = bench.engine.clone();
    bench.gate.ask(move |run| {
        let steers = run.take_steers();
        for _ in 0..200 {
            let other = followup("x").with_ttl(Duration::from_secs(3600));
            let other = engine.submit(other).expect("there is room");
            assert_eq!(engine.withdraw(&other), Withdrawn::Withdrawn);
        }
        drop(steers);
    });
    bench.ms(1000);
    assert_eq!(fates(&[receipt]), [Some(Fate::Expired)]);
    bench.gate.open();
    waits(&run);
    bench.finish();
}

#[test]
fn p5_a_commit_after_a_stop_still_counts() {
    let (bench, run) = running();
    let receipt = bench.submit(steer("a"));
    let engine = bench.engine.clone();
    let committed = bench.gate.ask(move |run| {
        let steers = run.take_steers();
        assert!(engine.stop("k").run.is_some());
        steers.commit()
    });
    assert_eq!((committed, waits(&receipt).fate), (Ok(()), Fate::Steered));
    bench.gate.answer(Answer::Fail);
    waits(&run);
    bench.finish();
}
