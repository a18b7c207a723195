//! P6: each requested call ends in exactly one result, in source order; a call that executes is
//! never killed, one that has not started is skipped on steer and on stop.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use laneq::{
    CallResult, Cause, Code, Config, Effects, Engine, Error, Launch, Outcome, PendingTools, Run,
    Verdict, Why,
};
use laneq::{CallState, Event};

use super::stage::{deliver, followup, interrupt, running, steer};
use super::support::{Answer, bench_with, waits};

/// Call, state, effects and reason of each result.
type Row = (String, CallState, Effects, Option<Code>);

fn rows(results: Vec<CallResult>) -> Vec<Row> {
    let row = |r: CallResult| (r.call.to_string(), r.state, r.effects, r.code);
    results.into_iter().map(row).collect()
}

fn row(call: &str, state: CallState, effects: Effects, code: Option<Code>) -> Row {
    (call.to_owned(), state, effects, code)
}

fn completed(call: &str) -> Row {
    row(call, CallState::Completed, Effects::Done, None)
}

fn skipped(call: &str, code: Code) -> Row {
    row(call, CallState::Cancelled, Effects::None, Some(code))
}

fn steers_in(engine: &Engine) {
    drop(engine.submit(steer("s")).expect("there is room"));
}

/// Runs `act` inside a run, with the engine in its hands; then the run is let through.
fn inside<T: Send + 'static>(
    config: Config,
    act: impl FnOnce(&Run, &Engine) -> T + Send + 'static,
) -> T {
    let bench = bench_with(config);
    let run = bench.submit(followup("run"));
    bench.gate.arrived();
    let engine = bench.engine.clone();
    let answer = bench.gate.ask(move |run| act(run, &engine));
    bench.gate.open();
    waits(&run);
    bench.finish();
    answer
}

/// Rows of `FAILURES.md`: C25.
#[test]
fn p6_a_steer_skips_the_calls_that_have_not_started_and_comes_before_the_next() {
    let (results, taken) = inside(Config::default(), |run, engine| {
        let plan = run.plan(["a", "b", "c"]).expect("no plan is open");
        assert_eq!(plan.start("a"), Ok(Launch::Go));
        steers_in(engine);
        assert_eq!(plan.finish("a", Ok("done".into())), Ok(Verdict::Steer), "a is not killed");
        assert_eq!(plan.start("b"), Ok(Launch::Skip(Why::Steer)));
        assert_eq!(plan.start("b"), Ok(Launch::Skip(Why::Steer)), "the same answer again");
        let results = plan.settle().expect("nothing executes");
        (rows(results), deliver(run))
    });
    assert_eq!(results, [completed("a"), skipped("b", Code::Steer), skipped("c", Code::Steer)]);
    assert_eq!(taken, ["s"]);
}

#[test]
fn p6_with_pending_tools_finish_all_calls_run_and_the_steer_comes_after_the_last() {
    let config = Config::default().with_queue(|q| q.pending_tools = PendingTools::Finish);
    let (results, verdict) = inside(config, |run, engine| {
        let plan = run.plan(["a", "b", "c"]).expect("no plan is open");
        steers_in(engine);
        for call in ["a", "b", "c"] {
            assert_eq!(plan.start(call), Ok(Launch::Go));
            assert_eq!(plan.finish(call, Ok(String::new())), Ok(Verdict::Steer));
        }
        (rows(plan.settle().expect("nothing executes")), run.boundary())
    });
    assert_eq!(results, ["a", "b", "c"].map(completed));
    assert_eq!(verdict, Verdict::Steer);
}

#[test]
fn p6_results_are_in_source_order_whatever_the_order_of_the_ends() {
    let results = inside(Config::default(), |run, _| {
        let plan = run.plan(["a", "b", "c"]).expect("no plan is open");
        let launched = plan.start_rest().expect("a plan");
        assert!(launched.iter().all(|(_, launch)| *launch == Launch::Go));
        for call in ["c", "a", "b"] {
            let result = if call == "a" { Err("no".into()) } else { Ok(call.into()) };
            assert_eq!(plan.finish(call, result), Ok(Verdict::Go));
            assert_eq!(plan.finish(call, Ok("again".into())), Ok(Verdict::Go), "ends once");
        }
        plan.settle().expect("nothing executes")
    });
    let said: Vec<_> = results.iter().map(|r| (r.result.as_deref(), r.error)).collect();
    assert_eq!(said, [(Some("no"), true), (Some("b"), false), (Some("c"), false)]);
    let failed = row("a", CallState::Failed, Effects::Done, None);
    assert_eq!(rows(results), [failed, completed("b"), completed("c")]);
}

/// Rows of `FAILURES.md`: R12.
#[test]
fn p6_a_parallel_set_is_one_decision_all_or_none() {
    let (none, all) = inside(Config::default(), |run, engine| {
        let launched = AtomicUsize::new(0);
        let plan = run.plan(["a", "b"]).expect("no plan is open");
        steers_in(engine);
        let count = |_: &str| Ok(launched.fetch_add(1, Ordering::SeqCst).to_string());
        assert_eq!(plan.start_all(count), Ok(Verdict::Steer));
        assert_eq!(launched.load(Ordering::SeqCst), 0);
        let none = rows(plan.settle().expect("nothing executes"));
        deliver(run);

        let plan = run.plan(["a", "b"]).expect("no plan is open");
        let once = AtomicBool::new(false);
        let verdict = plan.start_all(|call| {
            if !once.swap(true, Ordering::SeqCst) {
                steers_in(engine);
            }
            Ok(call.to_owned())
        });
        assert_eq!(verdict, Ok(Verdict::Steer), "what was launched ends first");
        (none, rows(plan.settle().expect("nothing executes")))
    });
    assert_eq!(none, [skipped("a", Code::Steer), skipped("b", Code::Steer)]);
    assert_eq!(all, ["a", "b"].map(completed));
}

#[test]
fn p6_a_tool_that_panics_has_failed_and_one_that_waits_for_the_engine_is_refused() {
    let results = inside(Config::default(), |run, engine| {
        engine.pause("subagent").expect("a lane of ours");
        let other = laneq::Message::new("other", "x").with_lane("subagent");
        let other = engine.submit(other).expect("there is room");
        let plan = run.plan(["panics", "waits"]).expect("no plan is open");
        let verdict = plan.start_all(|call| match call {
            "panics" => std::panic::resume_unwind(Box::new("planned")),
            _ => run.wait_begin(&other).map(|_| String::new()).map_err(|e| e.to_string()),
        });
        assert_eq!(verdict, Ok(Verdict::Go));
        plan.settle().expect("nothing executes")
    });
    assert!(results.iter().all(|r| r.state == CallState::Failed));
    assert_eq!(results[0].result.as_deref(), Some("the tool panicked"));
    assert!(results[1].result.as_deref().is_some_and(|e| e.contains("tool pool")));
}

/// Rows of `FAILURES.md`: R15.
#[test]
fn p6_a_call_found_wrong_is_rejected_and_keeps_that_although_the_others_are_skipped() {
    let results = inside(Config::default(), |run, engine| {
        let plan = run.plan(["wrong", "b", "c"]).expect("no plan is open");
        assert_eq!(plan.finish("wrong", Err("no such tool".into())), Ok(Verdict::Go));
        assert_eq!(plan.start("wrong").map_err(|_| ()), Err(()), "it has ended");
        steers_in(engine);
        assert_eq!(plan.start("b"), Ok(Launch::Skip(Why::Steer)));
        plan.settle().expect("nothing executes")
    });
    assert_eq!(results[0].result.as_deref(), Some("no such tool"));
    let rejected = row("wrong", CallState::Rejected, Effects::None, Some(Code::Rejected));
    assert_eq!(rows(results), [rejected, skipped("b", Code::Steer), skipped("c", Code::Steer)]);
}

/// Rows of `FAILURES.md`: R13.
#[test]
fn p6_a_stop_lets_executing_calls_end_as_late_and_starts_no_other() {
    let (results, launch) = inside(Config::default(), |run, engine| {
        let plan = run.plan(["a", "b", "c"]).expect("no plan is open");
        assert_eq!([plan.start("a"), plan.start("b")], [Ok(Launch::Go), Ok(Launch::Go)]);
        steers_in(engine);
        drop(engine.submit(interrupt("i")).expect("there is room"));
        assert!(engine.stop("k").run.is_some());
        let stop = Verdict::Stop(Cause::Interrupt);
        assert_eq!(plan.finish("a", Ok("made it".into())), Ok(stop), "the first cause wins");
        assert_eq!(plan.finish("b", Err("cut short".into())), Ok(stop));
        let launch = plan.start("c");
        (rows(plan.settle().expect("nothing executes")), launch)
    });
    assert_eq!(launch, Ok(Launch::Stop(Cause::Interrupt)), "stop beats steer");
    let expected = [
        row("a", CallState::Late, Effects::Done, Some(Code::Stop)),
        row("b", CallState::Cancelled, Effects::Unknown, Some(Code::Stop)),
        skipped("c", Code::Stop),
    ];
    assert_eq!(results, expected);
}

#[test]
fn p6_a_call_past_its_own_deadline_is_timed_out_and_the_run_goes_on() {
    let results = inside(Config::default(), |run, _| {
        let plan = run.plan(["gone", "late", "next"]).expect("no plan is open");
        assert_eq!([plan.start("gone"), plan.start("late")], [Ok(Launch::Go), Ok(Launch::Go)]);
        assert_eq!(plan.time_out("gone"), Ok(Verdict::Go));
        assert_eq!(plan.time_out("late"), Ok(Verdict::Go));
        assert!(plan.time_out("next").is_err(), "it does not execute");
        assert_eq!(plan.finish("late", Ok("after all".into())), Ok(Verdict::Go));
        assert_eq!(plan.finish("gone", Err("no".into())), Ok(Verdict::Go));
        assert_eq!(plan.start("next"), Ok(Launch::Go));
        assert_eq!(plan.finish("next", Ok(String::new())), Ok(Verdict::Go));
        rows(plan.settle().expect("nothing executes"))
    });
    let expected = [
        row("gone", CallState::TimedOut, Effects::Unknown, Some(Code::Deadline)),
        row("late", CallState::Late, Effects::Done, Some(Code::Deadline)),
        completed("next"),
    ];
    assert_eq!(results, expected);
}

/// Rows of `FAILURES.md`: C25, R14.
#[test]
fn p6_a_plan_is_settled_only_when_nothing_executes_and_no_call_is_left_out() {
    inside(Config::default(), |run, _| {
        assert!(run.ledger().is_none());
        assert!(run.plan(["a", "a"]).is_err(), "ids are unique");
        let plan = run.plan(["a", "b"]).expect("no plan is open");
        assert!(run.plan(["c"]).is_err(), "one plan at a time");
        assert!(plan.finish("a", Ok(String::new())).is_err(), "a success needs a start");
        assert!(plan.start("x").is_err(), "not in the plan");
        assert_eq!(plan.start("a"), Ok(Launch::Go));
        assert!(plan.start("a").is_err(), "started once");
        let open = plan.settle().expect_err("a executes").0;
        assert_eq!(open, ["a".into()]);
        plan.give_up();
        let results = rows(run.ledger().expect("it is open").settle().expect("given up"));
        let given_up = row("a", CallState::Cancelled, Effects::Unknown, Some(Code::Stop));
        assert_eq!(results, [given_up, skipped("b", Code::Rejected)]);
        assert!(run.ledger().is_none());
    });
}

#[test]
fn p6_a_call_of_an_abandoned_run_does_not_start() {
    let (bench, run) = running();
    let engine = bench.engine.clone();
    let (launch, end, id) = bench.gate.ask(move |run| {
        let plan = run.plan(["a", "b"]).expect("no plan is open");
        assert_eq!(plan.start("a"), Ok(Launch::Go));
        assert_eq!(engine.abandon(run.id()), Ok(()));
        let end = plan.finish("a", Ok(String::new()));
        (plan.start("b"), end, run.id())
    });
    assert_eq!(launch, Ok(Launch::Stop(Cause::Abandon)));
    assert_eq!(end, Ok(Verdict::Stop(Cause::Abandon)));
    assert_eq!(bench.engine.interrupt_run(id), Err(Error::Stale(id)));
    bench.gate.open();
    assert_eq!(waits(&run).outcome, Some(Outcome::Stopped));
    bench.finish();
}

/// Rows of `FAILURES.md`: R11.
#[test]
fn p6_no_call_starts_after_a_stop_that_has_returned() {
    for _ in 0..200 {
        let stopped = Arc::new(AtomicBool::new(false));
        let (bench, run) = running();
        let (seen, start) = (Arc::clone(&stopped), Arc::new(Barrier::new(2)));
        let ready = Arc::clone(&start);
        bench.gate.with(move |run| {
            ready.wait();
            let wrong = Mutex::new(false);
            for n in 0.. {
                let plan = run.plan([format!("{n}")]).expect("no plan is open");
                let before = seen.load(Ordering::SeqCst);
                let launch = plan.start(&n.to_string()).expect("planned");
                *wrong.lock().expect("no panic under it") |= before && launch == Launch::Go;
                if launch != Launch::Go {
                    break;
                }
                let _ = plan.finish(&n.to_string(), Ok(String::new()));
                let _ = plan.settle();
            }
            assert!(!*wrong.lock().expect("no panic under it"));
        });
        start.wait();
        assert!(bench.engine.stop("k").run.is_some());
        stopped.store(true, Ordering::SeqCst);
        bench.gate.open();
        assert_eq!(waits(&run).outcome, Some(Outcome::Done), "the handler saw nothing wrong");
        bench.finish();
    }
}

#[test]
fn p6_boundaries_are_told_with_their_call_and_verdict() {
    let (bench, run) = running();
    bench.gate.ask(|run| {
        let plan = run.plan(["a"]).expect("no plan is open");
        assert_eq!(plan.start("a"), Ok(Launch::Go));
        assert_eq!(plan.finish("a", Ok(String::new())), Ok(Verdict::Go));
        plan.settle().expect("nothing executes");
        assert_eq!(run.boundary(), Verdict::Go);
    });
    bench.gate.answer(Answer::Done);
    waits(&run);
    let told = bench.settled_book().find(|event| match event {
        Event::Boundary { phase, call, verdict, .. } => {
            Some((phase.as_str(), call.is_some(), *verdict))
        }
        _ => None,
    });
    let expected = [("before", true, "go"), ("after", true, "go"), ("between", false, "go")];
    assert_eq!(told, expected);
    bench.finish();
}
