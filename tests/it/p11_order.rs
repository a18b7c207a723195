//! P11: what comes back has its rank, its batch, its words and what is left of its time.

use std::time::Duration;

use laneq::{
    Config, Drop, Fate, Kind, Knobs, ManualClock, Message, MessageId, Mode, Priority, Run, Source,
    Table,
};

use crate::paper::{Paper, life, said};
use crate::stage::{Dice, collect, deliver, followup, interrupt, message, steer};
use crate::support::{Bench, waits};

fn first_life(config: Config) -> (Paper, ManualClock, Bench) {
    let (paper, clock) = (Paper::default(), ManualClock::new());
    let bench = life(&paper, config, &clock);
    (paper, clock, bench)
}

fn again(paper: &Paper, config: Config) -> (Paper, Bench) {
    let paper = paper.crash();
    let bench = life(&paper, config, &ManualClock::new());
    (paper, bench)
}

/// The engine lets these texts through, in this order, and nothing else; nothing is left of them.
fn passes(paper: &Paper, bench: Bench, texts: &[&str]) {
    texts.iter().for_each(|text| bench.gate.pass(text));
    paper.until_len(Table::Messages, 0);
    assert!(bench.gate.nobody());
    bench.finish();
    assert_eq!(paper.len(Table::Marks), 0);
}

#[test]
fn p11_each_rank_comes_back_before_the_next_in_every_session() {
    let (paper, _, bench) = first_life(Config::default());
    for key in ["k", "b"] {
        bench.send(Message::new(key, format!("{key}: run")).with_mode(Mode::Followup));
        assert_eq!(bench.gate.arrived(), format!("{key}: run"));
    }
    let in_b = |text: &str, mode| Message::new("b", text).with_mode(mode);
    bench.send(followup("one"));
    bench.send(in_b("b: one", Mode::Followup));
    bench.send(steer("steer"));
    bench.send(in_b("b: steer", Mode::Steer));
    bench.send(followup("two"));
    bench.send(interrupt("first"));
    bench.send(interrupt("second"));
    paper.until_len(Table::Marks, 6);
    let (after, bench) = again(&paper, Config::default().with_lane("main", 1));
    bench.engine.pause("main").expect("a lane of ours");
    let (came, receipts) = bench.back();
    // Two interrupts had stopped its run.
    let stopped = receipts.iter().find(|r| r.settled().is_some()).expect("one has its fate");
    assert_eq!(stopped.message().map(Message::text), Some("k: run"));
    assert_eq!(waits(stopped).fate, Fate::Ran);
    assert_eq!((came.pending, came.retried, came.parked), (8, 2, 0));
    bench.engine.resume("main").expect("a lane of ours");
    let texts: Vec<_> = (0..8)
        .map(|_| {
            let text = bench.gate.arrived();
            bench.gate.open();
            text
        })
        .collect();
    let of = |b: bool| texts.iter().filter(|t| t.starts_with("b:") == b).collect::<Vec<_>>();
    assert_eq!(of(false), ["first", "second", "steer", "one", "two"]);
    assert_eq!(of(true), ["b: run", "b: steer", "b: one"]);
    passes(&after, bench, &[]);
}

#[test]
fn p11_a_batch_comes_back_as_one_with_its_summary_before_what_waited() {
    let config = || {
        Config::default().with_queue(|q| {
            (q.drop, q.cap, q.debounce) = (Drop::Summarize, 2, Duration::ZERO);
        })
    };
    let (paper, _, bench) = first_life(config());
    let run = bench.submit(followup("run"));
    bench.gate.arrived();
    ["dropped", "one", "two"].iter().for_each(|text| bench.send(collect(text)));
    paper.until_len(Table::Lines, 1);
    bench.gate.open();
    waits(&run);
    let text = bench.gate.arrived();
    bench.send(followup("after"));
    let ask = |run: &Run| {
        let summary: Vec<_> = run.batch().summary().map(str::to_owned).collect();
        let text = run.batch().text().to_owned();
        (run.attempt(), run.batch().len(), run.batch().summary_of(), summary, text)
    };
    let (_, _, _, summary, _) = bench.gate.ask(ask);
    assert_eq!(summary, ["dropped"]);
    let (after, bench) = again(&paper, config());
    assert_eq!(bench.back().0.retried, 2);
    assert_eq!(bench.gate.arrived(), text);
    assert_eq!(bench.gate.ask(ask), (2, 2, 1, summary, text));
    bench.gate.open();
    passes(&after, bench, &["after"]);
    assert_eq!(after.len(Table::Lines), 0, "the run that had them has ended");
}

#[test]
fn p11_a_steer_comes_back_by_what_became_of_it() {
    let (paper, _, bench) = first_life(Config::default());
    bench.send(followup("run"));
    bench.gate.arrived();
    bench.send(followup("older"));
    let both = |text: &str| message(Mode::SteerBacklog, text).with_backlog(format!("{text} later"));
    bench.send(steer("delivered"));
    bench.send(both("seen"));
    assert_eq!(bench.gate.ask(deliver), ["delivered", "seen"]);
    bench.send(both("unseen"));
    bench.send(steer("undelivered"));
    // The steer that was delivered is gone; of the others, marks: seen, two steers, the start.
    paper.until_len(Table::Messages, 5);
    paper.until_len(Table::Marks, 5);
    let (after, bench) = again(&paper, Config::default());
    let (came, _) = bench.back();
    assert_eq!((came.pending, came.retried), (5, 1));
    bench.gate.pass("run");
    assert_eq!(bench.gate.arrived(), "unseen\n\nunseen later", "undelivered: both texts");
    bench.gate.open();
    bench.gate.pass("undelivered");
    bench.gate.pass("older");
    assert_eq!(bench.gate.arrived(), "seen later");
    assert!(bench.gate.ask(|run| run.batch().messages().all(laneq::Part::seen)));
    bench.gate.open();
    passes(&after, bench, &[]);
}

fn any_message(dice: &mut Dice, n: u64) -> Message {
    let modes = [Mode::Followup, Mode::Collect, Mode::Steer, Mode::SteerBacklog, Mode::Interrupt];
    let mut roll = |sides: u64| usize::try_from(dice.roll(sides)).expect("small");
    let mode = modes[roll(5)];
    let lane = ["main", "cron", "subagent"][roll(3)];
    let text = ["", "\u{1F600} \"quoted\"\n", "plain"][roll(3)];
    let mut message = Message::new(format!("key {}", roll(5)), format!("{n} {text}"))
        .with_mode(mode)
        .with_lane(lane)
        .with_priority([Priority::Foreground, Priority::Normal, Priority::Background][roll(3)])
        // Not what the settings say: that comes back as left to the settings.
        .with_attempts(u32::try_from(2 + roll(99)).expect("small"));
    let mut maybe = |change: fn(Message, String) -> Message| {
        if roll(2) == 0 {
            message = change(message.clone(), format!("\"{n}\""));
        }
    };
    maybe(Message::with_id);
    maybe(Message::with_authority);
    maybe(Message::with_sender);
    maybe(Message::with_payload);
    maybe(Message::with_meta);
    maybe(Message::with_media);
    maybe(Message::with_backlog);
    maybe(|m, _| m.with_ttl(Duration::from_millis(86_400_001)));
    maybe(|m, _| m.with_deadline(Duration::new(7, 1)));
    maybe(|m, text| m.with_requeued_from(text));
    maybe(|m, _| m.with_knobs(Knobs { cap: Some(99), drop: Some(Drop::Old), ..Knobs::default() }));
    maybe(|m, text| {
        let (channel, account, peer) = ("c".to_owned(), text.clone(), text);
        m.with_source(Source { kind: Kind::Group, channel, account, peer, ..Source::default() })
    });
    message
}

#[test]
fn p11_every_part_of_a_message_comes_back_as_it_was() {
    let config = || Config::default().with_queue(|q| q.cap = 1000);
    let (paper, _, bench) = first_life(config());
    let lanes = ["main", "cron", "subagent"];
    lanes.iter().for_each(|lane| bench.engine.pause(lane).expect("a lane of ours"));
    let mut dice = Dice::new(11);
    let sent: Vec<_> = (0..300)
        .map(|n| {
            let message = any_message(&mut dice, n);
            let receipt = bench.submit(message.clone());
            (receipt.id(), message)
        })
        .collect();
    let (_, bench) = again(&paper, config());
    lanes.iter().for_each(|lane| bench.engine.pause(lane).expect("a lane of ours"));
    let (came, mut back) = bench.back();
    assert_eq!((came.pending, came.retried), (300, 0));
    let number =
        |r: &laneq::Receipt| r.message().and_then(|m| m.text().split(' ').next()?.parse().ok());
    back.sort_by_key(|r| number(r).unwrap_or(u64::MAX));
    let back: Vec<(MessageId, Message)> =
        back.iter().map(|r| (r.id(), r.message().expect("whole").clone())).collect();
    assert!(
        sent == back,
        "the first that differs: {:?}",
        sent.iter().zip(&back).find(|(a, b)| a != b)
    );
    bench.finish();
}

#[test]
fn p11_what_waited_in_a_lane_that_is_gone_comes_to_main() {
    let with = Config::default().with_lane("extra", 1);
    let (paper, _, bench) = first_life(with);
    bench.engine.pause("extra").expect("a lane of ours");
    bench.send(followup("text").with_lane("extra"));
    let (after, bench) = again(&paper, Config::default());
    bench.back();
    assert_eq!(bench.gate.arrived(), "text");
    assert_eq!(bench.gate.ask(|run| run.lane().to_owned()), "main");
    bench.gate.open();
    passes(&after, bench, &[]);
}

/// A message with a `ttl` of 10 s, and the engine after a while by the wall clock: down, and the
/// clock put back or forward.
fn after_while(forward: bool, by: u64) -> (ManualClock, Bench, laneq::Receipt) {
    let (paper, clock, bench) = first_life(Config::default());
    bench.engine.pause("main").expect("a lane of ours");
    bench.send(followup("text").with_ttl(Duration::from_secs(10)));
    let later = ManualClock::new();
    let (wall, by) = (clock.wall_clock(), Duration::from_secs(by));
    later.set_wall_clock(if forward { wall + by } else { wall - by });
    let bench = life(&paper.crash(), Config::default(), &later);
    bench.engine.pause("main").expect("a lane of ours");
    let mut receipts = bench.back().1;
    (later, bench, receipts.remove(0))
}

/// Rows of `FAILURES.md`: C14, F11.
#[test]
fn p11_a_message_has_what_is_left_of_its_time_and_no_more_than_it_had() {
    for (forward, by, left) in [(true, 4, 6000), (true, 0, 10_000), (false, 3600, 10_000)] {
        let (_, bench, receipt) = after_while(forward, by);
        bench.ms(left - 1);
        assert_eq!(receipt.settled(), None, "{by} s");
        bench.ms(1);
        assert_eq!(waits(&receipt).fate, Fate::Expired);
        bench.finish();
    }
    let (_, bench, receipt) = after_while(true, 10);
    assert_eq!(receipt.settled().map(|s| s.fate), Some(Fate::Expired), "while it was down");
    let fates = bench.settled_book().names(|event| matches!(event, laneq::Event::Fate { .. }));
    assert_eq!(fates.len(), 1);
    bench.finish();
}

#[test]
fn p11_what_has_started_does_not_expire() {
    let (paper, clock, bench) = first_life(Config::default());
    bench.send(followup("text").with_ttl(Duration::from_secs(10)));
    bench.gate.arrived();
    let later = ManualClock::new();
    later.set_wall_clock(clock.wall_clock() + Duration::from_secs(3600));
    let after = paper.crash();
    let bench = life(&after, Config::default(), &later);
    assert_eq!(said(&bench.back().1), ["text"]);
    passes(&after, bench, &["text"]);
}
