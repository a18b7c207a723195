//! Workloads of the journal: what an acknowledgement costs, and how fast a full one comes back.
//! They write into the current folder, since that is where the disk is that one asks about.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use laneq::{
    Change, Config, Engine, Journal, JournalKnobs, Message, Mode, RedbJournal, Reply, Sync, Table,
};

use super::apart::apart;
use super::meter::{close, each, memory, precise};
use super::report::{Row, row};
use super::{Failure, Scale};

/// How long each figure is measured.
const WHILE: Duration = Duration::from_secs(2);
const TEXT: usize = 1024;
const KEYS: u32 = 1_000;

/// A folder that goes with the measurement.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, Failure> {
        let path = PathBuf::from(format!("laneq-bench-{}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Whether what is acknowledged also runs meanwhile.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Runs {
    Yes,
    No,
}

fn config(path: Option<&Path>, sync: Sync, runs: Runs) -> Config {
    let journal = JournalKnobs { path: path.map(Into::into), sync, ..JournalKnobs::default() };
    let mut config = Config { journal, ..Config::default() };
    config.queue.cap = 100_000;
    config.limits.max_bytes = 4 << 30;
    config.with_lane("main", if runs == Runs::Yes { 64 } else { 0 })
}

fn engine(config: Config) -> Result<Engine, Failure> {
    let engine = Engine::new(config)?;
    engine.on_run("main", |_| Ok(Reply::from("")))?;
    engine.recover(|_| ())?;
    Ok(engine)
}

fn message(number: u64) -> Message {
    let key = format!("session-{}", number % u64::from(KEYS));
    Message::new(key, "x".repeat(TEXT)).with_mode(Mode::Followup)
}

/// Synced writes a second of this disk: what no journal can beat without sharing them.
fn syncs(folder: &Folder, time: Duration) -> Result<f64, Failure> {
    let mut file = File::create(folder.file("sync"))?;
    let began = Instant::now();
    let mut n = 0;
    while began.elapsed() < time {
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        n += 1;
    }
    Ok(precise(n) / began.elapsed().as_secs_f64())
}

/// Acknowledged messages a second, by so many threads that each wait for theirs.
fn acknowledged(path: &Path, runs: Runs, threads: u64, time: Duration) -> Result<f64, Failure> {
    let engine = engine(config(Some(path), Sync::Group, runs))?;
    let began = Instant::now();
    let counts: Result<Vec<u64>, Failure> = std::thread::scope(|scope| {
        let submitter = |thread| {
            let engine = &engine;
            scope.spawn(move || {
                let mut n = 0;
                while began.elapsed() < time {
                    let _ = engine.submit(message(thread + n * threads))?;
                    n += 1;
                }
                Ok::<_, Failure>(n)
            })
        };
        let all: Vec<_> = (0..threads).map(submitter).collect();
        all.into_iter().map(|t| t.join().map_err(|_| "a submitter panicked")?).collect()
    });
    let rate = precise(counts?.iter().sum()) / began.elapsed().as_secs_f64();
    end(&engine)?;
    Ok(rate)
}

/// The same by one thread that waits for none before it has sent a thousand more.
fn pipelined(path: &Path, time: Duration) -> Result<f64, Failure> {
    const AHEAD: usize = 1_000;
    let engine = engine(config(Some(path), Sync::Group, Runs::No))?;
    let mut line = std::collections::VecDeque::new();
    let (began, mut n) = (Instant::now(), 0);
    while began.elapsed() < time {
        line.push_back(engine.submit_nowait(message(n))?);
        n += 1;
        if line.len() > AHEAD
            && let Some(first) = line.pop_front()
        {
            let _ = first.wait()?;
        }
    }
    for admission in line {
        let _ = admission.wait()?;
    }
    let rate = precise(n) / began.elapsed().as_secs_f64();
    end(&engine)?;
    Ok(rate)
}

/// What waits is not waited for: it is what was acknowledged that is measured.
fn end(engine: &Engine) -> Result<(), Failure> {
    engine.drain(Duration::ZERO)?;
    close(engine)
}

/// The journal's file alone: messages put in, so many a commit.
fn bare(path: &Path, group: u64, time: Duration) -> Result<f64, Failure> {
    let mut journal = RedbJournal::open(path, &JournalKnobs::default())?;
    let put = |n: u64| Change {
        table: Table::Messages,
        key: n.to_be_bytes().into(),
        value: Some(vec![b'x'; TEXT].into()),
    };
    let (began, mut n) = (Instant::now(), 0);
    while began.elapsed() < time {
        let changes: Vec<Change> = (n..n + group).map(put).collect();
        journal.commit(&changes.iter().collect::<Vec<_>>())?;
        n += group;
    }
    Ok(precise(n) / began.elapsed().as_secs_f64())
}

/// Acknowledgements against the disk; nothing runs meanwhile but in the last.
pub(super) fn acknowledgements(scale: Scale) -> Result<Vec<Row>, Failure> {
    let (folder, time) = (Folder::new()?, WHILE.mul_f64(scale.0.max(0.05)));
    let mut rows = vec![row("fsync", syncs(&folder, time)?, "/s")];
    for (metric, threads) in [("ack_1", 1), ("ack_16", 16), ("ack_256", 256)] {
        let rate = acknowledged(&folder.file(metric), Runs::No, threads, time)?;
        rows.push(row(metric, rate, "/s"));
    }
    rows.push(row("nowait_1", pipelined(&folder.file("nowait"), time)?, "/s"));
    rows.push(row("bare_256", bare(&folder.file("bare"), 256, time)?, "/s"));
    let rate = acknowledged(&folder.file("runs"), Runs::Yes, 256, time)?;
    rows.push(row("ack_256_runs", rate, "/s"));
    Ok(rows)
}

/// What the journal costs where nothing is synced, beside the engine without it.
pub(super) fn unsynced(scale: Scale) -> Result<Vec<Row>, Failure> {
    let (folder, n) = (Folder::new()?, u64::from(scale.of(200_000)));
    let mut took = Vec::new();
    for path in [None, Some(folder.file("os"))] {
        let engine = engine(config(path.as_deref(), Sync::Os, Runs::Yes))?;
        let began = Instant::now();
        let mut last = None;
        for number in 0..n {
            last = Some(engine.submit_nowait(message(number))?);
        }
        if let Some(last) = last {
            let _ = last.wait()?;
        }
        engine.drain(Duration::from_secs(600))?;
        took.push(each(began.elapsed(), n));
        close(&engine)?;
    }
    Ok(vec![row("without", took[0], "ns"), row("with", took[1], "ns")])
}

/// Where the second process of [`recovery`] finds the journal.
const FULL: &str = "LANEQ_BENCH_JOURNAL";

/// How long a journal with many waiting messages takes to come back, and in how much memory: in a
/// process of its own.
pub(super) fn recovery(scale: Scale) -> Result<Vec<Row>, Failure> {
    if let Some(path) = std::env::var_os(FULL) {
        return come_back(Path::new(&path));
    }
    let (folder, n) = (Folder::new()?, u64::from(scale.of(1_000_000)));
    let path = folder.file("full");
    let engine = engine(config(Some(&path), Sync::Group, Runs::No))?;
    let mut last = None;
    for number in 0..n {
        last = Some(engine.submit_nowait(message(number))?);
    }
    if let Some(last) = last {
        let _ = last.wait()?;
    }
    end(&engine)?;
    let figures = apart("Jback", scale, Some((FULL, path.as_os_str())))?;
    Ok(figures.into_iter().filter_map(|(name, value)| read_back(&name, value)).collect())
}

fn read_back(name: &str, value: f64) -> Option<Row> {
    const ALL: [(&str, &str); 6] = [
        ("messages", ""),
        ("open", "s"),
        ("all", "s"),
        ("file", "MB"),
        ("rss", "MB"),
        ("peak", "MB"),
    ];
    ALL.iter().find(|(metric, _)| *metric == name).map(|(metric, unit)| row(metric, value, unit))
}

fn come_back(path: &Path) -> Result<Vec<Row>, Failure> {
    let size = fs::metadata(path)?.len();
    let began = Instant::now();
    let engine = Engine::new(config(Some(path), Sync::Group, Runs::No))?;
    let opened = began.elapsed();
    let came = engine.recover(|_| ())?;
    let took = began.elapsed();
    let (rss, peak) = memory().unwrap_or_default();
    end(&engine)?;
    Ok(vec![
        row("messages", precise(came.pending), ""),
        row("open", opened.as_secs_f64(), "s"),
        row("all", took.as_secs_f64(), "s"),
        row("file", precise(size) / 1e6, "MB"),
        row("rss", rss / 1e6, "MB"),
        row("peak", peak / 1e6, "MB"),
    ])
}
