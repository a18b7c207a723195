//! Workloads that measure how soon.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, unbounded};
use hdrhistogram::Histogram;
use laneq::{Config, Engine, Session};

use super::meter::{Meter, close, engine, precise};
use super::report::{Row, row};
use super::{Failure, Scale};

/// One submit, measured from when it was due.
#[derive(Clone, Copy)]
struct Sample {
    due: Instant,
    place: &'static AtomicU64,
    meter: &'static Meter,
}

impl Sample {
    /// The body of every closure: it has started.
    fn started(self) {
        self.place.store(nanos(self.due.elapsed()), Ordering::Relaxed);
        // What counts comes after what is measured.
        self.meter.count();
    }
}

pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Submits `n` times at an even pace; answers how long after it was due each has started, in
/// nanoseconds.
///
/// Nothing is omitted: what a submit that blocks delays is measured from when it was due. What the
/// system oversleeps is not the engine's: nothing is due before this thread has come back.
fn paced(
    n: u32,
    pace: Duration,
    mut submit: impl FnMut(u32, Sample) -> Result<(), Failure>,
) -> Result<Vec<u64>, Failure> {
    let places: &'static [AtomicU64] = Vec::leak((0..n).map(|_| AtomicU64::new(0)).collect());
    let meter = Meter::new(1, n);
    let began = Instant::now();
    let mut awake = began;
    for (number, place) in (0..n).zip(places) {
        let due = began + pace * number;
        let early = due.saturating_duration_since(Instant::now());
        if !early.is_zero() {
            // The pace is the workload: submits come at even times.
            thread::sleep(early);
            awake = Instant::now();
        }
        submit(number, Sample { due: due.max(awake), place, meter })?;
    }
    meter.wait()?;
    Ok(places.iter().map(|place| place.load(Ordering::Relaxed)).collect())
}

fn histogram(times: impl IntoIterator<Item = u64>) -> Result<Histogram<u64>, Failure> {
    let mut histogram = Histogram::new(3)?;
    times.into_iter().try_for_each(|time| histogram.record(time))?;
    Ok(histogram)
}

const QUANTILES: [f64; 4] = [0.5, 0.99, 0.999, 1.0];

/// Microseconds at [`QUANTILES`], under these names.
pub(super) fn rows(names: [&'static str; 4], histogram: &Histogram<u64>) -> Vec<Row> {
    let at = |q: f64| precise(histogram.value_at_quantile(q)) / 1e3;
    names.into_iter().zip(QUANTILES).map(|(name, q)| row(name, at(q), "us")).collect()
}

pub(super) const OURS: [&str; 4] = ["p50_us", "p99_us", "p999_us", "max_us"];
pub(super) const BARE: [&str; 4] = ["bare_p50_us", "bare_p99_us", "bare_p999_us", "bare_max_us"];
const TIMES: [&str; 3] = ["p50_x", "p99_x", "p999_x"];

pub(super) fn sessions(engine: &Engine, lane: &str, n: u32) -> Result<Vec<Session>, Failure> {
    (0..n).map(|s| Ok(engine.session(&format!("{lane}-{s}"))?.in_lane(lane)?)).collect()
}

/// Fires at the session whose turn it is.
fn fire(handles: &[Session], number: u32, sample: Sample) -> Result<(), Failure> {
    Ok(handles[number as usize % handles.len()].fire(move |_| sample.started())?)
}

/// The pace of W5 and of the bare wake.
const PACE: Duration = Duration::from_micros(500);

/// What no engine can beat: a thread asleep in a channel, woken by a send. There are two, as the
/// engine has workers: one alone had longer tails than the engine.
fn with_bare<R>(act: impl FnOnce(&Sender<Sample>) -> Result<R, Failure>) -> Result<R, Failure> {
    let (sender, receiver) = unbounded::<Sample>();
    let woken = [receiver.clone(), receiver]
        .map(|bare| thread::spawn(move || bare.iter().for_each(Sample::started)));
    let answer = act(&sender)?;
    drop(sender);
    for bare in woken {
        bare.join().map_err(|_| "a woken thread panicked")?;
    }
    Ok(answer)
}

/// The bare wake by itself.
pub(super) fn bare_wake(n: u32) -> Result<Histogram<u64>, Failure> {
    with_bare(|bare| histogram(paced(n, PACE, |_, sample| Ok(bare.send(sample)?))?))
}

/// Ours and the bare wake, which take turns, one submit each: what the machine does to one tail it
/// does to the other.
fn beside_bare(
    handles: &[Session],
    n: u32,
    pace: Duration,
) -> Result<[Histogram<u64>; 2], Failure> {
    let times = with_bare(|bare| {
        paced(2 * n, pace / 2, |number, sample| match number % 2 {
            0 => fire(handles, number / 2, sample),
            _ => Ok(bare.send(sample)?),
        })
    })?;
    let every_second = |from| histogram(times.iter().skip(from).step_by(2).copied());
    Ok([every_second(0)?, every_second(1)?])
}

/// Latencies of ours beside those of the bare wake of the same run.
pub(super) fn over_bare(handles: &[Session], n: u32, pace: Duration) -> Result<Vec<Row>, Failure> {
    let [ours, bare] = beside_bare(handles, n, pace)?;
    let mut rows = [rows(OURS, &ours), rows(BARE, &bare)].concat();
    for (name, q) in TIMES.into_iter().zip(QUANTILES) {
        let times = precise(ours.value_at_quantile(q)) / precise(bare.value_at_quantile(q).max(1));
        rows.push(row(name, times, "x"));
    }
    Ok(rows)
}

/// W5.
pub(super) fn idle(scale: Scale) -> Result<Vec<Row>, Failure> {
    let engine = engine(Config::default())?;
    let handles = sessions(&engine, "main", 100)?;
    let rows = over_bare(&handles, scale.of(20_000), PACE)?;
    close(&engine)?;
    Ok(rows)
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
    let times = paced(scale.of(1000), Duration::from_millis(1), |number, sample| {
        fire(&handles, number, sample)
    })?;
    close(&engine)?;
    Ok(rows(OURS, &histogram(times)?))
}
