//! Workloads that measure how little memory it takes.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use laneq::{Config, Drop, Engine, Message, Mode};

use super::apart::apart;
use super::meter::{LONG, Meter, close, each, engine, memory, precise, two};
use super::report::{Row, row};
use super::throughput::{rounds, sessions};
use super::{Failure, Scale};

/// Resident now, in bytes; 0 where the system does not say.
fn resident() -> f64 {
    memory().map_or(0.0, |(now, _)| now)
}

/// Fires one closure for each key, from two threads, and waits until none is known any more.
fn once_each(engine: &Engine, n: u32, meter: &'static Meter) -> Result<Duration, Failure> {
    let took = two(meter, |producer| {
        let mut key = String::new();
        rounds(producer, n, 1, |s, j| {
            key.clear();
            write!(key, "session-{s}")?;
            Ok(engine.fire("main", &key, move |_| meter.ran(s, j))?)
        })
    })?;
    let began = Instant::now();
    while engine.stats().sessions > 0 {
        if began.elapsed() > LONG {
            return Err("P10: idle sessions are still known".into());
        }
        std::thread::yield_now();
    }
    Ok(took)
}

/// W3, and once more in the same engine: that should grow nothing.
pub(super) fn wide(scale: Scale) -> Result<Vec<Row>, Failure> {
    let (n, engine) = (scale.of(1_000_000), engine(Config::default())?);
    // Both are there before memory is looked at: they are not the engine's.
    let [first, second] = [(); 2].map(|()| Meter::new(n, 1));
    let before = memory();
    let took = once_each(&engine, n, first)?;
    let once = memory();
    let took_again = once_each(&engine, n, second)?;
    let twice = memory();
    close(&engine)?;
    let mut rows = vec![
        row("ns_session", each(took, n.into()), "ns"),
        row("again_ns_session", each(took_again, n.into()), "ns"),
    ];
    if let (Some((before, _)), Some((once, peak)), Some((twice, _))) = (before, once, twice) {
        rows.push(row("peak_MB", (peak - before).max(0.0) / 1e6, "MB"));
        rows.push(row("after_MB", (once - before).max(0.0) / 1e6, "MB"));
        rows.push(row("grown_MB", (twice - once).max(0.0) / 1e6, "MB"));
    }
    Ok(rows)
}

/// Most that waits at once in [`of_keys`].
const MOST: u32 = 50_000;

/// Keys through an engine, each used once; `first` is the number of the first.
fn stream(engine: &Engine, first: u32, n: u32) -> Result<&'static Meter, Failure> {
    let meter = Meter::new(1, n);
    let mut key = String::new();
    for s in first..first + n {
        key.clear();
        write!(key, "session-{s}")?;
        engine.fire("main", &key, move |_| meter.count())?;
        if s % 1024 == 0 {
            while engine.stats().pending > u64::from(MOST) {
                std::thread::yield_now();
            }
        }
    }
    Ok(meter)
}

/// keys. An engine needs memory for the most that ever waited at once, so that comes first; all
/// further keys should need none.
pub(super) fn of_keys(scale: Scale) -> Result<Vec<Row>, Failure> {
    let engine = engine(Config::default())?;
    engine.pause("main")?;
    let full = stream(&engine, 0, MOST)?;
    engine.resume("main")?;
    full.wait()?;
    let before = resident();
    let began = Instant::now();
    let n = scale.of(10_000_000);
    stream(&engine, MOST, n)?.wait()?;
    let (took, after) = (began.elapsed(), resident());
    let sessions = precise(engine.stats().sessions);
    close(&engine)?;
    Ok(vec![
        row("before_MB", before / 1e6, "MB"),
        row("after_MB", after / 1e6, "MB"),
        row("ns_session", each(took, n.into()), "ns"),
        row("sessions_left", sessions, ""),
    ])
}

/// W7-N.
pub(super) fn backlog(scale: Scale, live: u32) -> Result<Vec<Row>, Failure> {
    let of_each = (scale.of(1_000_000) / live).max(1);
    let engine = engine(Config::default())?;
    let meter = Meter::new(live, of_each);
    let before = memory();
    let handles = sessions(&engine, live)?;
    let opened = memory();
    engine.pause("main")?;
    let began = Instant::now();
    for number in 0..of_each {
        for (s, handle) in (0..live).zip(&handles) {
            handle.fire(move |_| meter.ran(s, number))?;
        }
    }
    let submitted = began.elapsed();
    let full = memory();
    let began = Instant::now();
    engine.resume("main")?;
    meter.wait()?;
    let drained = began.elapsed();
    close(&engine)?;
    let total = u64::from(live) * u64::from(of_each);
    let mut rows = vec![
        row("submit_ns", each(submitted, total), "ns"),
        row("drain_ns", each(drained, total), "ns"),
        row("total_ns", each(submitted + drained, total), "ns"),
    ];
    if let (Some((before, _)), Some((opened, _)), Some((full, _))) = (before, opened, full) {
        let a_session = (opened - before).max(0.0) / f64::from(live);
        rows.push(row("bytes_session", a_session, "B"));
        rows.push(row("bytes_msg", (full - opened).max(0.0) / precise(total), "B"));
    }
    Ok(rows)
}

/// Sessions among which what is queued is spread.
const SPREAD: u32 = 1_000;

/// W8-closure: a queued one, which captures 32 bytes.
pub(super) fn of_a_closure(scale: Scale) -> Result<Vec<Row>, Failure> {
    let (of_each, engine) = (scale.of(1_000), engine(Config::default())?);
    let handles = sessions(&engine, SPREAD)?;
    engine.pause("main")?;
    let before = resident();
    for number in 0..u64::from(of_each) {
        for handle in &handles {
            let captured = black_box([number; 4]);
            handle.fire(move |_| {
                black_box(captured);
            })?;
        }
    }
    let bytes = resident() - before;
    engine.resume("main")?;
    close(&engine)?;
    let total = f64::from(SPREAD) * f64::from(of_each);
    Ok(vec![row("bytes_closure", bytes.max(0.0) / total, "B")])
}

/// W8-message: a queued one beside its text; each brings a key of its own, as hosts' do.
pub(super) fn of_a_message(scale: Scale) -> Result<Vec<Row>, Failure> {
    const TEXT: usize = 256;
    let of_each = scale.of(200);
    let engine = engine(Config::default().with_queue(|queue| {
        queue.cap = of_each;
        queue.drop = Drop::New;
    }))?;
    engine.pause("main")?;
    let before = resident();
    for _ in 0..of_each {
        for session in 0..SPREAD {
            let message = Message::new(format!("session-{session}"), "x".repeat(TEXT));
            let _ = engine.submit(message.with_mode(Mode::Followup))?;
        }
    }
    let bytes = resident() - before;
    for session in 0..SPREAD {
        let _ = engine.stop(&format!("session-{session}"));
    }
    close(&engine)?;
    let total = f64::from(SPREAD) * f64::from(of_each);
    let text = precise(TEXT as u64);
    Ok(vec![row("bytes_message", (bytes / total - text).max(0.0), "B")])
}

/// W8-session: an idle one by key, with the handle that keeps it.
pub(super) fn of_a_session(scale: Scale) -> Result<Vec<Row>, Failure> {
    let (n, engine) = (scale.of(1_000_000), engine(Config::default())?);
    let mut handles = Vec::with_capacity(n as usize);
    let before = resident();
    for session in 0..n {
        handles.push(engine.session(&format!("agent:main:chat:{session:07}"))?);
    }
    let bytes = resident() - before;
    close(&engine)?;
    Ok(vec![row("bytes_session", bytes.max(0.0) / f64::from(n), "B")])
}

/// W8: each in a process of its own.
pub(super) fn weights(scale: Scale) -> Result<Vec<Row>, Failure> {
    const PARTS: [(&str, &str); 3] = [
        ("W8-closure", "bytes_closure"),
        ("W8-message", "bytes_message"),
        ("W8-session", "bytes_session"),
    ];
    let part = |(workload, metric): (&str, &'static str)| {
        let figures = apart(workload, scale, None)?;
        let found = figures.into_iter().find(|(name, _)| name == metric);
        let (_, value) = found.ok_or_else(|| format!("{workload} says no {metric}"))?;
        Ok(row(metric, value, "B"))
    };
    PARTS.into_iter().map(part).collect()
}
