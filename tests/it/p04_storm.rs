//! P4 from several threads at once: whatever is done, the books balance and each message has one
//! fate, by the receipts, by the counters and by the events.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use laneq::{
    BoxError, Config, Drop, End, Engine, Knobs, Message, Mode, Priority, Receipt, Reply, Run,
    Source, Verdict, Withdrawn,
};

use super::stage::{Dice, bench_doing};
use super::support::tally;

const MODES: [Mode; 5] =
    [Mode::Followup, Mode::Collect, Mode::Steer, Mode::SteerBacklog, Mode::Interrupt];
const PRIORITIES: [Priority; 3] = [Priority::Background, Priority::Normal, Priority::Foreground];

fn pick<T: Copy>(dice: &mut Dice, all: &[T]) -> T {
    all[usize::try_from(dice.roll(all.len() as u64)).expect("small")]
}

fn any_message(dice: &mut Dice, text: &str) -> Message {
    let key = pick(dice, &["a", "b", "c", "d"]);
    let mut message = Message::new(key, text)
        .with_mode(pick(dice, &MODES))
        .with_priority(pick(dice, &PRIORITIES))
        .with_lane(pick(dice, &["main", "main", "subagent"]))
        .with_authority(pick(dice, &["", "", "guest"]))
        .with_attempts(pick(dice, &[1, 1, 3]));
    if dice.roll(4) == 0 {
        message = message.with_ttl(Duration::from_millis(1 + dice.roll(3000)));
    }
    if dice.roll(4) == 0 {
        let channel = pick(dice, &["irc", "web"]).to_owned();
        message = message.with_source(Source { channel, ..Source::default() });
    }
    if dice.roll(6) == 0 {
        message = message.with_deadline(Duration::from_millis(1 + dice.roll(500)));
    }
    if dice.roll(3) == 0 { message.with_backlog("later") } else { message }
}

/// A handler that takes, commits, drops, ends, fails and panics as the dice fall.
fn any_run(run: &Run, dice: &mut Dice) -> Result<Reply, BoxError> {
    for _ in 0..dice.roll(6) {
        match run.boundary() {
            Verdict::Stop(_) => return Err("stopped".into()),
            Verdict::Steer => {
                let steers = run.take_steers();
                if dice.roll(3) > 0 {
                    let _ = steers.commit();
                }
            }
            _ => thread::yield_now(),
        }
        if dice.roll(8) == 0 {
            let _ = run.set_steerable(dice.roll(2) == 0);
        }
    }
    match dice.roll(8) {
        0 => Err("planned failure".into()),
        1 => std::panic::resume_unwind(Box::new("planned panic")),
        2 => {
            while let Ok(End::Steers(steers)) = run.end() {
                let _ = steers.commit();
            }
            Ok("ended".into())
        }
        _ => Ok("done".into()),
    }
}

fn any_deeds(engine: &Engine, seed: u64) -> Vec<Receipt> {
    let mut dice = Dice::new(seed);
    let mut receipts: Vec<Receipt> = Vec::new();
    for n in 0..400 {
        let key = pick(&mut dice, &["a", "b", "c", "d"]);
        match dice.roll(40) {
            0 => drop(engine.stop(key)),
            1..=2 => drop(engine.interrupt(key)),
            3..=6 => engine.advance(Duration::from_millis(dice.roll(900))),
            7..=10 => {
                if let Some(receipt) = receipts.get(receipts.len().saturating_sub(3)) {
                    let _: Withdrawn = engine.withdraw(receipt);
                }
            }
            11..=12 => drop(engine.fire("main", key, |_| ())),
            13 => drop(engine.enqueue("subagent", key, |_| 7)),
            14 => drop(engine.fire_keyless("main", |_| ())),
            15 => drop(engine.set_knobs(
                key,
                Knobs { mode: (dice.roll(2) == 0).then_some(Mode::Steer), ..Knobs::default() },
            )),
            _ => receipts.extend(engine.submit(any_message(&mut dice, &format!("{seed}.{n}")))),
        }
        if n % 8 == 0 {
            thread::yield_now();
        }
    }
    receipts
}

/// Answers the fates that were reached.
fn storm(drop: Drop, seed: u64) -> BTreeSet<&'static str> {
    let dice = Arc::new(Mutex::new(Dice::new(seed)));
    let config = Config::default().with_queue(|q| (q.cap, q.drop, q.steer_rounds) = (6, drop, 2));
    let bench = bench_doing(config, move |run| {
        let own = dice.lock().expect("no panic under it").roll(1 << 40);
        any_run(run, &mut Dice::new(own))
    });
    let receipts: Vec<Receipt> = thread::scope(|scope| {
        let engine = &bench.engine;
        let threads: Vec<_> =
            (0..5).map(|t| scope.spawn(move || any_deeds(engine, seed * 10 + t))).collect();
        threads.into_iter().flat_map(|t| t.join().expect("no panic")).collect()
    });
    assert_eq!(bench.engine.audit().unbalanced, 0);
    bench.crank();
    assert_eq!(bench.engine.audit().pending, 0, "counted one by one as well");
    let told: Vec<_> = receipts.iter().filter_map(Receipt::settled).collect();
    assert_eq!(told.len(), receipts.len(), "each receipt knows its fate");
    let mut fates = tally(told.iter().map(|s| s.fate));
    let reached = fates.keys().copied().collect();
    // Closures only add to `ran` and `withdrawn`.
    let stats = bench.engine.stats();
    for fate in laneq::Fate::ALL {
        let counted = fates.remove(fate.as_str()).unwrap_or(0) as u64;
        let closures = matches!(fate, laneq::Fate::Ran | laneq::Fate::Withdrawn);
        let all = stats.fate(fate);
        assert!(all == counted || (closures && all > counted), "{fate}: {all} and {counted}");
    }
    let leads = told.iter().filter(|s| s.lead).count();
    let replies = told.iter().filter(|s| s.reply.is_some()).count();
    assert!(replies <= leads);
    bench.finish();
    reached
}

/// Rows of `FAILURES.md`: F10.
#[test]
fn p4_a_storm_of_random_deeds_balances_with_every_overflow_policy() {
    let mut reached = BTreeSet::new();
    for seed in 1..=4 {
        for drop in [Drop::Old, Drop::New, Drop::Summarize] {
            reached.extend(storm(drop, seed));
        }
    }
    assert!(reached.len() >= 4, "storms, not breezes: {reached:?}");
}

/// Rows of `FAILURES.md`: F7.
#[test]
fn p4_a_close_in_the_middle_of_a_storm_returns_what_is_left() {
    for seed in 1..=6 {
        let dice = Arc::new(Mutex::new(Dice::new(seed)));
        let bench = bench_doing(Config::default(), move |run| {
            let own = dice.lock().expect("no panic under it").roll(1 << 40);
            any_run(run, &mut Dice::new(own))
        });
        let receipts: Vec<Receipt> = thread::scope(|scope| {
            let engine = &bench.engine;
            let threads: Vec<_> =
                (0..4).map(|t| scope.spawn(move || any_deeds(engine, seed * 10 + t))).collect();
            // Some have begun by now; whoever comes later is refused.
            while engine.stats().accepted < 50 {
                thread::yield_now();
            }
            assert_eq!(engine.close(super::support::LONG), Ok(laneq::Closed::Closed));
            threads.into_iter().flat_map(|t| t.join().expect("no panic")).collect()
        });
        assert!(receipts.iter().all(|r| r.settled().is_some()), "accepted, so it has a fate");
        bench.finish();
    }
}
