//! P1 from many threads at once, and with runs that do not come back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use laneq::{Cause, Config, Error, Fallback, Fate, Message, Mode, Outcome, Placement, Verdict};

use super::stage::{Dice, bench_doing, followup, staged};
use super::support::{bench, waits};

const KEYS: [&str; 3] = ["a", "b", "c"];

/// Rows of `FAILURES.md`: R19.
#[test]
fn p1_the_first_two_messages_to_an_idle_session_are_one_run_and_one_that_waits() {
    for (mode, fallback) in [(Mode::Followup, None), (Mode::Steer, Some(Fallback::NoRun))] {
        let bench = bench_doing(Config::default(), |run| Ok(run.batch().text().to_string().into()));
        bench.engine.pause("main").expect("a lane of ours");
        let mut all = Vec::new();
        for round in 0..100 {
            let (both, engine) = (Barrier::new(2), &bench.engine);
            let submit = || {
                both.wait();
                let message = Message::new(format!("k{round}"), "x").with_mode(mode);
                engine.submit(message).expect("there is room")
            };
            let pair = thread::scope(|scope| {
                let other = scope.spawn(submit);
                [submit(), other.join().expect("no panic")]
            });
            let mut placed = pair.each_ref().map(|r| r.placement().as_str());
            placed.sort_unstable();
            assert_eq!(placed, ["queued", "scheduled"]);
            assert!(pair.iter().all(|r| r.fallback() == fallback));
            all.extend(pair);
        }
        bench.engine.resume("main").expect("a lane of ours");
        assert!(all.iter().all(|r| waits(r).fate == Fate::Ran));
        bench.finish();
    }
}

/// The test's own book of who executes, independent of the engine's.
struct Watchman {
    busy: HashMap<&'static str, AtomicBool>,
    doubles: AtomicUsize,
    runs: AtomicUsize,
}

impl Watchman {
    fn new() -> Self {
        let busy = KEYS.into_iter().map(|key| (key, AtomicBool::new(false))).collect();
        Self { busy, doubles: AtomicUsize::new(0), runs: AtomicUsize::new(0) }
    }

    fn enter(&self, key: &str) {
        self.runs.fetch_add(1, Ordering::SeqCst);
        if self.busy[key].swap(true, Ordering::SeqCst) {
            self.doubles.fetch_add(1, Ordering::SeqCst);
        }
        // Room for another run to come in, if the engine lets one.
        thread::yield_now();
    }

    fn leave(&self, key: &str) {
        self.busy[key].store(false, Ordering::SeqCst);
    }
}

fn storm(engine: &laneq::Engine, seed: u64) {
    let mut dice = Dice::new(seed);
    for n in 0..300 {
        let key = KEYS[usize::try_from(dice.roll(3)).expect("small")];
        match dice.roll(40) {
            0 => drop(engine.interrupt(key)),
            1 => drop(engine.stop(key)),
            2..=7 => engine.advance(Duration::from_millis(700)),
            8..=10 => drop(engine.enqueue("main", key, |_| ())),
            roll => {
                let mode = [
                    Mode::Followup,
                    Mode::Collect,
                    Mode::Steer,
                    Mode::SteerBacklog,
                    Mode::Interrupt,
                ][usize::try_from(roll % 5).expect("small")];
                let attempts = u32::try_from(1 + dice.roll(3)).expect("small");
                let text = format!("{seed}.{n}");
                let message = Message::new(key, text).with_mode(mode).with_attempts(attempts);
                drop(engine.submit(message));
                thread::yield_now();
            }
        }
    }
}

/// Rows of `FAILURES.md`: C34.
#[test]
fn p1_no_storm_of_submits_interrupts_failures_and_panics_makes_two_live_runs_of_a_key() {
    let watchman = Arc::new(Watchman::new());
    let seen = Arc::clone(&watchman);
    let bench = bench_doing(Config::default().with_lane("main", 8), move |run| {
        seen.enter(run.key());
        let way = run.id().get() % 5;
        if run.boundary() == Verdict::Steer {
            // A guard that is dropped every other time puts its steers back.
            let steers = run.take_steers();
            if way.is_multiple_of(2) {
                let _ = steers.commit();
            }
        }
        seen.leave(run.key());
        match way {
            0 => Err("planned failure".into()),
            1 => std::panic::resume_unwind(Box::new("planned panic")),
            _ => Ok("done".into()),
        }
    });
    thread::scope(|scope| {
        for seed in 0..6 {
            let engine = bench.engine.clone();
            scope.spawn(move || storm(&engine, seed + 1));
        }
    });
    bench.crank();
    assert_eq!(watchman.doubles.load(Ordering::SeqCst), 0);
    let runs = watchman.runs.load(Ordering::SeqCst);
    assert!(runs > 50, "only {runs} runs: too calm a storm");
    assert_eq!(bench.engine.stats().double_runs, 0);
    bench.finish();
}

/// Rows of `FAILURES.md`: C34.
#[test]
fn p1_an_abandoned_run_is_fenced_and_its_session_goes_on_without_it() {
    let (bench, stage) = staged(Config::default());
    let [first_gate, second_gate] = ["first", "second"].map(|text| stage.gate(text));
    let first = bench.submit(followup("first"));
    first_gate.arrived();
    let second = bench.submit(followup("second"));
    let run = first_gate.ask(laneq::Run::id);
    assert_eq!(bench.engine.abandon(run), Ok(()));
    let told = waits(&first);
    assert_eq!((told.fate, told.outcome), (Fate::Ran, Some(Outcome::Stopped)));
    assert_eq!(second_gate.arrived(), "second");

    let steer = bench.submit(followup("x").with_mode(Mode::Steer));
    assert_eq!(steer.placement(), Placement::Steered);
    let (verdict, taken, end, held) = first_gate.ask(|run| {
        let end = run.end().map(drop);
        (run.boundary(), run.take_steers().len(), end, run.set_steerable(false))
    });
    assert_eq!(verdict, Verdict::Stop(Cause::Abandon));
    assert_eq!(taken, 0, "the steers of the run that lives are not its business");
    assert_eq!((end, held), (Err(Error::Stale(run)), Err(Error::Stale(run))));
    assert_eq!(bench.engine.interrupt_run(run), Err(Error::Stale(run)));
    assert_eq!(bench.engine.abandon(run), Err(Error::Stale(run)));

    first_gate.open();
    second_gate.open();
    assert_eq!(waits(&second).outcome, Some(Outcome::Done));
    assert_eq!(waits(&steer).fate, Fate::Ran);
    bench.finish();
}

/// Rows of `FAILURES.md`: R9.
#[test]
fn p1_an_interrupt_that_names_a_run_that_has_ended_leaves_the_next_one_alone() {
    let bench = bench();
    let first = bench.submit(followup("first"));
    let second = bench.submit(followup("second"));
    bench.gate.arrived();
    let old = bench.gate.ask(laneq::Run::id);
    bench.gate.open();
    waits(&first);
    assert_eq!(bench.gate.arrived(), "second");
    assert_eq!(bench.engine.interrupt_run(old), Err(Error::Stale(old)));
    assert_eq!(bench.gate.ask(laneq::Run::boundary), Verdict::Go);
    bench.gate.open();
    assert_eq!(waits(&second).outcome, Some(Outcome::Done));
    bench.finish();
}

/// Rows of `FAILURES.md`: R10.
#[test]
fn p1_a_run_that_was_stopped_is_waited_for_before_the_next_begins() {
    let bench = bench();
    let first = bench.submit(followup("first"));
    bench.gate.arrived();
    let next = bench.submit(followup("next").with_mode(Mode::Interrupt));
    assert_eq!(bench.gate.ask(laneq::Run::boundary), Verdict::Stop(Cause::Interrupt));
    assert!(bench.gate.nobody(), "the run that was stopped has not come back");
    assert_eq!(bench.tickets(), 1);
    bench.gate.open();
    assert_eq!(waits(&first).outcome, Some(Outcome::Done), "Ok is done, even if stopped");
    bench.gate.pass("next");
    assert_eq!(waits(&next).fate, Fate::Ran);
    bench.finish();
}
