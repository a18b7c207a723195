//! P11 from many threads, with a crash at any moment: what was acknowledged has its fate or comes
//! back, and what was refused does neither.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use laneq::{
    BoxError, Config, Engine, Fate, HandlerOptions, ManualClock, Message, Mode, Reply, Run, RunId,
    Table, Verdict,
};

use crate::paper::Paper;
use crate::stage::{Dice, bench_of, number};
use crate::support::LONG;

const KEYS: [&str; 3] = ["a", "b", "c"];
const MODES: [Mode; 5] =
    [Mode::Followup, Mode::Collect, Mode::Steer, Mode::SteerBacklog, Mode::Interrupt];

fn pick<T: Copy>(dice: &mut Dice, all: &[T]) -> T {
    all[usize::try_from(dice.roll(all.len() as u64)).expect("small")]
}

fn engine(paper: &Paper) -> Engine {
    let mut config = Config::default();
    config.queue.cap = 6;
    let builder = Engine::builder(config).clock(ManualClock::new());
    builder.journal(Box::new(paper.clone())).start().expect("the settings are fine")
}

/// What the host was told.
#[derive(Default)]
struct Told {
    accepted: Vec<(String, laneq::Receipt)>,
    refused: HashSet<String>,
}

type Log = Mutex<Told>;

fn told(log: &Log) -> std::sync::MutexGuard<'_, Told> {
    log.lock().expect("no panic under it")
}

fn work(run: &Run) -> Result<Reply, BoxError> {
    let way = run.id().get() % 7;
    if run.boundary() == Verdict::Steer {
        let steers = run.take_steers();
        if way.is_multiple_of(2) {
            let _ = steers.commit();
        }
    }
    thread::yield_now();
    match way {
        0 | 1 => Err("planned failure".into()),
        2 => std::panic::resume_unwind(Box::new("planned panic")),
        _ => Ok("done".into()),
    }
}

fn submit(engine: &Engine, log: &Log, dice: &mut Dice, text: String) {
    let mut message = Message::new(pick(dice, &KEYS), text.as_str())
        .with_mode(pick(dice, &MODES))
        .with_attempts(u32::try_from(1 + dice.roll(2)).expect("small"));
    if dice.roll(4) == 0 {
        message = message.with_ttl(Duration::from_millis(1 + dice.roll(3000)));
    }
    if dice.roll(8) == 0 {
        // It is in the file before it is refused.
        message = message.with_expect_run(RunId::new(u64::MAX >> 11));
    }
    let answer = match dice.roll(2) {
        0 => engine.submit(message),
        _ => engine.submit_nowait(message).and_then(laneq::Admission::wait),
    };
    match answer {
        Ok(receipt) => told(log).accepted.push((text, receipt)),
        Err(_) => drop(told(log).refused.insert(text)),
    }
}

fn storm(engine: &Engine, log: &Log, seed: u64, rounds: u64) {
    let mut dice = Dice::new(seed);
    for n in 0..rounds {
        match dice.roll(24) {
            0 => drop(engine.interrupt(pick(&mut dice, &KEYS))),
            1 => drop(engine.stop(pick(&mut dice, &KEYS))),
            2..=4 => engine.advance(Duration::from_millis(700)),
            5 => {
                let last = told(log).accepted.last().map(|(_, receipt)| receipt.clone());
                let _ = last.map(|receipt| engine.withdraw(&receipt));
            }
            _ => submit(engine, log, &mut dice, format!("{seed}.{n}")),
        }
    }
}

/// What a crash leaves, and what was known before it and right after it.
struct Crash {
    paper: Paper,
    accepted: Vec<(String, laneq::Receipt, Option<Fate>)>,
    refused: HashSet<String>,
}

fn crash(paper: &Paper, log: &Log) -> Crash {
    let (accepted, refused) = {
        let told = told(log);
        (told.accepted.clone(), told.refused.clone())
    };
    let paper = paper.crash();
    let with_fate = |(text, receipt): (String, laneq::Receipt)| {
        let fate = receipt.settled().map(|s| s.fate);
        (text, receipt, fate)
    };
    Crash { paper, accepted: accepted.into_iter().map(with_fate).collect(), refused }
}

/// Whether a message with this fate comes back.
fn stays(fate: Option<Fate>) -> bool {
    matches!(fate, None | Some(Fate::Returned | Fate::Parked))
}

impl Crash {
    /// The second life: everything that comes back runs. `closed`: the first ended by itself.
    fn come_back(self, closed: bool) {
        assert_eq!(self.paper.strays(), [], "a mark of a message that is gone");
        let starts: Arc<Mutex<HashMap<String, Vec<u64>>>> = Arc::default();
        let book = Arc::clone(&starts);
        let bench = bench_of(engine(&self.paper), move |run| {
            let mut book = book.lock().expect("no panic under it");
            let own = book.entry(run.key().to_owned()).or_default();
            let parts =
                run.batch().messages().filter(|part| part.message().mode() == Some(Mode::Followup));
            own.extend(parts.map(|part| number(&part.id())));
            Ok("again".into())
        });
        let mut back = HashSet::new();
        let text = |r: &laneq::Receipt| r.message().map(|m| m.text().to_owned());
        let came = bench.engine.recover(|r| back.extend(text(r)));
        let came = came.expect("it can be read");
        for (text, receipt, fate) in &self.accepted {
            let is = back.contains(text);
            // The journal hears of an end before the receipt is told: what it had forgotten had
            // its fate, and is about to say so.
            let soon = || receipt.wait_for(LONG).ok().map(|told| told.fate);
            let fate = if is { *fate } else { fate.or_else(soon) };
            let must = stays(fate);
            assert!(is || !must, "P11: {text} was acknowledged, has {fate:?}, and is lost");
            assert!(!closed || is == must, "P11: {text} has {fate:?} and comes back");
        }
        let both: Vec<_> = back.intersection(&self.refused).collect();
        assert!(both.is_empty(), "P11: refused, and back: {both:?}");
        bench.crank();
        for (key, numbers) in &*starts.lock().expect("no panic under it") {
            // A batch that had started goes first; then the order of admission.
            let ordered = numbers.iter().skip(1).collect::<Vec<_>>();
            assert!(ordered.is_sorted(), "P2: {key}: {numbers:?}, {came:?}");
        }
        let paper = self.paper;
        bench.finish();
        assert_eq!(paper.strays(), []);
        let left = paper.len(Table::Messages) as u64;
        assert_eq!(left, came.held + came.parked, "only what is parked is left");
    }
}

#[test]
fn p11_whenever_it_crashes_what_was_acknowledged_has_its_fate_or_comes_back() {
    for seed in 1..=10 {
        let (paper, log, over) = (Paper::default(), Log::default(), AtomicBool::new(false));
        let first = engine(&paper);
        first.on_run_any(HandlerOptions::default(), work).expect("set once");
        let crashes = thread::scope(|scope| {
            let crasher = scope.spawn(|| {
                let (mut crashes, mut dice) = (Vec::new(), Dice::new(seed));
                while !over.load(Ordering::SeqCst) && crashes.len() < 6 {
                    for _ in 0..dice.roll(400) {
                        thread::yield_now();
                    }
                    crashes.push(crash(&paper, &log));
                }
                crashes
            });
            let (engine, log) = (&first, &log);
            let threads =
                (0..3).map(|n| scope.spawn(move || storm(engine, log, seed * 10 + n, 100)));
            let threads: Vec<_> = threads.collect();
            threads.into_iter().for_each(|storm| storm.join().expect("no panic"));
            over.store(true, Ordering::SeqCst);
            crasher.join().expect("no panic")
        });
        crashes.into_iter().for_each(|crash| crash.come_back(false));
        let closed = first.close(LONG);
        assert_eq!(closed, Ok(laneq::Closed::Closed));
        let stats = first.stats();
        assert_eq!((stats.pending, stats.order_violations, stats.double_runs), (0, 0, 0));
        crash(&paper, &log).come_back(true);
    }
}
