//! `laneq bench`: load on this machine, with the workload names that comparisons use.

mod apart;
mod durable;
mod latency;
mod limits;
mod memory;
mod meter;
mod report;
mod signals;
mod threads;
mod throughput;

use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use self::report::{Row, row};
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

type Known = (&'static str, &'static str, Run);

const ALL: [Known; 20] = [
    ("W1", "closures by session handle, 10,000 sessions x 100", |s, _| throughput::handles(s)),
    ("W1k", "the same by key", |s, _| throughput::keys(s)),
    ("W1t", "the same with a receipt for each", |s, _| throughput::receipts(s)),
    ("W1m", "the same as messages, mode followup", |s, _| throughput::messages(s)),
    ("W1m41", "the same with texts of 41 bytes", |s, _| throughput::chat(s)),
    ("W2", "closures of one hot session", |s, _| throughput::hot(s)),
    ("W3", "one closure for each of 1,000,000 keys, twice", |s, _| memory::wide(s)),
    ("W4", "10 us of work each, 1,000 sessions x 50", |s, _| throughput::work(s)),
    ("W5", "idle engine, submit to start at 2,000/s", |s, _| latency::idle(s)),
    ("W6", "second lane while the first is full", |s, _| latency::beside_sleepers(s, "subagent")),
    ("W6s", "the same without a second lane", |s, _| latency::beside_sleepers(s, "main")),
    ("W8", "memory of what waits and of idle sessions", |s, _| memory::weights(s)),
    ("steer", "submit of a steer to the boundary that sees it", |s, _| signals::steer(s)),
    ("cancel", "one stop for many messages, one cancel for many tokens", |s, _| signals::cancel(s)),
    ("threads", "2,000 runs blocked in a tool, another lane beside", |s, _| threads::threads(s)),
    ("limits", "lower bounds of this machine, no engine", |s, _| limits::limits(s)),
    ("J", "acknowledged messages of 1 KiB, journal synced", |s, _| durable::acknowledgements(s)),
    ("Jos", "the same not synced, beside no journal", |s, _| durable::unsynced(s)),
    ("Jback", "1,000,000 waiting messages of 1 KiB come back", |s, _| durable::recovery(s)),
    ("keys", "10,000,000 keys, memory before and after", |s, _| memory::of_keys(s)),
];

/// The parts of W8, which it runs each in a process of its own.
const PARTS: [Known; 3] = [
    ("W8-closure", "a queued closure", |s, _| memory::of_a_closure(s)),
    ("W8-message", "a queued message", |s, _| memory::of_a_message(s)),
    ("W8-session", "an idle session", |s, _| memory::of_a_session(s)),
];

/// Sessions of W7 when no number is given; the others are compared with the first.
const LIVE: [u32; 3] = [1_000, 100_000, 1_000_000];

fn live(sessions: u32) -> Workload {
    let what = format!("{sessions} live sessions with a backlog");
    Workload { name: format!("W7-{sessions}"), what, run: memory::backlog }
}

/// The workload of this name, and the number in it.
fn named(name: &str) -> Result<Workload, String> {
    if let Some(number) = name.strip_prefix("W7-") {
        let sessions = number.parse().ok().filter(|n| (1..=1_000_000).contains(n));
        return sessions.map(live).ok_or_else(|| format!("{name}: W7-1 to W7-1000000"));
    }
    let known = ALL.iter().chain(&PARTS).find(|(known, ..)| known.eq_ignore_ascii_case(name));
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
            Ok(mut rows) => {
                rows.extend(growth(workload, &rows, &results));
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

/// How much more a task costs than with the first number of [`LIVE`] sessions.
fn growth(workload: &Workload, rows: &[Row], results: &[(&Workload, Vec<Row>)]) -> Option<Row> {
    let few = live(LIVE[0]).name;
    let (_, of_few) = results.iter().find(|(known, _)| known.name == few)?;
    let total = |rows: &[Row]| rows.iter().find_map(|row| row.value_of("total_ns"));
    (workload.name.starts_with("W7-"))
        .then(|| Some(row("growth", total(rows)? / total(of_few)?, "x")))
        .flatten()
}

fn progress(length: usize) -> ProgressBar {
    let template = "{elapsed_precise} [{bar:24}] {pos}/{len}  {wide_msg}";
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ");
    let bar = ProgressBar::new(length as u64).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}
