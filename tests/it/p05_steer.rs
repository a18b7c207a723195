//! P5: an accepted steer is delivered at a boundary of the run it named, once, or becomes a turn
//! of its own before every older follow-up.

use laneq::{
    Cause, Config, End, Error, Event, Fate, HandlerOptions, Outcome, Placement, Reason, Run,
    Verdict,
};

use super::stage::{deliver, followup, interrupt, running, settles, steer};
use super::support::{Answer, Bench, bench_as, waits};

/// The names of what was said about steers, in order.
fn said(bench: &Bench) -> Vec<&'static str> {
    let about = |e: &Event| matches!(e, Event::Steered { .. } | Event::Promoted { .. });
    bench.settled_book().names(about)
}

/// Rows of `FAILURES.md`: C23.
#[test]
fn p5_steers_are_delivered_at_the_next_boundary_once_and_in_order() {
    let (bench, run) = running();
    let id = bench.gate.ask(Run::id);
    let three = ["a", "b", "c"].map(|t| bench.submit(steer(t)));
    let placed = three.each_ref().map(|r| (r.placement(), r.position(), r.run()));
    assert_eq!(placed, [0, 1, 2].map(|n| (Placement::Steered, n, Some(id))));
    let (before, taken, after, again) =
        bench.gate.ask(|run| (run.boundary(), deliver(run), run.boundary(), deliver(run)));
    assert_eq!((before, after), (Verdict::Steer, Verdict::Go));
    assert_eq!(taken, ["a", "b", "c"], "all that wait, as separate messages");
    assert!(again.is_empty());
    for receipt in &three {
        let told = waits(receipt);
        assert_eq!((told.fate, told.run, told.outcome), (Fate::Steered, Some(id), None));
    }
    bench.gate.open();
    waits(&run);
    assert_eq!(bench.started(), ["run"], "nothing runs twice");
    bench.finish();
}

/// Rows of `FAILURES.md`: R2.
#[test]
fn p5_end_hands_over_what_waits_and_closes_only_an_empty_inbox() {
    let (bench, run) = running();
    let a = bench.submit(steer("a"));
    let engine = bench.engine.clone();
    let late = bench.gate.ask(move |run| {
        let End::Steers(steers) = run.end().expect("it lives") else { panic!("steers wait") };
        assert_eq!(run.end().map(drop), Err(Error::GuardOpen));
        steers.commit().expect("it lives");
        assert!(matches!(run.end(), Ok(End::Closed)));
        assert!(matches!(run.end(), Ok(End::Closed)), "closed stays closed");
        engine.submit(steer("late")).expect("there is room")
    });
    assert_eq!((late.placement(), late.run()), (Placement::Queued, None));
    assert_eq!(late.fallback(), Some(laneq::Fallback::Closed));
    bench.gate.open();
    bench.gate.pass("late");
    assert_eq!(settles(&[run, a, late]).iter().filter(|s| s.fate == Fate::Ran).count(), 2);
    bench.finish();
}

#[test]
fn p5_after_closed_an_interrupt_cancels_the_token_and_the_outcome_is_the_handlers() {
    let (bench, run) = running();
    let engine = bench.engine.clone();
    let (verdict, cause) = bench.gate.ask(move |run| {
        assert!(matches!(run.end(), Ok(End::Closed)));
        assert!(engine.interrupt("k").is_some());
        assert!(matches!(run.end(), Ok(End::Closed)));
        (run.boundary(), run.token().cancelled())
    });
    assert_eq!((verdict, cause), (Verdict::Stop(Cause::Interrupt), Some(Cause::Interrupt)));
    bench.gate.open();
    assert_eq!(waits(&run).outcome, Some(Outcome::Done));
    bench.finish();
}

#[test]
fn p5_what_a_run_leaves_is_promoted_before_every_older_followup() {
    for answer in [Answer::Done, Answer::Fail, Answer::Panic] {
        let (bench, run) = running();
        let older = ["f1", "f2"].map(|t| bench.submit(followup(t)));
        let left = ["s1", "s2"].map(|t| bench.submit(steer(t)));
        bench.gate.answer(answer);
        for text in ["s1", "s2", "f1", "f2"] {
            bench.gate.pass(text);
        }
        settles(&[run]);
        settles(&older);
        assert!(settles(&left).iter().all(|s| s.fate == Fate::Ran));
        assert_eq!(said(&bench), ["message.promoted"; 2]);
        bench.finish();
    }
}

/// Rows of `FAILURES.md`: C24, R25.
#[test]
fn p5_while_a_phase_takes_no_steers_they_are_accepted_held_and_invisible() {
    let (bench, run) = running();
    let engine = bench.engine.clone();
    let held = bench.gate.ask(move |run| {
        run.set_steerable(false).expect("it lives");
        let held = engine.submit(steer("held")).expect("there is room");
        assert_eq!(run.boundary(), Verdict::Go);
        assert_eq!(run.take_steers().len(), 0);
        run.set_steerable(true).expect("it lives");
        assert_eq!(run.boundary(), Verdict::Steer);
        assert_eq!(deliver(run), ["held"]);
        held
    });
    assert_eq!((held.placement(), waits(&held).fate), (Placement::Steered, Fate::Steered));
    let engine = bench.engine.clone();
    let left = bench.gate.ask(move |run| {
        run.set_steerable(false).expect("it lives");
        let left = engine.submit(steer("left")).expect("there is room");
        assert!(matches!(run.end(), Ok(End::Closed)));
        run.set_steerable(true).expect("it lives");
        assert_eq!(deliver(run), [""; 0], "closed is closed");
        left
    });
    bench.gate.open();
    bench.gate.pass("left");
    assert!(settles(&[run, left]).iter().all(|s| s.fate == Fate::Ran));
    bench.finish();
}

/// Rows of `FAILURES.md`: R7.
#[test]
fn p5_a_stop_hides_steers_and_an_interrupt_promotes_them() {
    let (bench, run) = running();
    let left = bench.submit(steer("left"));
    let urgent = bench.submit(interrupt("urgent"));
    bench.gate.ask(|run| {
        assert_eq!(run.boundary(), Verdict::Stop(Cause::Interrupt), "stop beats steer");
        assert_eq!(run.take_steers().len(), 0);
        assert!(matches!(run.end(), Ok(End::Stop(Cause::Interrupt))));
    });
    bench.gate.answer(Answer::Fail);
    bench.gate.pass("urgent");
    bench.gate.pass("left");
    settles(&[run, left, urgent]);
    bench.finish();
}

/// Rows of `FAILURES.md`: R5.
#[test]
fn p5_a_steer_that_names_another_run_is_refused_and_not_delivered_here() {
    let (bench, run) = running();
    let id = bench.gate.ask(Run::id);
    bench.gate.open();
    waits(&run);
    let next = bench.submit(followup("next"));
    assert_eq!(bench.gate.arrived(), "next");
    let no = bench.engine.submit(steer("a").with_expect_run(id)).expect_err("that run is over");
    assert_eq!(no.reason, Reason::Mismatch);
    assert_eq!(bench.gate.ask(Run::boundary), Verdict::Go);
    bench.gate.open();
    waits(&next);
    bench.finish();
}

#[test]
fn p5_a_handler_that_takes_no_steers_gets_them_as_turns() {
    let bench = bench_as(Config::default(), HandlerOptions::unsteerable());
    let run = bench.submit(followup("run"));
    bench.gate.arrived();
    let receipt = bench.submit(steer("a"));
    assert_eq!(receipt.fallback(), Some(laneq::Fallback::NotSteerable));
    assert_eq!(bench.gate.ask(Run::boundary), Verdict::Go);
    bench.gate.open();
    bench.gate.pass("a");
    assert!(settles(&[run, receipt]).iter().all(|s| s.fate == Fate::Ran));
    bench.finish();
}
