//! Two thousand runs that block in their tools at once, and another lane meanwhile.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use laneq::{BoxError, Config, Engine, Launch, Message, Mode, Reply, Run};

use super::latency::{over_bare, sessions};
use super::meter::{Meter, close, each, engine, memory};
use super::report::{Row, row};
use super::{Failure, Scale};

const LANE: &str = "tools";
const WORKERS: u32 = 2_000;

/// A run whose one tool call blocks until the gate is dropped.
fn blocks(run: &Run, gate: &Receiver<()>, blocked: &Meter) -> Result<Reply, BoxError> {
    let calls = run.plan(["call"])?;
    if !matches!(calls.start("call")?, Launch::Go) {
        return Err("the call was not to start".into());
    }
    blocked.count();
    let _ = gate.recv();
    let _ = calls.finish("call", Ok(String::new()))?;
    let _ = calls.settle()?;
    Ok(Reply::from(""))
}

fn submit(engine: &Engine, number: u32) -> Result<laneq::Receipt, Failure> {
    let message = Message::new(format!("blocks-{number}"), "go").with_lane(LANE);
    Ok(engine.submit(message.with_mode(Mode::Followup))?)
}

/// threads.
pub(super) fn threads(scale: Scale) -> Result<Vec<Row>, Failure> {
    let n = scale.of(WORKERS);
    let engine = engine(Config::default().with_lane(LANE, n))?;
    let (gate, shut) = bounded::<()>(0);
    let blocked = Meter::new(1, n);
    engine.on_run(LANE, move |run| blocks(run, &shut, blocked))?;
    let handles = sessions(&engine, "main", 10)?;
    let before = memory();
    let began = Instant::now();
    let receipts = (0..n).map(|number| submit(&engine, number)).collect::<Result<Vec<_>, _>>()?;
    blocked.wait()?;
    let started = began.elapsed();
    let after = memory();
    // A bare wake, too, takes longer where so many threads are asleep.
    let beside = over_bare(&handles, scale.of(3000), Duration::from_millis(1))?;
    drop(gate);
    for receipt in receipts {
        let _ = receipt.wait()?;
    }
    close(&engine)?;
    let mut all = vec![row("start_ns", each(started, n.into()), "ns")];
    if let (Some((before, _)), Some((after, _))) = (before, after) {
        all.push(row("worker_KiB", (after - before).max(0.0) / f64::from(n) / 1024.0, "KiB"));
    }
    all.extend(beside);
    Ok(all)
}
