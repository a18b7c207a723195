//! P11: what the journal keeps of a session, of ids, and of everything that has ended.

use std::time::Duration;

use laneq::{
    Closed, Config, Drop, Fate, Knobs, ManualClock, Message, Mode, Reason, Receipt, Run, Table,
};

use crate::paper::{Paper, life, said};
use crate::stage::{collect, deliver, followup, interrupt, steer};
use crate::support::{Answer, Bench, LONG, waits};

const MS: Duration = Duration::from_millis(1);

fn first_life(config: Config) -> (Paper, ManualClock, Bench) {
    let (paper, clock) = (Paper::default(), ManualClock::new());
    let bench = life(&paper, config, &clock);
    bench.back();
    (paper, clock, bench)
}

/// After a crash at this instant, with the wall clock where it was, or later.
fn again(paper: &Paper, config: Config, clock: &ManualClock, later: u64) -> (Paper, Bench) {
    let (paper, next) = (paper.crash(), ManualClock::new());
    next.set_wall_clock(clock.wall_clock() + Duration::from_secs(later));
    let bench = life(&paper, config, &next);
    (paper, bench)
}

/// What is in the journal of messages, and of marks.
fn counts(paper: &Paper) -> (usize, usize) {
    (paper.len(Table::Messages), paper.len(Table::Marks))
}

#[test]
fn p11_what_was_taken_back_or_stopped_is_gone_and_what_a_run_had_in_hand_is_not() {
    let (paper, clock, bench) = first_life(Config::default());
    bench.send(followup("run"));
    bench.gate.arrived();
    let one = bench.submit(followup("one"));
    let expires = bench.submit(followup("expires").with_ttl(MS));
    assert_eq!(bench.engine.withdraw(&one), laneq::Withdrawn::Withdrawn);
    bench.ms(1);
    assert_eq!(waits(&expires).fate, Fate::Expired);
    paper.until_len(Table::Messages, 1);
    bench.send(followup("two"));
    bench.send(steer("three"));
    bench.send(interrupt("four"));
    paper.until_len(Table::Marks, 3);
    let _ = bench.engine.stop("k");
    paper.until_len(Table::Messages, 1);
    assert_eq!(counts(&paper), (1, 1), "the run that is told to stop, and its start");
    let (_, later) = again(&paper, Config::default(), &clock, 0);
    assert_eq!(said(&later.back().1), ["run"]);
    later.finish();
    bench.gate.answer(Answer::Fail);
    paper.until_len(Table::Messages, 0);
    bench.finish();
    assert_eq!(counts(&paper), (0, 0));
}

#[test]
fn p11_an_abandoned_run_does_not_come_back_and_a_drained_one_does() {
    let (paper, clock, bench) = first_life(Config::default());
    let run = bench.submit(followup("abandoned"));
    bench.gate.arrived();
    let engine = bench.engine.clone();
    bench.gate.with(move |run| {
        assert_eq!(engine.abandon(run.id()), Ok(()));
        // It leaves the gate to the others.
        std::panic::resume_unwind(Box::new("planned panic"));
    });
    assert_eq!(waits(&run).fate, Fate::Ran);
    paper.until_len(Table::Messages, 0);
    let drained = bench.submit(followup("drained"));
    bench.gate.arrived();
    let waiting = bench.submit(followup("waiting"));
    let report = bench.engine.drain(MS).expect("a thread of the host");
    assert!(!report.complete);
    assert_eq!(waits(&waiting).fate, Fate::Returned);
    bench.gate.answer(Answer::Fail);
    assert_eq!(waits(&drained).fate, Fate::Returned);
    let refused = bench.engine.submit(followup("late")).expect_err("it drains");
    assert_eq!(refused.reason, Reason::Draining);
    bench.finish();
    assert_eq!(counts(&paper), (2, 2));
    let (_, later) = again(&paper, Config::default(), &clock, 0);
    let (came, receipts) = later.back();
    assert_eq!(came.retried, 1);
    assert_eq!(said(&receipts), ["drained", "waiting"]);
    ["drained", "waiting"].iter().for_each(|text| later.gate.pass(text));
    later.finish();
}

/// Submits a message with this id.
fn with_id(bench: &Bench, id: &str) -> Result<Receipt, (Reason, Option<Fate>)> {
    let fate = |first: Box<Receipt>| first.settled().map(|s| s.fate);
    let message = followup("again").with_id(id);
    bench.engine.submit(message).map_err(|r| (r.reason, r.first.and_then(fate)))
}

/// Rows of `FAILURES.md`: C26, F31.
#[test]
fn p11_an_id_is_known_after_a_crash_as_it_was_before() {
    let config =
        || Config::default().with_queue(|q| (q.drop, q.cap, q.backoff) = (Drop::Old, 3, MS));
    let (paper, clock, bench) = first_life(config());
    let id = |text: &str| followup(text).with_id(text);
    for (text, fails) in [("ran", 0), ("parked", 2)] {
        let receipt = bench.submit(id(text).with_attempts(2));
        for _ in 0..fails {
            bench.gate.arrived();
            bench.gate.answer(Answer::Fail);
            bench.until_retries(1);
            bench.ms(1);
        }
        if fails == 0 {
            bench.gate.pass(text);
        }
        waits(&receipt);
    }
    bench.send(id("run"));
    bench.gate.arrived();
    bench.send(id("steered").with_mode(Mode::Steer));
    assert_eq!(bench.gate.ask(deliver), ["steered"]);
    let withdrawn = bench.submit(id("withdrawn"));
    let _ = bench.engine.withdraw(&withdrawn);
    bench.send(id("expired").with_ttl(MS));
    bench.ms(1);
    ["dropped", "one", "two", "three"].iter().for_each(|text| bench.send(id(text)));
    paper.until_len(Table::Messages, 5);
    let known = [
        ("ran", Some(Fate::Ran)),
        ("parked", Some(Fate::Parked)),
        ("steered", Some(Fate::Steered)),
        ("dropped", Some(Fate::Dropped)),
        ("run", None),
        ("one", None),
    ];
    let (after, later) = again(&paper, config(), &clock, 299);
    assert_eq!(later.back().0.held, 1);
    for (id, fate) in known {
        assert_eq!(with_id(&later, id).err(), Some((Reason::Duplicate, fate)), "{id}");
    }
    assert!(with_id(&later, "withdrawn").is_ok() && with_id(&later, "expired").is_ok());
    later.finish();
    drop(after);
    // Beyond the window only what has no fate is known, and what is parked.
    let (after, later) = again(&paper, config(), &clock, 301);
    later.back();
    after.until_len(Table::Ids, 0);
    assert!(with_id(&later, "ran").is_ok() && with_id(&later, "steered").is_ok());
    assert!(with_id(&later, "one").is_err() && with_id(&later, "parked").is_err());
    later.finish();
    drop(bench);
}

#[test]
fn p9_no_more_ids_are_kept_than_are_known() {
    let mut config = Config::default();
    config.inbound.dedupe_entries = 3;
    let (paper, clock, bench) = first_life(config.clone());
    for n in 0..10 {
        let text = n.to_string();
        bench.send(followup(&text).with_id(text.as_str()));
        bench.gate.pass(&text);
    }
    paper.until_len(Table::Messages, 0);
    paper.until_len(Table::Ids, 3);
    config.inbound.dedupe_entries = 1;
    let (after, later) = again(&paper, config, &clock, 0);
    later.back();
    assert!(with_id(&later, "9").is_err() && with_id(&later, "8").is_ok());
    later.gate.pass("again");
    after.until_len(Table::Ids, 1);
    later.finish();
    bench.finish();
}

#[test]
fn p11_the_settings_of_a_session_come_back_and_a_reset_does_not() {
    let (paper, clock, bench) = first_life(Config::default());
    let knobs = Knobs { cap: Some(7), ..Knobs::default() };
    bench.engine.set_knobs("set", knobs.clone()).expect("in range");
    bench.engine.set_knobs("reset", knobs.clone()).expect("in range");
    let says = |key: &str, text: &str| {
        let refused = bench.engine.submit(Message::new(key, text)).expect_err("a directive");
        assert_eq!(refused.reason, Reason::Directive);
    };
    says("said", "/queue collect debounce:2s");
    // All three are there before one of them goes: two alone would not tell which.
    paper.until_len(Table::Knobs, 3);
    says("reset", "/queue reset");
    paper.until_len(Table::Knobs, 2);
    let (after, later) = again(&paper, Config::default(), &clock, 0);
    // Whoever changes them first has the last word.
    later.engine.set_knobs("set", Knobs { cap: Some(8), ..Knobs::default() }).expect("in range");
    assert_eq!(later.engine.knobs("set").cap, Some(8));
    let said = later.engine.knobs("said");
    assert_eq!((said.mode, said.debounce), (Some(Mode::Collect), Some(Duration::from_secs(2))));
    assert_eq!(later.engine.knobs("reset"), Knobs::default());
    later.back();
    assert_eq!(later.engine.knobs("set").cap, Some(8));
    assert_eq!(later.engine.close(LONG), Ok(Closed::Closed));
    assert_eq!(after.len(Table::Knobs), 2);
    bench.finish();
}

fn summarizing() -> Config {
    Config::default().with_queue(|q| {
        (q.drop, q.cap, q.debounce) = (Drop::Summarize, 1, Duration::ZERO);
    })
}

#[test]
fn p11_lines_about_dropped_messages_live_as_long_as_their_session_is_busy() {
    let (paper, clock, bench) = first_life(summarizing());
    bench.send(followup("run"));
    bench.gate.arrived();
    ["dropped", "waits"].iter().for_each(|text| bench.send(collect(text)));
    paper.until_len(Table::Lines, 1);
    // A crash, then a close: it is still there.
    let (after, later) = again(&paper, summarizing(), &clock, 0);
    later.back();
    // Nobody can tell whether the batch that had started had it: it goes with the next.
    assert!(later.gate.arrived().ends_with("- dropped\n\nrun"));
    let closer = later.engine.clone();
    let closing = std::thread::spawn(move || closer.close(LONG));
    later.gate.with(|run| assert!(run.token().wait(LONG).is_some()));
    later.gate.answer(Answer::Fail);
    assert_eq!(closing.join().expect("no panic"), Ok(Closed::Closed));
    assert_eq!((after.len(Table::Lines), after.len(Table::Messages)), (1, 2));
    let (last, later) = again(&after, summarizing(), &clock, 0);
    later.back();
    later.gate.arrived();
    let summary = |run: &Run| run.batch().summary().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(later.gate.ask(summary), ["dropped"]);
    assert_eq!(last.len(Table::Lines), 1, "until the run has ended");
    later.gate.open();
    last.until_len(Table::Lines, 0);
    later.gate.pass("waits");
    last.until_len(Table::Messages, 0);
    later.finish();
    // Nobody comes for them: they go when the session is idle.
    let _ = bench.engine.stop("k");
    paper.until_len(Table::Lines, 0);
    bench.gate.open();
    bench.finish();
}
