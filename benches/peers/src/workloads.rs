//! The workloads of `laneq bench` that are about tasks of keys.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::Queue;
use crate::meter::Meter;

pub type Figure = (&'static str, f64);

const KEYS: u32 = 10_000;
const EACH: u32 = 100;

pub fn measure<Q: Queue>(workload: &str, scale: f64) -> Result<Vec<Figure>, String> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let of = |full: u32| ((f64::from(full) * scale) as u32).max(1);
    match workload {
        "W1" => by_handle::<Q>(of(KEYS)),
        "W1k" => by_key::<Q>(of(KEYS)),
        "W2" => hot::<Q>(of(1_000_000)),
        "W3" => wide::<Q>(of(1_000_000)),
        "W5" => idle::<Q>(of(10_000)),
        _ => Err(format!("unknown workload {workload:?}: one of W1, W1k, W2, W3, W5")),
    }
}

fn name(key: u32) -> String {
    format!("session-{key}")
}

/// Every second key from `producer` on, `each` rounds, from two threads; then all have run.
fn two<Q: Queue>(
    meter: &Meter,
    keys: u32,
    each: u32,
    submit: impl Fn(u32, u32) + Sync,
) -> Result<Duration, String> {
    let produce = |producer: u32| {
        for number in 0..each {
            (producer..keys).step_by(2).for_each(|key| submit(key, number));
        }
    };
    let began = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| produce(1));
        produce(0);
    });
    ordered::<Q>(meter)?;
    Ok(began.elapsed())
}

/// Blocks until all have run. A peer that promises order keeps it.
fn ordered<Q: Queue>(meter: &Meter) -> Result<u64, String> {
    match meter.wait() {
        violations if Q::ORDERED && violations > 0 => {
            Err(format!("{violations} tasks ran out of order"))
        }
        violations => Ok(violations),
    }
}

fn each(took: Duration, n: u32) -> f64 {
    took.as_secs_f64() * 1e9 / f64::from(n)
}

fn by_handle<Q: Queue>(keys: u32) -> Result<Vec<Figure>, String> {
    let (queue, meter) = (Q::new(), Meter::new(keys, EACH));
    let handles: Vec<Q::Handle> = (0..keys).map(|key| queue.handle(&name(key))).collect();
    let took = two::<Q>(meter, keys, EACH, |key, number| {
        queue.submit(&handles[key as usize], move || meter.ran(key, number));
    })?;
    Ok(vec![("ns_task", each(took, keys * EACH))])
}

fn by_key<Q: Queue>(keys: u32) -> Result<Vec<Figure>, String> {
    let (queue, meter) = (Q::new(), Meter::new(keys, EACH));
    let names: Vec<String> = (0..keys).map(name).collect();
    let took = two::<Q>(meter, keys, EACH, |key, number| {
        queue.submit_by_key(&names[key as usize], move || meter.ran(key, number));
    })?;
    Ok(vec![("ns_task", each(took, keys * EACH))])
}

fn hot<Q: Queue>(n: u32) -> Result<Vec<Figure>, String> {
    let (queue, meter) = (Q::new(), Meter::new(1, n));
    let handle = queue.handle("hot");
    let began = Instant::now();
    for number in 0..n {
        queue.submit(&handle, move || meter.ran(0, number));
    }
    ordered::<Q>(meter)?;
    Ok(vec![("ns_task", each(began.elapsed(), n))])
}

/// Each key is made, used once and gone.
fn wide<Q: Queue>(n: u32) -> Result<Vec<Figure>, String> {
    let (queue, meter) = (Q::new(), Meter::new(n, 1));
    let before = memory();
    let took = two::<Q>(meter, n, 1, |key, number| {
        let handle = queue.handle(&name(key));
        queue.submit(&handle, move || meter.ran(key, number));
    })?;
    let mut figures = vec![("ns_session", each(took, n))];
    if let (Some((before, _)), Some((_, peak))) = (before, memory()) {
        figures.push(("peak_MB", (peak - before).max(0.0) / 1e6));
    }
    Ok(figures)
}

/// Resident memory and its peak, in bytes.
fn memory() -> Option<(f64, f64)> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kib| kib * 1024.0)
    };
    Some((field("VmRSS:")?, field("VmHWM:")?))
}

/// At 2,000 a second, from when each was due: what a submit that blocks delays counts, and what the
/// system oversleeps does not.
fn idle<Q: Queue>(n: u32) -> Result<Vec<Figure>, String> {
    const PACE: Duration = Duration::from_micros(500);
    let queue = Q::new();
    let handles: Vec<Q::Handle> = (0..100).map(|key| queue.handle(&name(key))).collect();
    let places: &'static [AtomicU64] = Vec::leak((0..n).map(|_| AtomicU64::new(0)).collect());
    let began = Instant::now();
    let mut awake = began;
    for ((number, place), handle) in (0..n).zip(places).zip(handles.iter().cycle()) {
        let due = began + PACE * number;
        let early = due.saturating_duration_since(Instant::now());
        if !early.is_zero() {
            thread::sleep(early);
            awake = Instant::now();
        }
        let due = due.max(awake);
        queue.submit(handle, move || {
            let took = u64::try_from(due.elapsed().as_nanos()).unwrap_or(u64::MAX);
            place.store(took.max(1), Ordering::Release);
        });
    }
    Ok(percentiles(places))
}

fn percentiles(places: &[AtomicU64]) -> Vec<Figure> {
    let taken = |place: &AtomicU64| loop {
        match place.load(Ordering::Acquire) {
            0 => thread::sleep(Duration::from_millis(1)),
            took => break took,
        }
    };
    let mut all: Vec<u64> = places.iter().map(taken).collect();
    all.sort_unstable();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let at = |q: f64| all[((all.len() - 1) as f64 * q).ceil() as usize] as f64 / 1e3;
    vec![("p50_us", at(0.5)), ("p99_us", at(0.99)), ("p999_us", at(0.999)), ("max_us", at(1.0))]
}
