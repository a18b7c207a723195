//! A line every few seconds, and the verdict.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use laneq::{Engine, Fate, Stats};

use crate::floor::Floor;

/// Resident memory of this process, where the system tells it (Linux). Unit: bytes.
fn resident() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

pub struct Meter {
    begun: Instant,
    every: Duration,
    patience: Duration,
    next: Instant,
    /// Settled in this life when the last line was written, and when that was.
    last: (u64, Instant),
    /// Settled in the lives before.
    before: u64,
    fates: [u64; 7],
    refused: u64,
    abandoned: u64,
    lives: u64,
    memory: Vec<u64>,
    wrong: Vec<String>,
}

impl Meter {
    pub fn new(every: Duration, patience: Duration) -> Self {
        let now = Instant::now();
        Self {
            begun: now,
            every,
            patience,
            next: now + every,
            last: (0, now),
            before: 0,
            fates: [0; 7],
            refused: 0,
            abandoned: 0,
            lives: 0,
            memory: Vec::new(),
            wrong: Vec::new(),
        }
    }

    pub fn is_broken(&self) -> bool {
        !self.wrong.is_empty()
    }

    /// Watches a life, until then or until something is lost or nothing moves any more.
    pub fn watch(&mut self, engine: &Engine, floor: &Floor, until: Instant) {
        self.last = (0, Instant::now());
        let (mut settled, mut moved) = (0, Instant::now());
        while Instant::now() < until && floor.books.lost.load(Relaxed) == 0 {
            std::thread::sleep(Duration::from_millis(50).min(until - Instant::now().min(until)));
            self.memory.extend(resident());
            let now = floor.books.settled();
            if now != settled {
                (settled, moved) = (now, Instant::now());
            } else if moved.elapsed() > self.patience {
                // Nobody would come home: this is the end.
                self.wrong.push(format!(
                    "nothing moves for {:?}: {:?}",
                    self.patience,
                    engine.stats()
                ));
                self.verdict(0);
                std::process::exit(1);
            }
            if Instant::now() >= self.next {
                self.line(engine, floor);
                self.next += self.every;
            }
        }
    }

    fn line(&mut self, engine: &Engine, floor: &Floor) {
        let (stats, settled) = (engine.stats(), floor.books.settled());
        let (before, since) = self.last;
        let rate = (settled - before) as f64 / since.elapsed().as_secs_f64();
        self.last = (settled, Instant::now());
        let fates = Fate::ALL
            .map(|fate| format!("{fate} {}", self.fates[fate as usize] + stats.fate(fate)));
        println!(
            "{:>6}s life {} {rate:>8.0}/s pending {:>5} rss {:>6.1} MiB order_violations {} \
             double_runs {} {} refused {} abandoned {}",
            self.begun.elapsed().as_secs(),
            floor.life,
            stats.pending,
            resident().unwrap_or(0) as f64 / f64::from(1 << 20),
            stats.order_violations,
            stats.double_runs,
            fates.join(" "),
            self.refused + stats.refused,
            self.abandoned + floor.books.abandoned.load(Relaxed),
        );
    }

    /// A life is over, and this is what was wrong with it.
    pub fn lived(&mut self, floor: &Floor, stats: &Stats, wrong: Vec<String>) {
        self.lives += 1;
        self.before += floor.books.settled();
        for (sum, fate) in self.fates.iter_mut().zip(stats.fates) {
            *sum += fate;
        }
        self.refused += stats.refused;
        self.abandoned += floor.books.abandoned.load(Relaxed);
        let of = |what| format!("life {}: {what}", floor.life);
        self.wrong.extend(wrong.into_iter().map(of));
    }

    /// The memory of the second half may be a tenth and `slack` bytes above that of the first.
    fn grown(&self, slack: u64) -> Option<String> {
        let (first, second) = self.memory.split_at(self.memory.len() / 2);
        let (first, second) = (*first.iter().max()?, *second.iter().max()?);
        let mib = |bytes: u64| bytes >> 20;
        let bound = first + first / 10 + slack;
        println!(
            "memory: {} MiB at most in the first half, {} in the second",
            mib(first),
            mib(second)
        );
        (second > bound).then(|| format!("memory grew beyond {} MiB", mib(bound)))
    }

    /// Says how it went; true if all is well.
    pub fn verdict(&mut self, slack: u64) -> bool {
        let grown = self.grown(slack);
        self.wrong.extend(grown);
        let secs = self.begun.elapsed().as_secs_f64();
        println!(
            "{} messages and closures in {} lives and {secs:.0} s: {:.0}/s",
            self.before,
            self.lives,
            self.before as f64 / secs
        );
        self.wrong.iter().for_each(|wrong| println!("BROKEN: {wrong}"));
        println!("verdict: {}", if self.wrong.is_empty() { "ok" } else { "broken" });
        self.wrong.is_empty()
    }
}
