//! P4: every accepted message reaches exactly one fate; each of the seven is reached here.

use std::collections::BTreeSet;
use std::time::Duration;

use laneq::{
    Cause, Config, Drop, Engine, Event, Fate, Outcome, Placement, Policy, Stopped, Withdrawn,
};

use super::stage::{collect, followup, interrupt, message, settles, steer};
use super::support::{Answer, bench, bench_with, fates, waits};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn p4_each_of_the_seven_fates_is_reached_and_counted_once() {
    let config = Config::default().with_queue(|q| (q.cap, q.drop) = (3, Drop::Old));
    let bench = bench_with(config);
    let parked = bench.submit(followup("parked").with_attempts(2));
    bench.gate.arrived();
    bench.gate.answer(Answer::Fail);
    bench.until_retries(1);
    bench.ms(1000);
    assert_eq!(bench.gate.arrived(), "parked");
    let steered = bench.submit(steer("steered"));
    assert_eq!(bench.gate.ask(|run| run.take_steers().commit()), Ok(()));
    let dropped = bench.submit(followup("dropped"));
    let expired = bench.submit(followup("expired").with_ttl(SECOND));
    let withdrawn = bench.submit(followup("withdrawn"));
    let ran = bench.submit(followup("ran"));
    assert_eq!(bench.engine.withdraw(&withdrawn), Withdrawn::Withdrawn);
    bench.engine.advance(SECOND);
    let returned = bench.submit(followup("returned"));
    bench.gate.answer(Answer::Fail);
    bench.gate.pass("ran");
    waits(&ran);
    assert_eq!(bench.gate.arrived(), "returned");
    bench.gate.with(|run| while run.stopped().is_none() {});
    bench.gate.answer(Answer::Fail);
    let all = [ran, steered, dropped, withdrawn, expired, parked, returned];
    let engine = bench.engine.clone();
    bench.finish();
    assert_eq!(fates(&all), Fate::ALL.map(Some));
    let stats = engine.stats();
    assert_eq!((stats.accepted, stats.fates, stats.pending), (7, [1; 7], 0));
}

#[test]
fn p4_the_ways_a_run_ends_decide_the_fate_of_its_batch() {
    // Outcome of the handler, whether it was stopped, attempts; then fate and outcome.
    let cases = [
        (Answer::Done, false, 1, Fate::Ran, Outcome::Done),
        (Answer::Fail, false, 1, Fate::Ran, Outcome::Failed),
        (Answer::Panic, false, 1, Fate::Ran, Outcome::Panicked),
        (Answer::Done, true, 3, Fate::Ran, Outcome::Done),
        (Answer::Fail, true, 3, Fate::Ran, Outcome::Stopped),
        (Answer::Panic, true, 3, Fate::Ran, Outcome::Stopped),
    ];
    for (answer, stop, attempts, fate, outcome) in cases {
        let bench = bench();
        let receipt = bench.submit(followup("x").with_attempts(attempts));
        bench.gate.arrived();
        if stop {
            assert!(bench.engine.interrupt("k").is_some());
        }
        bench.gate.answer(answer);
        let told = waits(&receipt);
        assert_eq!((told.fate, told.outcome), (fate, Some(outcome)));
        assert_eq!(told.reply.is_some(), outcome == Outcome::Done);
        assert_eq!(told.error.is_some(), outcome != Outcome::Done);
        bench.finish();
    }
}

#[test]
fn p4_a_message_that_waits_too_long_expires_and_one_that_started_does_not() {
    let bench = bench();
    let started = bench.submit(followup("started").with_ttl(SECOND));
    bench.gate.arrived();
    let waiting = bench.submit(followup("waiting").with_ttl(SECOND));
    let patient = bench.submit(followup("patient").with_ttl(2 * SECOND));
    bench.ms(999);
    assert_eq!(waiting.settled(), None);
    bench.ms(1);
    let told = waiting.settled().expect("due at this moment");
    assert_eq!((told.fate, told.run, told.outcome), (Fate::Expired, None, None));
    bench.gate.open();
    bench.gate.pass("patient");
    assert!(settles(&[started, patient]).iter().all(|s| s.fate == Fate::Ran));
    bench.finish();
}

#[test]
fn p4_the_queue_has_a_ttl_for_messages_that_name_none() {
    let bench = bench_with(Config::default().with_queue(|q| q.ttl = Some(SECOND)));
    let run = bench.submit(followup("run"));
    bench.gate.arrived();
    let short = bench.submit(collect("short"));
    let long = bench.submit(collect("long").with_ttl(60 * SECOND));
    bench.engine.advance(SECOND);
    assert_eq!(fates(&[short, long]), [Some(Fate::Expired), None]);
    bench.gate.open();
    waits(&run);
    bench.gate.pass("long");
    bench.finish();
}

#[test]
fn p4_a_retry_does_not_expire() {
    let bench = bench();
    let receipt = bench.submit(followup("x").with_attempts(2).with_ttl(SECOND));
    bench.gate.arrived();
    bench.gate.answer(Answer::Fail);
    bench.until_retries(1);
    bench.ms(1000);
    bench.gate.pass("x");
    assert_eq!(waits(&receipt).outcome, Some(Outcome::Done));
    bench.finish();
}

/// Rows of `FAILURES.md`: F8.
#[test]
fn p4_withdraw_says_what_became_of_a_message_at_every_stage() {
    let bench = bench();
    let run = bench.submit(followup("run").with_attempts(2));
    bench.gate.arrived();
    let queued = bench.submit(followup("queued"));
    let held = bench.submit(collect("held"));
    let pending = bench.submit(steer("pending"));
    assert_eq!(bench.engine.withdraw(&run), Withdrawn::Started);
    for receipt in [&queued, &held, &pending] {
        assert_eq!(bench.engine.withdraw(receipt), Withdrawn::Withdrawn);
        assert_eq!(bench.engine.withdraw(receipt), Withdrawn::Settled, "once");
        assert_eq!(waits(receipt).fate, Fate::Withdrawn);
    }
    let left = bench.submit(steer("left"));
    let urgent = bench.submit(interrupt("urgent"));
    assert_eq!(bench.engine.withdraw(&urgent), Withdrawn::Withdrawn);
    bench.gate.answer(Answer::Fail);
    bench.gate.pass("left");
    waits(&left);
    assert_eq!(waits(&run).outcome, Some(Outcome::Stopped), "the stop is not taken back");
    assert_eq!(bench.engine.withdraw(&run), Withdrawn::Settled);
    bench.finish();
}

#[test]
fn p4_a_batch_that_waits_to_be_retried_has_started_and_is_not_withdrawn() {
    let bench = bench();
    let receipt = bench.submit(followup("x").with_attempts(2));
    bench.gate.arrived();
    bench.gate.answer(Answer::Fail);
    bench.until_retries(1);
    assert_eq!(bench.engine.withdraw(&receipt), Withdrawn::Started);
    bench.ms(1000);
    bench.gate.pass("x");
    waits(&receipt);
    bench.finish();
}

#[test]
fn p4_a_closure_is_withdrawn_with_its_code_and_never_called() {
    let bench = bench();
    drop(bench.submit(followup("run")));
    bench.gate.arrived();
    let (tx, rx) = std::sync::mpsc::channel::<()>();
    let code = bench.engine.enqueue("main", "k", move |_| tx.send(()).is_ok());
    let receipt = code.expect("there is room");
    assert_eq!(bench.engine.withdraw(&receipt), Withdrawn::Withdrawn);
    assert!(rx.try_recv().is_err_and(|e| e == std::sync::mpsc::TryRecvError::Disconnected));
    assert_eq!(receipt.settled().map(|s| (s.fate, s.reply)), Some((Fate::Withdrawn, None)));
    bench.gate.open();
    bench.finish();
}

/// Rows of `FAILURES.md`: C38, R17.
#[test]
fn p4_stop_withdraws_all_that_waits_and_then_stops_the_run_and_nothing_starts() {
    let bench = bench();
    let run = bench.submit(followup("run").with_attempts(3));
    bench.gate.arrived();
    let modes = laneq::Mode::WORDS.iter().map(|w| w.parse().expect("a mode"));
    let waiting: Vec<_> = modes
        .filter(|mode| *mode != laneq::Mode::Interrupt)
        .map(|mode| bench.submit(message(mode, "x")))
        .collect();
    let id = bench.gate.ask(laneq::Run::id);
    let Stopped { withdrawn, run: stopped, .. } = bench.engine.stop("k");
    assert_eq!((withdrawn, stopped), (4, Some(id)));
    assert!(fates(&waiting).iter().all(|f| *f == Some(Fate::Withdrawn)));
    let verdict = bench.gate.ask(laneq::Run::boundary);
    assert_eq!(verdict, laneq::Verdict::Stop(Cause::Stop));
    // Messages after the stop run normally.
    let after = bench.submit(steer("after"));
    assert_eq!(after.placement(), Placement::Queued);
    bench.gate.answer(Answer::Fail);
    assert_eq!(waits(&run).outcome, Some(Outcome::Stopped));
    bench.gate.pass("after");
    assert_eq!(waits(&after).fate, Fate::Ran);
    assert_eq!(bench.started(), ["run", "after"]);
    bench.finish();
}

#[test]
fn p4_stop_ends_a_pending_retry_and_an_idle_key_has_nothing_to_stop() {
    let bench = bench();
    assert_eq!(bench.engine.stop("k"), Stopped::default());
    assert_eq!(bench.engine.interrupt("k"), None);
    let receipt = bench.submit(followup("x").with_attempts(2));
    bench.gate.arrived();
    let id = bench.gate.ask(laneq::Run::id);
    bench.gate.answer(Answer::Panic);
    bench.until_retries(1);
    assert_eq!(bench.engine.stop("k").run, Some(id));
    let told = waits(&receipt);
    assert_eq!((told.fate, told.outcome), (Fate::Ran, Some(Outcome::Panicked)));
    assert_eq!(bench.engine.stop("k"), Stopped::default());
    bench.finish();
}

/// Rows of `FAILURES.md`: C39, R18.
#[test]
fn p4_an_interrupt_without_a_message_lets_the_backlog_go_on() {
    let bench = bench();
    let run = bench.submit(followup("run").with_attempts(2));
    bench.gate.arrived();
    let next = bench.submit(followup("next"));
    let left = bench.submit(steer("left"));
    let id = bench.engine.interrupt("k").expect("a run is in progress");
    assert_eq!(bench.engine.interrupt_run(id), Ok(()), "again is no error");
    bench.gate.answer(Answer::Fail);
    assert_eq!(waits(&run).outcome, Some(Outcome::Stopped));
    bench.gate.pass("left");
    bench.gate.pass("next");
    assert!(settles(&[next, left]).iter().all(|s| s.fate == Fate::Ran));
    bench.finish();
}

#[test]
fn p4_a_drain_reports_each_fate_and_returns_the_bodies_of_what_is_left() {
    let bench = bench();
    let run = bench.submit(followup("run").with_attempts(5));
    bench.gate.arrived();
    let body = followup("left").with_sender("ann");
    let left = bench.submit(body.clone());
    bench.gate.with(|run| while run.stopped().is_none() {});
    bench.gate.answer(Answer::Fail);
    let report = bench.engine.drain(Duration::ZERO).expect("a host thread");
    assert!(!report.complete);
    assert_eq!(waits(&run).outcome, Some(Outcome::Stopped));
    assert_eq!(fates(&[run, left]), [Some(Fate::Returned); 2]);
    assert!(report.returned.contains(&body), "{report:?}");
    bench.finish();
}

/// Rows of `FAILURES.md`: C17.
#[test]
fn p4_fates_are_told_with_their_policy_run_and_outcome_in_events() {
    let config = Config::default().with_queue(|q| (q.cap, q.drop) = (1, Drop::Old));
    let bench = bench_with(config);
    drop(bench.submit(followup("run")));
    bench.gate.arrived();
    drop(bench.submit(followup("old")));
    drop(bench.submit(followup("new")));
    let book = bench.settled_book();
    let told: BTreeSet<_> = book
        .find(|event| match event {
            Event::Fate { fate, policy, run, .. } => Some((fate.as_str(), *policy, *run)),
            _ => None,
        })
        .into_iter()
        .map(|(fate, policy, run)| (fate, policy.map(Policy::as_str), run.is_some()))
        .collect();
    assert_eq!(told, BTreeSet::from([("dropped", Some("old"), false)]));
    bench.gate.open();
    bench.gate.pass("new");
    bench.finish();
}

/// It may well have the same key, and have been the first message of its session, too.
#[test]
fn p4_a_receipt_of_another_engine_takes_nothing_back() {
    let engines = [(); 2].map(|()| {
        let engine = Engine::new(Config::default()).expect("the settings are fine");
        engine.pause("main").expect("there is one");
        engine
    });
    let messages = engines.each_ref().map(|e| e.submit(followup("x")).expect("there is room"));
    let keyed = engines.each_ref().map(|e| e.enqueue("main", "c", |_| ()).expect("there is room"));
    let keyless = engines.each_ref().map(|e| e.enqueue_keyless("main", |_| ()).expect("room"));
    for (own, other) in [(0, 1), (1, 0)] {
        let engine = &engines[own];
        assert_eq!(engine.withdraw(&messages[other]), Withdrawn::Settled, "it has nothing of it");
        assert_eq!(engine.withdraw(&keyed[other]), Withdrawn::Settled);
        assert_eq!(engine.withdraw(&keyless[other]), Withdrawn::Settled);
    }
    for (own, engine) in engines.iter().enumerate() {
        assert_eq!(engine.withdraw(&messages[own]), Withdrawn::Withdrawn);
        assert_eq!(engine.withdraw(&keyed[own]), Withdrawn::Withdrawn);
        assert_eq!(engine.withdraw(&keyless[own]), Withdrawn::Withdrawn);
        assert_eq!(engine.stats().pending, 0);
        assert_eq!(engine.audit().unbalanced, 0);
    }
}
