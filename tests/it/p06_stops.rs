//! P6: what stops a run, in which order causes count, and what its children hear of it.

use std::sync::mpsc::channel;
use std::time::Duration;

use laneq::{Cause, Config, Event, Fate, Lane, Outcome, Run, Signal, Verdict};

use super::stage::{followup, interrupt, running, settles, steer};
use super::support::{Answer, Bench, bench, bench_with, waits};

const SECOND: Duration = Duration::from_secs(1);

/// Outcome and cause of every run that ended, in order.
fn ends(bench: &Bench) -> Vec<(Outcome, Option<Cause>)> {
    bench.settled_book().find(|event| match event {
        Event::RunFinished { outcome, cause, .. } => Some((*outcome, *cause)),
        _ => None,
    })
}

#[test]
fn p6_the_first_cause_decides_and_stays() {
    let (bench, run) = running();
    let id = bench.gate.ask(Run::id);
    assert_eq!(bench.engine.interrupt_run(id), Ok(()));
    assert_eq!(bench.engine.stop("k").run, Some(id));
    let told = bench.gate.ask(|run| (run.boundary(), run.stopped(), run.token().cancelled()));
    let cause = Cause::Interrupt;
    assert_eq!(told, (Verdict::Stop(cause), Some(cause), Some(cause)));
    bench.gate.answer(Answer::Fail);
    assert_eq!(waits(&run).outcome, Some(Outcome::Stopped));
    assert_eq!(ends(&bench), [(Outcome::Stopped, Some(cause))]);
    bench.finish();
}

/// Rows of `FAILURES.md`: R8.
#[test]
fn p6_a_handler_that_succeeds_although_it_was_stopped_is_done_and_has_no_cause() {
    let (bench, run) = running();
    assert!(bench.engine.interrupt("k").is_some());
    bench.gate.open();
    let told = waits(&run);
    assert_eq!((told.outcome, told.lead), (Some(Outcome::Done), true));
    assert_eq!(ends(&bench), [(Outcome::Done, None)]);
    bench.finish();
}

#[test]
fn p6_an_adapter_names_the_cause_of_a_failure_unless_a_stop_came_first() {
    for (stop, expected) in [
        (false, (Outcome::Failed, Some(Cause::Exit))),
        (true, (Outcome::Stopped, Some(Cause::Interrupt))),
    ] {
        let (bench, run) = running();
        if stop {
            assert!(bench.engine.interrupt("k").is_some());
        }
        bench.gate.ask(|run| run.fail_with(Cause::Exit));
        bench.gate.answer(Answer::Fail);
        waits(&run);
        assert_eq!(ends(&bench), [expected]);
        bench.finish();
    }
}

#[test]
fn p6_a_run_past_its_deadline_is_stopped_at_that_moment_and_not_before() {
    let mut config = Config::default();
    let slow = Lane { deadline: Some(2 * SECOND), ..Lane::new(1) };
    config.lanes.insert("slow".into(), slow);
    let cases = [
        (followup("own").with_deadline(SECOND), 1000),
        (followup("lane's").with_lane("slow"), 2000),
        (followup("own first").with_lane("slow").with_deadline(SECOND), 1000),
    ];
    for (message, ms) in cases {
        let bench = bench_with(config.clone());
        let receipt = bench.submit(message);
        bench.gate.arrived();
        bench.ms(ms - 1);
        assert_eq!(bench.gate.ask(Run::boundary), Verdict::Go);
        bench.ms(1);
        let told = bench.gate.ask(|run| (run.boundary(), run.token().cancelled()));
        assert_eq!(told, (Verdict::Stop(Cause::Deadline), Some(Cause::Deadline)));
        bench.gate.answer(Answer::Fail);
        let told = waits(&receipt);
        assert_eq!((told.fate, told.outcome), (Fate::Ran, Some(Outcome::Stopped)));
        assert_eq!(ends(&bench), [(Outcome::Stopped, Some(Cause::Deadline))]);
        bench.finish();
    }
}

/// Rows of `FAILURES.md`: C8.
#[test]
fn p6_a_deadline_runs_from_the_start_and_anew_for_each_attempt() {
    let bench = bench();
    let run = bench.submit(followup("run"));
    bench.gate.arrived();
    let receipt = bench.submit(followup("x").with_deadline(SECOND).with_attempts(2));
    bench.ms(5000);
    bench.gate.open();
    waits(&run);
    bench.gate.arrived();
    bench.ms(999);
    assert_eq!(bench.gate.ask(Run::boundary), Verdict::Go);
    bench.gate.answer(Answer::Fail);
    bench.until_retries(1);
    bench.ms(1000);
    bench.gate.arrived();
    bench.ms(999);
    assert_eq!(bench.gate.ask(Run::boundary), Verdict::Go);
    bench.gate.open();
    assert_eq!(waits(&receipt).outcome, Some(Outcome::Done));
    // The next run of the key has none.
    let next = bench.submit(followup("next"));
    bench.gate.arrived();
    bench.ms(60_000);
    assert_eq!(bench.gate.ask(Run::boundary), Verdict::Go);
    bench.gate.open();
    waits(&next);
    bench.finish();
}

/// Rows of `FAILURES.md`: C6.
#[test]
fn p6_a_run_past_its_deadline_and_grace_is_said_to_be_stuck_with_its_open_calls_and_lives() {
    let bench = bench();
    let receipt = bench.submit(followup("x").with_deadline(SECOND));
    bench.gate.arrived();
    let id = bench.gate.ask(|run| {
        let plan = run.plan(["sleeps", "waits"]).expect("no plan is open");
        assert_eq!(plan.start("sleeps"), Ok(laneq::Launch::Go));
        run.id()
    });
    bench.ms(5999);
    let stuck = |bench: &Bench| {
        bench.settled_book().find(|event| match event {
            Event::RunStuck { run, calls, .. } => {
                Some((*run, calls.iter().map(ToString::to_string).collect::<Vec<_>>()))
            }
            _ => None,
        })
    };
    assert!(stuck(&bench).is_empty());
    bench.ms(1000);
    assert_eq!(stuck(&bench), [(id, vec!["sleeps".to_owned()])]);
    assert_eq!(bench.engine.stats().lanes[0].executing, 1, "its slot is not freed");
    bench.gate.answer(Answer::Fail);
    assert_eq!(waits(&receipt).outcome, Some(Outcome::Stopped));
    bench.finish();
}

#[test]
fn p6_a_run_without_ledger_activity_is_said_to_be_stuck_and_activity_puts_it_off() {
    let bench = bench();
    let receipt = bench.submit(followup("x"));
    bench.gate.arrived();
    let stuck = |bench: &Bench| {
        let about = |e: &Event| matches!(e, Event::RunStuck { .. });
        bench.settled_book().names(about).len()
    };
    bench.engine.advance(Duration::from_secs(14 * 60));
    bench.gate.ask(|run| {
        let plan = run.plan(["a"]).expect("no plan is open");
        assert_eq!(plan.start("a"), Ok(laneq::Launch::Go));
    });
    bench.engine.advance(Duration::from_secs(14 * 60));
    assert_eq!(stuck(&bench), 0);
    bench.engine.advance(Duration::from_secs(2 * 60));
    assert_eq!(stuck(&bench), 1);
    bench.gate.open();
    waits(&receipt);
    bench.finish();
}

/// Rows of `FAILURES.md`: R2.
#[test]
fn p6_signals_tell_of_steers_and_stops_at_once_and_of_what_is_so_already() {
    let (bench, run) = running();
    let left = bench.submit(steer("a"));
    let (tx, heard) = channel();
    let late = tx.clone();
    bench.gate.ask(move |run| run.on_signal(move |signal| _ = tx.send(signal)));
    assert_eq!(heard.try_recv(), Ok(Signal::Steer), "it waited already");
    let second = bench.submit(steer("b"));
    assert_eq!(heard.try_recv(), Ok(Signal::Steer));
    assert!(bench.engine.interrupt("k").is_some());
    assert_eq!(heard.try_recv(), Ok(Signal::Stop));
    bench.gate.ask(move |run| run.on_signal(move |signal| _ = late.send(signal)));
    assert_eq!(heard.try_recv(), Ok(Signal::Stop), "a stop hides the steers");
    assert!(heard.try_recv().is_err());
    bench.gate.answer(Answer::Fail);
    bench.gate.pass("a");
    bench.gate.pass("b");
    settles(&[run, left, second]);
    bench.finish();
}

/// Rows of `FAILURES.md`: R7.
#[test]
fn p6_a_steer_and_an_interrupt_keep_their_order_either_way() {
    let (bench, run) = running();
    let before = bench.submit(steer("before"));
    let urgent = bench.submit(interrupt("urgent"));
    let after = bench.submit(steer("after"));
    assert_eq!(before.placement(), laneq::Placement::Steered);
    assert_eq!(after.fallback(), Some(laneq::Fallback::Closed));
    bench.gate.answer(Answer::Fail);
    for text in ["urgent", "before", "after"] {
        bench.gate.pass(text);
    }
    settles(&[run, before, urgent, after]);
    bench.finish();
}

/// Closures share readings of the clock; what starts behind them does not pay for the time of theirs.
#[test]
fn p6_a_deadline_does_not_run_while_closures_of_its_key_do() {
    let bench = bench();
    let run = bench.submit(followup("run"));
    bench.gate.arrived();
    let session = bench.engine.session("k").expect("a key");
    session.fire(|_| ()).expect("there is room");
    for n in 0..4 {
        let engine = bench.engine.clone();
        let slow = move |_: &Run| engine.advance(10 * SECOND);
        match n % 2 {
            0 => session.fire(slow).expect("there is room"),
            _ => drop(session.enqueue(slow).expect("there is room")),
        }
    }
    let receipt = bench.submit(followup("x").with_deadline(SECOND));
    bench.gate.open();
    waits(&run);
    bench.gate.arrived();
    bench.ms(999);
    assert_eq!(bench.gate.ask(Run::boundary), Verdict::Go);
    bench.gate.open();
    assert_eq!(waits(&receipt).outcome, Some(Outcome::Done));
    bench.finish();
}
