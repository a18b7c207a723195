//! P5 against the clock: a steer that comes as a run ends is delivered or becomes a turn, never
//! neither, never both.

use std::collections::HashMap;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use laneq::{Config, End, Fate, Message, Mode, Placement, Receipt, Run, Verdict, Withdrawn};

use super::stage::{Dice, bench_doing};
use super::support::waits;

/// What handlers saw: text by text, how often delivered and how often run.
#[derive(Default)]
struct Seen(Mutex<HashMap<String, (u32, u32)>>);

impl Seen {
    fn delivered(&self, text: &str) {
        self.0.lock().expect("no panic under it").entry(text.to_owned()).or_default().0 += 1;
    }

    fn ran(&self, text: &str) {
        self.0.lock().expect("no panic under it").entry(text.to_owned()).or_default().1 += 1;
    }

    fn of(&self, text: &str) -> (u32, u32) {
        self.0.lock().expect("no panic under it").get(text).copied().unwrap_or_default()
    }
}

fn take_all(run: &Run, seen: &Seen, dice: &mut Dice) {
    let steers = run.take_steers();
    let texts: Vec<_> = steers.messages().map(|p| p.text().into_owned()).collect();
    if dice.roll(4) > 0 && steers.commit().is_ok() {
        texts.iter().for_each(|text| seen.delivered(text));
    }
}

/// Ends with `end`, or by returning, or by failing.
fn handle(run: &Run, seen: &Seen) -> bool {
    let mut dice = Dice::new(run.id().get());
    for part in run.batch().messages() {
        seen.ran(&part.text());
    }
    for _ in 0..dice.roll(4) {
        if run.boundary() == Verdict::Steer {
            take_all(run, seen, &mut dice);
        }
        thread::yield_now();
    }
    let way = dice.roll(3);
    if way > 0 {
        while let Ok(End::Steers(steers)) = run.end() {
            let texts: Vec<_> = steers.messages().map(|p| p.text().into_owned()).collect();
            if steers.commit().is_ok() {
                texts.iter().for_each(|text| seen.delivered(text));
            }
        }
    }
    way != 2
}

fn steers(
    engine: &laneq::Engine,
    start: &Barrier,
    thread: u32,
    rounds: u32,
) -> Vec<(String, Receipt)> {
    start.wait();
    let mut all = Vec::new();
    for n in 0..rounds {
        let key = format!("k{}", n % 3);
        let text = format!("{thread}.{n}");
        let message = Message::new(key, text.clone()).with_mode(Mode::Steer);
        all.push((text, engine.submit(message).expect("there is room")));
        if n % 5 == 0 {
            thread::yield_now();
        }
    }
    all
}

/// Rows of `FAILURES.md`: R1, F9.
#[test]
fn p5_a_steer_that_races_the_end_of_a_run_is_delivered_or_becomes_a_turn() {
    let seen = Arc::new(Seen::default());
    let own = Arc::clone(&seen);
    let mut config = Config::default().with_queue(|q| q.cap = 100_000);
    config.limits.ring_events = 1 << 20;
    let bench = bench_doing(config, move |run| {
        if handle(run, &own) { Ok("done".into()) } else { Err("planned failure".into()) }
    });
    let start = Barrier::new(4);
    let all: Vec<_> = thread::scope(|scope| {
        let (engine, start) = (&bench.engine, &start);
        let threads: Vec<_> =
            (0..4).map(|t| scope.spawn(move || steers(engine, start, t, 2500))).collect();
        threads.into_iter().flat_map(|t| t.join().expect("no panic")).collect()
    });
    let mut steered = 0;
    for (text, receipt) in &all {
        let told = waits(receipt);
        let expected = if told.fate == Fate::Steered { (1, 0) } else { (0, 1) };
        assert_eq!(seen.of(text), expected, "{text}: {told:?}, {receipt:?}");
        assert!(matches!(told.fate, Fate::Steered | Fate::Ran));
        if told.fate == Fate::Steered {
            steered += 1;
            assert_eq!((receipt.placement(), told.run), (Placement::Steered, receipt.run()));
        }
    }
    assert!(steered > 0 && steered < all.len(), "both happened: {steered} of {}", all.len());
    bench.finish();
}

#[test]
fn p5_a_withdraw_that_races_a_take_is_exactly_one_of_withdrawn_and_delivered() {
    let seen = Arc::new(Seen::default());
    let own = Arc::clone(&seen);
    let bench = bench_doing(Config::default(), move |run| {
        // Until the round's last word: the test's own steer that ends it.
        loop {
            let steers = run.take_steers();
            let texts: Vec<_> = steers.messages().map(|p| p.text().into_owned()).collect();
            steers.commit()?;
            texts.iter().for_each(|text| own.delivered(text));
            if texts.iter().any(|text| text == "over") {
                return Ok("done".into());
            }
            thread::yield_now();
        }
    });
    let submit = |mode, text: String| bench.submit(Message::new("k", text).with_mode(mode));
    let mut tally = [0; 2];
    for round in 0..60 {
        let run = submit(Mode::Followup, format!("run {round}"));
        for n in 0..10 {
            let text = format!("{round}.{n}");
            let receipt = submit(Mode::Steer, text.clone());
            if receipt.placement() != Placement::Steered {
                assert_eq!(bench.engine.withdraw(&receipt), Withdrawn::Withdrawn);
                continue;
            }
            if n % 2 == 0 {
                thread::yield_now();
            }
            let answer = bench.engine.withdraw(&receipt);
            let told = waits(&receipt);
            assert_eq!(answer == Withdrawn::Withdrawn, told.fate == Fate::Withdrawn);
            let delivered = u32::from(told.fate == Fate::Steered);
            tally[usize::from(told.fate == Fate::Steered)] += 1;
            if delivered == 0 {
                assert_eq!(seen.of(&text), (0, 0), "{text}: {told:?}");
            }
        }
        // The run may not have begun: then the last word waits for it as well.
        let mut over = submit(Mode::Steer, "over".to_owned());
        while over.placement() != Placement::Steered {
            assert_eq!(bench.engine.withdraw(&over), Withdrawn::Withdrawn);
            thread::yield_now();
            over = submit(Mode::Steer, "over".to_owned());
        }
        waits(&run);
    }
    assert!(tally[0] + tally[1] > 0, "{tally:?}");
    bench.finish();
}
