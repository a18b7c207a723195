//! What every workload counts: each session's closures in order, and when all have run.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use laneq::{Closed, Config, Engine};

use super::Failure;

/// A broken engine fails a workload after this long.
pub(super) const LONG: Duration = Duration::from_secs(600);

#[derive(Default)]
#[repr(align(64))]
struct Place {
    next: AtomicU32,
    count: AtomicU32,
}

/// Apart from what every run reads.
#[repr(align(64))]
struct Left(AtomicU32);

/// The per-key order check and the count.
pub(super) struct Meter {
    next: Vec<Place>,
    each: u32,
    /// Sessions that have not run all that they are to: written once for each.
    left: Left,
    violations: AtomicU64,
    done: Mutex<bool>,
    changed: Condvar,
}

impl Meter {
    /// For `sessions` sessions of `each` closures. It lives to the end of the process: a closure
    /// that counts its references would measure that.
    pub(super) fn new(sessions: u32, each: u32) -> &'static Self {
        Box::leak(Box::new(Self {
            next: (0..sessions).map(|_| Place::default()).collect(),
            each,
            left: Left(AtomicU32::new(sessions)),
            violations: AtomicU64::new(0),
            done: Mutex::new(false),
            changed: Condvar::new(),
        }))
    }

    /// The body of every closure.
    #[inline]
    pub(super) fn ran(&self, session: u32, number: u32) {
        let place = &self.next[session as usize];
        // One run at a time: a load and a store are enough, unless P1 or P2 is broken.
        if place.next.load(Ordering::Relaxed) != number {
            self.violations.fetch_add(1, Ordering::Relaxed);
        }
        place.next.store(number + 1, Ordering::Relaxed);
        let count = place.count.fetch_add(1, Ordering::Relaxed) + 1;
        if count == self.each && self.left.0.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.finish();
        }
    }

    /// The body where order is not looked at: each closure has a key of its own.
    pub(super) fn count(&self) {
        if self.next[0].count.fetch_add(1, Ordering::AcqRel) + 1 == self.each {
            self.finish();
        }
    }

    fn finish(&self) {
        *self.done.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Blocks until all have run.
    pub(super) fn wait(&self) -> Result<(), Failure> {
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(done, LONG, |done| !*done);
        if !*waited.unwrap_or_else(PoisonError::into_inner).0 {
            return Err(format!("not finished after {LONG:?}").into());
        }
        match self.violations.load(Ordering::Relaxed) {
            0 => Ok(()),
            n => Err(format!("{n} closures ran out of order").into()),
        }
    }
}

/// An engine with two workers in `main`.
pub(super) fn engine(config: Config) -> Result<Engine, Failure> {
    Ok(Engine::new(config.with_lane("main", 2))?)
}

/// Ends an engine; its sentinels must read 0.
pub(super) fn close(engine: &Engine) -> Result<(), Failure> {
    let stats = engine.stats();
    if stats.order_violations + stats.double_runs > 0 {
        return Err("a sentinel does not read 0".into());
    }
    match engine.close(LONG)? {
        Closed::Closed => Ok(()),
        Closed::Stuck(runs) => Err(format!("{} runs did not end", runs.len()).into()),
    }
}

/// Runs `produce(0)` and `produce(1)` on two threads, then waits for the meter.
pub(super) fn two(
    meter: &Meter,
    produce: impl Fn(u32) -> Result<(), Failure> + Sync,
) -> Result<Duration, Failure> {
    let began = Instant::now();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| produce(1));
        produce(0)?;
        other.join().map_err(|_| "a producer panicked")?
    })?;
    meter.wait()?;
    Ok(began.elapsed())
}

/// Nanoseconds of each of `n`.
pub(super) fn each(took: Duration, n: u64) -> f64 {
    took.as_secs_f64() * 1e9 / precise(n)
}

/// Exact up to 2^53.
#[allow(clippy::cast_precision_loss)]
pub(super) fn precise(n: u64) -> f64 {
    n as f64
}

/// Resident memory and its peak, in bytes; nothing where the system does not say.
pub(super) fn memory() -> Option<(f64, f64)> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kib| kib * 1024.0)
    };
    Some((field("VmRSS:")?, field("VmHWM:")?))
}
