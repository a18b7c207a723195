//! Workloads that measure how soon a run hears of something, and what it costs to tell many.

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use hdrhistogram::Histogram;
use laneq::{
    BoxError, Cancelled, Cause, Config, Drop, Engine, Fate, Message, Mode, Receipt, Reply, Run,
    Token, Verdict,
};

use super::latency::{BARE, OURS, nanos, rows};
use super::meter::{LONG, close, each, engine};
use super::report::{Row, row};
use super::{Failure, Scale};

/// Steers that one run sees.
const ROUNDS: u32 = 500;
/// Runs, between which the bare store and load takes its turn.
const RUNS: u32 = 20;

/// Where the seeing side leaves when it saw what. One line of the cache each.
struct Desk {
    began: Instant,
    saw: Line,
    rounds: Line,
    word: Line,
}

#[derive(Default)]
#[repr(align(128))]
struct Line(AtomicU64);

impl Desk {
    fn new() -> Arc<Self> {
        let [saw, rounds, word] = Default::default();
        Arc::new(Self { began: Instant::now(), saw, rounds, word })
    }

    fn now(&self) -> u64 {
        nanos(self.began.elapsed())
    }

    fn saw(&self) {
        self.saw.0.store(self.now(), Ordering::Relaxed);
    }

    /// The seeing side looks again: it is ready for the next.
    fn looks(&self) {
        self.rounds.0.fetch_add(1, Ordering::Release);
    }

    /// Blocks until the seeing side has looked so often, spinning: a sleeper would be woken late.
    fn wait(&self, rounds: u64) -> Result<(), Failure> {
        let began = Instant::now();
        while self.rounds.0.load(Ordering::Acquire) < rounds {
            if began.elapsed() > LONG {
                return Err(format!("not seen after {LONG:?}").into());
            }
            spin_loop();
        }
        Ok(())
    }

    /// From the instant before `send` to the instant at which it was seen.
    fn measure(
        &self,
        rounds: u64,
        histogram: &mut Histogram<u64>,
        send: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let sent = self.now();
        send()?;
        self.wait(rounds)?;
        histogram.record(self.saw.0.load(Ordering::Relaxed).saturating_sub(sent))?;
        Ok(())
    }
}

/// A run that polls its boundary, and goes with so many steers.
fn polls(run: &Run, desk: &Desk, rounds: u32) -> Result<Reply, BoxError> {
    desk.looks();
    for _ in 0..rounds {
        while run.boundary() == Verdict::Go {
            spin_loop();
        }
        desk.saw();
        run.take_steers().commit()?;
        desk.looks();
    }
    Ok(Reply::from(""))
}

fn message(text: &str, mode: Mode) -> Message {
    Message::new("polling", text).with_mode(mode)
}

/// One run and its steers.
fn steered(
    engine: &Engine,
    desk: &Desk,
    rounds: u32,
    histogram: &mut Histogram<u64>,
) -> Result<(), Failure> {
    let before = desk.rounds.0.load(Ordering::Acquire);
    let run = engine.submit(message("go", Mode::Followup))?;
    desk.wait(before + 1)?;
    for number in 0..rounds {
        let steer = message("steer", Mode::Steer);
        desk.measure(before + 2 + u64::from(number), histogram, || {
            let receipt = engine.submit(steer)?;
            match receipt.fallback() {
                None => Ok(()),
                Some(fallback) => Err(format!("not steered: {fallback:?}").into()),
            }
        })?;
    }
    let _ = run.wait()?;
    Ok(())
}

/// The limit: one core stores a word, another that polls it sees it.
fn bare(desk: &Arc<Desk>, rounds: u32, histogram: &mut Histogram<u64>) -> Result<(), Failure> {
    let before = desk.rounds.0.load(Ordering::Acquire);
    let polling = Arc::clone(desk);
    let sees = thread::spawn(move || {
        polling.looks();
        for number in 1..=u64::from(rounds) {
            while polling.word.0.load(Ordering::Acquire) != number {
                spin_loop();
            }
            polling.saw();
            polling.looks();
        }
    });
    desk.wait(before + 1)?;
    for number in 1..=u64::from(rounds) {
        desk.measure(before + 1 + number, histogram, || {
            desk.word.0.store(number, Ordering::Release);
            Ok(())
        })?;
    }
    sees.join().map_err(|_| "the polling thread panicked")?;
    desk.word.0.store(0, Ordering::Release);
    Ok(())
}

/// steer: from the submit of a steer to the boundary that sees it. What accepting it costs is in
/// it, and so are two looks at the clock, which are in the bare figure, too.
pub(super) fn steer(scale: Scale) -> Result<Vec<Row>, Failure> {
    let (desk, rounds) = (Desk::new(), scale.of(ROUNDS));
    let engine = engine(Config::default().with_queue(|queue| queue.steer_rounds = rounds.max(1)))?;
    let seat = Arc::clone(&desk);
    engine.on_run("main", move |run| polls(run, &seat, rounds))?;
    let (mut ours, mut limit) = (Histogram::new(3)?, Histogram::new(3)?);
    for _ in 0..RUNS {
        steered(&engine, &desk, rounds, &mut ours)?;
        bare(&desk, rounds, &mut limit)?;
    }
    close(&engine)?;
    Ok([rows(OURS, &ours), rows(BARE, &limit)].concat())
}

/// Nanoseconds for each of `n` child tokens.
fn children(n: u32) -> Result<f64, Failure> {
    let token = Token::new();
    let below: Vec<Token> = (0..n).map(|_| token.child()).collect();
    let began = Instant::now();
    let told = token.cancel(Cause::Stop);
    let took = began.elapsed();
    if told != Cancelled::Now || below.iter().any(|child| child.cancelled().is_none()) {
        return Err("a child was not cancelled".into());
    }
    Ok(each(took, n.into()))
}

/// Nanoseconds for each of `n` messages that wait in one session, whose receipts are kept.
fn waiting(n: u32) -> Result<f64, Failure> {
    let engine = engine(Config::default().with_queue(|queue| {
        queue.cap = n;
        queue.drop = Drop::New;
    }))?;
    engine.pause("main")?;
    let receipts: Vec<Receipt> = (0..n)
        .map(|_| Ok(engine.submit(message("waits", Mode::Followup))?))
        .collect::<Result<_, Failure>>()?;
    let began = Instant::now();
    let stopped = engine.stop("polling");
    let took = began.elapsed();
    let withdrawn = AtomicU32::new(0);
    for receipt in &receipts {
        if receipt.settled().is_some_and(|settled| settled.fate == Fate::Withdrawn) {
            withdrawn.fetch_add(1, Ordering::Relaxed);
        }
    }
    if withdrawn.into_inner() != n || stopped.withdrawn != n {
        return Err("a message was not withdrawn".into());
    }
    close(&engine)?;
    Ok(each(took, n.into()))
}

/// The mean of as many small ones as make a large one.
fn mean(times: u32, one: impl Fn() -> Result<f64, Failure>) -> Result<f64, Failure> {
    let all = (0..times).map(|_| one()).collect::<Result<Vec<f64>, _>>()?;
    Ok(all.iter().sum::<f64>() / f64::from(times))
}

/// cancel: at two sizes, since it should be linear.
pub(super) fn cancel(scale: Scale) -> Result<Vec<Row>, Failure> {
    let (messages, tokens) = (scale.of(10_000), scale.of(1_000));
    let few = mean(10, || waiting(messages))?;
    let many = mean(1, || waiting(10 * messages))?;
    let few_children = mean(10, || children(tokens))?;
    let many_children = mean(1, || children(10 * tokens))?;
    Ok(vec![
        row("message_10k_ns", few, "ns"),
        row("message_100k_ns", many, "ns"),
        row("message_growth", many / few, "x"),
        row("child_1k_ns", few_children, "ns"),
        row("child_10k_ns", many_children, "ns"),
        row("child_growth", many_children / few_children, "x"),
    ])
}
