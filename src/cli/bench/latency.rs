//! Workloads that measure how soon.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use laneq::{Config, Engine, Session};
use std::sync::mpsc::channel;

use super::meter::{close, engine, precise};
use super::report::{Row, row};
use super::{Failure, Scale};

/// Submits `n` closures to these sessions at an even pace; answers submit to start.
fn paced(handles: &[Session], n: u32, pace: Duration) -> Result<Histogram<u64>, Failure> {
    let (started, times) = channel();
    let began = Instant::now();
    for (number, handle) in (0..n).zip(handles.iter().cycle()) {
        let due = began + pace * number;
        // The pace is the workload: submits come at even times.
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let started = started.clone();
        let submitted = Instant::now();
        handle.fire(move |_| {
            // The histogram's thread has not gone: it waits for all of them.
            let _ = started.send(submitted.elapsed());
        })?;
    }
    drop(started);
    let mut histogram = Histogram::new(3)?;
    for took in times {
        histogram.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX))?;
    }
    Ok(histogram)
}

fn rows(histogram: &Histogram<u64>) -> Vec<Row> {
    let at = |q: f64| precise(histogram.value_at_quantile(q)) / 1e3;
    vec![
        row("p50_us", at(0.5), "us"),
        row("p99_us", at(0.99), "us"),
        row("p999_us", at(0.999), "us"),
        row("max_us", at(1.0), "us"),
    ]
}

fn sessions(engine: &Engine, lane: &str, n: u32) -> Result<Vec<Session>, Failure> {
    (0..n).map(|s| Ok(engine.session(&format!("{lane}-{s}"))?.in_lane(lane)?)).collect()
}

/// W5.
pub(super) fn idle(scale: Scale) -> Result<Vec<Row>, Failure> {
    let engine = engine(Config::default())?;
    let handles = sessions(&engine, "main", 100)?;
    let histogram = paced(&handles, scale.of(10_000), Duration::from_micros(500))?;
    close(&engine)?;
    Ok(rows(&histogram))
}

/// W6 in a lane of its own, W6s in the lane of the sleepers.
pub(super) fn beside_sleepers(scale: Scale, lane: &str) -> Result<Vec<Row>, Failure> {
    const SLEEP: Duration = Duration::from_millis(5);
    let engine = engine(Config::default())?;
    let sleepers = sessions(&engine, "main", 210)?.split_off(10);
    let asleep = Arc::new(());
    for _ in 0..scale.of(1000).div_ceil(200) {
        for handle in &sleepers {
            let asleep = Arc::clone(&asleep);
            handle.fire(move |_| {
                // The sleep is the workload: runs that block their lane.
                thread::sleep(SLEEP);
                drop(asleep);
            })?;
        }
    }
    let handles = sessions(&engine, lane, 10)?;
    let histogram = paced(&handles, scale.of(1000), Duration::from_millis(1))?;
    close(&engine)?;
    Ok(rows(&histogram))
}
