//! `laneq bench`: load on this machine, with the workload names that comparisons use.

mod durable;
mod latency;
mod meter;
mod report;
mod throughput;

use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use self::report::Row;
use super::args::BenchArgs;
use super::exit::USAGE;

/// What went wrong in a workload, in words.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A size, scaled down for a quick look.
#[derive(Clone, Copy, Debug)]
struct Scale(f64);

impl Scale {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    fn of(self, full: u32) -> u32 {
        ((f64::from(full) * self.0) as u32).max(1)
    }
}

/// One workload: what it measures, and how.
#[derive(Clone)]
struct Workload {
    name: String,
    what: String,
    run: Run,
}

type Run = fn(Scale, u32) -> Result<Vec<Row>, Failure>;

const ALL: [(&str, &str, Run); 14] = [
    ("W1", "closures by session handle, 10,000 sessions x 100", |s, _| throughput::handles(s)),
    ("W1k", "the same by key", |s, _| throughput::keys(s)),
    ("W1t", "the same with a receipt for each", |s, _| throughput::receipts(s)),
    ("W1m", "the same as messages, mode followup", |s, _| throughput::messages(s)),
    ("W2", "closures of one hot session", |s, _| throughput::hot(s)),
    ("W3", "one closure for each of 1,000,000 keys", |s, _| throughput::wide(s)),
    ("W4", "10 us of work each, 1,000 sessions x 50", |s, _| throughput::work(s)),
    ("W5", "idle engine, submit to start at 2,000/s", |s, _| latency::idle(s)),
    ("W6", "second lane while the first is full", |s, _| latency::beside_sleepers(s, "subagent")),
    ("W6s", "the same without a second lane", |s, _| latency::beside_sleepers(s, "main")),
    ("J", "acknowledged messages of 1 KiB, journal synced", |s, _| durable::acknowledgements(s)),
    ("Jos", "the same not synced, beside no journal", |s, _| durable::unsynced(s)),
    ("Jback", "1,000,000 waiting messages of 1 KiB come back", |s, _| durable::recovery(s)),
    ("keys", "10,000,000 keys, memory before and after", |s, _| throughput::memory_of_keys(s)),
];

/// Sessions of W7 when no number is given.
const LIVE: [u32; 2] = [1_000, 100_000];

fn live(sessions: u32) -> Workload {
    let what = format!("{sessions} live sessions with a backlog");
    Workload { name: format!("W7-{sessions}"), what, run: throughput::backlog }
}

/// The workload of this name, and the number in it.
fn named(name: &str) -> Result<Workload, String> {
    if let Some(number) = name.strip_prefix("W7-") {
        let sessions = number.parse().ok().filter(|n| (1..=1_000_000).contains(n));
        return sessions.map(live).ok_or_else(|| format!("{name}: W7-1 to W7-1000000"));
    }
    let known = ALL.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name));
    known
        .map(|(name, what, run)| Workload {
            name: (*name).to_owned(),
            what: (*what).to_owned(),
            run: *run,
        })
        .ok_or_else(|| {
            let names: Vec<&str> = ALL.iter().map(|(name, ..)| *name).collect();
            format!("unknown workload {name:?}: one of {}, W7-N", names.join(", "))
        })
}

fn chosen(args: &BenchArgs) -> Result<Vec<Workload>, String> {
    let names: Vec<&String> = args.workload.iter().chain(&args.more).collect();
    if names.is_empty() {
        let all = ALL.iter().map(|(name, ..)| named(name)).collect::<Result<Vec<_>, _>>()?;
        return Ok(all.into_iter().chain(LIVE.map(live)).collect());
    }
    names.into_iter().map(|name| named(name)).collect()
}

pub fn run(args: &BenchArgs) -> ExitCode {
    let workloads = match chosen(args) {
        Ok(workloads) => workloads,
        Err(error) => {
            eprintln!("laneq: {error}");
            return ExitCode::from(USAGE);
        }
    };
    let bar = progress(workloads.len());
    let mut results = Vec::new();
    for workload in &workloads {
        bar.set_message(format!("{}: {}", workload.name, workload.what));
        let number = workload.name.strip_prefix("W7-").and_then(|n| n.parse().ok()).unwrap_or(0);
        match (workload.run)(Scale(args.scale), number) {
            Ok(rows) => {
                if args.tsv {
                    bar.suspend(|| print!("{}", report::tsv(&workload.name, &rows)));
                }
                results.push((workload, rows));
            }
            Err(error) => {
                bar.finish_and_clear();
                eprintln!("laneq: {}: {error}", workload.name);
                return ExitCode::FAILURE;
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if args.json {
        println!("{}", report::json(args.scale, &results));
    } else if !args.tsv {
        print!("{}", report::table(args.scale, &results));
    }
    ExitCode::SUCCESS
}

fn progress(length: usize) -> ProgressBar {
    let template = "{elapsed_precise} [{bar:24}] {pos}/{len}  {wide_msg}";
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ");
    let bar = ProgressBar::new(length as u64).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}
