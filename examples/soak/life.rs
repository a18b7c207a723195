//! One engine, from its start to its close and the comparison of the books.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use laneq::{Closed, Config, Engine, HandlerOptions, Stats};

use crate::books::Owed;
use crate::conduct::{conduct, settings, warden};
use crate::dice::Dice;
use crate::floor::Floor;
use crate::harbour::harbour;
use crate::load::Load;
use crate::meter::Meter;
use crate::plant::{Bug, Plant};

/// What all lives have in common.
pub struct Plan {
    pub seed: u64,
    pub threads: usize,
    pub journal: Option<PathBuf>,
    pub patience: Duration,
    pub bug: Option<Bug>,
}

fn start(plan: &Plan, number: u64) -> (Engine, Arc<Floor>, Config) {
    let mut config = settings(number);
    config.journal.path.clone_from(&plan.journal);
    let plant = Plant::new(plan.bug);
    let mut floor = Floor::new(number, plan.seed, plan.threads, plant, plan.patience);
    floor.durable = plan.journal.is_some();
    let floor = Arc::new(floor);
    let engine = Engine::new(config.clone()).expect("the settings are fine");
    for (lane, options) in [
        ("main", HandlerOptions::default()),
        ("subagent", HandlerOptions::default()),
        ("cron", HandlerOptions::unsteerable()),
    ] {
        let own = Arc::clone(&floor);
        engine.on_run_with(lane, options, move |run| own.handle(run)).expect("set once");
    }
    (engine, floor, config)
}

/// One life, until then.
pub fn live(plan: &Plan, number: u64, until: Instant, meter: &mut Meter) {
    let (engine, floor, config) = start(plan, number);
    let mut wrong = Vec::new();
    thread::scope(|scope| {
        let (engine, floor) = (&engine, &floor);
        scope.spawn(|| harbour(engine, floor));
        scope.spawn(|| warden(engine, floor));
        let mut owed: Vec<Owed> = came_back(engine, floor);
        let conductor = scope.spawn(|| conduct(engine, floor, &config));
        let loads =
            (0..plan.threads).map(|n| scope.spawn(move || Load::new(engine, floor, n).run()));
        let loads: Vec<_> = loads.collect();
        meter.watch(engine, floor, until);
        floor.end();
        conductor.join().expect("no panic");
        owed.extend(loads.into_iter().flat_map(|load| load.join().expect("no panic")));
        wrong.extend(end(engine, floor, number));
        owed.iter().for_each(|owed| floor.books.settles(owed.fate()));
        floor.books.sweep(true);
    });
    let mut stats: Stats = engine.stats();
    stats.order_violations += u64::from(floor.plant.has(Bug::Sentinel));
    wrong.extend(floor.books.compare(&stats, &floor.plant));
    wrong.extend(broken(&floor, &stats));
    meter.lived(&floor, &stats, wrong);
}

/// What the life before has left in the journal.
fn came_back(engine: &Engine, floor: &Floor) -> Vec<Owed> {
    let mut owed = Vec::new();
    let came = engine.recover(|receipt| owed.push(Owed::Message(receipt.clone())));
    came.expect("the journal can be read");
    owed.iter().for_each(|_| floor.books.owes());
    owed
}

/// A drain and a close, or a close alone.
fn end(engine: &Engine, floor: &Floor, number: u64) -> Option<String> {
    if Dice::new(floor.seed ^ number).roll(2) == 0 {
        let report = engine.drain(Duration::from_millis(500)).expect("a thread of the host's");
        drop(report);
    }
    let closed = engine.close(floor.patience).expect("a thread of the host's");
    floor.close();
    (closed != Closed::Closed).then(|| format!("P12: a close that found {closed:?}"))
}

fn broken(floor: &Floor, stats: &Stats) -> Vec<String> {
    let figures = [
        ("the engine's own sentinel order_violations", stats.order_violations),
        ("the engine's own sentinel double_runs", stats.double_runs),
        (
            "P2: messages that started before an older one of their key",
            floor.keys.order.load(Relaxed),
        ),
        ("P1: runs beside another of their key", floor.keys.double.load(Relaxed)),
        ("P6: plans without one result a call, in order", floor.keys.calls.load(Relaxed)),
        ("P1: keys whose runs overwrote each other's counts", floor.keys.torn() as u64),
        ("P4: sessions whose books did not balance", floor.books.unbalanced.load(Relaxed)),
    ];
    let wrong = figures.into_iter().filter(|(_, count)| *count > 0);
    wrong.map(|(what, count)| format!("{what}: {count}")).collect()
}
