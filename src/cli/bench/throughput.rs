//! Workloads that measure how much.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use laneq::{Config, Engine, HandlerOptions, Message, Mode, Reply, Session};

use super::meter::{Meter, close, each, engine, precise, two};
use super::report::{Row, row};
use super::{Failure, Scale};

const SESSIONS: u32 = 10_000;
const EACH: u32 = 100;

pub(super) fn sessions(engine: &Engine, n: u32) -> Result<Vec<Session>, Failure> {
    (0..n).map(|s| Ok(engine.session(&format!("session-{s}"))?)).collect()
}

/// Every second session from `producer` on, `each` rounds.
pub(super) fn rounds(
    producer: u32,
    sessions: u32,
    each: u32,
    mut act: impl FnMut(u32, u32) -> Result<(), Failure>,
) -> Result<(), Failure> {
    for number in 0..each {
        for session in (producer..sessions).step_by(2) {
            act(session, number)?;
        }
    }
    Ok(())
}

fn tasks(took: Duration, n: u64) -> Vec<Row> {
    let ns = each(took, n);
    vec![row("ns_task", ns, "ns"), row("per_second", 1e9 / ns, "/s")]
}

/// W1.
pub(super) fn handles(scale: Scale) -> Result<Vec<Row>, Failure> {
    let (n, engine) = (scale.of(SESSIONS), engine(Config::default())?);
    let (meter, handles) = (Meter::new(n, EACH), sessions(&engine, n)?);
    let took = two(meter, |producer| {
        rounds(producer, n, EACH, |s, j| Ok(handles[s as usize].fire(move |_| meter.ran(s, j))?))
    })?;
    close(&engine)?;
    Ok(tasks(took, u64::from(n) * u64::from(EACH)))
}

/// W1k.
pub(super) fn keys(scale: Scale) -> Result<Vec<Row>, Failure> {
    let (n, engine) = (scale.of(SESSIONS), engine(Config::default())?);
    let keys: Vec<String> = (0..n).map(|s| format!("session-{s}")).collect();
    let meter = Meter::new(n, EACH);
    let took = two(meter, |producer| {
        rounds(producer, n, EACH, |s, j| {
            Ok(engine.fire("main", &keys[s as usize], move |_| meter.ran(s, j))?)
        })
    })?;
    close(&engine)?;
    Ok(tasks(took, u64::from(n) * u64::from(EACH)))
}

/// W1t.
pub(super) fn receipts(scale: Scale) -> Result<Vec<Row>, Failure> {
    let (n, engine) = (scale.of(SESSIONS), engine(Config::default())?);
    let (meter, handles) = (Meter::new(n, EACH), sessions(&engine, n)?);
    let took = two(meter, |producer| {
        let mut receipts = Vec::with_capacity(n as usize);
        rounds(producer, n, EACH, |s, j| {
            let receipt = handles[s as usize].enqueue(move |_| meter.ran(s, j))?;
            // The newest receipts are kept: a host looks at them later.
            if receipts.len() == receipts.capacity() {
                receipts.clear();
            }
            receipts.push(receipt);
            Ok(())
        })
    })?;
    close(&engine)?;
    Ok(tasks(took, u64::from(n) * u64::from(EACH)))
}

/// W1m.
pub(super) fn messages(scale: Scale) -> Result<Vec<Row>, Failure> {
    messages_of(scale, 0)
}

/// W1m41: half of the chat messages that we have are longer, half are shorter.
pub(super) fn chat(scale: Scale) -> Result<Vec<Row>, Failure> {
    messages_of(scale, 41)
}

/// Each text is a number, in at least so many bytes.
fn messages_of(scale: Scale, width: usize) -> Result<Vec<Row>, Failure> {
    let n = scale.of(SESSIONS);
    let engine = engine(Config::default().with_queue(|queue| queue.cap = 1000))?;
    let meter = Meter::new(n, EACH);
    engine.on_run_any(HandlerOptions::default(), move |run| {
        let part = run.batch().messages().next().ok_or("a batch has a message")?;
        let number = part.message().text().split(' ').next().ok_or("a text")?.parse()?;
        let session = run.key().strip_prefix("session-").ok_or("a key")?.parse()?;
        meter.ran(session, number);
        Ok(Reply::from(""))
    })?;
    let keys: Vec<Arc<str>> = (0..n).map(|s| format!("session-{s}").into()).collect();
    let texts: Vec<String> = (0..EACH).map(|j| format!("{j:<width$}")).collect();
    let took = two(meter, |producer| {
        rounds(producer, n, EACH, |s, j| {
            let text = texts[j as usize].as_str();
            let message = Message::new(Arc::clone(&keys[s as usize]), text);
            let _ = engine.submit(message.with_mode(Mode::Followup))?;
            Ok(())
        })
    })?;
    close(&engine)?;
    Ok(tasks(took, u64::from(n) * u64::from(EACH)))
}

/// W2.
pub(super) fn hot(scale: Scale) -> Result<Vec<Row>, Failure> {
    let (n, engine) = (scale.of(1_000_000), engine(Config::default())?);
    let (meter, handle) = (Meter::new(1, n), engine.session("hot")?);
    let began = Instant::now();
    for j in 0..n {
        handle.fire(move |_| meter.ran(0, j))?;
    }
    meter.wait()?;
    let took = began.elapsed();
    close(&engine)?;
    Ok(tasks(took, n.into()))
}

fn spin(times: u64) -> u64 {
    let mut x = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..times {
        // Nothing but registers: a store and a load each turn take now one cycle, now five.
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    }
    x
}

/// Nanoseconds of one turn of [`spin`], at its fastest.
fn turn() -> f64 {
    const TURNS: u64 = 2_000_000;
    let timed = |_| {
        let began = Instant::now();
        black_box(spin(TURNS));
        each(began.elapsed(), TURNS)
    };
    (0..8).map(timed).fold(f64::INFINITY, f64::min)
}

/// W4.
pub(super) fn work(scale: Scale) -> Result<Vec<Row>, Failure> {
    const OF_EACH: u32 = 50;
    let (n, engine) = (scale.of(1000), engine(Config::default())?);
    let (meter, handles) = (Meter::new(n, OF_EACH), sessions(&engine, n)?);
    let turn = turn();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let turns = (10_000.0 / turn) as u64;
    let took = two(meter, |producer| {
        rounds(producer, n, OF_EACH, |s, j| {
            Ok(handles[s as usize].fire(move |_| {
                black_box(spin(turns));
                meter.ran(s, j);
            })?)
        })
    })?;
    close(&engine)?;
    let total = u64::from(n) * u64::from(OF_EACH);
    let ideal = precise(total) * precise(turns) * turn / 2.0;
    let efficiency = 100.0 * ideal / (took.as_secs_f64() * 1e9);
    Ok(vec![row("efficiency_pct", efficiency, "%"), row("ns_task", each(took, total), "ns")])
}
