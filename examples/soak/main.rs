//! Loads a running engine with everything at once, for hours, and looks for broken promises.
//!
//! ```text
//! cargo run --release --features journal --example soak -- --for 24h
//! ```
//!
//! One *life* after the other: an engine starts, is loaded, is drained or closed, and its books are
//! compared with what the hosts of this program counted themselves. The checks are independent of
//! the engine: order and overlap of each key's runs (`keys`), the fate of each receipt and the
//! ledger (`books`), resident memory (`meter`). Each has a planted bug (`--plant`) that it must find;
//! `tests/soak/run` sees to it. `tests/tsan/run` and `tests/asan/run` have it under sanitizers.
//!
//! Exit codes: 0 all is well, 1 a promise is broken, 2 a wrong command line.

mod books;
mod conduct;
mod dice;
mod floor;
mod handler;
mod harbour;
mod keys;
mod life;
mod load;
mod meter;
mod plant;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;

use crate::life::Plan;
use crate::meter::Meter;
use crate::plant::Bug;

/// Loads a running engine for a long time and looks for broken promises.
#[derive(Parser)]
#[command(version, args_override_self = true)]
struct Args {
    /// How long: `90s`, `10m`, `24h`.
    #[arg(long = "for", default_value = "1m", value_parser = humantime::parse_duration)]
    length: Duration,
    /// Where the random choices begin; which thread comes first is the system's affair.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads that submit. Default: one a core.
    #[arg(long)]
    threads: Option<usize>,
    /// Every message goes through a journal, in a temporary folder.
    #[arg(long)]
    journal: bool,
    /// Between two lines.
    #[arg(long, default_value = "5s", value_parser = humantime::parse_duration)]
    every: Duration,
    /// How long one engine lives.
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration)]
    life: Duration,
    /// A receipt without a fate after this long is a lost one.
    #[arg(long, default_value = "60s", value_parser = humantime::parse_duration)]
    patience: Duration,
    /// How much memory the second half may use beyond the first, besides a tenth. Unit: MiB.
    #[arg(long, default_value_t = 16)]
    slack: u64,
    /// A bug of the program's own, which it must find.
    #[arg(long)]
    plant: Option<Bug>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let folder = args.journal.then(|| tempfile::tempdir().expect("a temporary folder"));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let plan = Plan {
        seed: args.seed,
        threads: args.threads.unwrap_or(cores).max(1),
        journal: folder.as_ref().map(|folder| folder.path().join("soak.journal")),
        patience: args.patience,
        bug: args.plant,
    };
    println!("soak: seed {}, {} threads, {cores} cores", plan.seed, plan.threads);
    let mut meter = Meter::new(args.every, args.patience);
    let end = Instant::now() + args.length;
    for number in 1.. {
        life::live(&plan, number, end.min(Instant::now() + args.life), &mut meter);
        if Instant::now() >= end || meter.is_broken() {
            break;
        }
    }
    if meter.verdict(args.slack << 20) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
