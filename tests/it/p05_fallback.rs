//! P5: a steer that no run takes is an ordinary message, and its receipt says why; a
//! steer-backlog is both a steer and a later turn, and counts once.

use laneq::{
    Config, Drop, End, Fallback, Fate, Knobs, Mode, Placement, Run, Source, Verdict, Withdrawn,
};

use super::stage::{deliver, followup, message, running, settles, steer};
use super::support::{Answer, Bench, bench, bench_with, fates, waits};

fn both(text: &str) -> laneq::Message {
    message(Mode::SteerBacklog, text)
}

/// The texts of the parts of the run that arrives, and which of them it has seen before.
fn parts(bench: &Bench) -> Vec<(String, bool)> {
    bench.gate.arrived();
    bench.gate.ask(|run| {
        run.batch().messages().map(|p| (p.text().into_owned(), p.seen())).collect::<Vec<_>>()
    })
}

/// Rows of `FAILURES.md`: C21, C23.
#[test]
fn p5_the_first_reason_that_applies_is_given_in_both_steering_modes() {
    let route = || Source { channel: "irc".into(), ..Source::default() };
    for mode in [Mode::Steer, Mode::SteerBacklog] {
        let bench = bench();
        let idle = bench.submit(message(mode, "run"));
        assert_eq!(idle.fallback(), Some(Fallback::NoRun), "{mode}");
        bench.gate.arrived();
        let stranger = message(mode, "x").with_authority("guest").with_source(route());
        let given = |m: laneq::Message| {
            let receipt = bench.submit(m);
            assert_eq!((receipt.placement(), receipt.run()), (Placement::Queued, None), "{mode}");
            receipt.fallback()
        };
        assert_eq!(given(message(mode, "x").with_source(route())), Some(Fallback::Route));
        assert_eq!(given(stranger.clone()), Some(Fallback::Authority));
        assert!(matches!(
            bench.gate.ask(|run| run.end().map(|e| matches!(e, End::Closed))),
            Ok(true)
        ));
        assert_eq!(given(stranger), Some(Fallback::Closed));
        assert_eq!(bench.engine.stop("k").withdrawn, 3);
        assert_eq!(given(message(mode, "x")), Some(Fallback::Closed), "stopped is closed");
        bench.gate.answer(Answer::Fail);
        bench.gate.pass("x");
        waits(&idle);
        bench.finish();
    }
}

#[test]
fn p5_closures_take_no_steers() {
    let bench = bench();
    let (tx, rx) = std::sync::mpsc::channel::<()>();
    let (here, arrived) = std::sync::mpsc::channel();
    let closure = bench.engine.enqueue("main", "k", move |_| {
        let _ = here.send(());
        let _ = rx.recv();
    });
    arrived.recv_timeout(super::support::LONG).expect("it runs");
    let receipt = bench.submit(steer("a").with_authority("guest"));
    assert_eq!(receipt.fallback(), Some(Fallback::NotSteerable));
    drop(tx);
    bench.gate.pass("a");
    waits(&receipt);
    // A port's other threads may be done before the closure's own has told its receipt.
    let told = closure.expect("there is room").wait_for(super::support::LONG);
    assert_eq!(told.expect("in time").fate, Fate::Ran);
    bench.finish();
}

#[test]
fn p5_a_steer_to_a_closed_run_is_an_ordinary_message_and_says_closed() {
    let (bench, run) = running();
    let older = bench.submit(followup("older"));
    assert!(bench.gate.ask(|run| matches!(run.end(), Ok(End::Closed))));
    let late = bench.submit(steer("late"));
    let younger = bench.submit(followup("younger"));
    assert_eq!((late.fallback(), late.position()), (Some(Fallback::Closed), 1));
    bench.gate.open();
    for text in ["older", "late", "younger"] {
        bench.gate.pass(text);
    }
    assert!(settles(&[run, older, late, younger]).iter().all(|s| s.fate == Fate::Ran));
    bench.finish();
}

#[test]
fn p5_after_sixteen_rounds_steers_become_turns() {
    let (bench, run) = running();
    for round in 0..16 {
        let receipt = bench.submit(steer("s"));
        assert_eq!(receipt.placement(), Placement::Steered, "round {round}");
        assert_eq!(bench.gate.ask(deliver), ["s"]);
        assert_eq!(bench.gate.ask(deliver), [""; 0], "an empty take is no round");
    }
    let late = bench.submit(steer("late"));
    assert_eq!(late.fallback(), Some(Fallback::Closed));
    assert_eq!(bench.gate.ask(Run::boundary), Verdict::Go);
    bench.gate.open();
    bench.gate.pass("late");
    settles(&[run, late]);
    bench.finish();
}

#[test]
fn p5_what_is_put_back_after_the_last_round_is_a_turn_and_no_boundary_asks_for_it() {
    let config = Config::default().with_queue(|q| q.steer_rounds = 1);
    let bench = bench_with(config);
    let run = bench.submit(followup("run"));
    bench.gate.arrived();
    let left = bench.submit(steer("left"));
    bench.gate.ask(|run| {
        drop(run.take_steers());
        // A handler that takes while its boundary says so must come to an end.
        assert_eq!(run.boundary(), Verdict::Go);
        assert_eq!(run.take_steers().len(), 0);
        let ledger = run.plan(["call"]).expect("no plan is open");
        assert_eq!(ledger.start("call"), Ok(laneq::Launch::Go));
        assert_eq!(ledger.finish("call", Ok(String::new())), Ok(Verdict::Go));
        ledger.settle().expect("nothing executes");
        assert!(matches!(run.end(), Ok(End::Closed)));
    });
    bench.gate.open();
    bench.gate.pass("left");
    assert!(settles(&[run, left]).iter().all(|s| s.fate == Fate::Ran));
    bench.finish();
}

#[test]
fn p5_a_session_may_steer_by_default() {
    let bench = bench();
    bench
        .engine
        .set_knobs("k", Knobs { mode: Some(Mode::Steer), ..Knobs::default() })
        .expect("a key");
    let run = bench.submit(laneq::Message::new("k", "run"));
    bench.gate.arrived();
    let own = bench.submit(laneq::Message::new("k", "a"));
    assert_eq!(own.placement(), Placement::Steered);
    let inline = bench.submit(followup("b"));
    assert_eq!(inline.placement(), Placement::Queued, "the message's own mode wins");
    bench.engine.set_knobs("k", Knobs::default()).expect("a key");
    let reset = bench.submit(laneq::Message::new("k", "c"));
    assert_eq!((reset.placement(), reset.fallback()), (Placement::Queued, None));
    assert_eq!(bench.gate.ask(deliver), ["a"]);
    bench.gate.open();
    bench.gate.pass("b");
    bench.gate.pass("c");
    settles(&[run, own, inline, reset]);
    bench.finish();
}

#[test]
fn p5_a_steer_backlog_steers_and_runs_later_marked_as_seen() {
    let (bench, run) = running();
    let older = bench.submit(followup("older"));
    let whole = bench.submit(both("whole"));
    let split = bench.submit(both("steer text").with_backlog("turn text"));
    let younger = bench.submit(followup("younger"));
    assert_eq!((whole.placement(), split.placement()), (Placement::Steered, Placement::Steered));
    assert_eq!(bench.gate.ask(deliver), ["whole", "steer text"]);
    assert_eq!(fates(&[whole.clone(), split.clone()]), [None, None], "one fate: the turn's");
    bench.gate.open();
    let expected = [("older", false), ("whole", true), ("turn text", true), ("younger", false)];
    for (text, seen) in expected {
        assert_eq!(parts(&bench), [(text.to_owned(), seen)], "in the order of admission");
        bench.gate.open();
    }
    let all = [run, older, whole, split, younger];
    assert!(settles(&all).iter().all(|s| s.fate == Fate::Ran));
    assert_eq!(bench.engine.stats().accepted, 5, "each counts once");
    bench.finish();
}

/// Rows of `FAILURES.md`: F10.
#[test]
fn p5_a_steer_backlog_that_was_not_delivered_says_both_texts_in_its_turn() {
    let (bench, run) = running();
    let older = bench.submit(followup("older"));
    let left = bench.submit(both("steer text").with_backlog("turn text"));
    bench.gate.open();
    assert_eq!(parts(&bench), [("steer text\n\nturn text".to_owned(), false)], "promoted");
    bench.gate.open();
    bench.gate.pass("older");
    settles(&[run, older, left]);
    assert_eq!(bench.started().len(), 3, "one turn, not two");
    bench.finish();
}

#[test]
fn p5_withdrawing_a_steer_backlog_removes_both_halves() {
    let (bench, run) = running();
    let pending = bench.submit(both("pending"));
    assert_eq!(bench.engine.withdraw(&pending), Withdrawn::Withdrawn);
    assert_eq!(bench.gate.ask(Run::boundary), Verdict::Go);
    let seen = bench.submit(both("seen"));
    assert_eq!(bench.gate.ask(deliver), ["seen"]);
    assert_eq!(bench.engine.withdraw(&seen), Withdrawn::Withdrawn, "its turn waits");
    assert_eq!(fates(&[pending, seen]), [Some(Fate::Withdrawn); 2]);
    bench.gate.open();
    waits(&run);
    assert_eq!(bench.started(), ["run"]);
    bench.finish();
}

#[test]
fn p5_a_delivered_steer_backlog_does_not_expire_and_one_that_waits_does_wholly() {
    let (bench, run) = running();
    let second = std::time::Duration::from_secs(1);
    let seen = bench.submit(both("seen").with_ttl(second));
    assert_eq!(bench.gate.ask(deliver), ["seen"]);
    let waiting = bench.submit(both("waiting").with_ttl(second));
    bench.engine.advance(second);
    assert_eq!(fates(&[seen.clone(), waiting]), [None, Some(Fate::Expired)]);
    bench.gate.open();
    bench.gate.pass("seen");
    settles(&[run, seen]);
    bench.finish();
}

#[test]
fn p5_a_steer_backlog_is_a_victim_only_after_its_delivery() {
    let config = Config::default().with_queue(|q| (q.cap, q.drop) = (1, Drop::Old));
    let bench = bench_with(config);
    let run = bench.submit(followup("run"));
    bench.gate.arrived();
    let half = bench.submit(both("half"));
    let no = bench.engine.submit(followup("x")).expect_err("nobody may give way");
    assert_eq!(no.reason, laneq::Reason::Full);
    assert_eq!(bench.gate.ask(deliver), ["half"]);
    let newcomer = bench.submit(followup("newcomer"));
    assert_eq!(fates(&[half]), [Some(Fate::Dropped)]);
    bench.gate.open();
    bench.gate.pass("newcomer");
    settles(&[run, newcomer]);
    bench.finish();
}

#[test]
fn p5_a_stop_ends_both_halves_also_of_what_is_in_delivery() {
    let (bench, run) = running();
    let taken = bench.submit(both("taken"));
    let engine = bench.engine.clone();
    let (withdrawn, committed) = bench.gate.ask(move |run| {
        let steers = run.take_steers();
        let pending = engine.submit(both("pending")).expect("there is room");
        let stopped = engine.stop("k");
        assert_eq!(pending.settled().map(|s| s.fate), Some(Fate::Withdrawn));
        (stopped.withdrawn, steers.commit())
    });
    assert_eq!((withdrawn, committed), (1, Ok(())));
    assert_eq!(waits(&taken).fate, Fate::Withdrawn, "its later turn does not start");
    bench.gate.answer(Answer::Fail);
    waits(&run);
    assert_eq!(bench.started(), ["run"]);
    bench.finish();
}

/// The backlog is tidied while the steer leaves it: its old place must not count as a turn.
#[test]
fn p5_a_steer_backlog_that_is_promoted_over_many_gaps_runs_once() {
    let (bench, run) = running();
    let older = bench.submit(followup("older"));
    for _ in 0..16 {
        let gap = bench.submit(followup("taken back"));
        let _ = bench.engine.withdraw(&gap);
    }
    let steer = bench.submit(message(Mode::SteerBacklog, "steer"));
    assert_eq!(steer.placement(), Placement::Steered);
    bench.gate.open();
    bench.gate.pass("steer");
    bench.gate.pass("older");
    assert_eq!([&run, &steer, &older].map(|r| waits(r).fate), [Fate::Ran; 3]);
    let last = bench.submit(followup("last"));
    bench.gate.pass("last");
    assert_eq!(waits(&last).fate, Fate::Ran);
    assert_eq!(bench.started(), ["run", "steer", "older", "last"]);
    bench.finish();
}
