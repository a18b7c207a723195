//! More ways to hold a run: a gate for each text, questions to a run, and handlers of one's own.

use std::collections::HashMap;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use laneq::{
    BoxError, Config, Engine, Event, HandlerOptions, ManualClock, Message, MessageId, Mode,
    Observer, Reply, Run, Settled,
};

use crate::support::{Bench, Book, DRIVE, Drive, Gate, Handler, LONG, bench, waits};

impl Gate {
    /// Does this with the run that waits at the gate, on its thread; answers what came of it.
    pub fn ask<T: Send + 'static>(&self, act: impl FnOnce(&Run) -> T + Send + 'static) -> T {
        let (tx, rx) = channel();
        self.with(move |run| {
            let _ = tx.send(act(run));
        });
        rx.recv_timeout(LONG).expect("the handler answers, and does not panic")
    }
}

/// Runs whose text has a gate wait there; all others are done at once.
#[derive(Default)]
pub struct Stage {
    gates: Mutex<HashMap<String, Arc<Handler>>>,
}

impl Stage {
    pub fn gate(&self, text: &str) -> Gate {
        let (gate, handler) = Gate::new();
        self.gates.lock().expect("no panic under it").insert(text.to_owned(), Arc::new(handler));
        gate
    }

    fn handle(&self, run: &Run) -> Result<Reply, BoxError> {
        let text = run.batch().text();
        let gate = self.gates.lock().expect("no panic under it").get(text).cloned();
        gate.map_or_else(|| Ok(Reply::new(text)), |gate| gate.handle(run))
    }
}

pub fn staged(config: Config) -> (Bench, Arc<Stage>) {
    staged_on(DRIVE, config)
}

pub fn staged_on(drive: Drive, config: Config) -> (Bench, Arc<Stage>) {
    let stage = Arc::new(Stage::default());
    let own = Arc::clone(&stage);
    (doing_on(drive, config, move |run| own.handle(run)), stage)
}

/// A bench whose handler is this; its gate is nobody's.
pub fn bench_doing(
    config: Config,
    handle: impl Fn(&Run) -> Result<Reply, BoxError> + Send + Sync + 'static,
) -> Bench {
    doing_on(DRIVE, config, handle)
}

pub fn doing_on(
    drive: Drive,
    config: Config,
    handle: impl Fn(&Run) -> Result<Reply, BoxError> + Send + Sync + 'static,
) -> Bench {
    let engine =
        Engine::builder(config).clock(ManualClock::new()).start().expect("the settings are fine");
    bench_of_on(drive, engine, handle)
}

pub fn bench_of(
    engine: Engine,
    handle: impl Fn(&Run) -> Result<Reply, BoxError> + Send + Sync + 'static,
) -> Bench {
    bench_of_on(DRIVE, engine, handle)
}

pub fn bench_of_on(
    drive: Drive,
    engine: Engine,
    handle: impl Fn(&Run) -> Result<Reply, BoxError> + Send + Sync + 'static,
) -> Bench {
    drive.all(&engine, HandlerOptions::default(), handle);
    let book = Arc::new(Book::default());
    engine.observe(Arc::clone(&book) as Arc<dyn Observer>).expect("a thread");
    Bench { engine, gate: Gate::new().0, book }
}

impl Bench {
    /// How many tickets were issued so far: a session that may not start yet has none.
    pub fn tickets(&self) -> usize {
        let about = |event: &Event| matches!(event, Event::LaneEnqueue { .. });
        self.settled_book().names(about).len()
    }

    /// Turns the clock until nothing is pending: for retries and windows that nobody counts.
    pub fn crank(&self) {
        let begun = Instant::now();
        while self.engine.stats().pending > 0 {
            assert!(
                begun.elapsed() < LONG,
                "P4: something stays pending: {:?}",
                self.engine.stats()
            );
            self.engine.advance(Duration::from_secs(60));
            std::thread::yield_now();
        }
    }

    /// Blocks until this many runs have failed and wait to be tried again, and nothing executes:
    /// then the worker has armed the timer, too.
    pub fn until_retries(&self, count: usize) {
        let about = |event: &Event| matches!(event, Event::RunRetrying { .. });
        let executes = || self.engine.stats().lanes.iter().any(|lane| lane.executing > 0);
        let begun = Instant::now();
        while self.settled_book().names(about).len() < count || executes() {
            assert!(begun.elapsed() < LONG, "a run fails and is retried");
            std::thread::yield_now();
        }
    }

    pub fn ms(&self, ms: u64) {
        self.engine.advance(Duration::from_millis(ms));
    }

    /// The texts of the runs that started so far, in order.
    pub fn started(&self) -> Vec<String> {
        self.settled_book().started()
    }
}

pub fn message(mode: Mode, text: &str) -> Message {
    Message::new("k", text).with_mode(mode)
}

pub fn followup(text: &str) -> Message {
    message(Mode::Followup, text)
}

pub fn collect(text: &str) -> Message {
    message(Mode::Collect, text)
}

pub fn steer(text: &str) -> Message {
    message(Mode::Steer, text)
}

pub fn interrupt(text: &str) -> Message {
    message(Mode::Interrupt, text)
}

/// A session that is running "run".
pub fn running() -> (Bench, laneq::Receipt) {
    running_on(bench())
}

pub fn running_on(bench: Bench) -> (Bench, laneq::Receipt) {
    let run = bench.submit(followup("run"));
    bench.gate.arrived();
    (bench, run)
}

pub fn texts(steers: &laneq::Steers<'_>) -> Vec<String> {
    steers.messages().map(|part| part.text().into_owned()).collect()
}

/// Takes and commits what waits; answers the texts.
pub fn deliver(run: &Run) -> Vec<String> {
    let steers = run.take_steers();
    let texts = texts(&steers);
    steers.commit().expect("the run lives");
    texts
}

pub fn settles(receipts: &[laneq::Receipt]) -> Vec<Settled> {
    receipts.iter().map(waits).collect()
}

/// The admission number in an id that was made up.
pub fn number(id: &MessageId) -> u64 {
    match id {
        MessageId::Made(_, number) => *number,
        MessageId::Given(id) => panic!("{id} was given"),
    }
}

/// Numbers that look random and are the same each time.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Below `sides`.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % sides
    }
}
