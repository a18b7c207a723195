//! P2: one order of admission a key, and starts in the order (rank, admission number).

use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use laneq::{
    Cause, Concurrency, Config, Drop, Fallback, Fate, Message, Mode, Outcome, Placement, Verdict,
};

use super::stage::{bench_doing, followup, interrupt, message, number, settles, steer};
use super::support::{Answer, bench, bench_with, scheduled, waits};

/// Every run that arrives is let through.
fn pass_all(bench: &super::support::Bench, texts: &[&str]) {
    texts.iter().for_each(|text| bench.gate.pass(text));
}

/// Rows of `FAILURES.md`: R20.
#[test]
fn p2_interrupts_go_first_then_steers_left_over_then_the_rest_each_in_order_of_admission() {
    let bench = bench();
    let texts = ["f1", "s1", "f2", "s2", "i1", "f3", "i2"];
    let mut all = vec![bench.submit(followup("run"))];
    bench.gate.arrived();
    for text in texts {
        let mode = match &text[..1] {
            "f" => Mode::Followup,
            "s" => Mode::Steer,
            _ => Mode::Interrupt,
        };
        all.push(bench.submit(message(mode, text)));
    }
    assert_eq!(all[2].placement(), Placement::Steered);
    assert_eq!(bench.gate.ask(laneq::Run::boundary), Verdict::Stop(Cause::Interrupt));
    bench.gate.answer(Answer::Fail);
    // The first interrupt is a run like any other: the second, which came before it started,
    // does not stop it.
    pass_all(&bench, &["i1", "i2", "s1", "s2", "f1", "f2", "f3"]);
    let settled = settles(&all);
    assert_eq!(settled[0].outcome, Some(Outcome::Stopped));
    assert!(settled[1..].iter().all(|s| s.outcome == Some(Outcome::Done)));
    bench.finish();
}

#[test]
fn p2_from_idle_every_mode_starts_a_run_at_once() {
    for mode in [Mode::Followup, Mode::Collect, Mode::Steer, Mode::SteerBacklog, Mode::Interrupt] {
        let bench = bench();
        let receipt = bench.submit(message(mode, "only"));
        scheduled(&receipt);
        assert_eq!(receipt.position(), 0, "{mode}");
        bench.gate.pass("only");
        assert_eq!(waits(&receipt).fate, Fate::Ran, "{mode}: once, and not as a steer");
        assert_eq!(bench.started(), ["only"]);
        bench.finish();
    }
}

#[test]
fn p2_a_pending_retry_goes_before_everything_but_an_interrupt() {
    let bench = bench();
    let failing = bench.submit(followup("failing").with_attempts(3));
    bench.gate.arrived();
    let late = bench.submit(followup("late"));
    let left = bench.submit(steer("left"));
    bench.gate.answer(Answer::Fail);
    bench.until_retries(1);
    let more = bench.submit(followup("more"));
    assert_eq!(more.placement(), Placement::Queued);
    bench.ms(1000);
    bench.gate.pass("failing");
    pass_all(&bench, &["left", "late", "more"]);
    assert_eq!(waits(&failing).outcome, Some(Outcome::Done));
    assert!(settles(&[late, left, more]).iter().all(|s| s.fate == Fate::Ran));
    bench.finish();
}

#[test]
fn p2_an_interrupt_ends_a_pending_retry_with_its_last_outcome() {
    let bench = bench();
    let failing = bench.submit(followup("failing").with_attempts(3));
    bench.gate.arrived();
    bench.gate.answer(Answer::Fail);
    bench.until_retries(1);
    let more = bench.submit(followup("more"));
    assert_eq!(more.placement(), Placement::Queued);
    let urgent = bench.submit(interrupt("urgent"));
    let told = waits(&failing);
    assert_eq!((told.fate, told.outcome), (Fate::Ran, Some(Outcome::Failed)));
    assert_eq!(told.error.as_deref(), Some("planned failure"));
    pass_all(&bench, &["urgent", "more"]);
    assert!(settles(&[more, urgent]).iter().all(|s| s.fate == Fate::Ran));
    bench.finish();
}

#[test]
fn p2_an_interrupt_that_waits_already_ends_the_retry_of_the_one_before_it() {
    let bench = bench();
    drop(bench.submit(followup("run")));
    bench.gate.arrived();
    let first = bench.submit(interrupt("i1").with_attempts(2));
    let second = bench.submit(interrupt("i2").with_attempts(2));
    bench.gate.answer(Answer::Fail);
    assert_eq!(bench.gate.arrived(), "i1");
    bench.gate.answer(Answer::Fail);
    let told = waits(&first);
    assert_eq!((told.fate, told.outcome), (Fate::Ran, Some(Outcome::Failed)));
    assert_eq!(bench.gate.arrived(), "i2");
    bench.gate.answer(Answer::Fail);
    bench.until_retries(1);
    bench.ms(1000);
    bench.gate.pass("i2");
    assert_eq!(waits(&second).outcome, Some(Outcome::Done));
    bench.finish();
}

#[test]
fn p2_an_interrupt_of_another_authority_is_a_followup_unless_it_is_listed() {
    for listed in [false, true] {
        let mut config = Config::default();
        config.inbound.stop_authorities.extend(listed.then(|| "owner".to_owned()));
        let bench = bench_with(config);
        let run = bench.submit(followup("run").with_authority("guest"));
        bench.gate.arrived();
        let queued = bench.submit(followup("queued"));
        let urgent = bench.submit(interrupt("urgent").with_authority("owner"));
        let verdict = bench.gate.ask(laneq::Run::boundary);
        bench.gate.open();
        if listed {
            assert_eq!((urgent.fallback(), verdict), (None, Verdict::Stop(Cause::Interrupt)));
            pass_all(&bench, &["urgent", "queued"]);
        } else {
            assert_eq!((urgent.fallback(), verdict), (Some(Fallback::Authority), Verdict::Go));
            pass_all(&bench, &["queued", "urgent"]);
        }
        settles(&[run, queued, urgent]);
        bench.finish();
    }
}

/// Rows of `FAILURES.md`: C37.
#[test]
fn p2_the_position_counts_what_goes_before() {
    let bench = bench();
    let run = bench.submit(followup("run"));
    bench.gate.arrived();
    let waiting: Vec<_> = ["a", "b", "c"].map(|t| bench.submit(followup(t))).into_iter().collect();
    let positions: Vec<_> = waiting.iter().map(laneq::Receipt::position).collect();
    assert_eq!((run.position(), positions), (0, vec![0, 1, 2]));
    let urgent = bench.submit(interrupt("urgent"));
    assert_eq!(urgent.position(), 0);
    bench.gate.open();
    pass_all(&bench, &["urgent", "a", "b", "c"]);
    bench.finish();
}

#[test]
fn p2_a_key_keeps_its_order_across_lanes_and_with_closures() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let own = Arc::clone(&log);
    let say = move |text: &str| own.lock().expect("no panic under it").push(text.to_owned());
    let heard = say.clone();
    let bench = bench_doing(Config::default().with_lane("other", 2), move |run| {
        heard(&format!("{}@{}", run.batch().text(), run.lane()));
        Ok("done".into())
    });
    bench.engine.pause("main").expect("a lane of ours");
    let first = bench.submit(followup("1"));
    let second = bench.submit(followup("2").with_lane("other"));
    let closure = bench.engine.enqueue("subagent", "k", move |_| say("3@closure"));
    let fourth = bench.submit(followup("4"));
    bench.engine.resume("main").expect("a lane of ours");
    settles(&[first, second, fourth]);
    let told = closure.expect("there is room").wait_for(super::support::LONG);
    assert_eq!(told.map(|s| s.fate), Ok(Fate::Ran));
    let log = log.lock().expect("no panic under it");
    assert_eq!(*log, ["1@main", "2@other", "3@closure", "4@main"]);
    drop(log);
    bench.finish();
}

/// Rows of `FAILURES.md`: C5.
#[test]
fn p2_eight_threads_submit_and_each_key_runs_in_order_of_admission() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let own = Arc::clone(&log);
    let config = Config::default().with_queue(|q| (q.cap, q.drop) = (100_000, Drop::New));
    let bench = bench_doing(config, move |run| {
        let text = (run.key().to_owned(), run.batch().text().to_string());
        own.lock().expect("no panic under it").push(text);
        Ok("done".into())
    });
    let start = Barrier::new(8);
    let all: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let (engine, start) = (&bench.engine, &start);
                scope.spawn(move || {
                    start.wait();
                    let submit = |n: u32| {
                        let key = format!("k{}", n % 4);
                        let message = Message::new(key, format!("{thread}.{n}"));
                        engine.submit(message.with_mode(Mode::Followup)).expect("there is room")
                    };
                    (0..200).map(submit).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|t| t.join().expect("no panic")).collect()
    });
    settles(&all);
    let log = log.lock().expect("no panic under it").clone();
    let ran = |key: &str| -> Vec<String> {
        log.iter().filter(|(k, _)| k == key).map(|(_, text)| text.clone()).collect()
    };
    let admitted = bench.settled_book().find(|event| match event {
        laneq::Event::RunStarted { key, messages, text, .. } => {
            Some((key.to_string(), number(&messages[0]), text.clone()))
        }
        _ => None,
    });
    for key in ["k0", "k1", "k2", "k3"] {
        let ran = ran(key);
        assert_eq!(ran.len(), 400);
        for thread in 0..8 {
            let prefix = format!("{thread}.");
            let of = |text: &String| text.strip_prefix(&prefix).and_then(|n| n.parse::<u32>().ok());
            let own: Vec<_> = ran.iter().filter_map(of).collect();
            assert!(own.is_sorted(), "{key}: what one thread submits stays in its order: {own:?}");
        }
        let numbers = admitted.iter().filter(|(k, ..)| k == key).map(|(_, n, _)| *n);
        assert!(numbers.is_sorted(), "{key}: starts are in order of admission");
    }
    bench.finish();
}

/// Rows of `FAILURES.md`: C32.
#[test]
fn p2_a_session_with_much_work_lets_the_others_in_after_one_slice() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let own = Arc::clone(&log);
    let config = Config::default().with_lane("main", 1);
    let bench = bench_doing(config.with_queue(|q| q.cap = 1000), move |run| {
        own.lock().expect("no panic under it").push(run.key().to_owned());
        Ok("done".into())
    });
    bench.engine.pause("main").expect("a lane of ours");
    let submit = |key: &str| bench.submit(Message::new(key, "x").with_mode(Mode::Followup));
    let mut all: Vec<_> = (0..300).map(|_| submit("busy")).collect();
    all.push(submit("small"));
    bench.engine.set_lane("main", Concurrency::Limit(1)).expect("a lane of ours");
    bench.engine.resume("main").expect("a lane of ours");
    settles(&all);
    let log = log.lock().expect("no panic under it").clone();
    let place = log.iter().position(|key| key == "small").expect("it ran");
    assert!(place <= 64, "one slice is at most 64 runs, and {place} went before");
    bench.finish();
}
