//! What C adds to a message, against the same path in Rust: rounds by turns, so that a busy machine
//! is busy for all.
//!
//! `cargo test --release --features cli,capi --test capi -- --ignored --nocapture bench`

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use laneq::{Config, Engine, HandlerOptions, Message, Notice, Port, Receipt, Reply};

use crate::libs::{Link, compile_with, host, install, run};

const KEYS: u32 = 10_000;
/// Rounds of one turn, the first of which warms up; and turns.
const ROUNDS: usize = 8;
const TURNS: usize = 8;

struct Rust {
    engine: Engine,
    port: Option<Port>,
    keys: Vec<String>,
}

impl Rust {
    fn new(pulls: bool) -> Self {
        let engine = Engine::new(Config::default()).expect("the defaults");
        let port = pulls.then(|| engine.port().expect("it is open"));
        match &port {
            Some(port) => port.bind_any(HandlerOptions::default()),
            None => engine.on_run("main", |_| Ok(Reply::new(""))),
        }
        .expect("nobody has it");
        let keys = (0..KEYS).map(|key| format!("chat:{key:05}")).collect();
        Self { engine, port, keys }
    }

    fn round(&self) -> u64 {
        let begun = Instant::now();
        let message = |key: &String| Message::new(&**key, "hello");
        let submit = |key| self.engine.submit(message(key)).expect("there is room");
        let receipts: Vec<Receipt> = self.keys.iter().map(submit).collect();
        for _ in 0..self.port.as_ref().map_or(0, |_| KEYS) {
            let port = self.port.as_ref().expect("it pulls");
            let Ok(Some(Notice::Ready(run))) = port.next(None) else { panic!("a run is due") };
            run.complete("").expect("it lives");
        }
        receipts.into_iter().for_each(|receipt| drop(receipt.wait().expect("a fate")));
        u64::try_from(begun.elapsed().as_nanos()).expect("a short while") / u64::from(KEYS)
    }
}

/// Minimum and median.
fn figures(mut rounds: Vec<u64>) -> (u64, u64) {
    rounds.sort_unstable();
    (rounds[0], rounds[rounds.len() / 2])
}

#[test]
#[ignore = "figures, not a promise: it builds the release libraries"]
fn bench() {
    let place = install(Path::new(env!("CARGO_TARGET_TMPDIR")).join("capi-release"), "release");
    let program = compile_with(&place, &host("c/bench.c"), "bench", Link::Static, &["-O2"]);
    for drive in ["push", "port"] {
        let (mut rust, mut c) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            let bench = Rust::new(drive == "port");
            rust.extend((0..ROUNDS).map(|_| bench.round()).skip(1));
            let said = run(Command::new(&program).args([drive, &ROUNDS.to_string()]));
            c.extend(said.lines().skip(1).map(|line| line.parse::<u64>().expect("a number")));
        }
        let ((rust_min, rust), (c_min, c)) = (figures(rust), figures(c));
        #[allow(clippy::cast_precision_loss, reason = "small numbers")]
        let times = |c: u64, rust: u64| c as f64 / rust as f64;
        println!(
            "{drive}: Rust {rust_min} ns a message (median {rust}), C {c_min} ({c}): x {:.2} ({:.2})",
            times(c_min, rust_min),
            times(c, rust),
        );
    }
}
